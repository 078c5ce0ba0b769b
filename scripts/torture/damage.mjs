// Damaged files of every kind, with JSON.parse as the judge of what a store must refuse, and recovery of each.

import { Examination } from '../../__test__/faults/examination.mjs';
import { newSeed, randomOf } from '../../__test__/faults/history.mjs';
import { damaged } from './damages.mjs';

export async function damage(tally) {
  const seed = newSeed();
  const random = randomOf(seed);
  const examination = new Examination(tally.newDir());
  let refused = 0;
  let slowest = 0;
  while (tally.goesOn()) {
    const { bytes, whole, kinds } = damaged(random);
    const began = performance.now();
    examination.recovered = undefined;
    const wrong = await examination.of(bytes, { mutate: random() < 0.3, recover: true });
    slowest = Math.max(slowest, performance.now() - began);
    // What was not touched by the damage must be there after a recovery.
    if (examination.recovered) {
      refused += 1;
      const kept = new Set(examination.recovered.map((entry) => JSON.stringify(entry)));
      const missing = whole.filter((entry) => !kept.has(JSON.stringify(entry)));
      if (missing.length > 0) wrong.push(`recover left out ${missing.length} whole records`);
    }
    const what = `seed ${seed}, file ${tally.faults}, ${kinds.join(' + ')}`;
    if (wrong.length > 0) console.error(`${what}: ${wrong.join('; ')}\n${bytes.toString('base64')}`);
    tally.add(1, { wrong: wrong.map((text) => `${what}: ${text}`) });
  }
  tally.remark = `damaged files, ${refused} refused and recovered; slowest ${Math.round(slowest)} ms`;
}
