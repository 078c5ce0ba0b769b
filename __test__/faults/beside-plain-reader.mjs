// Reads the file and the store without a pause, and finds 20 records that nobody touches in every state: both ends.

import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';

const thisFile = fileURLToPath(import.meta.url);

/** Starts the process; `stop()` resolves to how often it read, and what was wrong. */
export function startReader(dir) {
  const child = fork(thisFile, [dir]);
  const report = new Promise((resolve) => {
    child.once('message', resolve);
    child.once('exit', (code) => resolve({ reads: 0, wrong: [`the reader ended with code ${code}`] }));
  });
  return {
    stop() {
      child.send('stop');
      return report;
    },
  };
}

if (process.argv[1] === thisFile) {
  const dir = process.argv[2];
  const store = new FileProcessStore({ dataDir: dir });
  const wrong = [];
  let reads = 0;
  let stopped = false;
  process.once('message', () => (stopped = true));
  const check = (source, ids) => {
    reads += 1;
    for (let n = 0; n < 20; n += 1) {
      if (ids[n] !== `start ${n}`) return wrong.push(`${source}: record ${n} is ${ids[n]}`);
    }
  };
  while (!stopped && wrong.length < 10) {
    try {
      const entries = JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8'));
      check(
        'the file',
        entries.map((entry) => entry.process.id),
      );
      check(
        'the store',
        (await store.getAllProcesses()).map(({ id }) => id),
      );
    } catch (error) {
      wrong.push(String(error));
    }
    await nextTurn();
  }
  process.send({ reads, wrong }, () => process.disconnect());
}
