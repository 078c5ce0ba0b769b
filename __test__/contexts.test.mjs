// Whose AsyncLocalStorage context a callback runs in: calls share commits, and their callers must not notice.

import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, sample } from './support.mjs';

const request = new AsyncLocalStorage();
const here = () => request.getStore();

describe('a function of updateProcess runs in the context of its own call', () => {
  test('in a chain that others have begun', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const seen = [];
    const update = (name) => request.run(name, () => store.updateProcess('a', () => void seen.push(here())));
    await Promise.all([update('one'), update('two'), store.updateProcess('a', () => void seen.push(here()))]);
    expect(seen).toEqual(['one', 'two', undefined]);
  });

  test('when it is called again, and where what it returns is read', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    await store.addProcess(sample('a'));
    const seen = [];
    const tagged = { toJSON: () => (seen.push(here()), 1) };
    const update = (name) =>
      request.run(name, () => other.updateProcess('a', () => ({ [name]: tagged, error: here() })));
    await Promise.all([
      ...Array.from({ length: 5 }, (_, n) => store.updateProcess('a', { result: `${n}` })),
      update('one'),
      update('two'),
    ]);
    expect(seen.length).toBeGreaterThanOrEqual(2);
    expect(new Set(seen)).toEqual(new Set(['one', 'two']));
    expect((await store.getProcess('a')).error).toBe('two');
  });
});

describe('a listener runs in the context of the call that it is told of', () => {
  test('onProcessChange', async () => {
    const { store } = freshStore();
    const seen = [];
    request.run('assignment', () => (store.onProcessChange = ({ type }) => seen.push([type, here()])));
    await Promise.all([
      request.run('one', () => store.addProcess(sample('a'))),
      request.run('two', () => store.updateProcess('a', { result: 'x' })),
      request.run('three', () => store.updateProcess('a', () => ({ result: 'y' }))),
      request.run('four', () => store.removeProcess('a')),
    ]);
    expect(seen).toEqual([
      ['process-added', 'one'],
      ['process-updated', 'two'],
      ['process-updated', 'three'],
      ['process-removed', 'four'],
    ]);
  });

  test('onPrune: that of the last addition, which has pushed the entries out', async () => {
    const { store } = freshStore({ maxProcesses: 1 });
    const seen = [];
    request.run('assignment', () => (store.onPrune = (entries) => seen.push([entries.length, here()])));
    const add = (id) => store.addProcess(sample(id, { status: 'completed' }));
    await Promise.all([
      request.run('one', () => add('a')),
      request.run('two', () => add('b')),
      request.run('three', () => store.updateProcess('b', { result: 'x' })),
    ]);
    expect(seen).toEqual([[1, 'two']]);
  });
});

describe('what others change is told in the context of the assignment', () => {
  test.each(['when the store is made', 'later'])('%s', async (when) => {
    const { dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    const seen = [];
    const listen = (store) => (store.onProcessChange = ({ process }) => seen.push([process.id, here()]));
    class Listening extends FileProcessStore {
      onProcessChange = ({ process }) => seen.push([process.id, here()]);
    }
    const store = request.run('made', () => {
      const Store = when === 'later' ? FileProcessStore : Listening;
      return new Store({ dataDir: dir, watch: true });
    });
    if (when === 'later') request.run('assigned', () => listen(store));
    await request.run('first read', () => store.getAllProcesses());
    await request.run('another', () => other.addProcess(sample('a')));
    await vi.waitFor(() => expect(seen).toEqual([['a', when === 'later' ? 'assigned' : 'made']]), 60_000);
    await store.close();
  });
});

test('subscribers to live output and flush handlers are called in their own contexts', async () => {
  const { store } = freshStore();
  const seen = [];
  request.run('subscriber', () => store.onProcessOutput('a', ({ type }) => seen.push([type, here()])));
  request.run('handler', () => store.registerFlushHandler('a', () => seen.push(['flush', here()])));
  request.run('program', () => store.emitProcessOutput('a', 'text'));
  await request.run('program', () => store.requestFlush('a'));
  request.run('program', () => store.emitProcessComplete('a', 'completed', 1));
  expect(seen).toEqual([
    ['chunk', 'subscriber'],
    ['flush', 'handler'],
    ['complete', 'subscriber'],
  ]);
});
