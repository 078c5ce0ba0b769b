// Random histories of all calls against a model in memory. Nothing fails here but the store, so no faults are counted.

import { newSeed } from '../../__test__/faults/history.mjs';
import { MODES, runModelHistory } from '../../__test__/faults/model-history.mjs';

const STEPS = 200;

export async function model(tally, { journal = false } = {}) {
  let histories = 0;
  const modes = journal ? ['all', 'some'] : ['none'];
  while (tally.goesOn()) {
    const wrong = await runModelHistory(
      newSeed(),
      tally.newDir(),
      STEPS,
      MODES[modes[histories % modes.length]],
    );
    histories += 1;
    tally.acknowledged += STEPS;
    tally.add(0, { wrong: wrong ? [wrong] : [] });
  }
  tally.remark = `${histories} random histories, each of ${STEPS} rounds of calls, as the model has them`;
}
