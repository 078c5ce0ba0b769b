// A process that makes one mutation while a tracer watches the thread that does the work: both ends. Imported, it
// starts process and tracer; run by `spawn`, it is the process.
//
// strace counts the calls of each thread on its own, so it is attached only when the thread is there: after a write
// to another directory. The tracer is the parent of the process it watches, as systems that restrict tracing want it.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';
import { textThroughJournal } from '../journal-reader.mjs';
import { childEnv } from '../mode.mjs';

const thisFile = fileURLToPath(import.meta.url);

/** Starts the process in the background, and becomes the tracer when it is told the threads. */
const BECOME_THE_TRACER = '"$NODE" "$@" <&3 & read -r threads; exec strace $TRACE $threads';

/** Why system calls can't be watched or spoilt here; undefined where they can. */
export function whyNoTracing() {
  if (process.platform !== 'linux') return 'strace is for Linux';
  const inject = ['-qq', '-o', '/dev/null', '-e', 'inject=fsync:signal=SIGKILL:when=1', 'true'];
  const { error, status } = spawnSync('strace', inject);
  if (error) return 'strace is not installed';
  return status === 0 ? undefined : 'strace may not trace here';
}

/**
 * Makes the call `[method, ...args]` on a store of `dir` under strace, after the call `first`, if there is one, without.
 * `inject` is what strace is to do to a system call, in its own words. Resolves to
 * - `outcomes`: of the call, and of the same call again after each that was refused: 'done', or the error with
 *   the text that the file `watch` had then; none for a process that died;
 * - `calls`: what the thread that did the work asked of the system, as `{ name, text }`, with the paths of files.
 */
export async function runVictim({ inject, ...task }) {
  const logs = mkdtempSync(join(tmpdir(), 'file-process-store-'));
  const log = join(logs, 'calls');
  const trace = ['-y', '-s', '64', '-o', log, '-e', 'trace=%file,%desc'];
  if (inject) trace.push('-e', `inject=${inject}`);
  const spec = JSON.stringify({ ...task, elsewhere: join(logs, 'elsewhere') });
  const env = { ...childEnv, NODE: process.execPath, TRACE: trace.join(' ') };
  const tracer = spawn('sh', ['-c', BECOME_THE_TRACER, 'sh', thisFile, spec], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env,
  });
  try {
    let expected = Infinity;
    let attached = 0;
    let stderr = '';
    createInterface({ input: tracer.stderr }).on('line', (line) => {
      stderr += `${line}\n`;
      if (/attached$/.test(line) && (attached += 1) === expected) tracer.stdio[3].write('go\n');
    });
    const outcomes = [];
    createInterface({ input: tracer.stdout }).on('line', (line) => {
      const [word, ...rest] = line.split(' ');
      if (word === 'threads') {
        expected = rest.length;
        tracer.stdin.end(`${rest.map((thread) => `-p ${thread}`).join(' ')}\n`);
      } else outcomes.push(word === 'done' ? 'done' : JSON.parse(rest.join(' ')));
    });
    // A process that was killed may be gone before it is told to go.
    tracer.stdio[3].on('error', () => {});
    await new Promise((resolve, reject) => tracer.on('error', reject).on('close', resolve));
    if (attached !== expected) throw new Error(`strace could not be attached: ${stderr}`);
    return { outcomes, calls: callsIn(readFileSync(log, 'utf8')) };
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
}

/** Whether a call makes a new state visible: by a rename, or by an append to the journal. */
export const commits = ({ name, text }) =>
  name.startsWith('rename') || /^write\(\d+<[^>]*\.journal>/.test(text);

/** The calls in a log of the thread that made the last commit, or of all. Halves of one are put together. */
function callsIn(log) {
  const halves = new Map();
  const calls = [];
  for (const line of log.split('\n')) {
    const [, thread, said] = /^(?:(\d+) +)?(.*)$/.exec(line);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said);
    const text = resumed ? halves.get(thread) + resumed[1] : said;
    const [, name] = /^(\w+)\(/.exec(text) ?? [];
    if (said.endsWith('<unfinished ...>')) halves.set(thread, said.slice(0, -'<unfinished ...>'.length));
    else if (name) calls.push({ thread, name, text });
  }
  const worker = calls.findLast(commits)?.thread;
  return calls.filter(({ thread }) => worker === undefined || thread === worker);
}

/** How strace names each of these calls, which it counts by name: `inject=name:…:when=count`. */
export function countByName(calls) {
  const counts = new Map();
  return calls.map(({ name, text }) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return { name, count, text };
  });
}

const threads = () => readdirSync('/proc/self/task');

async function beVictim({ dir, elsewhere, first, call, options, watch }) {
  const before = threads();
  const sample = { id: 'a', type: 'x', promptPreview: '', fullPrompt: '', status: 'running' };
  await new FileProcessStore({ dataDir: elsewhere }).addProcess({ ...sample, startTime: new Date(0) });
  const store = new FileProcessStore({ dataDir: dir, ...options });
  const make = ([method, ...args]) => store[method](...args.map(withDates));
  if (first) await make(first);
  // One thread writes, and another may come to free what was replaced.
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log('threads', ...threads().filter((thread) => !before.includes(thread)));
  await new Promise((resolve) => process.stdin.once('data', resolve));
  // The calls of each thread are counted on their own: a fault may strike once in each.
  for (let done = false; !done;) {
    try {
      await make(call);
      done = true;
      console.log('done');
    } catch (error) {
      const { code, errno, syscall, path, committed, message } = error;
      console.log(
        'fail',
        JSON.stringify({
          code,
          errno,
          syscall,
          path,
          committed,
          message,
          text: watch && textThroughJournal(watch),
        }),
      );
    }
  }
  process.stdin.destroy();
}

/** Dates don't cross as such. */
function withDates(arg) {
  return arg?.startTime ? { ...arg, startTime: new Date(arg.startTime) } : arg;
}

if (process.argv[1] === thisFile) await beVictim(JSON.parse(process.argv[2]));
