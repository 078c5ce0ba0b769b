// What a mutation leaves as it was: the bytes of other records, the tokens of fields that it doesn't name.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshStore, idsOf, readEntries, sample, storedEntry, storedText } from './support.mjs';

// Three records as an editor, a formatter and a minifier might leave them.
const TABBED = `{
\t"workspaceId" : "ws-t",\t"process" : {
\t\t"id":"tabbed",  "status":"running", "startTime":"2024-01-01T00:00:00Z",
\t\t"result":"\\u0041\\/\\u00e9é", "metadata":{ "n" : 1.0e2, "n" : -0.0, "list":[ ] }
\t}
}`;
const MINIFIED =
  '{"workspaceId":"","process":{"id":"minified","status":"completed","startTime":"2024-01-02","x":1E+400}}';
const SPACED = `{ "note" : "by hand" ,\r\n "workspaceId":"" , "process":
  { "startTime" : "2024-01-03T00:00:00.000Z", "status" : "failed" , "id" : "spaced" } }`;
const HAND_MADE = `\n[ ${TABBED}\n,${MINIFIED},\t${SPACED}\n]\n\n`;

function handMade(text = HAND_MADE, options = {}) {
  const fresh = freshStore({ maxProcesses: Infinity, ...options });
  writeFileSync(fresh.file, text);
  return { ...fresh, text: () => storedText(fresh.file) };
}

/** A store on a file with the one record `process`, given as JSON text. */
const handMadeProcess = (process, around = '') =>
  handMade(`[{"workspaceId":"","process":${process}${around}}]`);

describe('records that a mutation does not touch keep their bytes', () => {
  test.each([
    ['an add', (store) => store.addProcess(sample('new'))],
    ['an update of another record', (store) => store.updateProcess('minified', { result: 'x' })],
    ['a removal of another record', (store) => store.removeProcess('minified')],
    ['a clearing of another record', (store) => store.clearProcesses({ status: 'completed' })],
    ['a replacing add', (store) => store.addProcess(sample('minified'))],
  ])('%s', async (_, mutate) => {
    const { store, text } = handMade();
    await mutate(store);
    expect(text()).not.toBe(HAND_MADE);
    expect(text()).toContain(TABBED);
    expect(text()).toContain(SPACED);
    expect(text()).toMatch(/^\[[^]*\]$/);
    expect(idsOf(JSON.parse(text())).filter((id) => id !== 'minified' && id !== 'new')).toEqual([
      'tabbed',
      'spaced',
    ]);
  });

  test('pruning keeps the bytes of the records that stay', async () => {
    const { store, text } = handMade(HAND_MADE, { maxProcesses: 3 });
    await store.addProcess(sample('new'));
    expect(idsOf(JSON.parse(text()))).toEqual(['tabbed', 'spaced', 'new']);
    expect(text()).toContain(TABBED);
    expect(text()).toContain(SPACED);
  });

  test('the bytes stay through many mutations', async () => {
    const { store, text } = handMade();
    for (let i = 0; i < 20; i++) {
      await store.addProcess(sample(`p${i}`));
      await store.updateProcess(`p${i}`, { result: '🚀'.repeat(i) });
      await store.updateProcess('minified', { result: `${i}` });
      await store.removeProcess(`p${i - 1}`);
    }
    expect(text()).toContain(TABBED);
    expect(text()).toContain(SPACED);
    expect(idsOf(JSON.parse(text()))).toEqual(['tabbed', 'minified', 'spaced', 'p19']);
  });

  test('registering a workspace keeps the bytes of the others', async () => {
    const { store, workspacesFile } = freshStore();
    const one = '{"id":"one" , "name":"\\u0041", "rootPath":"/" , "order":1.0e2,"order":2.50}';
    const three = '{\t"id":"three"}';
    writeFileSync(workspacesFile, `[${one},{"id":"two"},\n\n${three}]\n`);
    await store.registerWorkspace({ id: 'two', name: 'Two', rootPath: '/two' });
    await store.registerWorkspace({ id: 'four', name: 'Four', rootPath: '/four' });
    const text = readFileSync(workspacesFile, 'utf8');
    expect(text).toContain(one);
    expect(text).toContain(three);
    expect(idsOf(JSON.parse(text))).toEqual(['one', 'two', 'three', 'four']);
  });
});

describe('in a record that a mutation touches, the fields that it does not name keep their tokens', () => {
  test('numbers keep their spelling, strings their escapes, objects their duplicate keys', async () => {
    const { store, text } = handMade();
    await store.updateProcess('tabbed', { status: 'completed' });
    expect(text()).toContain('"result": "\\u0041\\/\\u00e9é"');
    expect(text()).toContain('"n": 1.0e2,');
    expect(text()).toContain('"n": -0.0,');
    expect(text()).toContain('"startTime": "2024-01-01T00:00:00Z"');
    expect(text()).toContain(SPACED);
  });

  test('only white space is normalised', async () => {
    const fields =
      '"id":"a","status":"running","startTime":"2024-01-02","metadata":{"type":"m","n":[ 1.0e2,\r\n{ } ,[ ]]},"odd":1E400';
    const { store, text } = handMadeProcess(`{${fields}}`);
    await store.updateProcess('a', { status: 'failed' });
    expect(text()).toBe(`[
  {
    "workspaceId": "",
    "process": {
      "id": "a",
      "status": "failed",
      "startTime": "2024-01-02",
      "metadata": {
        "type": "m",
        "n": [
          1.0e2,
          {},
          []
        ]
      },
      "odd": 1E400
    }
  }
]`);
  });

  test('huge numbers stay as they were written', async () => {
    const digits = '1234567890'.repeat(40);
    const { store, text } = handMadeProcess(
      `{"id":"a","status":"running","startTime":"2024-01-02","metadata":{"big":${digits},"far":-1e99999}}`,
    );
    await store.updateProcess('a', { result: 'r' });
    expect(text()).toContain(`"big": ${digits},`);
    expect(text()).toContain('"far": -1e99999');
    const { metadata } = await store.getProcess('a');
    expect(metadata).toEqual({ big: Infinity, far: -Infinity });
  });

  test('duplicates of a field that is not named are both kept, and the last one is read', async () => {
    const { store, text } = handMadeProcess(
      '{"id":"a","status":"running","startTime":"2024-01-02","odd":1.50,"odd":2.50}',
    );
    await store.updateProcess('a', { result: 'r' });
    expect(text()).toContain('"odd": 1.50');
    expect(text()).toContain('"odd": 2.50');
    expect((await store.getProcess('a')).odd).toBe(2.5);
  });

  test('a field that is named takes its new value, however often the file has it', async () => {
    const { store, file } = handMadeProcess(
      '{"id":"a","status":"running","status":"queued","\\u0073tatus":"failed","startTime":"2024-01-02"}',
    );
    await store.updateProcess('a', { status: 'completed' });
    expect((await store.getProcess('a')).status).toBe('completed');
    expect(readEntries(file)[0].process.status).toBe('completed');
    expect(idsOf(await store.getAllProcesses({ status: 'completed' }))).toEqual(['a']);
    expect(await store.getAllProcesses({ status: ['running', 'queued', 'failed'] })).toEqual([]);
  });

  test('a removed field is gone, however often the file has it', async () => {
    const { store, file } = handMadeProcess(
      '{"id":"a","status":"running","startTime":"2024-01-02","result":"1","\\u0072esult":"2","odd":1,"odd":2}',
    );
    await store.updateProcess('a', { result: undefined, odd: undefined });
    expect(Object.keys(readEntries(file)[0].process)).toEqual(['id', 'status', 'startTime']);
  });

  test('fields that the store does not know are kept, in the process and beside it', async () => {
    const { store, file } = handMadeProcess(
      '{"id":"a","status":"running","startTime":"2024-01-02","later":{"v":[1]},"__proto__":{"x":1}}',
      ',"pinned":true',
    );
    await store.updateProcess('a', { status: 'completed' });
    const [entry] = readEntries(file);
    expect(entry.pinned).toBe(true);
    expect(entry.process.later).toEqual({ v: [1] });
    expect(Object.getOwnPropertyDescriptor(entry.process, '__proto__').value).toEqual({ x: 1 });
    expect((await store.getProcess('a')).later).toEqual({ v: [1] });
  });

  test('a start time that is no ISO text stays as it was written', async () => {
    const { store, file } = handMadeProcess('{"id":"a","status":"running","startTime":"some day"}');
    await store.updateProcess('a', { status: 'completed' });
    expect(readEntries(file)[0].process.startTime).toBe('some day');
  });
});

describe('what a hand-made file means', () => {
  test('the last of duplicate keys wins, as in JSON.parse', async () => {
    const { store } = handMade(
      '[{"workspaceId":"old","workspaceId":"new","process":{"id":"x"},"process":' +
        '{"id":"a","id":"b","status":"running","status":"failed","startTime":"2024-01-01","startTime":"2024-01-02"}}]',
    );
    expect(await store.getProcess('a')).toBeUndefined();
    expect(await store.getProcess('b')).toMatchObject({
      status: 'failed',
      startTime: new Date('2024-01-02'),
    });
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'new', status: 'failed' }))).toEqual(['b']);
    expect(await store.getAllProcesses({ workspaceId: 'old' })).toEqual([]);
  });

  test('an earlier duplicate may be anything', async () => {
    const { store } = handMade(
      '[{"workspaceId":5,"process":"x","workspaceId":"w","process":{"id":"a","status":"failed","startTime":"2024-01-02"}}]',
    );
    expect(await store.getProcess('a')).toMatchObject({ id: 'a', status: 'failed' });
    await store.updateProcess('a', { error: 'e' });
    expect(await store.getProcess('a')).toMatchObject({ error: 'e', startTime: new Date('2024-01-02') });
  });

  test('keys and values that are spelt with escapes are the same keys and values', async () => {
    const { store } = handMade(
      '[{"workspace\\u0049d":"\\u0077s","pr\\u006fcess":{"\\u0069d":"\\u0061","status":"r\\u0075nning","startTime":"2024\\u002d01-02"}}]',
    );
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'ws', status: 'running' }))).toEqual(['a']);
    expect((await store.getProcess('a')).startTime).toEqual(new Date('2024-01-02'));
  });

  test('the order of keys within a record does not matter', async () => {
    const { workspaceId, process } = storedEntry('a', { result: 'r' }, 'ws');
    const reversed = Object.fromEntries(Object.entries(process).reverse());
    const { store } = handMade(JSON.stringify([{ process: reversed, workspaceId }]));
    expect(await store.getAllProcesses({ workspaceId: 'ws' })).toEqual([sample('a', { result: 'r' })]);
  });
});
