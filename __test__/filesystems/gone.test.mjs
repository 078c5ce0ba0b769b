// A server that dies, a volume that is taken away: an error, and never an empty store.

import { expect, test } from 'vitest';
import { describeOn, runOn } from './promises.mjs';

const AFTER = { back: ['a', 'b'], addAgain: 'done', after: ['a', 'b', 'd', 'e'] };

for (const name of ['bindfs', 'sshfs', 'fuse2fs', 'exfat-fuse']) {
  describeOn(name, 'its server is killed', () => {
    test('and all calls say ENOTCONN, until it is mounted again with all that was there', async () => {
      expect(await runOn('gone.mjs', name, 'killed')).toEqual({
        reads: ['ENOTCONN', 'ENOTCONN'],
        add: 'ENOTCONN',
        fresh: ['ENOTCONN', 'ENOTCONN'],
        ...AFTER,
      });
    }, 60_000);
  });
}
