// kill -9 at random moments: the file is whole, what was acknowledged is there, and the next one just goes on. The
// long loops are `npm run test:torture -- kill`; a kill at each system call is in syscalls.test.mjs.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { newSeed } from '../faults/history.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { startWriter } from '../faults/writer.mjs';
import { tempDir } from '../support.mjs';

function running(ledger, task) {
  const writer = startWriter(ledger, task);
  onTestFinished(() => writer.kill());
  return writer;
}

const temporaryFiles = (dir) => readdirSync(dir).filter((name) => name.includes('.tmp'));

test('a writer that is killed again and again loses nothing that it was told was done', async () => {
  const dir = tempDir();
  const ledger = new Ledger({ name: 'victim', seed: newSeed() });
  const own = new Ledger({ name: 'own', seed: newSeed() });
  const store = new FileProcessStore({ dataDir: dir });
  for (let round = 0; round < 20; round += 1) {
    const writer = running(ledger, { dir, burst: 6 });
    // One in four dies before it has done anything, perhaps before it is a process at all.
    if (round % 4 === 3) await sleep(Math.random() * 150);
    else await writer.acknowledges(ledger.settled + 1 + Math.floor(Math.random() * 20));
    await sleep(Math.random() * 10);
    expect((await writer.kill()).stderr).toBe('');
    expect(judge(dir, [ledger, own])).toEqual({ lost: 0, wrong: [] });

    // The next write of anybody works at once, and leaves nothing of the dead one behind.
    const { method, args } = own.history.next();
    await store[method](...args);
    own.started = own.acknowledged += 1;
    expect(judge(dir, [ledger, own])).toEqual({ lost: 0, wrong: [] });
    expect(temporaryFiles(dir)).toEqual([]);
    expect(await store.getProcessCount()).toBe(ledger.history.state.size + own.history.state.size);
  }
  expect(ledger.history.length).toBeGreaterThan(20);
});

test('four writers of which one is killed every moment lose nothing, on either file', async () => {
  const dir = tempDir();
  const start = (ledger) => running(ledger, { dir, burst: 4 });
  const ledgers = ['a', 'b', 'c'].map((name) => new Ledger({ name, seed: newSeed() }));
  ledgers.push(new Ledger({ name: 'w', seed: newSeed(), file: 'workspaces.json' }));
  const writers = ledgers.map(start);
  await Promise.all(writers.map((writer) => writer.acknowledges(1)));
  for (let round = 0; round < 16; round += 1) {
    const next = round % 4;
    await writers[next].acknowledges(writers[next].ledger.settled + 2);
    await sleep(Math.random() * 10);
    await writers[next].kill();
    expect(judge(dir, [writers[next].ledger], { alone: false })).toEqual({ lost: 0, wrong: [] });
    writers[next] = start(writers[next].ledger);
  }
  await Promise.all(writers.map((writer) => writer.acknowledges(writer.ledger.settled + 2)));
  await Promise.all(writers.map((writer) => writer.kill()));
  expect(judge(dir, ledgers)).toEqual({ lost: 0, wrong: [] });
  for (const { history, rejections } of ledgers) {
    expect(rejections).toEqual([]);
    expect(history.length).toBeGreaterThanOrEqual(8);
  }
});

test('the judge finds a lost write, a torn file and a record that nobody wrote', async () => {
  const dir = tempDir();
  const file = join(dir, 'processes.json');
  const ledger = new Ledger({ name: 'a', seed: 1 });
  const stored = (history) => JSON.stringify([...history.state.values()], null, 2);
  const told = () => Object.assign(ledger, { settled: 0, acknowledged: 20, started: 22 });
  const start = ledger.history;
  const verdictOn = (content) => {
    ledger.history = start;
    told();
    writeFileSync(file, content);
    return judge(dir, [ledger]);
  };
  expect(verdictOn(stored(start.at(20)))).toEqual({ lost: 0, wrong: [] });
  expect(verdictOn(stored(start.at(22)))).toEqual({ lost: 0, wrong: [] });
  expect(verdictOn(stored(start.at(17)))).toEqual({ lost: 3, wrong: [] });
  expect(verdictOn(stored(start.at(23))).wrong).toHaveLength(1);
  expect(verdictOn('').wrong).toHaveLength(1);
  expect(verdictOn(stored(start.at(20)).slice(0, -1)).wrong).toHaveLength(1);
  expect(verdictOn(stored(start.at(20)).replace(/turn \d/, 'turn x')).wrong).toHaveLength(1);
  const other = new Ledger({ name: 'b', seed: 2 }).history.at(20);
  expect(verdictOn(stored({ state: new Map([...start.at(20).state, ...other.state]) })).wrong).toHaveLength(
    1,
  );
});
