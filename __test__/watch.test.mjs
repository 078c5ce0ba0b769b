// watch: true: what other store objects change is told to onProcessChange, each change once.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, fullSample, idsOf, runNode, sample, tempDir, withStore } from './support.mjs';

const short = ({ type, process }) => (process ? `${type} ${process.id}` : type);

/** A store on `dir` that watches, and what it hears. */
function watching(dir, options = {}) {
  const store = new FileProcessStore({ dataDir: dir, watch: true, ...options });
  onTestFinished(() => store.close());
  const heard = [];
  store.onProcessChange = (event) => heard.push(event);
  return { store, heard };
}

/** Resolves when `heard` has an event of this process: all that was told before it is then heard, too. */
async function hear(heard, id) {
  await vi.waitFor(() => expect(heard.map(({ process }) => process?.id)).toContain(id), {
    timeout: 60_000,
    interval: 5,
  });
}

/** A store that watches, and another one that changes things. */
async function pair(options = {}) {
  const { store: other, dir, file } = freshStore({ durable: false, ...options });
  const { store, heard } = watching(dir, options);
  await store.flush();
  await store.getProcessCount();
  return { store, other, heard, dir, file };
}

describe('what another store object changes', () => {
  test('is told as added, updated and removed, with the records', async () => {
    const { other, heard } = await pair();
    await other.addProcess(fullSample('a'));
    await hear(heard, 'a');
    await other.updateProcess('a', { status: 'failed', extra: [1] });
    await vi.waitFor(() => expect(heard).toHaveLength(2), 60_000);
    await other.removeProcess('a');
    await vi.waitFor(() => expect(heard).toHaveLength(3), 60_000);
    const updated = fullSample('a', { status: 'failed', extra: [1] });
    expect(heard).toStrictEqual([
      { type: 'process-added', process: fullSample('a') },
      { type: 'process-updated', process: updated },
      { type: 'process-removed', process: updated },
    ]);
  });

  test('is told once for each change, in the order of the file', async () => {
    const { other, heard } = await pair();
    const ids = Array.from({ length: 30 }, (_, index) => `p${index}`);
    for (const id of ids) await other.addProcess(sample(id));
    await other.addProcess(sample('last'));
    await hear(heard, 'last');
    expect(heard.map(short)).toEqual([...ids, 'last'].map((id) => `process-added ${id}`));
    heard.length = 0;
    await other.clearProcesses();
    await vi.waitFor(() => expect(heard).toHaveLength(31), 60_000);
    expect(heard.map(short)).toEqual([...ids, 'last'].map((id) => `process-removed ${id}`));
  });

  test('is told for function updates, for clearing and for what retention removes, too', async () => {
    const { other, heard } = await pair({ maxProcesses: 3 });
    for (const id of ['a', 'b', 'c']) await other.addProcess(sample(id, { status: 'completed' }));
    await hear(heard, 'c');
    heard.length = 0;
    await other.updateProcess('b', () => ({ status: 'failed' }));
    await hear(heard, 'b');
    await other.clearProcesses({ status: 'failed' });
    await vi.waitFor(() => expect(heard.map(short)).toContain('process-removed b'), 60_000);
    await other.addProcess(sample('d', { status: 'completed', startTime: new Date() }));
    await other.addProcess(sample('e', { status: 'running', startTime: new Date() }));
    await hear(heard, 'e');
    await vi.waitFor(() => expect(heard.map(short)).toContain('process-removed a'), 60_000);
    expect(heard.map(short).sort()).toEqual([
      'process-added d',
      'process-added e',
      'process-removed a',
      'process-removed b',
      'process-updated b',
    ]);
  });

  test('before the store was made is not told', async () => {
    const { store: other, dir } = freshStore();
    await other.addProcess(sample('before'));
    const { store, heard } = watching(dir);
    await store.getProcessCount();
    await other.addProcess(sample('after'));
    await hear(heard, 'after');
    expect(heard.map(short)).toEqual(['process-added after']);
  });

  test('is not told where a change is undone or is none', async () => {
    const { other, heard } = await pair();
    await other.addProcess(sample('a', { result: 'r' }));
    await hear(heard, 'a');
    heard.length = 0;
    await other.updateProcess('a', { result: 'r' });
    await other.updateProcess('nobody', { result: 'r' });
    await other.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    await other.addProcess(sample('last'));
    await hear(heard, 'last');
    expect(heard.map(short)).toEqual(['process-added last']);
  });

  test('is told to the listener that is set at that moment, and to nobody where there is none', async () => {
    const { store, other, heard } = await pair();
    delete store.onProcessChange;
    await other.addProcess(sample('a'));
    await vi.waitFor(async () => expect(await store.getProcessCount()).toBe(1), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 200));
    store.onProcessChange = (event) => heard.push(event);
    await other.addProcess(sample('b'));
    await hear(heard, 'b');
    expect(heard.map(short)).toEqual(['process-added b']);
  });

  test('is told to a method of a subclass, with its object', async () => {
    const { dir } = freshStore();
    class Listening extends FileProcessStore {
      heard = [];
      onProcessChange(event) {
        this.heard.push(event);
      }
    }
    const store = new Listening({ dataDir: dir, watch: true });
    onTestFinished(() => store.close());
    await store.getProcessCount();
    await new FileProcessStore({ dataDir: dir }).addProcess(sample('a'));
    await hear(store.heard, 'a');
  });

  test('is not told without the option', async () => {
    const { store: other, dir } = freshStore();
    const [{ store, heard }, silent] = [watching(dir), watching(dir, { watch: false })];
    await store.getProcessCount();
    await other.addProcess(sample('a'));
    await hear(heard, 'a');
    expect(silent.heard).toEqual([]);
  });
});

describe('what the store changes itself', () => {
  test('is told once, as it is without a watch', async () => {
    const { store, other, heard } = await pair();
    const process = sample('a');
    await store.addProcess(process);
    await store.updateProcess('a', { result: 'r' });
    await store.updateProcess('a', () => ({ result: 'rr' }));
    await store.removeProcess('a');
    await store.addProcess(sample('b'));
    await store.clearProcesses();
    await other.addProcess(sample('last'));
    await hear(heard, 'last');
    expect(heard[0].process).toBe(process);
    expect(heard.map(short)).toEqual([
      'process-added a',
      'process-updated a',
      'process-updated a',
      'process-removed a',
      'process-added b',
      'processes-cleared',
      'process-added last',
    ]);
  });

  test('is not told again where retention has removed something in the same commit', async () => {
    const { store, other, heard } = await pair({ maxProcesses: 1 });
    await store.addProcess(sample('open'));
    // `x` is pruned in the middle of this batch, and is there again at its end.
    const done = { status: 'completed' };
    await Promise.all([
      store.addProcess(sample('x', done)),
      store.removeProcess('open'),
      store.addProcess(sample('x', done)),
    ]);
    await other.updateProcess('x', { status: 'running' });
    await vi.waitFor(() => expect(heard.map(short)).toContain('process-updated x'), 60_000);
    expect(heard.map(short)).toEqual([
      'process-added open',
      'process-added x',
      'process-removed open',
      'process-added x',
      'process-updated x',
    ]);
  });

  test('is told once while others change other records at the same time', async () => {
    const { store, other, heard } = await pair();
    const calls = [];
    for (let i = 0; i < 40; i++) {
      calls.push(store.addProcess(sample(`mine ${i}`)), other.addProcess(sample(`theirs ${i}`)));
    }
    await Promise.all(calls);
    await other.addProcess(sample('last'));
    await hear(heard, 'last');
    const ids = idsOf(await store.getAllProcesses());
    expect(heard.map(short).sort()).toEqual(ids.map((id) => `process-added ${id}`).sort());
  });

  test('two stores that watch each other each hear the other once', async () => {
    const { store: one, other: _, heard: heardByOne, dir } = await pair();
    const { store: two, heard: heardByTwo } = watching(dir);
    await two.getProcessCount();
    for (let i = 0; i < 10; i++)
      await Promise.all([one, two].map((s, n) => s.addProcess(sample(`${n} ${i}`))));
    await one.addProcess(sample('last of one'));
    await two.addProcess(sample('last of two'));
    for (const heard of [heardByOne, heardByTwo]) {
      await hear(heard, 'last of two');
      expect(new Set(heard.map(short)).size).toBe(22);
      expect(heard).toHaveLength(22);
    }
  });
});

describe('a listener that throws at what others have changed', () => {
  test('is an uncaught exception, and the other changes are told all the same', async () => {
    const body = `
      const watched = new FileProcessStore({ dataDir: args[0], watch: true });
      const seen = [];
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      watched.onProcessChange = ({ process }) => {
        seen.push(process.id);
        if (process.id === 'b') throw new Error('mine');
      };
      await watched.getProcessCount();
      await Promise.all(['a', 'b', 'c'].map((id) => store.addProcess(sample(id))));
      const limit = Date.now() + 60_000;
      while (seen.length < 3 && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 5));
      console.log(seen.join());`;
    const outcome = await runNode(withStore(body), [tempDir()]);
    expect(outcome).toEqual({ code: 0, signal: null, stdout: 'uncaught mine\na,b,c\n', stderr: '' });
  });
});
