// Lists from the index: summaries with their total, ids, counts, and the numbers of the store.

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { isJournaled } from './mode.mjs';
import {
  dataState,
  freshStore,
  fullSample,
  idsOf,
  rejection,
  sample,
  storedEntry,
  storedText,
} from './support.mjs';

const day = (number) => new Date(Date.UTC(2024, 0, number));

/** Twelve processes of every kind, whose conversation must not be seen in a list. */
async function mixedStore() {
  const fresh = freshStore({ durable: false });
  const statuses = ['queued', 'running', 'completed', 'failed'];
  for (let i = 0; i < 12; i++) {
    const status = statuses[i % 4];
    await fresh.store.addProcess(
      fullSample(`p${i}`, {
        type: i % 3 ? 'discovery' : 'code-review',
        status,
        startTime: day(i + 1),
        endTime: status === 'completed' ? day(i + 2) : undefined,
        error: status === 'failed' ? 'why' : undefined,
        metadata: { type: 'm', workspaceId: `ws-${i % 2}` },
        parentProcessId: i < 4 ? 'parent' : undefined,
        fullPrompt: 'SECRET prompt',
        result: 'SECRET result',
        structuredResult: '"SECRET"',
        conversationTurns: [{ role: 'user', content: 'SECRET turn', timestamp: day(1), turnIndex: 0 }],
      }),
    );
  }
  return fresh;
}

const FILTERS = [
  [{}],
  [undefined],
  [null],
  [{ workspaceId: 'ws-1' }],
  [{ workspaceId: 'nowhere' }],
  [{ status: 'running' }],
  [{ status: ['queued', 'failed'] }],
  [{ status: [] }],
  [{ type: 'code-review' }],
  [{ parentProcessId: 'parent' }],
  [{ since: day(5) }],
  [{ until: day(5) }],
  [{ since: day(3), until: day(9), workspaceId: 'ws-0' }],
  [{ limit: 3 }],
  [{ offset: 10 }],
  [{ offset: 2, limit: 4, status: ['queued', 'running'] }],
  [{ limit: 0 }],
  [{ limit: Infinity, offset: 100 }],
  [{ exclude: ['conversation'] }],
];

describe('every filter', () => {
  test.each(FILTERS)('lists the same records in every list: %o', async (filter) => {
    const { store } = await mixedStore();
    const ids = idsOf(await store.getAllProcesses(filter));
    expect(await store.getProcessIds(filter)).toEqual(ids);
    expect(await store.getProcessCount(filter)).toBe(ids.length);
    const { entries, total } = await store.getProcessSummaries(filter);
    expect(idsOf(entries)).toEqual(ids);
    const { limit, offset, ...rest } = filter ?? {};
    expect(total).toBe((await store.getAllProcesses(rest)).length);
  });
});

describe('a summary', () => {
  test('has what a list shows, with times as ISO strings and the duration in milliseconds', async () => {
    const { store } = freshStore();
    const shown = { title: 'T', customTitle: 'C', lastMessagePreview: 'L', lastEventAt: day(2) };
    await store.addProcess(
      fullSample('a', { error: 'why', ...shown, metadata: { type: 'm', workspaceId: 'w' } }),
    );
    const { entries } = await store.getProcessSummaries();
    expect(entries).toStrictEqual([
      {
        workspaceId: 'w',
        id: 'a',
        status: 'completed',
        type: 'code-review-group',
        startTime: '2024-05-01T10:00:00.001Z',
        endTime: '2024-05-01T10:03:20.999Z',
        promptPreview: 'Review the pending…',
        error: 'why',
        parentProcessId: 'parent-1',
        title: 'T',
        customTitle: 'C',
        lastMessagePreview: 'L',
        lastEventAt: '2024-01-02T00:00:00.000Z',
        duration: 200_998,
      },
    ]);
  });

  test('has only what the record has; without an end there is no duration', async () => {
    const { store } = freshStore();
    await store.addProcess({ id: 'a', status: 'running', startTime: day(1) });
    const expected = {
      workspaceId: '',
      id: 'a',
      status: 'running',
      type: 'clarification',
      startTime: day(1).toJSON(),
    };
    expect((await store.getProcessSummaries()).entries).toStrictEqual([expected]);
  });

  test('never has prompt, result or turns', async () => {
    const { store } = await mixedStore();
    expect(JSON.stringify(await store.getProcessSummaries())).not.toContain('SECRET');
  });

  test('follows every change at once', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    const only = async () => (await store.getProcessSummaries()).entries[0];
    await other.addProcess(sample('a'));
    expect(await only()).toMatchObject({ status: 'running', promptPreview: 'preview of a' });
    await other.updateProcess('a', { status: 'failed', promptPreview: undefined, endTime: new Date(0) });
    expect(await only()).toMatchObject({ status: 'failed', endTime: '1970-01-01T00:00:00.000Z' });
    expect(await only()).not.toHaveProperty('promptPreview');
    await other.removeProcess('a');
    expect(await store.getProcessSummaries()).toEqual({ entries: [], total: 0 });
  });

  test('is a fresh object each time', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const first = await store.getProcessSummaries();
    first.entries[0].status = 'changed';
    first.entries.push('more');
    expect((await store.getProcessSummaries()).entries).toMatchObject([{ id: 'a', status: 'running' }]);
  });

  test('carries odd text as it is: lone surrogates, escapes, a key named __proto__ as an id', async () => {
    const { store } = freshStore();
    for (const id of ['\ud83d', '__proto__', '"\\\n\u2028', 'ünïcödé 🚀']) {
      await store.addProcess(
        sample(id, { promptPreview: `${id} \ud83d`, metadata: { type: 'm', workspaceId: id } }),
      );
    }
    const { entries } = await store.getProcessSummaries();
    expect(await store.getProcessIds()).toEqual(entries.map(({ id }) => id));
    for (const { id, promptPreview, workspaceId } of entries) {
      expect([promptPreview, workspaceId]).toEqual([`${id} \ud83d`, id]);
      expect(await store.getProcessCount({ workspaceId: id })).toBe(1);
    }
  });

  test('of a hand-made record is as the file has it; dates that JS can read are ISO strings', async () => {
    const { store, file } = freshStore();
    const entries = [
      storedEntry('a', { startTime: '2024-05-01', endTime: '2024-05-01T02:00:00+02:00', error: null }),
      storedEntry('b', { startTime: 'no date', endTime: '2024-05-01' }),
      storedEntry('a', { startTime: '2024-05-02T00:00:00.000Z' }, 'twin'),
    ];
    writeFileSync(file, JSON.stringify(entries));
    const { entries: found, total } = await store.getProcessSummaries();
    expect(total).toBe(3);
    expect(await store.getProcessIds()).toEqual(['a', 'b', 'a']);
    expect(found).toMatchObject([
      {
        startTime: '2024-05-01T00:00:00.000Z',
        endTime: '2024-05-01T00:00:00.000Z',
        duration: 0,
        error: null,
      },
      { startTime: 'no date', endTime: '2024-05-01T00:00:00.000Z' },
      { workspaceId: 'twin' },
    ]);
    expect(found[1]).not.toHaveProperty('duration');
  });
});

describe('paging', () => {
  test('pages together are the whole list, and each has the same total', async () => {
    const { store } = await mixedStore();
    const pages = [];
    for (let offset = 0; offset < 12; offset += 5)
      pages.push(await store.getProcessSummaries({ offset, limit: 5 }));
    expect(pages.map(({ entries }) => entries.length)).toEqual([5, 5, 2]);
    expect(pages.map(({ total }) => total)).toEqual([12, 12, 12]);
    expect(pages.flatMap(({ entries }) => idsOf(entries))).toEqual(await store.getProcessIds());
  });
});

describe('lists of more records than are answered at once', () => {
  test('are the same', async () => {
    const { store, file } = freshStore();
    const ids = Array.from({ length: 1500 }, (_, index) => `p${index}`);
    writeFileSync(file, JSON.stringify(ids.map((id) => storedEntry(id))));
    for (let round = 0; round < 2; round++) {
      expect(await store.getProcessIds()).toEqual(ids);
      expect(await store.getProcessCount({ offset: 100 })).toBe(1400);
      const { entries, total } = await store.getProcessSummaries({ offset: 1400 });
      expect([entries.length, total]).toEqual([100, 1500]);
    }
  });
});

describe('getStorageStats', () => {
  const wiki = (id) => ({ id, name: id, wikiDir: '/', aiEnabled: false, registeredAt: '' });

  // Sizes of files: those with a journal are in journal.test.mjs.
  const inFile = test.skipIf(isJournaled);

  inFile('counts what the three files hold, and their bytes', async () => {
    const { store, dir } = freshStore();
    for (const id of ['a', 'b', 'c']) await store.addProcess(sample(id, { result: 'ü'.repeat(1000) }));
    for (const id of ['v', 'w']) await store.registerWorkspace({ id, name: id, rootPath: '/' });
    await store.registerWiki(wiki('k'));
    const names = ['processes.json', 'workspaces.json', 'wikis.json'];
    const storageSize = names.map((name) => statSync(join(dir, name)).size).reduce((sum, size) => sum + size);
    const expected = { totalProcesses: 3, totalWorkspaces: 2, totalWikis: 1, storageSize };
    expect(await store.getStorageStats()).toStrictEqual(expected);
    expect(await new FileProcessStore({ dataDir: dir }).getStorageStats()).toStrictEqual(expected);
  });

  test('is all zero for a missing directory, which it does not make', async () => {
    const { dir } = freshStore();
    const store = new FileProcessStore({ dataDir: join(dir, 'missing') });
    const nothing = { totalProcesses: 0, totalWorkspaces: 0, totalWikis: 0, storageSize: 0 };
    expect(await store.getStorageStats()).toStrictEqual(nothing);
    expect(dataState(dir)).toEqual([]);
  });

  inFile('follows what others change', async () => {
    const { store, dir, file } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    await other.addProcess(sample('a'));
    expect(await store.getStorageStats()).toMatchObject({
      totalProcesses: 1,
      storageSize: statSync(file).size,
    });
    await other.clearProcesses();
    expect(await store.getStorageStats()).toMatchObject({ totalProcesses: 0, storageSize: 2 });
  });
});

describe('a corrupt file', () => {
  test('is refused by every list, and not touched', async () => {
    const { store, dir, file } = freshStore();
    writeFileSync(file, '[{"workspaceId":"","process":{"id":5}}]');
    const before = dataState(dir);
    for (const method of ['getProcessSummaries', 'getProcessIds', 'getProcessCount', 'getStorageStats']) {
      expect(await rejection(store[method]()), method).toMatchObject({
        code: 'ERR_STORE_CORRUPT',
        path: file,
      });
    }
    expect(dataState(dir)).toEqual(before);
    writeFileSync(file, storedText(file).replace('"id":5', '"id":"a","status":"x","startTime":""'));
    expect(await store.getProcessIds()).toEqual(['a']);
  });
});
