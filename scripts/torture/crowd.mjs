// A hundred processes on one directory, some of which are killed while they wait for the lock or hold it. With a sensible
// `lockTimeoutMs` nobody is refused, however many there are.

import { newSeed } from '../../__test__/faults/history.mjs';
import { Ledger, judge } from '../../__test__/faults/ledger.mjs';
import { startWriter } from '../../__test__/faults/writer.mjs';
import { pause } from './tally.mjs';

const PROCESSES = 100;
const EACH = 6;

export async function crowd(tally) {
  let longest = 0;
  while (tally.goesOn()) {
    const dir = tally.newDir();
    const names = Array.from({ length: PROCESSES }, (_, place) => `p${place}`);
    const ledgers = names.map((name) => new Ledger({ name, seed: newSeed() }));
    const task = { dir, count: EACH, burst: 2, options: { lockTimeoutMs: 60_000 } };
    const writers = ledgers.map((ledger) => startWriter(ledger, task));
    await Promise.all(writers.map((writer) => writer.starts()));
    const began = performance.now();
    const mortal = writers.filter(() => Math.random() < 0.2);
    for (const { child } of mortal) {
      await pause(100);
      child.kill('SIGKILL');
    }
    const ends = await Promise.all(writers.map(({ ended }) => ended));
    longest = Math.max(longest, performance.now() - began);
    const wrong = ends.map(({ stderr }) => stderr).filter((stderr) => stderr !== '');
    for (const [place, { signal, code }] of ends.entries()) {
      const { name, rejections, acknowledged } = ledgers[place];
      for (const { message } of rejections) wrong.push(`${name} was refused: ${message}`);
      if (signal === null && (code !== 0 || acknowledged !== EACH)) {
        wrong.push(`${name} ended with code ${code} after ${acknowledged} of ${EACH}`);
      }
    }
    tally.acknowledged += ledgers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
    const verdict = judge(dir, ledgers);
    tally.add(ends.filter(({ signal }) => signal === 'SIGKILL').length, {
      lost: verdict.lost,
      wrong: [...wrong, ...verdict.wrong],
    });
  }
  tally.remark = `kills among ${PROCESSES} processes with ${EACH} calls each; all done after ${(longest / 1000).toFixed(1)} s at most`;
}
