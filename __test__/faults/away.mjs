// Another program, without the lock, takes the data file away and puts it back while stores add. What must hold, exactly:
// - whatever is there afterwards has every record that the file had before;
// - an add that is acknowledged, and that overlaps with no such moment, stays; one that is refused is not there;
// - a read never misses what was always there.
// A store looks for its file several times in 155 ms. A moment that took as long by this program's clock proves nothing, nor
// does a call that may have looked in two moments and not between them: a round with one of these is not judged.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';
import { readRecords } from './ledger.mjs';

const adder = fileURLToPath(new URL('adder.mjs', import.meta.url));
const GROUND = 20;
const TOO_LONG = 150;
const NOT_JUDGED = { tooLong: true, acknowledged: 0, lost: 0, wrong: [] };

const now = () => Number(process.hrtime.bigint()) / 1e6;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const hold = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const idsIn = (file) => readRecords(file).map(({ process: { id } }) => id);
/** Mostly as short as programs are, sometimes longer. */
const aWhile = () => (Math.random() < 0.7 ? Math.random() * 3 : Math.random() * 60);

/** Each takes the file away and puts it back without a look at what is there by then; what the file had. */
const WAYS = {
  /** `mv file aside; mv aside file` */
  mv(file) {
    renameSync(file, `${file}.aside`);
    const ids = idsIn(`${file}.aside`);
    hold(aWhile());
    // What a store has put there meanwhile goes: it must have known all the same.
    const between = idsBetween(file);
    renameSync(`${file}.aside`, file);
    return { ids, between };
  },
  /** `cp file copy; cp --remove-destination copy file`: by the program itself, which lets the file be seen empty. */
  cp(file) {
    const text = readFileSync(file);
    writeFileSync(`${file}.copy`, text);
    spawnSync('cp', ['--remove-destination', `${file}.copy`, file]);
    return { ids: JSON.parse(text).map(({ process: { id } }) => id) };
  },
  /** `sed -i.bak`: the changed copy is made first. */
  sed(file) {
    const text = readFileSync(file, 'utf8');
    writeFileSync(`${file}.sed`, text.replace('"promptPreview": ""', '"promptPreview": "edited"'));
    renameSync(file, `${file}.bak`);
    if (Math.random() < 0.5) hold(aWhile());
    const between = idsBetween(file);
    renameSync(`${file}.sed`, file);
    return { ids: JSON.parse(text).map(({ process: { id } }) => id), between };
  },
};

/** What a store has put at the place of a file that is away; undefined where none has. */
function idsBetween(file) {
  const ids = idsIn(file);
  return ids.length > 0 ? ids : undefined;
}

/** A round of so many moments in a directory; `ways` are those of WAYS, or others. What came of it, unless something took `tooLong`. */
export async function takeAway(dir, moments, ways = Object.values(WAYS)) {
  const file = join(dir, 'processes.json');
  const ground = Array.from({ length: GROUND }, (_, n) => `ground:${n}`);
  const store = new FileProcessStore({ dataDir: dir });
  const startTime = new Date(0);
  const fields = { type: 'x', promptPreview: '', fullPrompt: '', status: 'running', startTime };
  for (const id of ground) await store.addProcess({ id, ...fields });
  await store.close();
  const adders = ['a', 'b', 'c'].map((name) => start(name, dir));
  try {
    await Promise.all(adders.map(({ started }) => started));
    const spans = [];
    const wrong = [];
    while (spans.length < moments) {
      await pause(100 + Math.random() * 50);
      const way = ways[Math.floor(Math.random() * ways.length)];
      const start = now();
      const { ids, between } = way(file);
      const end = now();
      if (end - start > TOO_LONG) return NOT_JUDGED;
      spans.push({ start, end });
      for (const there of [between, idsIn(file)]) {
        const missing = there ? missingIn(there, ids) : [];
        if (missing.length > 0)
          wrong.push(`${way.name}: ${missing.length} of ${ids.length} records replaced`);
      }
    }
    const accounts = await Promise.all(adders.map((one) => one.stop()));
    return judge(idsIn(file), ground, accounts, spans, wrong);
  } finally {
    for (const { child } of adders) child.kill('SIGKILL');
    await Promise.all(adders.map(({ ended }) => ended));
  }
}

function missingIn(ids, wanted) {
  const there = new Set(ids);
  return wanted.filter((id) => !there.has(id));
}

function judge(ids, ground, accounts, spans, wrong) {
  const momentsIn = ({ start, end }) => spans.filter((span) => start <= span.end && span.start <= end).length;
  const overlaps = (call) => momentsIn(call) > 0;
  const adds = accounts.flatMap((account) => account.adds);
  const reads = accounts.flatMap((account) => account.reads);
  if ([...adds, ...reads].some((call) => momentsIn(call) > 1)) return NOT_JUDGED;
  const there = new Set(ids);
  if (there.size < ids.length) wrong.push('one id twice');
  const gone = missingIn(ids, ground);
  if (gone.length > 0) wrong.push(`${gone.length} records of the ground are gone`);
  const acknowledged = adds.filter(({ refused }) => !refused);
  const lost = acknowledged.filter((add) => !there.has(add.id) && !overlaps(add)).length;
  for (const { id, refused, ...span } of adds) {
    if (refused && there.has(id)) wrong.push(`${id} was refused (${refused}), and is there`);
    // cp lets everybody see a file that is not written yet.
    if (refused && !(refused === 'ERR_STORE_CORRUPT' && overlaps(span))) wrong.push(`add: ${refused}`);
  }
  for (const { ground: count, refused, ...span } of reads) {
    if (refused && !(refused === 'ERR_STORE_CORRUPT' && overlaps(span))) wrong.push(`read: ${refused}`);
    if (!refused && count !== GROUND) wrong.push(`a read saw ${count} of ${GROUND} records`);
  }
  return { acknowledged: acknowledged.length, reads: reads.length, lost, wrong };
}

function start(name, dir) {
  const child = spawn(process.execPath, [adder, name, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (some) => (text += some));
  const ended = once(child, 'close');
  return {
    child,
    ended,
    started: Promise.race([once(child.stdout, 'data'), ended]),
    async stop() {
      child.stdin.end();
      await ended;
      return JSON.parse(text);
    },
  };
}
