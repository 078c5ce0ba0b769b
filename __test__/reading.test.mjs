// Reads: they see what is on disk, give the caller objects of its own, and leave nothing behind.

import { existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import {
  PROCESS_KEYS,
  freshStore,
  fullSample,
  idsOf,
  runNode,
  sample,
  storedEntry,
  tempDir,
  withStore,
} from './support.mjs';

const readers = [
  ['getProcess', (store) => store.getProcess('a')],
  ['getAllProcesses', (store) => store.getAllProcesses()],
  ['getAllProcesses with a filter', (store) => store.getAllProcesses({ status: 'running', limit: 5 })],
  ['getWorkspaces', (store) => store.getWorkspaces()],
];

const isWindows = process.platform === 'win32';

describe('a missing file or directory', () => {
  test('a missing file is an empty store', async () => {
    const { store } = freshStore();
    expect(await store.getProcess('a')).toBeUndefined();
    expect(await store.getAllProcesses()).toEqual([]);
    expect(await store.getWorkspaces()).toEqual([]);
  });

  test('a missing directory is an empty store', async () => {
    const store = new FileProcessStore({ dataDir: join(tempDir(), 'not', 'there') });
    expect(await store.getProcess('a')).toBeUndefined();
    expect(await store.getAllProcesses()).toEqual([]);
    expect(await store.getWorkspaces()).toEqual([]);
  });

  test.each(readers)('%s creates neither the directory nor anything in it', async (_, read) => {
    const { store, dir } = freshStore();
    const missing = join(dir, 'missing');
    await read(store);
    await read(new FileProcessStore({ dataDir: missing }));
    expect(readdirSync(dir)).toEqual([]);
    expect(existsSync(missing)).toBe(false);
  });

  test('making a store creates nothing', () => {
    const dataDir = join(tempDir(), 'missing');
    expect(new FileProcessStore({ dataDir })).toBeInstanceOf(FileProcessStore);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('what a read returns', () => {
  test('each read returns fresh objects and dates', async () => {
    const { store } = freshStore();
    await store.addProcess(fullSample('a'));
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/', nested: { list: [1] } });
    const spoil = async () => {
      const found = await store.getProcess('a');
      const [listed] = await store.getAllProcesses();
      const [workspace] = await store.getWorkspaces();
      for (const record of [found, listed]) {
        record.startTime.setTime(0);
        record.conversationTurns[0].timestamp.setTime(0);
        record.conversationTurns.pop();
        record.metadata.workspaceId = 'changed';
        record.metadata.custom[1].deep = 'changed';
        record.status = 'changed';
      }
      workspace.name = 'changed';
      workspace.nested.list.push(2);
    };
    await spoil();
    await spoil();
    expect(await store.getProcess('a')).toStrictEqual(fullSample('a'));
    expect(await store.getAllProcesses({ workspaceId: 'ws-1' })).toStrictEqual([fullSample('a')]);
    expect(await store.getWorkspaces()).toEqual([
      { id: 'w', name: 'W', rootPath: '/', nested: { list: [1] } },
    ]);
  });

  test('a record has every known key as an own property, undefined where absent', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    for (const record of [await store.getProcess('a'), (await store.getAllProcesses())[0]]) {
      expect(Object.keys(record).sort()).toEqual([...PROCESS_KEYS].sort());
      expect(record).toEqual(sample('a'));
      expect(record.endTime).toBeUndefined();
      expect(record.conversationTurns).toBeUndefined();
    }
  });

  test('unknown keys are there only if the file has them', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { extra: null }));
    await store.addProcess(sample('b'));
    const [a, b] = await store.getAllProcesses();
    expect(Object.keys(a).sort()).toEqual([...PROCESS_KEYS, 'extra'].sort());
    expect(Object.keys(b)).not.toContain('extra');
  });

  test('workspaces carry only what the file has', async () => {
    const { store } = freshStore();
    const info = { id: 'w', name: 'W', rootPath: '/', color: undefined };
    await store.registerWorkspace(info);
    expect(await store.getWorkspaces()).toStrictEqual([{ id: 'w', name: 'W', rootPath: '/' }]);
  });

  test('a record without a type reads as clarification and matches that filter', async () => {
    const { store, file } = freshStore();
    const bare = storedEntry('bare');
    delete bare.process.type;
    writeFileSync(file, JSON.stringify([bare, storedEntry('typed')]));
    expect((await store.getProcess('bare')).type).toBe('clarification');
    expect(idsOf(await store.getAllProcesses({ type: 'clarification' }))).toEqual(['bare']);
    expect(idsOf(await store.getAllProcesses({ type: 'code-review' }))).toEqual(['typed']);
  });

  test('lists keep the order of the file', async () => {
    const { store, file } = freshStore();
    const ids = ['m', 'z', '10', 'a', '2', 'A'];
    const day = (i) => `2024-01-0${6 - i}T00:00:00.000Z`;
    writeFileSync(file, JSON.stringify(ids.map((id, i) => storedEntry(id, { startTime: day(i) }))));
    expect(idsOf(await store.getAllProcesses())).toEqual(ids);
    expect(idsOf(await store.getAllProcesses({ status: 'running' }))).toEqual(ids);
  });

  test('lists keep the order of insertion', async () => {
    const { store } = freshStore();
    const ids = ['m', 'z', '10', 'a', '2', 'A'];
    for (const id of ids) await store.addProcess(sample(id));
    await store.updateProcess('z', { status: 'completed' });
    await store.addProcess(sample('a', { status: 'queued' }));
    expect(idsOf(await store.getAllProcesses())).toEqual(ids);
  });

  test('the names of Object.prototype are ids like others, and find nothing where there is none', async () => {
    const { store } = freshStore();
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'];
    for (const name of names) expect(await store.getProcess(name)).toBeUndefined();
    for (const name of names) await store.addProcess(sample(name));
    for (const name of names) expect((await store.getProcess(name)).id).toBe(name);
    expect(idsOf(await store.getAllProcesses())).toEqual(names);
  });

  test('fields that no filter and no index needs are not judged', async () => {
    const { store, file } = freshStore();
    const odd = { promptPreview: 12, fullPrompt: null, error: [], metadata: 'text', discoveryMetadata: 3 };
    const turns = [null, 'x', {}, { timestamp: 'no date' }, { role: 1, timestamp: 5 }];
    writeFileSync(
      file,
      JSON.stringify([
        storedEntry('a', { ...odd, conversationTurns: 'none', endTime: 'never' }),
        storedEntry('b', { conversationTurns: turns }),
        storedEntry('c', { backend: 'telegraph', type: 'poem', metadata: { workspaceId: 5 } }),
      ]),
    );
    expect(await store.getProcess('a')).toMatchObject({ id: 'a', ...odd, conversationTurns: 'none' });
    expect((await store.getProcess('b')).conversationTurns).toHaveLength(5);
    expect(await store.getProcess('c')).toMatchObject({ backend: 'telegraph', type: 'poem' });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'c']);
  });
});

describe('reads see every write that was finished before the call', () => {
  test('of another store object', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    for (let i = 0; i < 20; i++) {
      await store.addProcess(sample(`p${i}`));
      expect(await other.getAllProcesses()).toHaveLength(i + 1);
      await other.updateProcess(`p${i}`, { result: `r${i}` });
      expect((await store.getProcess(`p${i}`)).result).toBe(`r${i}`);
    }
  });

  test('of another process', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('mine'));
    await store.registerWorkspace({ id: 'w1', name: 'W', rootPath: '/' });
    const body = `await store.addProcess(sample('theirs'));
      await store.registerWorkspace({ id: 'w2', name: 'W', rootPath: '/' });`;
    expect(await runNode(withStore(body), [dir])).toMatchObject({ code: 0, stderr: '' });
    expect(idsOf(await store.getAllProcesses())).toEqual(['mine', 'theirs']);
    expect(idsOf(await store.getWorkspaces())).toEqual(['w1', 'w2']);
  });

  // What the system tells of a file on Windows is then the same as before; the README says so.
  test.skipIf(isWindows)('in place, of the same size, with the time stamps put back', async () => {
    const { store, file } = freshStore();
    const text = (i) => JSON.stringify([storedEntry('a', { result: String(1000 + i) })]);
    writeFileSync(file, text(0));
    const { atime, mtime } = statSync(file);
    for (let i = 1; i <= 100; i++) {
      writeFileSync(file, text(i));
      utimesSync(file, atime, mtime);
      expect((await store.getProcess('a')).result).toBe(String(1000 + i));
      expect((await store.getAllProcesses())[0].result).toBe(String(1000 + i));
    }
  });

  test('by a rename over the file, of the same size', async () => {
    const { store, dir, file } = freshStore();
    for (let i = 1; i <= 100; i++) {
      const next = join(dir, 'next');
      writeFileSync(next, JSON.stringify([storedEntry('a', { result: String(1000 + i) })]));
      renameSync(next, file);
      expect((await store.getProcess('a')).result).toBe(String(1000 + i));
    }
  });

  test('that took the file or the directory away, or brought it back', async () => {
    const { store, dir, file } = freshStore();
    const text = JSON.stringify([storedEntry('foreign')]);
    for (let i = 0; i < 5; i++) {
      await store.addProcess(sample('own'));
      rmSync(file);
      expect(await store.getAllProcesses()).toEqual([]);
      writeFileSync(file, text);
      expect(idsOf(await store.getAllProcesses())).toEqual(['foreign']);
      rmSync(dir, { recursive: true });
      expect(await store.getProcess('foreign')).toBeUndefined();
    }
    await store.addProcess(sample('own'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['own']);
  });

  test('a mutation builds on what others wrote since the last read', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    for (let i = 0; i < 30; i++) {
      writeFileSync(file, JSON.stringify([storedEntry('a', { error: String(1000 + i) })]));
      await store.updateProcess('a', { result: 'r' });
      expect(await store.getProcess('a')).toMatchObject({ error: String(1000 + i), result: 'r' });
    }
  });
});
