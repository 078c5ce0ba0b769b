// Worker threads that are terminated in the middle of their writes, two in each round.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../__test__/faults/terminations.mjs', import.meta.url));

export async function workers(tally, { journal = false } = {}) {
  while (tally.goesOn()) {
    try {
      const run = promisify(execFile)(process.execPath, [program, tally.newDir(), '25', String(journal)], {
        timeout: 120_000,
      });
      const { stdout, stderr } = await run;
      const { rounds, lost, wrong, errors, acknowledged } = JSON.parse(stdout);
      tally.acknowledged += acknowledged.reduce((sum, count) => sum + count);
      tally.add(2 * rounds, { lost, wrong: [...wrong, ...errors, ...(stderr ? [stderr] : [])] });
    } catch (error) {
      tally.add(1, { wrong: [String(error)] });
    }
  }
}
