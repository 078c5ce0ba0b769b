// A process that reads without a pause and knows what it may find: both ends. Imported, it starts the process; run
// by `spawn`, it is the process.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';
import { childEnv } from '../mode.mjs';
import { Follower, asStored } from './follower.mjs';
import { readRecords } from './ledger.mjs';

const thisFile = fileURLToPath(import.meta.url);

/** Starts reading beside the writers of these histories. `stop()` resolves to what was seen. */
export function startReader(dir, histories) {
  const specs = histories.map(({ name, seed }) => ({ name, seed }));
  const child = spawn(process.execPath, [thisFile, JSON.stringify({ dir, specs })], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: childEnv,
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  return {
    child,
    async stop() {
      child.stdin.end();
      const code = await ended;
      return stdout === '' ? { reads: 0, states: 0, wrong: [`exit code ${code}`] } : JSON.parse(stdout);
    },
  };
}

async function read({ dir, specs }) {
  const store = new FileProcessStore({ dataDir: dir });
  const follower = new Follower(specs);
  let reads = 0;
  let stopped = false;
  process.stdin.resume().on('end', () => (stopped = true));
  while (!stopped && follower.wrong.length === 0) {
    reads += 2;
    try {
      follower.see('the store', asStored(await store.getAllProcesses()));
      follower.see('the file', readRecords(join(dir, 'processes.json'), { alone: false }));
    } catch (error) {
      follower.wrong.push(String(error));
    }
    await nextTurn();
  }
  console.log(JSON.stringify({ reads, states: follower.states, wrong: follower.wrong }));
  process.stdin.destroy();
}

if (process.argv[1] === thisFile) await read(JSON.parse(process.argv[2]));
