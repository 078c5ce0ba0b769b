import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { median, significant } from '../statistics.mjs';
import { Participant } from './participant.mjs';

const KB = 1024;
const MB = KB ** 2;
const root = fileURLToPath(new URL('../..', import.meta.url));

const SET = { records: 500, text: 'ASCII', shape: 'result' };
const USUAL = { ...SET, size: 10 * KB };
const SMALL = { ...SET, size: KB };

/** What is checked of our store alone: memory, open files, the event loop's turns, the package's size. */
export async function measureChecks({ plan, dir, log }) {
  const { operations, replacements, gets, requires } = plan.checks;
  log('checks: mixed operations');
  const mixed = await withStore(dir, USUAL, (store) => checkMixed(store, operations, dir));
  log('checks: foreign replacements');
  const foreign = await withStore(dir, SMALL, (store) => checkReplacements(store, replacements, dir));
  log('checks: awaited gets, require');
  const turns = await withStore(dir, USUAL, (store) => store.ask('gets', { gets }));
  const addon = await withStore(dir, SMALL, (store) => store.ask('addon'));
  return {
    mixed,
    foreign,
    gets: { gets, ...rounded(turns) },
    addonMegabytes: significant(addon / MB),
    requireMilliseconds: significant(median(Array.from({ length: requires }, requireTime))),
  };
}

/** Runs `work` with a process that has our store open on a new data set. */
async function withStore(dir, set, work) {
  const home = join(dir, 'checks');
  mkdirSync(home);
  const seeder = new Participant('store', { peer: 'ours', dir: home, set, first: 0 });
  await seeder.ask('seed');
  await seeder.stop();
  const store = new Participant('check', { dir: home, set }, ['--expose-gc']);
  try {
    return await work(store);
  } finally {
    await store.stop();
    rmSync(home, { recursive: true });
  }
}

async function checkMixed(store, operations, dir) {
  const idle = await store.ask('idle');
  const after = await store.ask('mixed', { operations });
  const file = statSync(join(dir, 'checks', 'processes.json')).size / MB;
  return rounded({ operations, idle, after, file });
}

/** What is held after the first third of the replacements, and after all. */
async function checkReplacements(store, replacements, dir) {
  const neighbour = new Participant('neighbour');
  const change = { peer: 'ours', dir: join(dir, 'checks'), set: SMALL };
  const begin = Math.ceil(replacements / 3);
  let before;
  for (let done = 0; done < replacements; done += 1) {
    if (done === begin) before = await store.ask('held');
    await neighbour.ask('change', change);
    await store.ask('read', { all: done % 10 === 0 });
  }
  const after = await store.ask('held');
  await neighbour.stop();
  const file = statSync(join(change.dir, 'processes.json')).size / MB;
  return rounded({ replacements, between: replacements - begin, before, after, file });
}

/** How long `require` of the package takes in a new process, in milliseconds. */
function requireTime() {
  const script = `const began = performance.now(); require('.'); console.log(performance.now() - began)`;
  return Number(execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' }));
}

function rounded(value) {
  if (typeof value === 'number') return significant(value);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rounded(each)]));
}
