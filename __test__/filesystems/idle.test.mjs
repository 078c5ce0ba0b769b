// An idle store is not in the way of who takes care of the disk.

import { expect, test } from 'vitest';
import { describeOn, runOn } from './promises.mjs';

for (const name of ['tmpfs', 'ext4', 'xfs', 'btrfs']) {
  describeOn(name, 'stores that are open and idle', () => {
    test('let it be made read-only and writable again, and it can be unmounted once they are closed', async () => {
      expect(await runOn('idle.mjs', name)).toEqual({
        readOnly: ['EROFS', ['0', '1'], 'EROFS', ['0', '1']],
        writable: 'done',
        after: ['0', '1', '2'],
      });
    }, 60_000);
  });
}
