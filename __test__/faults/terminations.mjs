// A process whose worker threads are terminated in the middle of their writes, round after round: both of them. Run
// as `node terminations.mjs {dir} {rounds} {journal}`, it prints a report; as a worker, it writes until it is terminated.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { FileProcessStore } from '../../index.js';
import { History, newSeed } from './history.mjs';
import { Ledger, judge } from './ledger.mjs';

const [STARTED, ACKNOWLEDGED] = [0, 1];

/** The worker: what it has called and been told is in shared memory, which outlives it. */
async function writeForever({ dir, spec, counts, journal }) {
  const store = new FileProcessStore({ dataDir: dir, journal });
  const history = new History(spec).at(spec.length);
  for (;;) {
    const calls = [];
    for (let some = 1 + (history.length % 4); some > 0; some -= 1) {
      const { method, args } = history.next();
      history.advance();
      const turn = history.length;
      Atomics.store(counts, STARTED, turn);
      calls.push(store[method](...args).then(() => Atomics.store(counts, ACKNOWLEDGED, turn)));
    }
    await Promise.all(calls);
  }
}

function startWorker({ dir, journal }, ledger, errors) {
  const { name, seed, length } = ledger.history;
  const counts = new Int32Array(new SharedArrayBuffer(8)).fill(length);
  const spec = { name, seed, length };
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { dir, spec, counts, journal } });
  worker.on('error', (error) => errors.push(String(error)));
  return { worker, ledger, counts };
}

/** The main thread writes too, and goes on after each round. */
async function run(dir, rounds, journal) {
  const store = new FileProcessStore({ dataDir: dir, journal });
  const [own, ...others] = ['main', 'a', 'b'].map((name) => new Ledger({ name, seed: newSeed() }));
  const report = { rounds: 0, lost: 0, wrong: [], errors: [] };
  const write = async () => {
    const { method, args } = own.history.at(own.started).next();
    own.started += 1;
    await store[method](...args);
    own.acknowledged += 1;
  };
  for (let round = 0; round < rounds; round += 1) {
    const workers = others.map((ledger) => startWorker({ dir, journal }, ledger, report.errors));
    const busy = ({ ledger, counts }) => Atomics.load(counts, ACKNOWLEDGED) > ledger.settled;
    while (!workers.every(busy) && report.errors.length === 0) await sleep(1);
    await Promise.all([write(), write(), sleep(Math.random() * 20)]);
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
    for (const { ledger, counts } of workers) {
      ledger.started = counts[STARTED];
      ledger.acknowledged = counts[ACKNOWLEDGED];
    }
    // This comes behind all that the dead threads had handed over.
    await write();
    report.acknowledged = [own, ...others].map(({ acknowledged }) => acknowledged);
    const { lost, wrong } = judge(dir, [own, ...others]);
    report.rounds += 1;
    report.lost += lost;
    report.wrong.push(...wrong);
  }
  console.log(JSON.stringify(report));
}

if (isMainThread)
  await run(process.argv[2], Number(process.argv[3]), process.argv[4] === 'true' || undefined);
else await writeForever(workerData);
