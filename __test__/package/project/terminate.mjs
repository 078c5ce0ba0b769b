/**
 * Worker threads that are terminated while they write take nothing with them: no crash, no lost or torn
 * write, no lock that stays, no memory. Usage: `node --expose-gc --max-semi-space-size=1 terminate.mjs <number of workers>`.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from 'file-process-store';
import { makeProcess } from './smoke.cjs';
import { withDirectory } from './together.mjs';

const MOST_GROWTH = 32 * 1024 * 1024;
const count = Number(process.argv[2]);

if (isMainThread) await withDirectory(main);
else await write(workerData);

/** Adds processes until the thread ends, several at a time, and tells which are there. */
async function write({ dataDir, name }) {
  const store = new FileProcessStore({ dataDir, maxProcesses: Infinity });
  const fullPrompt = 'x'.repeat(5000);
  for (let round = 0; ; round++) {
    const ids = [0, 1, 2].map((index) => `${name}-${round}-${index}`);
    await Promise.all([
      ...ids.map((id) => store.addProcess(makeProcess(id, { fullPrompt }))),
      store.getAllProcesses({ limit: 20 }),
    ]);
    parentPort.postMessage(ids);
  }
}

async function main(dataDir) {
  const store = new FileProcessStore({ dataDir, maxProcesses: Infinity });
  let before;
  for (let number = 0; number < count; number++) {
    const acknowledged = [];
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { dataDir, name: `${number}` } });
    worker.on('message', (ids) => acknowledged.push(...ids));
    await once(worker, 'message');
    // Anywhere in a write: one takes a few milliseconds.
    await wait((number * 7) % 13);
    await worker.terminate();
    const found = new Set((await store.getAllProcesses()).map(({ id }) => id));
    for (const id of acknowledged) assert.ok(found.has(id), `${id} was acknowledged and is lost`);
    await store.clearProcesses();
    if (number === Math.floor(count / 5)) before = resident();
  }
  await store.addProcess(makeProcess('last'));
  assert.deepEqual(readdirSync(dataDir).filter((name) => name.endsWith('.tmp')).length, 0);
  const after = resident();
  console.log(`resident: ${before} -> ${after} bytes over ${count} workers`);
  assert.ok(after - before < MOST_GROWTH, `memory grew by ${after - before} bytes over ${count} workers`);
}

function resident() {
  for (let times = 0; times < 3; times++) globalThis.gc();
  return process.memoryUsage().rss;
}
