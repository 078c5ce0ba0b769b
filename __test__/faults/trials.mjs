// One mutation, again and again, with a fault at each of its system calls in turn.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { textThroughJournal } from '../journal-reader.mjs';
import { commits, countByName, runVictim } from './victim.mjs';

const sample = (id, fields) => ({
  id,
  type: 'discovery',
  promptPreview: id,
  fullPrompt: `the prompt of ${id}`,
  status: 'running',
  startTime: new Date(Date.UTC(2026, 0, 1)),
  ...fields,
});
const LONG = sample('long', { fullPrompt: 'x'.repeat(200_000) });

/** What the mutations of trials are: what is there before, an earlier call of the same process, and the call. */
export const MUTATIONS = {
  'the first add in a directory that is not there': { call: ['addProcess', sample('a')] },
  'an update in a file': {
    before: [sample('a'), sample('b')],
    call: ['updateProcess', 'a', { status: 'completed', result: 'r' }],
  },
  'a removal': { before: [sample('a'), sample('b')], call: ['removeProcess', 'a'] },
  'an add to a large file right after another': {
    before: [LONG],
    first: ['addProcess', sample('first')],
    call: ['addProcess', sample('a')],
  },
  'an update after another': {
    before: [sample('a'), sample('b')],
    first: ['updateProcess', 'b', { result: 'first' }],
    call: ['updateProcess', 'a', { status: 'completed', result: 'r' }],
  },
  'the registration of a workspace': {
    file: 'workspaces.json',
    before: [],
    call: ['registerWorkspace', { id: 'w', name: 'W', rootPath: '/' }],
  },
};

/** Errors that the calls of a commit can meet. The others tell Node or the runtime something, or can't fail. */
const CAN_FAIL =
  /^(mkdir|openat|statx|newfstatat|getdents64|flock|readlink|lseek|read|write|ftruncate|fchmod|fchown|fsync|fdatasync|rename|statfs)/;

/** The trials of one mutation. Folders are made below `top`, and removed. */
export class Trials {
  /** How many calls have been acknowledged in all trials; what they wrote was there at the end. */
  acknowledged = 0;

  static async of({ file = 'processes.json', before, first, call }, options) {
    const trials = new Trials();
    Object.assign(trials, { file, first, call, options });
    trials.top = mkdtempSync(join(tmpdir(), 'file-process-store-'));
    trials.template = join(trials.top, 'template');
    mkdirSync(trials.template);
    const store = new FileProcessStore({ dataDir: join(trials.template, 'data') });
    for (const process of before ?? []) await store.addProcess(process);
    // Without a fault: what the file holds before and after, and which calls are made.
    const { dir, outcomes, calls, text } = await trials.#run();
    if (outcomes[0] !== 'done') throw new Error(`without a fault: ${JSON.stringify(outcomes)}`);
    Object.assign(trials, { calls: countByName(calls), after: text });
    trials.before = await trials.#textBefore();
    rmSync(dirname(dir), { recursive: true });
    return trials;
  }

  /** The points at which a fault is tried: all up to the word to the main thread that it is done. */
  killPoints() {
    const told = this.calls.findLastIndex(({ text }) => text.includes('eventfd'));
    return this.calls.slice(0, told + 1).map((call, place) => ({ ...call, place }));
  }

  failPoints() {
    return this.killPoints().filter(({ name, text }) => CAN_FAIL.test(name) && !text.includes('eventfd'));
  }

  /** Kills the process when it makes this call, which is then not made. Returns what is wrong, if anything. */
  async kill({ name, count, place }) {
    let trial;
    // A thread that came late is not traced: then nothing has happened to the process.
    for (let attempt = 0; attempt < 3 && trial?.outcomes.length !== 0; attempt += 1) {
      trial = await this.#run(`${name}:signal=SIGKILL:when=${count}`);
    }
    const committed = this.calls.findIndex(commits);
    const wrong = [];
    if (trial.outcomes.length > 0) wrong.push('the process was not killed');
    if (trial.text !== (place > committed ? this.after : this.before)) wrong.push(`holds ${trial.text}`);
    return { leftover: trial.leftover, wrong: wrong.concat(await this.#goOn(trial)) };
  }

  /** Lets this call fail. Returns what is wrong, if anything, and what the caller was told. */
  async fail({ name, count }, code) {
    const trial = await this.#run(`${name}:error=${code}:when=${count}`);
    const wrong = [];
    const refusals = trial.outcomes.filter((outcome) => outcome !== 'done');
    if (trial.outcomes.at(-1) !== 'done') wrong.push('the call never worked again');
    let expected = this.before;
    for (const refusal of refusals) {
      // What was refused when it was visible stays so, even if the same call is refused once more.
      if (refusal.committed) expected = this.after;
      if (refusal.code !== code) wrong.push(`rejected with ${refusal.message}`);
      if (typeof refusal.path !== 'string' || typeof refusal.syscall !== 'string')
        wrong.push('no path or call');
      if (refusal.text !== expected) wrong.push(`held ${refusal.text}`);
    }
    if (trial.text !== this.after) wrong.push(`holds ${trial.text}`);
    return { refusals, wrong: wrong.concat(await this.#goOn(trial)) };
  }

  /** The next write of another process works, keeps the rest, and leaves no temporary file. */
  async #goOn({ dir, text, outcomes }) {
    const wrong = [];
    this.acknowledged += outcomes.filter((outcome) => outcome === 'done').length + (this.first ? 1 : 0) + 1;
    const store = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 2_000 });
    if (this.file === 'workspaces.json')
      await store.registerWorkspace({ id: 'next', name: '', rootPath: '' });
    else await store.addProcess(sample('next'));
    const records = JSON.parse(textThroughJournal(join(dir, this.file)));
    if (records.length !== JSON.parse(text ?? '[]').length + 1) wrong.push('the next write lost something');
    const left = readdirSync(dir).filter((name) => name.includes('.tmp') && name.startsWith(this.file));
    if (left.length > 0) wrong.push(`left behind: ${left.join(', ')}`);
    rmSync(dirname(dir), { recursive: true });
    return wrong;
  }

  async #run(inject) {
    const top = mkdtempSync(join(this.top, 'trial-'));
    cpSync(this.template, top, { recursive: true });
    const dir = join(top, 'data');
    const { first, call, options } = this;
    const run = await runVictim({ dir, first, call, options, watch: join(dir, this.file), inject });
    const text = textThroughJournal(join(dir, this.file));
    const leftover = existsSync(dir) && readdirSync(dir).some((name) => name.includes('.tmp'));
    return { ...run, dir, text, leftover };
  }

  /** What the file holds when the call is made. */
  async #textBefore() {
    const dir = join(mkdtempSync(join(this.top, 'before-')), 'data');
    cpSync(this.template, dirname(dir), { recursive: true });
    if (this.first) {
      const [method, ...args] = this.first;
      await new FileProcessStore({ dataDir: dir })[method](...args);
    }
    return textThroughJournal(join(dir, this.file));
  }

  close() {
    rmSync(this.top, { recursive: true, force: true });
  }
}

/** Runs `work` on every item, a few at a time. */
export async function inParallel(items, work, width = 4) {
  const left = [...items];
  const worker = async () => {
    while (left.length > 0) await work(left.shift());
  };
  await Promise.all(Array.from({ length: width }, worker));
}
