// A process that only adds, reads beside it, and keeps exact account of both with a clock that all processes share: run
// as `node adder.mjs {name} {dir}`, it goes on until its stdin ends, and then prints `{ adds, reads }`.

import { writeSync } from 'node:fs';
import { FileProcessStore } from '../../index.js';

const [name, dir] = process.argv.slice(2);
const report = { adds: [], reads: [] };
let goesOn = true;
process.stdin.on('end', () => (goesOn = false)).resume();

const now = () => Number(process.hrtime.bigint()) / 1e6;
const record = (id) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  fullPrompt: 'x'.repeat(Math.random() * 3_000),
  status: 'running',
  startTime: new Date(0),
});
const open = () =>
  new FileProcessStore({ dataDir: dir, durable: Math.random() < 0.3, lockTimeoutMs: 60_000 });

async function timed(kind, entry, call) {
  entry.start = now();
  try {
    await call();
  } catch ({ code, message }) {
    entry.refused = code ?? message;
  }
  entry.end = now();
  report[kind].push(entry);
}

let store = open();
for (let turn = 0; goesOn; turn += 1) {
  const calls = [0, 1, 2].slice(Math.random() * 3).map((place) => {
    const id = `${name}:${turn}.${place}`;
    return timed('adds', { id }, () => store.addProcess(record(id)));
  });
  const read = {};
  calls.push(
    timed('reads', read, async () => {
      read.ground = (await store.getAllProcesses()).filter(({ id }) => id.startsWith('ground:')).length;
    }),
  );
  await Promise.all(calls);
  if (turn === 0) writeSync(1, '\n');
  if (Math.random() < 0.2) {
    // One that has not seen the file yet has only the lock file to tell that there was one.
    await store.close();
    store = open();
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
}
await store.close();
process.stdout.write(JSON.stringify(report));
