// The clock that stamps files is not ours: a NAS, a guest, a program that serves files.

import { expect, test } from 'vitest';
import { describeOn, runOn } from './promises.mjs';

for (const name of ['fuse2fs', 'exfat-fuse']) {
  describeOn(
    name,
    'its clock is another one',
    () => {
      test.each(['-1h', '+1h'])(
        '(%s), and each edit of the same size is seen and kept',
        async (clock) => {
          expect(await runOn('clocks.mjs', name, clock)).toEqual({ unseen: 0, lost: 0 });
        },
        60_000,
      );
    },
    { programs: ['faketime'] },
  );
}
