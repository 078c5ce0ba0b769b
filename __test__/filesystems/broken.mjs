// A file system whose server dies again and again, at any moment, while three processes write. What it says is judged
// where the server has it, and again when it is mounted the next time: `node broken.mjs {kind} {folder} {seconds}`.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { newSeed } from '../faults/history.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { isMounted, unmount } from '../faults/mounts.mjs';
import { startWriter } from '../faults/writer.mjs';
import { dataDirOn, makeKind, othersDirOn } from './kinds.mjs';

const [name, top, seconds] = process.argv.slice(2);
const end = performance.now() + seconds * 1_000;
const pause = (most) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));
const it = await makeKind(name, top);
const [data, atServer] = [dataDirOn(it), othersDirOn(it)];
mkdirSync(dirname(data));
// A write may have arrived although the answer did not: what is refused then may be there or not.
const ledgers = ['a', 'b', 'c'].map((writer) => new Ledger({ name: writer, seed: newSeed(), mortal: true }));
const report = { breaks: 0, lost: 0, acknowledged: 0, refusals: {}, wrong: [] };

async function breakOnce() {
  const options = { durable: Math.random() < 0.7, lockTimeoutMs: 2_000 };
  const writers = ledgers.map((ledger) => startWriter(ledger, { dir: data, burst: 4, options }));
  // Whoever begins on an empty directory in its place has seen no file, and may make one.
  await Promise.all(writers.map((writer) => writer.acknowledges(writer.ledger.settled + 1)));
  await pause(150);
  await it.breakOff();
  const hangs = setTimeout(() => {
    for (const { child } of writers) child.kill('SIGKILL');
    report.wrong.push('a writer went on for 20 s without its file system');
  }, 20_000);
  const said = await Promise.all(writers.map(({ ended }) => ended));
  clearTimeout(hangs);
  report.wrong.push(...said.map(({ stderr }) => stderr).filter(Boolean));
  for (const { code } of ledgers.flatMap(({ rejections }) => rejections)) {
    report.refusals[code] = (report.refusals[code] ?? 0) + 1;
  }
  if (isMounted(it.dir)) unmount(it.dir);
  const before = ledgers.map(({ settled }) => settled);
  judgeAt(atServer, 'at the server');
  report.acknowledged += ledgers.reduce((sum, { settled }, place) => sum + settled - before[place], 0);
  report.breaks += 1;
  await it.mount();
  judgeAt(data, 'mounted again');
}

function judgeAt(dir, where) {
  const { lost, wrong } = judge(dir, ledgers);
  report.lost += lost;
  report.wrong.push(...wrong.map((what) => `${where}: ${what}`));
}

while (performance.now() < end && report.wrong.length === 0 && report.lost === 0) await breakOnce();
if (report.wrong.length === 0) {
  const store = new FileProcessStore({ dataDir: data });
  const count = await store.getProcessCount();
  if (count !== ledgers.reduce((sum, { history }) => sum + history.state.size, 0)) {
    report.wrong.push(`a new store counts ${count}`);
  }
  await store.close();
}
await it.unmount();
console.log(JSON.stringify(report));
