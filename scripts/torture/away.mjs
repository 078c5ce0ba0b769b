// Another program takes the data file away and puts it back, at random moments, while three processes add and read.

import { takeAway } from '../../__test__/faults/away.mjs';

const MOMENTS = 8;

export async function away(tally) {
  if (process.platform === 'win32') return tally.skip('cp and mv are those of POSIX');
  let [reads, tooLong] = [0, 0];
  while (tally.goesOn()) {
    const round = await takeAway(tally.newDir(), MOMENTS);
    tally.add(round.tooLong ? 0 : MOMENTS, round);
    tooLong += round.tooLong ? 1 : 0;
    reads += round.reads ?? 0;
    tally.acknowledged += round.acknowledged;
  }
  tally.remark = `moments; ${reads} reads; ${tooLong} rounds not judged, as something took too long`;
}
