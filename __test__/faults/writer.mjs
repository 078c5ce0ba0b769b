// A process that makes the mutations of a history, and says so: both ends. Imported, it starts the process; run by
// `spawn`, it is the process. Every line is on its way to the judge before the next mutation is called, so a kill
// at any moment leaves a true account.

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childEnv } from '../mode.mjs';
import { History, randomOf } from './history.mjs';

const thisFile = fileURLToPath(import.meta.url);

/**
 * Starts a writer that goes on from where its ledger is.
 * - `dir`: the data directory; `count`: how many mutations to make, without an end if not given;
 * - `burst`: up to how many it calls at once; `options`: for the store; `plain`: use the plain store;
 * - `pause`: milliseconds between bursts; `spawnOptions`: for the process (a user, for example).
 */
export function startWriter(ledger, { spawnOptions, ...task }) {
  const { name, seed, file, length } = ledger.history;
  const spec = JSON.stringify({ name, seed, file, length, ...task });
  const child = spawn(process.execPath, [thisFile, spec], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...spawnOptions,
    env: childEnv,
  });
  const waiting = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, turn, ...rest] = line.split(' ');
    if (word === 'start') ledger.started = Number(turn);
    else if (word === 'done') ledger.acknowledged = Number(turn);
    else if (word === 'fail') ledger.reject(Number(turn), JSON.parse(rest.join(' ')));
    for (const call of waiting) call();
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return {
    ledger,
    child,
    ended,
    /** Resolves when it has called its first mutation, or the process has ended. */
    starts() {
      const first = ledger.settled + 1;
      const started = new Promise((resolve) => {
        const look = () => Math.max(ledger.started, ledger.acknowledged) >= first && resolve();
        waiting.push(look);
        look();
      });
      return Promise.race([started, ended]);
    },
    /** Resolves when so many mutations in all are acknowledged, or the process has ended. */
    acknowledges(count) {
      const reached = new Promise((resolve) => {
        const look = () => ledger.acknowledged >= count && resolve();
        waiting.push(look);
        look();
      });
      return Promise.race([reached, ended]);
    },
    /** Kills it, and resolves when all that it said is in the ledger. */
    kill(signal = 'SIGKILL') {
      child.kill(signal);
      return ended;
    },
  };
}

function say(...words) {
  const line = `${words.join(' ')}\n`;
  for (let done = 0; done < line.length;) {
    try {
      done += writeSync(1, line.slice(done));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

async function write({ dir, plain, options, count = Infinity, burst = 1, pause = 0, ...spec }) {
  const store = plain
    ? new (await import('../fixtures/plain-store.mjs')).PlainStore({ dataDir: dir })
    : new (await import('../../index.js')).FileProcessStore({ dataDir: dir, ...options });
  const history = new History(spec).at(spec.length);
  const random = randomOf(spec.seed + spec.length);
  const last = history.length + count;
  let refused = false;
  while (history.length < last && !refused) {
    const calls = [];
    for (let some = Math.ceil(random() * burst); some > 0 && history.length < last; some -= 1) {
      const { method, args } = history.next();
      history.advance();
      const turn = history.length;
      say('start', turn);
      calls.push(
        store[method](...args).then(
          () => say('done', turn),
          ({ code, syscall, message, committed }) => {
            refused = true;
            say('fail', turn, JSON.stringify({ code, syscall, message, committed }));
          },
        ),
      );
    }
    await Promise.all(calls);
    if (pause) await new Promise((resolve) => setTimeout(resolve, random() * pause));
  }
}

if (process.argv[1] === thisFile) await write(JSON.parse(process.argv[2]));
