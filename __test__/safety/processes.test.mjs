// Several real processes at once. That four of them with 100 adds each lose nothing is in concurrency.test.mjs; here
// the readers have processes of their own, and know every state that may be there.

import { expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { Follower, asStored } from '../faults/follower.mjs';
import { newSeed } from '../faults/history.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { startReader } from '../faults/reader.mjs';
import { startWriter } from '../faults/writer.mjs';
import { idsOf, readEntries, runNode, tempDir } from '../support.mjs';

test('readers beside three writers see every record whole, and never an older state', async () => {
  const dir = tempDir();
  const ledgers = ['a', 'b', 'c'].map((name) => new Ledger({ name, seed: newSeed() }));
  const readers = [0, 1].map(() =>
    startReader(
      dir,
      ledgers.map(({ history }) => history),
    ),
  );
  onTestFinished(() => readers.forEach(({ child }) => child.kill('SIGKILL')));
  const writers = ledgers.map((ledger) => startWriter(ledger, { dir, count: 100, burst: 3 }));
  onTestFinished(() => writers.forEach((writer) => writer.kill()));
  for (const { ended } of writers) expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
  for (const reader of readers) {
    const { reads, states, wrong } = await reader.stop();
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(0);
    expect(states).toBeGreaterThan(0);
  }
  for (const { acknowledged } of ledgers) expect(acknowledged).toBe(100);
  expect(judge(dir, ledgers)).toEqual({ lost: 0, wrong: [] });
});

test('a read in another process that begins after a write was acknowledged sees it', async () => {
  const dir = tempDir();
  const store = new FileProcessStore({ dataDir: dir });
  const ledger = new Ledger({ name: 'a', seed: newSeed() });
  const follower = new Follower([ledger.history]);
  const writer = startWriter(ledger, { dir, count: 150, pause: 3 });
  onTestFinished(() => writer.kill());
  for (let told = 0; told < 150; told = ledger.acknowledged) {
    await writer.acknowledges(told + 1);
    if (ledger.acknowledged === told) throw new Error(`the writer ended: ${(await writer.ended).stderr}`);
    follower.expect('a', ledger.acknowledged);
    follower.see('the store', asStored(await store.getAllProcesses()));
    expect(follower.wrong).toEqual([]);
  }
  expect(await writer.ended).toMatchObject({ code: 0, stderr: '' });
});

test('the reader finds a state that is older than the last, and one that was never written', () => {
  const { history } = new Ledger({ name: 'a', seed: 1 });
  const wrongAfter = (...states) => {
    const follower = new Follower([history]);
    for (const state of states) follower.see('it', [...state.values()]);
    return follower.wrong.length;
  };
  const [early, late] = [history.at(17).state, history.at(20).state];
  expect(wrongAfter(early, late)).toBe(0);
  expect(wrongAfter(late, early)).toBe(1);
  expect(wrongAfter(new Map([...late].slice(1)))).toBe(1);
});

/** Two processes that add 150 records each at once: how many calls were refused, and which records are there. */
async function addAtOnce(module, name) {
  const dir = tempDir();
  const source = `
    const Store = (await import(${JSON.stringify(new URL(module, import.meta.url).href)})).${name};
    const store = new Store({ dataDir: args[0] });
    let refused = 0;
    for (let i = 0; i < 150; i++) {
      const process = { id: args[1] + i, type: 'x', promptPreview: '', fullPrompt: '', status: 'running', startTime: new Date(0) };
      await store.addProcess(process).catch(() => (refused += 1));
    }
    console.log(refused);`;
  const outcomes = await Promise.all(['a', 'b'].map((prefix) => runNode(source, [dir, prefix])));
  const refused = outcomes.reduce((sum, { stdout }) => sum + Number(stdout), 0);
  return { refused, ids: idsOf(readEntries(`${dir}/processes.json`)) };
}

test('where two plain stores lose most of 300 adds, two of ours lose none', async () => {
  const ours = await addAtOnce('../../index.js', 'FileProcessStore');
  expect(ours.refused).toBe(0);
  expect(new Set(ours.ids).size).toBe(300);
  const plain = await addAtOnce('../fixtures/plain-store.mjs', 'PlainStore');
  expect(plain.ids.length).toBeLessThan(290);
});
