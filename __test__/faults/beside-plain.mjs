// Our store in one process and the plain store in another, both writing without a pause, and a third that reads: run
// as `node beside-plain.mjs {dir} {milliseconds}`, prints what came of it. Writes that overlap may be lost, as the
// documentation says; but no file is torn, and no call of ours fails.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FileProcessStore } from '../../index.js';
import { startPlainStore } from '../fixtures/plain-store-process.mjs';
import { startReader } from './beside-plain-reader.mjs';

const [dir, ms] = [process.argv[2], Number(process.argv[3])];
const sample = (id, turn) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  // Enough text that a write takes its time.
  fullPrompt: 'x'.repeat(2_000 + (turn % 7) * 1_000),
  status: 'running',
  startTime: new Date(0),
  turn,
});

const report = { ours: 0, plain: 0, failures: [], wrong: [] };
const ours = new FileProcessStore({ dataDir: dir });
for (let n = 0; n < 20; n += 1) await ours.addProcess(sample(`start ${n}`, 0));
const plain = startPlainStore(dir);
const reader = startReader(dir);
const end = performance.now() + ms;

/** Adds, updates and removes records of its own, a few calls at once. */
async function write(name, call, failed) {
  let turn = 0;
  while (performance.now() < end) {
    const calls = [];
    for (let some = 0; some < 3; some += 1) {
      turn += 1;
      const id = `${name} ${turn % 10}`;
      if (turn % 13 === 0) calls.push(call('removeProcess', id));
      else if (turn % 3 === 0) calls.push(call('updateProcess', id, { result: `turn ${turn}` }));
      // The plain store makes twins of ids that it knows.
      else calls.push(call('removeProcess', id).then(() => call('addProcess', sample(id, turn))));
    }
    for (const { reason } of await Promise.allSettled(calls)) if (reason) failed(reason);
    report[name] = turn;
    await nextTurn();
  }
}

await Promise.all([
  write(
    'ours',
    (method, ...args) => ours[method](...args),
    (error) => report.failures.push(String(error)),
  ),
  // What the plain store can't do is no matter of ours.
  write(
    'plain',
    (method, ...args) => plain.call(method, ...args),
    () => {},
  ),
]);
await plain.stop();
Object.assign(report, await reader.stop());
const last = JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8'));
report.left = last.length;
await ours.addProcess(sample('after', 0));
report.after = (await ours.getProcess('after'))?.id;
console.log(JSON.stringify(report));
