// Retention: after an add, the oldest finished records beyond the cap go, and no others.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshStore, idsOf, readEntries, sample, storedEntry } from './support.mjs';

const at = (n) => new Date(Date.UTC(2024, 0, 1, 0, 0, n));
const done = (id, n, status = 'completed') => sample(id, { status, startTime: at(n) });

async function idsAfter(maxProcesses, processes) {
  const { store } = freshStore({ maxProcesses, durable: false });
  for (const process of processes) await store.addProcess(process);
  return idsOf(await store.getAllProcesses());
}

/** The ids that are left when one more finished record, younger than all, comes to these entries. */
async function idsAfterAddTo(entries, maxProcesses) {
  const { store, file } = freshStore({ maxProcesses });
  writeFileSync(file, JSON.stringify(entries));
  await store.addProcess(done('new', 1000));
  return idsOf(readEntries(file));
}

describe('the cap', () => {
  test('is 500 by default', async () => {
    const { store, file } = freshStore({ durable: false });
    const entries = Array.from({ length: 500 }, (_, i) =>
      storedEntry(`p${i}`, { status: 'completed', startTime: at(i) }),
    );
    writeFileSync(file, JSON.stringify(entries.slice(0, 499)));
    await store.addProcess(done('p499', 499));
    expect(await store.getAllProcesses()).toHaveLength(500);
    await store.addProcess(done('p500', 500));
    expect(idsOf(await store.getAllProcesses())).toEqual([...idsOf(entries).slice(1), 'p500']);
  });

  test('is not reached while there are as many records as it allows', async () => {
    expect(await idsAfter(3, [done('a', 1), done('b', 2), done('c', 3)])).toEqual(['a', 'b', 'c']);
  });

  test('of 0 keeps no finished record, not even the one just added', async () => {
    const processes = [done('a', 1), sample('b'), done('c', 3, 'failed'), sample('d', { status: 'queued' })];
    expect(await idsAfter(0, processes)).toEqual(['b', 'd']);
  });

  test('of 1 keeps the youngest', async () => {
    expect(await idsAfter(1, [done('a', 2), done('b', 3), done('c', 1)])).toEqual(['b']);
  });

  test('of Infinity prunes nothing', async () => {
    const entries = Array.from({ length: 1200 }, (_, i) => storedEntry(`p${i}`, { status: 'completed' }));
    expect(await idsAfterAddTo(entries, Infinity)).toHaveLength(1201);
  });

  test('brings a file that is far above it down with one add', async () => {
    const entries = Array.from({ length: 50 }, (_, i) =>
      storedEntry(`p${i}`, { status: 'cancelled', startTime: at(i) }),
    );
    expect(await idsAfterAddTo(entries, 3)).toEqual(['p48', 'p49', 'new']);
  });
});

describe('what goes', () => {
  test('the oldest by start time, not by their place in the file', async () => {
    expect(await idsAfter(2, [done('late', 9), done('early', 1), done('middle', 5)])).toEqual([
      'late',
      'middle',
    ]);
    expect(await idsAfter(2, [done('late', 9), done('middle', 5), done('early', 1)])).toEqual([
      'late',
      'middle',
    ]);
  });

  test.each(['completed', 'failed', 'cancelled'])('records with the status %s', async (status) => {
    expect(await idsAfter(1, [done('old', 1, status), done('new', 2)])).toEqual(['new']);
  });

  test.each(['running', 'queued', 'paused', 'Completed', 'completed ', 'done', '__proto__'])(
    'never records with the status %j, even if that leaves more than the cap',
    async (status) => {
      const kept = [done('a', 1, status), done('b', 2, status), done('c', 3, status)];
      expect(await idsAfter(1, kept)).toEqual(['a', 'b', 'c']);
      expect(await idsAfter(1, [...kept, done('finished', 9)])).toEqual(['a', 'b', 'c']);
    },
  );

  test('no more than needed, and the file keeps its order', async () => {
    const processes = [done('e', 5), done('a', 1), sample('r'), done('d', 4), done('b', 2), done('c', 3)];
    expect(await idsAfter(4, processes)).toEqual(['e', 'r', 'd', 'c']);
  });

  test('of equally old ones the first in the file', async () => {
    // the contract is silent here
    const processes = ['a', 'b', 'c', 'd', 'e'].map((id) => done(id, 1));
    expect(await idsAfter(3, processes)).toEqual(['c', 'd', 'e']);
  });

  test('records whose start time is no date, before all others', async () => {
    const entry = (id, startTime, status = 'completed') => storedEntry(id, { status, startTime });
    const entries = [
      entry('ancient', '-271821-04-20T00:00:00.000Z'),
      entry('no date', 'some day'),
      entry('running without a date', 'some day', 'running'),
      entry('no date either', ''),
      entry('young', '2024-01-01T00:00:00.000Z'),
    ];
    expect(await idsAfterAddTo(entries, 4)).toEqual(['ancient', 'running without a date', 'young', 'new']);
    expect(await idsAfterAddTo(entries, 3)).toEqual(['running without a date', 'young', 'new']);
  });

  test('start times in other spellings are compared as dates', async () => {
    const entry = (id, startTime) => storedEntry(id, { status: 'completed', startTime });
    const entries = [
      entry('third', '2023-01-01T03:00:00.000Z'),
      entry('first', '2023-01-01T10:00:00+09:00'),
      entry('second', 'Sun, 01 Jan 2023 02:00:00 GMT'),
    ];
    expect(await idsAfterAddTo(entries, 3)).toEqual(['third', 'second', 'new']);
    expect(await idsAfterAddTo(entries, 2)).toEqual(['third', 'new']);
  });
});

describe('when it happens', () => {
  test('only after an add: an update that finishes a record prunes nothing', async () => {
    const { store } = freshStore({ maxProcesses: 1 });
    await store.addProcess(sample('a', { startTime: at(1) }));
    await store.addProcess(sample('b', { startTime: at(2) }));
    await store.updateProcess('a', { status: 'completed' });
    await store.updateProcess('b', { status: 'completed' });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
    await store.addProcess(done('c', 3));
    expect(idsOf(await store.getAllProcesses())).toEqual(['c']);
  });

  test('a replacing add counts its record once', async () => {
    const { store } = freshStore({ maxProcesses: 2 });
    await store.addProcess(done('a', 1));
    await store.addProcess(done('b', 2));
    await store.addProcess(done('b', 3));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });

  test('concurrent adds prune as adds one after another do', async () => {
    const { store } = freshStore({ maxProcesses: 2 });
    await Promise.all([
      store.addProcess(done('a', 1)),
      store.addProcess(done('b', 2)),
      store.addProcess(done('c', 3)),
      // Pruned by the add before it: there is nothing to change any more.
      store.updateProcess('a', { status: 'running' }),
      store.removeProcess('b'),
    ]);
    expect(idsOf(await store.getAllProcesses())).toEqual(['c']);
  });

  test('each store object goes by its own cap', async () => {
    const { store, dir } = freshStore({ maxProcesses: 5 });
    for (let i = 0; i < 5; i++) await store.addProcess(done(`p${i}`, i));
    const strict = new store.constructor({ dataDir: dir, maxProcesses: 2 });
    expect(await strict.getAllProcesses()).toHaveLength(5);
    await strict.addProcess(done('p5', 5));
    expect(idsOf(await store.getAllProcesses())).toEqual(['p4', 'p5']);
  });

  test('a pruned record is gone for every call', async () => {
    const { store } = freshStore({ maxProcesses: 1 });
    await store.addProcess(done('a', 1));
    await store.addProcess(done('b', 2));
    expect(await store.getProcess('a')).toBeUndefined();
    expect(await store.clearProcesses()).toBe(1);
  });
});
