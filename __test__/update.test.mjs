// updateProcess and removeProcess: the shallow merge, what it refuses, the workspace tag, unknown ids, twins.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  dataState,
  freshStore,
  fullSample,
  idsOf,
  readEntries,
  rejection,
  sample,
  storedEntry,
  storedText,
} from './support.mjs';

async function storeWith(...processes) {
  const fresh = freshStore();
  for (const process of processes) await fresh.store.addProcess(process);
  return fresh;
}

describe('merging', () => {
  test('only the named fields change', async () => {
    const { store, file } = await storeWith(fullSample('a'), sample('b'));
    const endTime = new Date('2025-01-01T00:00:00.000Z');
    await store.updateProcess('a', { status: 'cancelled', endTime });
    const expected = fullSample('a', { status: 'cancelled', endTime });
    expect(await store.getAllProcesses()).toEqual([expected, sample('b')]);
    expect(storedText(file)).toBe(
      JSON.stringify(
        [
          { workspaceId: 'ws-1', process: expected },
          { workspaceId: '', process: sample('b') },
        ],
        null,
        2,
      ),
    );
  });

  test('the merge is shallow: a nested object is replaced as a whole', async () => {
    const { store } = await storeWith(fullSample('a'));
    await store.updateProcess('a', { metadata: { type: 'new' }, conversationTurns: [] });
    const found = await store.getProcess('a');
    expect(found.metadata).toEqual({ type: 'new' });
    expect(found.conversationTurns).toEqual([]);
    expect(found.groupMetadata).toEqual(fullSample('a').groupMetadata);
  });

  test('a field named with undefined is removed', async () => {
    const { store, file } = await storeWith(sample('a', { result: 'r', error: 'e', extra: 1 }));
    await store.updateProcess('a', { result: undefined, extra: undefined, endTime: undefined });
    expect(await store.getProcess('a')).toEqual(sample('a', { error: 'e' }));
    expect(Object.keys(await store.getProcess('a'))).not.toContain('extra');
    expect(readEntries(file)[0].process).not.toHaveProperty('result');
    expect(readEntries(file)[0].process).not.toHaveProperty('extra');
  });

  test('a field named with null is kept as null', async () => {
    const { store, file } = await storeWith(sample('a', { result: 'r' }));
    await store.updateProcess('a', { result: null, error: null, metadata: null, extra: null });
    expect(await store.getProcess('a')).toMatchObject({
      result: null,
      error: null,
      metadata: null,
      extra: null,
    });
    expect(readEntries(file)[0].process).toMatchObject({ result: null, error: null, extra: null });
  });

  test('an update with no field keeps the record as it is', async () => {
    const { store } = await storeWith(fullSample('a'));
    await store.updateProcess('a', {});
    expect(await store.getProcess('a')).toStrictEqual(fullSample('a'));
  });

  test('a record that was read can be spread, changed and given back', async () => {
    const { store, file } = await storeWith(fullSample('a'), sample('b'));
    const before = storedText(file);
    for (const id of ['a', 'b']) await store.updateProcess(id, { ...(await store.getProcess(id)) });
    expect(storedText(file)).toBe(before);
    await store.updateProcess('b', { ...(await store.getProcess('b')), status: 'failed' });
    await store.addProcess({ ...(await store.getProcess('a')), status: 'failed' });
    expect((await store.getAllProcesses()).map(({ status }) => status)).toEqual(['failed', 'failed']);
  });

  test('fields that the store does not know are added, changed and removed like others', async () => {
    const { store } = await storeWith(sample('a', { one: 1, two: 2 }));
    await store.updateProcess('a', { two: { deep: [2] }, three: 3, one: undefined });
    expect(await store.getProcess('a')).toEqual(sample('a', { two: { deep: [2] }, three: 3 }));
  });
});

describe('what an update refuses', () => {
  const refused = [
    ['a status of undefined', { status: undefined }, /^updates\.status must be .*undefined/],
    ['a status of null', { status: null }, /^updates\.status must be .*null/],
    ['an empty status', { status: '' }, /^updates\.status /],
    ['a status that is no string', { status: 5 }, /^updates\.status must be a .*string, got number/],
    [
      'a start time of undefined',
      { startTime: undefined },
      /^updates\.startTime must be a Date, got undefined/,
    ],
    ['a start time of null', { startTime: null }, /^updates\.startTime must be a Date, got null/],
    [
      'a start time that is a string',
      { startTime: '2024' },
      /^updates\.startTime must be a Date, got string/,
    ],
    ['an invalid start time', { startTime: new Date(NaN) }, /^updates\.startTime /],
    ['another id', { id: 'b' }, /^updates\.id /],
  ];

  test.each(refused)('%s, and the record stays as it is', async (_, updates, message) => {
    const { store, dir } = await storeWith(sample('a'));
    const before = dataState(dir);
    const error = await rejection(store.updateProcess('a', { result: 'r', ...updates }));
    expect(error.message).toMatch(message);
    expect(error.code).toMatch(/^ERR_INVALID_ARG_(TYPE|VALUE)$/);
    expect(dataState(dir)).toEqual(before);
    expect(await store.getProcess('a')).toEqual(sample('a'));
  });

  test('the id may be repeated', async () => {
    const { store } = await storeWith(sample('a'));
    await store.updateProcess('a', { id: 'a', result: 'r' });
    expect(await store.getAllProcesses()).toEqual([sample('a', { result: 'r' })]);
  });
});

describe('the workspace tag', () => {
  const meta = (workspaceId) => ({ metadata: { type: 'm', workspaceId } });
  const tagsOf = (file) => readEntries(file).map(({ workspaceId }) => workspaceId);

  test('is the workspace id of the metadata on add, or empty', async () => {
    const { file } = await storeWith(
      sample('a', meta('ws')),
      sample('b'),
      sample('c', { metadata: { type: 'm' } }),
      sample('d', meta('')),
      sample('e', { groupMetadata: { type: 'g', workspaceId: 'other', childProcessIds: [] } }),
    );
    expect(tagsOf(file)).toEqual(['ws', '', '', '', '']);
  });

  test('follows the metadata of an update', async () => {
    const { store, file } = await storeWith(sample('a', meta('old')));
    await store.updateProcess('a', meta('new'));
    expect(tagsOf(file)).toEqual(['new']);
    expect(await store.getAllProcesses({ workspaceId: 'old' })).toEqual([]);
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'new' }))).toEqual(['a']);
  });

  test('stays where the merged metadata has no workspace id', async () => {
    const { store, file } = await storeWith(sample('a', meta('old')));
    for (const updates of [{ status: 'failed' }, { metadata: { type: 'm' } }, { metadata: undefined }]) {
      await store.updateProcess('a', updates);
      expect(tagsOf(file)).toEqual(['old']);
    }
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'old' }))).toEqual(['a']);
  });

  test('is taken from the metadata that the record has, even where the update does not name it', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, JSON.stringify([storedEntry('a', meta('in metadata'), 'in tag')]));
    await store.updateProcess('a', { status: 'failed' });
    expect(tagsOf(file)).toEqual(['in metadata']);
  });
});

describe('unknown ids', () => {
  const calls = [
    ['an update to an unknown id', (store) => store.updateProcess('nobody', { status: 'failed' })],
    ['a removal of an unknown id', (store) => store.removeProcess('nobody')],
    ['an update to the empty id', (store) => store.updateProcess('', { status: 'failed' })],
    ['a removal of the empty id', (store) => store.removeProcess('')],
  ];

  test.each(calls)('%s writes nothing and fires no event', async (_, call) => {
    const { store, dir } = await storeWith(sample('a'));
    const before = dataState(dir);
    const events = [];
    store.onProcessChange = (event) => events.push(event);
    expect(await call(store)).toBeUndefined();
    expect(dataState(dir)).toEqual(before);
    expect(events).toEqual([]);
  });

  test.each(calls)('%s resolves where there is no file', async (_, call) => {
    const { store, dir } = freshStore();
    expect(await call(store)).toBeUndefined();
    expect(dataState(dir)).toEqual([]);
  });

  test('the empty id finds nothing and does not reject', async () => {
    const { store } = await storeWith(sample('a'));
    expect(await store.getProcess('')).toBeUndefined();
  });
});

describe('twins: one id twice in a file', () => {
  function storeWithTwins() {
    const fresh = freshStore();
    const entries = [
      storedEntry('a'),
      storedEntry('twin', { result: 'first' }, 'ws'),
      storedEntry('b'),
      storedEntry('twin', { result: 'second' }, 'ws'),
      storedEntry('twin', { result: 'third' }, 'ws'),
    ];
    writeFileSync(fresh.file, JSON.stringify(entries));
    return fresh;
  }
  const results = async (store) => (await store.getAllProcesses()).map(({ id, result }) => result ?? id);

  test('lists show both', async () => {
    const { store } = storeWithTwins();
    expect(await results(store)).toEqual(['a', 'first', 'b', 'second', 'third']);
  });

  test('get takes the first', async () => {
    const { store } = storeWithTwins();
    expect((await store.getProcess('twin')).result).toBe('first');
  });

  test('update takes the first and leaves the others', async () => {
    const { store } = storeWithTwins();
    await store.updateProcess('twin', { result: 'updated' });
    expect(await results(store)).toEqual(['a', 'updated', 'b', 'second', 'third']);
    expect((await store.getProcess('twin')).result).toBe('updated');
  });

  test('add replaces the first and drops the others', async () => {
    const { store, file } = storeWithTwins();
    await store.addProcess(sample('twin', { result: 'added' }));
    expect(await results(store)).toEqual(['a', 'added', 'b']);
    expect(idsOf(readEntries(file))).toEqual(['a', 'twin', 'b']);
  });

  test('remove drops all, and tells of the first', async () => {
    const { store, file } = storeWithTwins();
    const events = [];
    store.onProcessChange = ({ type, process }) => events.push([type, process.result]);
    await store.removeProcess('twin');
    expect(idsOf(readEntries(file))).toEqual(['a', 'b']);
    expect(await store.getProcess('twin')).toBeUndefined();
    expect(events).toEqual([['process-removed', 'first']]);
  });

  test('clear drops all, and counts each', async () => {
    const { store, file } = storeWithTwins();
    expect(await store.clearProcesses({ workspaceId: 'ws' })).toBe(3);
    expect(idsOf(readEntries(file))).toEqual(['a', 'b']);
  });

  test('an add next to twins leaves them', async () => {
    const { store } = storeWithTwins();
    await store.addProcess(sample('c'));
    expect(await results(store)).toEqual(['a', 'first', 'b', 'second', 'third', 'c']);
  });
});
