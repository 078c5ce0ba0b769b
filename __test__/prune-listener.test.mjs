// onPrune: who is told of what retention removes, when, and what happens when it misbehaves.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, fullSample, idsOf, readEntries, rejection, sample, tempDir } from './support.mjs';

const old = (id, age, fields = {}) =>
  sample(id, { status: 'completed', startTime: new Date(age), ...fields });

/** A store with the finished records `a`, `b` and `c`, the oldest first, that has room for no more. */
async function fullStore(options = {}) {
  const fresh = freshStore({ maxProcesses: 3, ...options });
  for (const [age, id] of ['a', 'b', 'c'].entries()) await fresh.store.addProcess(old(id, age));
  return fresh;
}

describe('what onPrune is told', () => {
  test('the entries as they were on disk, in one call', async () => {
    const { store, file } = freshStore({ maxProcesses: 1 });
    await store.addProcess(fullSample('a'));
    const [entry] = readEntries(file);
    const told = [];
    store.onPrune = (entries) => told.push(entries);
    await store.addProcess(sample('b'));
    expect(told).toStrictEqual([[entry]]);
    expect(told[0][0]).toMatchObject({
      workspaceId: 'ws-1',
      process: { startTime: '2024-05-01T10:00:00.001Z' },
    });
  });

  test('the oldest first, all that one write removes', async () => {
    const { store } = await fullStore();
    const told = [];
    store.onPrune = (entries) => told.push(idsOf(entries));
    await Promise.all([store.addProcess(old('d', 3)), store.addProcess(old('e', 4))]);
    expect(told).toEqual([['a', 'b']]);
    await store.addProcess(old('f', 5));
    expect(told).toEqual([['a', 'b'], ['c']]);
  });

  test('nothing where nothing is pruned, nor of what is removed, cleared or replaced', async () => {
    const { store } = await fullStore();
    store.onPrune = () => expect.unreachable();
    await store.updateProcess('a', { result: 'r' });
    await store.updateProcess('a', () => ({ result: 'rr' }));
    await store.addProcess(old('a', 9));
    await store.removeProcess('a');
    await store.addProcess(old('d', 10));
    await store.clearProcesses();
  });

  test('even the record that was just added, if it is the oldest', async () => {
    const { store } = freshStore({ maxProcesses: 0 });
    const told = [];
    store.onPrune = (entries) => told.push(...idsOf(entries));
    store.onProcessChange = ({ type, process }) => told.push(`${type} ${process.id}`);
    await store.addProcess(old('a', 1));
    expect(told).toEqual(['a', 'process-added a']);
    expect(await store.getProcessIds()).toEqual([]);
  });

  test('what this store object prunes, not what others do', async () => {
    const { store, dir } = await fullStore();
    store.onPrune = () => expect.unreachable();
    const told = [];
    const onPrune = (entries) => told.push(...idsOf(entries));
    const other = new FileProcessStore({ dataDir: dir, maxProcesses: 2, onPrune });
    await Promise.all([store.getProcessCount(), other.addProcess(old('d', 3))]);
    expect(told).toEqual(['a', 'b']);
  });
});

describe('when onPrune is called', () => {
  test('after the write, before the events and the promises of all calls that were written with it', async () => {
    const { store, file } = await fullStore();
    const order = [];
    store.onPrune = (entries) => order.push(`pruned ${idsOf(entries)}, on disk ${idsOf(readEntries(file))}`);
    store.onProcessChange = ({ type, process }) => order.push(`${type} ${process.id}`);
    await Promise.all([
      store.updateProcess('c', { result: 'r' }).then(() => order.push('c resolved')),
      store.addProcess(old('d', 3)).then(() => order.push('d resolved')),
    ]);
    expect(order[0]).toBe('pruned a, on disk b,c,d');
    const at = (step) => order.indexOf(step);
    expect(order.slice(1).sort()).toEqual([
      'c resolved',
      'd resolved',
      'process-added d',
      'process-updated c',
    ]);
    expect(at('process-updated c')).toBeLessThan(at('c resolved'));
    expect(at('process-added d')).toBeLessThan(at('d resolved'));
  });

  test('it may be an option, be set late, be changed and be taken away', async () => {
    const told = [];
    const listener = (name) => (entries) => told.push(`${name} ${idsOf(entries)}`);
    const { store } = await fullStore({ onPrune: listener('option') });
    await store.addProcess(old('d', 3));
    const added = store.addProcess(old('e', 4));
    store.onPrune = listener('late');
    await added;
    store.onPrune = undefined;
    await store.addProcess(old('f', 5));
    delete store.onPrune;
    await store.addProcess(old('g', 6));
    expect(told).toEqual(['option a', 'late b']);
    expect(freshStore().store.onPrune).toBeUndefined();
  });

  test('it may be a method of a subclass', async () => {
    class Tidy extends FileProcessStore {
      told = [];
      onPrune(entries) {
        this.told.push(...idsOf(entries));
      }
    }
    const store = new Tidy({ dataDir: tempDir(), maxProcesses: 1 });
    await store.addProcess(old('a', 1));
    await store.addProcess(old('b', 2));
    expect(store.told).toEqual(['a']);
  });

  test('it may delete the files that belong to what was pruned, and call the store', async () => {
    const dir = tempDir();
    const output = join(dir, 'a.out');
    writeFileSync(output, 'raw output');
    const { store } = freshStore({ maxProcesses: 1 });
    await store.addProcess(old('a', 1, { rawStdoutFilePath: output }));
    let inner;
    store.onPrune = (entries) => {
      for (const { process } of entries) rmSync(process.rawStdoutFilePath);
      inner = store.updateProcess('b', { result: `${entries.length} deleted` });
    };
    await store.addProcess(sample('b'));
    await inner;
    expect(existsSync(output)).toBe(false);
    expect(await store.getProcess('b')).toMatchObject({ result: '1 deleted' });
  });
});

describe('an onPrune that throws', () => {
  test('makes the add reject that has pushed the records out; what was written stays', async () => {
    const { store } = await fullStore();
    const mine = new Error('mine');
    store.onPrune = () => {
      throw mine;
    };
    const outcomes = await Promise.allSettled([
      store.updateProcess('c', { result: 'r' }),
      store.addProcess(old('d', 3)),
      store.addProcess(old('e', 4)),
      store.updateProcess('d', { result: 'r' }),
      store.updateProcess('e', { id: 'refused' }),
    ]);
    expect(outcomes.map(({ status }) => status[0]).join('')).toBe('ffrfr');
    expect(outcomes[2].reason).toBe(mine);
    expect(await store.getProcessIds()).toEqual(['c', 'd', 'e']);
  });

  test('does not keep others from hearing of the add, which has been written', async () => {
    const { store } = await fullStore();
    const heard = [];
    store.onProcessChange = ({ type, process }) => heard.push(`${type} ${process.id}`);
    store.onPrune = () => {
      throw new Error('mine');
    };
    expect((await rejection(store.addProcess(old('d', 3)))).message).toBe('mine');
    expect(heard).toEqual(['process-added d']);
  });

  test('because it is no function is no better and no worse', async () => {
    const { store } = await fullStore();
    store.onPrune = 'delete them';
    const outcomes = await Promise.allSettled([
      store.updateProcess('c', { result: 'r' }),
      store.addProcess(old('d', 3)),
      store.removeProcess('nobody'),
    ]);
    expect(outcomes.map(({ status }) => status[0]).join('')).toBe('frf');
    expect(outcomes[1].reason.message).toMatch(/onPrune is not a function/);
    await store.addProcess(old('d', 3));
    expect(await store.getProcessIds()).toEqual(['b', 'c', 'd']);
  });

  test('does not stop later calls', async () => {
    const { store } = await fullStore();
    store.onPrune = () => {
      throw new Error('mine');
    };
    await rejection(store.addProcess(old('d', 3)));
    store.onPrune = undefined;
    await store.addProcess(old('e', 4));
    expect(await store.getProcessIds()).toEqual(['c', 'd', 'e']);
  });
});

test('thousands of entries are read in slices, told in one call, and come before what is called later', async () => {
  const { store: before, dir } = freshStore({ maxProcesses: Infinity, durable: false });
  const many = Array.from({ length: 4000 }, (_, index) => {
    return before.addProcess(sample(`${index}`, { status: 'completed', result: 'x'.repeat(200) }));
  });
  await Promise.all(many);
  const told = [];
  const onPrune = (entries) => told.push(entries);
  const store = new FileProcessStore({ dataDir: dir, maxProcesses: 0, durable: false, onPrune });
  store.onProcessChange = ({ process }) => told.push(process.id);
  const parse = vi.spyOn(JSON, 'parse');
  const first = store.addProcess(sample('first'));
  await new Promise(setImmediate);
  await Promise.all([first, store.updateProcess('first', { result: 'y' }), store.addProcess(sample('last'))]);
  const longest = Math.max(...parse.mock.calls.map(([text]) => text.length));
  parse.mockRestore();
  expect(longest).toBeLessThan(300 * 1024);
  expect(told.slice(1)).toEqual(['first', 'first', 'last']);
  expect(idsOf(told[0])).toEqual(many.map((_, index) => `${index}`));
});
