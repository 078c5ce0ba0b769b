// The rows of the design document's tests table, under the names they have there.

import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore, ensureDataDir, getDefaultDataDir } from '../index.js';
import { freshStore, fullSample, idsOf, sample, tempDir, storedText } from './support.mjs';

const inWorkspace = (id, workspaceId) => sample(id, { metadata: { type: 'review', workspaceId } });

async function storeWithTwoWorkspaces() {
  const fresh = freshStore();
  await fresh.store.addProcess(inWorkspace('a1', 'ws-a'));
  await fresh.store.addProcess(inWorkspace('b1', 'ws-b'));
  await fresh.store.addProcess(inWorkspace('a2', 'ws-a'));
  return fresh;
}

describe('the tests table of the design document', () => {
  test('Empty store', async () => {
    const { store } = freshStore();
    expect(await store.getAllProcesses()).toEqual([]);
    expect(await store.getProcess('x')).toBeUndefined();
  });

  test('Add and get', async () => {
    const { store } = freshStore();
    await store.addProcess(fullSample('a'));
    const found = await store.getProcess('a');
    expect(found).toStrictEqual(fullSample('a'));
    expect(found.startTime).toBeInstanceOf(Date);
    expect(found.endTime).toBeInstanceOf(Date);
    expect(found.conversationTurns[1].timestamp).toBeInstanceOf(Date);
  });

  test('Update', async () => {
    const { store } = freshStore();
    await store.addProcess(fullSample('a'));
    await store.updateProcess('a', { status: 'failed', error: 'out of memory' });
    expect(await store.getProcess('a')).toStrictEqual({
      ...fullSample('a'),
      status: 'failed',
      error: 'out of memory',
    });
  });

  test('Remove', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    await store.removeProcess('a');
    expect(await store.getProcess('a')).toBeUndefined();
    expect(idsOf(await store.getAllProcesses())).toEqual(['b']);
  });

  test('Multi-workspace filtering', async () => {
    const { store } = await storeWithTwoWorkspaces();
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'ws-a' }))).toEqual(['a1', 'a2']);
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'ws-b' }))).toEqual(['b1']);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a1', 'b1', 'a2']);
  });

  test('Clear by workspace', async () => {
    const { store } = await storeWithTwoWorkspaces();
    expect(await store.clearProcesses({ workspaceId: 'ws-a' })).toBe(2);
    expect(idsOf(await store.getAllProcesses())).toEqual(['b1']);
  });

  test('Clear all', async () => {
    const { store, file } = await storeWithTwoWorkspaces();
    expect(await store.clearProcesses()).toBe(3);
    expect(await store.getAllProcesses()).toEqual([]);
    expect(storedText(file)).toBe('[]');
  });

  test('Retention limit', async () => {
    const { store } = freshStore({ maxProcesses: 500, durable: false });
    const base = Date.parse('2024-01-01T00:00:00.000Z');
    // The three oldest are the ones that must stay (two of them) or go first (one of them).
    const statuses = ['running', 'completed', 'queued'];
    const all = Array.from({ length: 502 }, (_, i) =>
      sample(`p${i}`, { status: statuses[i] ?? 'completed', startTime: new Date(base + i * 1000) }),
    );
    await Promise.all(all.map((process) => store.addProcess(process)));
    const left = idsOf(await store.getAllProcesses());
    expect(left).toHaveLength(500);
    expect(left).toEqual(idsOf(all).filter((id) => id !== 'p1' && id !== 'p3'));
    expect(idsOf(await store.getAllProcesses({ status: ['running', 'queued'] }))).toEqual(['p0', 'p2']);
  });

  test('Persistence across instances', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(fullSample('a'));
    const second = new FileProcessStore({ dataDir: dir });
    expect(await second.getProcess('a')).toStrictEqual(fullSample('a'));
  });

  test('Atomic write safety', async () => {
    const { store, file } = freshStore();
    const ids = Array.from({ length: 50 }, (_, i) => `p${i}`);
    await Promise.all(ids.map((id) => store.addProcess(sample(id))));
    expect(idsOf(await store.getAllProcesses())).toEqual(ids);
    expect(idsOf(JSON.parse(storedText(file)))).toEqual(ids);
  });

  test('Workspace registration', async () => {
    const { store } = freshStore();
    const info = { id: 'ws-1', name: 'One', rootPath: '/one', color: 'red' };
    await store.registerWorkspace(info);
    expect(await store.getWorkspaces()).toStrictEqual([info]);
    await store.registerWorkspace({ ...info, name: 'Renamed' });
    expect(await store.getWorkspaces()).toStrictEqual([{ ...info, name: 'Renamed' }]);
  });

  test('getDefaultDataDir', () => {
    expect(getDefaultDataDir()).toBe(join(homedir(), '.pipeline-server'));
  });

  test('ensureDataDir', async () => {
    const nested = join(tempDir(), 'one', 'two', 'three');
    expect(existsSync(nested)).toBe(false);
    expect(await ensureDataDir(nested)).toBe(nested);
    expect(statSync(nested).isDirectory()).toBe(true);
    expect(await ensureDataDir(nested)).toBe(nested);
  });
});
