// The text of the data files: exactly that of JSON.stringify(value, null, 2).

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshStore, fullSample, idsOf, PROCESS_KEYS, readEntries, sample, storedText } from './support.mjs';

/** The text that the file must have for these processes: `expected` objects are built in table order. */
const fileText = (...entries) => JSON.stringify(entries, null, 2);

/** Adds one process with this metadata and compares the whole file with JSON.stringify. */
async function expectMetadataText(metadata) {
  const { store, file } = freshStore();
  await store.addProcess(sample('a', { metadata }));
  expect(storedText(file)).toBe(fileText({ workspaceId: '', process: { ...sample('a'), metadata } }));
  return store;
}

describe('the layout of the file', () => {
  test('processes.json is the text of JSON.stringify with two spaces and no trailing newline', async () => {
    const { store, file } = freshStore();
    await store.addProcess(fullSample('a'));
    await store.addProcess(sample('b'));
    const expected = [
      { workspaceId: 'ws-1', process: fullSample('a') },
      { workspaceId: '', process: sample('b') },
    ];
    expect(storedText(file)).toBe(JSON.stringify(expected, null, 2));
  });

  test('the keys of a process come in the order of the table, unknown ones after them as the caller had them', async () => {
    const { store, file } = freshStore();
    const full = fullSample('a', { zebra: 1, apple: { x: 2 } });
    const { zebra, apple, ...known } = full;
    const reversed = { zebra, ...Object.fromEntries(Object.entries(known).reverse()), apple };
    await store.addProcess(reversed);
    expect(storedText(file)).toBe(fileText({ workspaceId: 'ws-1', process: full }));
    expect(Object.keys(readEntries(file)[0].process)).toEqual([...PROCESS_KEYS, 'zebra', 'apple']);
  });

  test('absent and undefined fields are left out', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { endTime: undefined, result: undefined, extra: undefined }));
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process: sample('a') }));
  });

  test('a field that an update adds takes its place in the order of the table', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { workingDirectory: '/w', extra: 1 }));
    const endTime = new Date('2024-05-01T11:00:00.000Z');
    await store.updateProcess('a', { later: 2, sdkSessionId: 's', result: 'r', endTime });
    const process = { ...sample('a'), endTime, result: 'r', sdkSessionId: 's', workingDirectory: '/w' };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process: { ...process, extra: 1, later: 2 } }));
  });

  test('a file from which everything was removed is an empty array', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    await store.removeProcess('a');
    expect(storedText(file)).toBe('[]');
    await store.addProcess(sample('b'));
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process: sample('b') }));
  });

  test('removing leaves exactly the text of the rest, wherever the removed record stood', async () => {
    const { store, file } = freshStore();
    const ids = ['first', 'second', 'third', 'fourth'];
    for (const id of ids) await store.addProcess(sample(id));
    for (const gone of ['first', 'third', 'fourth']) {
      await store.removeProcess(gone);
      ids.splice(ids.indexOf(gone), 1);
      const rest = ids.map((id) => ({ workspaceId: '', process: sample(id) }));
      expect(storedText(file)).toBe(JSON.stringify(rest, null, 2));
    }
  });

  test('dates are ISO strings with milliseconds on disk', async () => {
    const { store, file } = freshStore();
    const date = new Date('2024-05-01T10:00:00Z');
    const turn = { role: 'user', content: 'x', timestamp: date, turnIndex: 0 };
    await store.addProcess(sample('a', { startTime: date, endTime: date, conversationTurns: [turn] }));
    const { process } = readEntries(file)[0];
    expect(process.startTime).toBe('2024-05-01T10:00:00.000Z');
    expect(process.endTime).toBe('2024-05-01T10:00:00.000Z');
    expect(process.conversationTurns[0].timestamp).toBe('2024-05-01T10:00:00.000Z');
  });

  test('empty objects and arrays are written as JSON.stringify writes them', async () => {
    await expectMetadataText({ type: 'm', none: [], nothing: {}, list: [[], {}, [[]]] });
  });
});

describe('strings', () => {
  const texts = {
    'the empty string': '',
    'control characters': '\u0000\u0001\b\t\n\u000b\f\r\u001f\u007f\u0080',
    'quotes and slashes': '"\\/\'`</script>',
    'line separators': '\u2028\u2029\ufeff\ufffe\uffff',
    'letters beyond ASCII': 'é ß 漢字 עברית 🚀 👨‍👩‍👧 \u{10ffff}',
    'a high surrogate alone': 'cut in half \ud83d',
    'a low surrogate alone': '\ude80 the other half',
    'surrogates the wrong way round': '\ude80\ud83d',
    'a lone surrogate before a pair': '\ud83d🚀\ud83d',
    'text that looks like an escape': '\\ud83d \\u0000 \ud83d',
  };

  test.each(Object.entries(texts))('%s: kept in a value, to the byte', async (_, text) => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { fullPrompt: text, result: text, metadata: { type: text } }));
    const process = { ...sample('a'), fullPrompt: text, result: text, metadata: { type: text } };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
    const found = await store.getProcess('a');
    expect([found.fullPrompt, found.result, found.metadata.type]).toEqual([text, text, text]);
  });

  test.each(Object.entries(texts))('%s: kept in a key, to the byte', async (_, text) => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { metadata: { type: 'm', [text]: 1 }, [text]: { [text]: 2 } }));
    const process = { ...sample('a'), metadata: { type: 'm', [text]: 1 }, [text]: { [text]: 2 } };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
    const found = await store.getProcess('a');
    expect(Object.keys(found.metadata)).toEqual(['type', text]);
    expect(found[text]).toEqual({ [text]: 2 });
  });

  test('ids, tags, types and parents with lone surrogates are told apart', async () => {
    const { store, file } = freshStore();
    const one = '\ud83d';
    const other = '\ud83e';
    const fields = (text) => ({
      type: text,
      parentProcessId: text,
      metadata: { type: 'm', workspaceId: text },
    });
    await store.addProcess(sample(one, { ...fields(one), status: one }));
    await store.addProcess(sample(other, { ...fields(other), status: other }));
    expect(storedText(file)).toContain('"workspaceId": "\\ud83d"');
    for (const id of [one, other]) {
      expect((await store.getProcess(id)).id).toBe(id);
      for (const key of ['workspaceId', 'type', 'parentProcessId', 'status']) {
        expect(idsOf(await store.getAllProcesses({ [key]: id }))).toEqual([id]);
      }
    }
    expect(await store.getProcess('\ufffd')).toBeUndefined();
    await store.updateProcess(one, { result: one });
    await store.removeProcess(other);
    expect(await store.getAllProcesses()).toHaveLength(1);
    expect((await store.getProcess(one)).result).toBe(one);
  });
});

describe('nested values', () => {
  test('numbers keep the spelling that JavaScript gives them', async () => {
    await expectMetadataText({
      type: 'm',
      plain: [0, -0, 1, -1, 0.1, 1.5, 100, 1e21, 1e-7, 123456789012345680000, 5e-324, 1.7976931348623157e308],
      edges: [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 0.1 + 0.2, 1 / 3],
    });
  });

  test('what JSON has no number for becomes null', async () => {
    await expectMetadataText({ type: 'm', nan: NaN, infinite: [Infinity, -Infinity] });
  });

  test('undefined, functions and symbols are dropped from objects and null in arrays', async () => {
    const dropped = [undefined, () => 1, Symbol('s')];
    await expectMetadataText({ type: 'm', a: dropped[0], b: dropped[1], c: dropped[2], list: dropped, z: 1 });
  });

  test('toJSON decides, and is told its key', async () => {
    await expectMetadataText({
      type: 'm',
      date: new Date('2024-05-01T10:00:00.000Z'),
      custom: { toJSON: (key) => ({ from: key }) },
      list: [{ toJSON: (key) => `item ${key}` }],
      nothing: { toJSON: () => undefined },
    });
  });

  test('a toJSON of the record itself is dropped like any other function, and replaces nothing', async () => {
    const { store, file, workspacesFile } = freshStore();
    const toJSON = () => ({ id: 'other', status: '', startTime: 'never' });
    const workspace = { id: 'w', name: 'W', rootPath: '/' };
    await store.addProcess(sample('a', { toJSON }));
    await store.updateProcess('a', { result: 'r', toJSON: () => undefined });
    await store.registerWorkspace({ ...workspace, toJSON });
    const process = { ...sample('a'), result: 'r' };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
    expect(readFileSync(workspacesFile, 'utf8')).toBe(fileText(workspace));
    await store.addProcess(sample('b', { toJSON: 'no function' }));
    expect(await store.getProcess('b')).toMatchObject({ toJSON: 'no function' });
  });

  test('boxed values, maps and class instances are written as JSON.stringify writes them', async () => {
    class Point {
      constructor() {
        this.x = 1;
      }
      get hidden() {
        return 2;
      }
    }
    await expectMetadataText({
      type: 'm',
      boxed: [Object(1), Object('s'), Object(false)],
      map: new Map([['a', 1]]),
      point: new Point(),
    });
  });

  test('integer-like keys of a nested object come first', async () => {
    const metadata = { type: 'm', b: 1, 10: 'ten', 2: 'two', a: { z: 1, 0: 2 } };
    const store = await expectMetadataText(metadata);
    expect(Object.keys((await store.getProcess('a')).metadata)).toEqual(['2', '10', 'type', 'b', 'a']);
  });

  test('an own __proto__ key is plain data at any level', async () => {
    const text = '{ "type": "m", "__proto__": { "polluted": true, "__proto__": [1] } }';
    const store = await expectMetadataText(JSON.parse(text));
    const { metadata } = await store.getProcess('a');
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(Object.keys(metadata)).toEqual(['type', '__proto__']);
    expect(JSON.stringify(metadata)).toBe(JSON.stringify(JSON.parse(text)));
  });

  test('an own __proto__ key of the process itself is plain data', async () => {
    const { store, file } = freshStore();
    const process = { ...sample('a') };
    Object.defineProperty(process, '__proto__', { value: { x: 1 }, enumerable: true });
    await store.addProcess(process);
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
    await store.updateProcess('a', JSON.parse('{ "__proto__": { "x": 2 } }'));
    for (const found of [await store.getProcess('a'), (await store.getAllProcesses())[0]]) {
      expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
      expect(Object.getOwnPropertyDescriptor(found, '__proto__').value).toEqual({ x: 2 });
    }
  });

  test('unknown fields have the same semantics as nested values', async () => {
    const { store, file } = freshStore();
    const extra = { when: new Date(0), n: NaN, u: undefined, list: [undefined] };
    await store.addProcess(sample('a', { extra, number: 1e21, flag: false, none: null }));
    const process = { ...sample('a'), extra, number: 1e21, flag: false, none: null };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
  });

  test('an update writes nested values with the same semantics', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    const metadata = { type: 'm', 5: NaN, u: undefined, t: { toJSON: () => '\ud83d' }, deep: [{}, [[1]]] };
    await store.updateProcess('a', { metadata, extra: metadata });
    const process = { ...sample('a'), metadata, extra: metadata };
    expect(storedText(file)).toBe(fileText({ workspaceId: '', process }));
  });
});
