// A kill, and each of several errors, at every system call of every kind of mutation. One pass, however long it takes.

import { MUTATIONS, Trials, inParallel } from '../../__test__/faults/trials.mjs';
import { whyNoTracing } from '../../__test__/faults/victim.mjs';

const ERRORS = ['EIO', 'ENOSPC', 'EACCES', 'EBUSY', 'EPERM', 'EINTR', 'EDQUOT', 'EROFS', 'EMFILE'];

export async function syscalls(tally, { journal = false } = {}) {
  const reason = whyNoTracing();
  if (reason) return tally.skip(reason);
  let kills = 0;
  let errors = 0;
  for (const [name, mutation] of Object.entries(MUTATIONS)) {
    for (const durable of [true, false]) {
      const trials = await Trials.of(mutation, { durable, journal });
      const told = (wrong, what) => wrong.map((text) => `${name}, ${what}: ${text}`);
      await inParallel(trials.killPoints(), async (point) => {
        const { wrong } = await trials.kill(point);
        kills += 1;
        tally.goesOn();
        tally.add(1, { wrong: told(wrong, `killed at ${point.text}`) });
      });
      const failures = trials.failPoints().flatMap((point) => ERRORS.map((code) => ({ point, code })));
      await inParallel(durable ? failures : [], async ({ point, code }) => {
        const { wrong } = await trials.fail(point, code);
        errors += 1;
        tally.goesOn();
        tally.add(1, { wrong: told(wrong, `${code} at ${point.text}`) });
      });
      tally.acknowledged += trials.acknowledged;
      trials.close();
      console.log(`${name}${durable ? '' : ', without syncs'}: ${trials.calls.length} calls`);
    }
  }
  tally.remark = `${kills} kills, ${errors} errors`;
}
