// Mutations: when they resolve, in which order they apply, and when they read their arguments.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, fullSample, idsOf, readEntries, sample, storedText } from './support.mjs';

describe('a mutation that has resolved is on disk', () => {
  test('when its promise resolves, the file has the new state', async () => {
    const { store, file, workspacesFile } = freshStore();
    await store.addProcess(sample('a'));
    expect(idsOf(readEntries(file))).toEqual(['a']);
    await store.updateProcess('a', { result: 'r' });
    expect(readEntries(file)[0].process.result).toBe('r');
    await store.removeProcess('a');
    expect(readEntries(file)).toEqual([]);
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expect(readEntries(workspacesFile)).toEqual([{ id: 'w', name: 'W', rootPath: '/' }]);
  });

  test('mutations resolve to nothing, clearing to the number of removed records', async () => {
    const { store } = freshStore();
    expect(await store.addProcess(sample('a'))).toBeUndefined();
    expect(await store.updateProcess('a', { result: 'r' })).toBeUndefined();
    expect(await store.removeProcess('a')).toBeUndefined();
    expect(await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' })).toBeUndefined();
    await store.addProcess(sample('b'));
    await store.addProcess(sample('c'));
    expect(await store.clearProcesses()).toBe(2);
    expect(await store.clearProcesses()).toBe(0);
  });

  test('without syncs, everything else is the same', async () => {
    const { store, dir, file } = freshStore({ durable: false });
    await store.addProcess(fullSample('a'));
    await store.updateProcess('a', { result: 'r' });
    await store.addProcess(sample('b'));
    await store.removeProcess('b');
    expect(storedText(file)).toBe(
      JSON.stringify([{ workspaceId: 'ws-1', process: fullSample('a', { result: 'r' }) }], null, 2),
    );
    expect(await new FileProcessStore({ dataDir: dir }).getAllProcesses()).toHaveLength(1);
  });
});

describe('mutations apply in the order in which they were called', () => {
  test('on one record', async () => {
    const { store } = freshStore();
    await Promise.all([
      store.addProcess(sample('a', { result: 'added' })),
      store.updateProcess('a', { result: 'first', error: 'first' }),
      store.updateProcess('a', { result: 'second' }),
      store.removeProcess('a'),
      store.updateProcess('a', { result: 'lost' }),
      store.addProcess(sample('a', { sdkSessionId: 's' })),
      store.updateProcess('a', { result: 'last' }),
    ]);
    expect(await store.getAllProcesses()).toEqual([sample('a', { sdkSessionId: 's', result: 'last' })]);
  });

  test('over all records', async () => {
    const { store } = freshStore();
    const [, , , count] = await Promise.all([
      store.addProcess(sample('a')),
      store.addProcess(sample('b', { status: 'completed' })),
      store.updateProcess('a', { status: 'completed' }),
      store.clearProcesses({ status: 'completed' }),
      store.addProcess(sample('c')),
      store.addProcess(sample('a')),
    ]);
    expect(count).toBe(2);
    expect(idsOf(await store.getAllProcesses())).toEqual(['c', 'a']);
  });

  test('of each of two store objects on one directory', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    const calls = [];
    for (let i = 0; i < 40; i++) calls.push((i % 2 ? store : other).addProcess(sample(`p${i}`)));
    await Promise.all(calls);
    const ids = idsOf(await store.getAllProcesses());
    const isEven = (id) => Number(id.slice(1)) % 2 === 0;
    expect(ids.filter(isEven)).toEqual(Array.from({ length: 20 }, (_, i) => `p${2 * i}`));
    expect(ids.filter((id) => !isEven(id))).toEqual(Array.from({ length: 20 }, (_, i) => `p${2 * i + 1}`));
  });

  test('a read that is called after a mutation has resolved sees it, whatever else is queued', async () => {
    const { store } = freshStore();
    for (let i = 0; i < 20; i++) {
      const first = store.addProcess(sample(`first ${i}`));
      const second = store.addProcess(sample(`second ${i}`));
      await first;
      expect(await store.getProcess(`first ${i}`)).toBeDefined();
      await second;
      expect(await store.getProcess(`second ${i}`)).toBeDefined();
    }
  });
});

describe('arguments are read at the call', () => {
  test('changing a process after addProcess was called changes nothing', async () => {
    const { store } = freshStore();
    const process = fullSample('a');
    const added = store.addProcess(process);
    process.id = 'changed';
    process.status = 'changed';
    process.startTime.setTime(0);
    process.endTime.setTime(0);
    process.metadata.workspaceId = 'changed';
    process.metadata.custom.push('changed');
    process.conversationTurns[0].timestamp.setTime(0);
    process.conversationTurns.push('changed');
    process.extra = 'changed';
    delete process.result;
    await added;
    expect(await store.getAllProcesses()).toStrictEqual([fullSample('a')]);
    expect(await store.getAllProcesses({ workspaceId: 'ws-1' })).toHaveLength(1);
  });

  test('changing the updates after updateProcess was called changes nothing', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const updates = { status: 'completed', endTime: new Date(1), metadata: { type: 'm', list: [1] } };
    const updated = store.updateProcess('a', updates);
    updates.status = 'failed';
    updates.endTime.setTime(2);
    updates.metadata.list.push(2);
    updates.result = 'changed';
    await updated;
    expect(await store.getProcess('a')).toEqual({
      ...sample('a'),
      status: 'completed',
      endTime: new Date(1),
      metadata: { type: 'm', list: [1] },
    });
  });

  test('changing a filter after the call changes nothing', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { status: 'completed', startTime: new Date(1) }));
    await store.addProcess(sample('b', { startTime: new Date(2) }));
    const makeFilter = () => ({ status: ['completed'], until: new Date(2) });
    const filters = [makeFilter(), makeFilter()];
    const listed = store.getAllProcesses(filters[0]);
    const cleared = store.clearProcesses(filters[1]);
    for (const filter of filters) {
      filter.status.push('running');
      filter.until.setTime(3);
      filter.limit = 0;
    }
    expect(idsOf(await listed)).toEqual(['a']);
    expect(await cleared).toBe(1);
    expect(idsOf(await store.getAllProcesses())).toEqual(['b']);
  });

  test('changing a workspace after registerWorkspace was called changes nothing', async () => {
    const { store } = freshStore();
    const info = { id: 'w', name: 'W', rootPath: '/', nested: { list: [1] } };
    const registered = store.registerWorkspace(info);
    info.id = 'changed';
    info.nested.list.push(2);
    await registered;
    expect(await store.getWorkspaces()).toEqual([
      { id: 'w', name: 'W', rootPath: '/', nested: { list: [1] } },
    ]);
  });

  test('getters are called before the method returns, and not again', async () => {
    const { store } = freshStore();
    let reads = 0;
    const process = {
      ...sample('a'),
      get result() {
        reads += 1;
        return `read ${reads}`;
      },
    };
    const added = store.addProcess(process);
    const readsAtTheCall = reads;
    await added;
    expect(readsAtTheCall).toBeGreaterThan(0);
    expect(reads).toBe(readsAtTheCall);
  });
});

describe('adding', () => {
  test('a known id replaces the record in its place', async () => {
    const { store, file } = freshStore();
    await store.addProcess(fullSample('a', { extra: 1 }));
    await store.addProcess(sample('b'));
    await store.addProcess(sample('a', { metadata: { type: 'm', workspaceId: 'ws-2' } }));
    const replaced = sample('a', { metadata: { type: 'm', workspaceId: 'ws-2' } });
    expect(await store.getAllProcesses()).toEqual([replaced, sample('b')]);
    expect(storedText(file)).toBe(
      JSON.stringify(
        [
          { workspaceId: 'ws-2', process: replaced },
          { workspaceId: '', process: sample('b') },
        ],
        null,
        2,
      ),
    );
  });

  test('any status that is a non-empty string is stored and returned as it is', async () => {
    const { store } = freshStore();
    const statuses = ['paused', 'COMPLETED', ' ', 'läuft 🚀', '__proto__', 'null'];
    for (const status of statuses) await store.addProcess(sample(status, { status }));
    expect((await store.getAllProcesses()).map(({ status }) => status)).toEqual(statuses);
    for (const status of statuses) {
      expect(idsOf(await store.getAllProcesses({ status }))).toEqual([status]);
    }
  });
});

describe('whatever a mutation accepts, every later read accepts', () => {
  const depths = [100, 200, 1000, 2000];

  test.each(depths)('nesting of %d levels', async (depth) => {
    const { store, dir } = freshStore({ durable: false });
    let metadata = { type: 'innermost' };
    for (let i = 0; i < depth; i++) metadata = i % 2 ? { in: metadata } : { in: [metadata] };
    await store.addProcess(sample('a', { metadata: { type: 'outer', in: metadata } }));
    await store.updateProcess('a', { result: 'r' });
    const second = new FileProcessStore({ dataDir: dir });
    for (const found of [await second.getProcess('a'), (await second.getAllProcesses())[0]]) {
      let level = found.metadata;
      while (level.in !== undefined) level = Array.isArray(level.in) ? level.in[0] : level.in;
      expect(level).toEqual({ type: 'innermost' });
    }
  });

  test('nesting without an end in sight is accepted and read, or rejected and not there', async () => {
    const { store, file } = freshStore({ durable: false });
    const deep = [];
    let level = deep;
    for (let i = 0; i < 200_000; i++) level.push((level = []));
    // JSON.stringify itself gives up at this depth.
    await expect(store.addProcess(sample('deep', { metadata: { type: 'm', deep } }))).rejects.toThrow();
    expect(existsSync(file)).toBe(false);
    await store.addProcess(sample('a'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });

  test('long strings and many keys', async () => {
    const { store, dir } = freshStore({ durable: false });
    const long = 'a🚀é'.repeat(1_000_000);
    const metadata = { type: 'm', keys: {} };
    for (let i = 0; i < 20_000; i++) metadata.keys[`key ${i}`] = i;
    await store.addProcess(sample('a', { result: long, metadata }));
    await store.addProcess(sample('b'.repeat(100_000)));
    const [a, b] = await new FileProcessStore({ dataDir: dir }).getAllProcesses();
    expect(a.result === long).toBe(true);
    expect(Object.keys(a.metadata.keys)).toHaveLength(20_000);
    expect(b.id).toHaveLength(100_000);
  });
});
