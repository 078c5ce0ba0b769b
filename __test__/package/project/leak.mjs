/**
 * Calls that go on for a long time leave no memory behind. Usage:
 * `node --expose-gc --max-semi-space-size=1 leak.mjs <number of calls>`.
 *
 * Garbage is collected often, and V8's young generation (which grows with the work, up to 48 MB) is kept small:
 * what still grows is a leak.
 */

import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FileProcessStore } from 'file-process-store';
import { makeProcess } from './smoke.cjs';
import { withDirectory } from './together.mjs';

/** More than what allocators and caches come and go by; less than 200 bytes for each of 50,000 calls. */
const MOST_GROWTH = 8 * 1024 * 1024;
const RECORDS = 20;
/** One round of `round`, in calls. */
const CALLS = 100;
const rounds = Number(process.argv[2]) / CALLS;

async function round(store, dataDir, number) {
  const text = `${number}`.padEnd(2000, 'ü');
  const calls = [];
  for (let index = 0; index < 10; index++) {
    calls.push(store.updateProcess(`${index}`, { result: text, metadata: { type: 'x', number } }));
    calls.push(store.addProcess(makeProcess(`${10 + index}`, { fullPrompt: text })));
    calls.push(store.updateProcess('missing', {}), store.removeProcess('missing'));
    calls.push(store.addProcess({}).catch(() => {}));
    calls.push(new FileProcessStore({ dataDir }).getProcess(`${index}`));
  }
  await Promise.all(calls);
  for (let index = 0; index < 36; index++) await store.getProcess(`${index % RECORDS}`);
  for (let index = 0; index < 4; index++) await store.getAllProcesses({ status: 'running' });
}

async function memory() {
  for (let times = 0; times < 3; times++) {
    globalThis.gc();
    // Finalizers run in a later turn of the event loop.
    await nextTurn();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}

await withDirectory(async (dataDir) => {
  const store = new FileProcessStore({ dataDir, durable: false });
  store.onProcessChange = () => {};
  for (let index = 0; index < RECORDS; index++) await store.addProcess(makeProcess(`${index}`));
  let before;
  for (let number = 0; number < rounds; number++) {
    if (number === Math.floor(rounds / 2)) before = await memory();
    await round(store, dataDir, number);
    if (number % 10 === 0) await memory();
  }
  const after = await memory();
  for (const kind of Object.keys(before)) {
    const growth = after[kind] - before[kind];
    console.log(`${kind}: ${before[kind]} -> ${after[kind]} bytes`);
    assert.ok(
      growth < MOST_GROWTH,
      `${kind} grew by ${growth} bytes over the last ${(rounds * CALLS) / 2} calls`,
    );
  }
});
