// Corrupt files: refused by reads and mutations alike, never touched, and usable as soon as they are mended.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dataNames, freshStore, idsOf, rejection, sample, storedEntry } from './support.mjs';

const GOOD = JSON.stringify([storedEntry('a'), storedEntry('b'), storedEntry('c')], null, 2);
const bytes = Buffer.from(GOOD);

/** The good file with a piece of it replaced. */
const spoilt = (from, to) => {
  const text = GOOD.replace(from, to);
  if (text === GOOD) throw new Error(`nothing to replace: ${from}`);
  return text;
};

/** A file whose second of three entries is this one. */
const withEntry = (entry) => JSON.stringify([storedEntry('a'), entry, storedEntry('c')], null, 2);
const withProcess = (change) => {
  const entry = storedEntry('b');
  Object.assign(entry.process, change);
  return withEntry(entry);
};
/** A file of one record with a field whose value is this text, which no JSON parser takes. */
const withToken = (token) =>
  `[{"workspaceId":"","process":{"id":"a","status":"x","startTime":"2024-01-01","extra":${token}}}]`;

/** The same with a text of these bytes. */
const withBytes = (...raw) => Buffer.from(withToken(`"${String.fromCharCode(...raw)}"`), 'latin1');

const CORRUPT = {
  'an empty file': '',
  'white space alone': ' \n\t ',
  'a file of NULs': Buffer.alloc(bytes.length),
  'NULs at the end': Buffer.concat([bytes, Buffer.alloc(512)]),
  'a block of NULs in the middle': Buffer.concat([
    bytes.subarray(0, 100),
    Buffer.alloc(64),
    bytes.subarray(164),
  ]),
  'a file cut in the middle': bytes.subarray(0, bytes.length >> 1),
  'a file without its last character': bytes.subarray(0, -1),
  'a file cut after its first character': '[',
  'a file without its first character': bytes.subarray(1),
  'a file whose old tail is still there': GOOD + GOOD.slice(-200),
  'a file twice over': GOOD + GOOD,
  'a byte that UTF-8 never has': withBytes(0xff),
  'a cut UTF-8 sequence': withBytes(0xc3),
  'an overlong UTF-8 sequence': withBytes(0xc0, 0x80),
  'a surrogate in UTF-8': withBytes(0xed, 0xa0, 0xbd),
  'UTF-16': Buffer.from(GOOD, 'utf16le'),
  'an object': JSON.stringify({ processes: [] }),
  null: 'null',
  'a number': '5',
  'a string': '"[]"',
  'plain text': 'not json at all',
  'merge markers': spoilt(
    '  {\n    "workspaceId": "",\n    "process": {\n      "id": "b"',
    (text) => `<<<<<<< ours\n${text}`,
  ),
  'a comma too many': GOOD.replace(/\n\]$/, ',\n]'),
  'a comma too few': spoilt('},', '}'),
  'two commas': spoilt('},', '},,'),
  'a bracket too many': `${GOOD}]`,
  'a comment': spoilt('[\n', '[\n// by hand\n'),
  'single quotes': GOOD.replaceAll('"', "'"),
  'a key without quotes': spoilt('"id"', 'id'),
  'a line break in a text': spoilt('preview of b', 'preview\nof b'),
  'a control character in a text': spoilt('preview of b', 'preview\u0001of b'),
  'an unknown escape': withToken('"\\x41"'),
  'a cut escape': withToken('"\\u12"'),
  'an escape that is no hex': withToken('"\\u12G4"'),
  'a number with a leading zero': withToken('01'),
  'a number with a plus': withToken('+1'),
  'a number that ends with its point': withToken('1.'),
  'a number without its digits': withToken('-'),
  'a hexadecimal number': withToken('0x10'),
  NaN: withToken('NaN'),
  Infinity: withToken('-Infinity'),
  undefined: withToken('undefined'),
  'an array closed as an object': withToken('[1}'),
  'an object closed as an array': withToken('{"a":1]'),
  'an object with a comma too many': withToken('{"a":1,}'),
  'an object without a value': withToken('{"a"}'),
  'nothing where a value belongs': withToken(''),
  'an entry that is null': withEntry(null),
  'an entry that is a string': withEntry('b'),
  'an entry that is an array': withEntry([storedEntry('b')]),
  'an entry without a workspace tag': withEntry({ process: storedEntry('b').process }),
  'a workspace tag that is null': withEntry({ ...storedEntry('b'), workspaceId: null }),
  'a workspace tag that is a number': withEntry({ ...storedEntry('b'), workspaceId: 5 }),
  'an entry without a process': withEntry({ workspaceId: '' }),
  'a process that is null': withEntry({ workspaceId: '', process: null }),
  'a process that is an array': withEntry({ workspaceId: '', process: [] }),
  'a process that is a text': withEntry({ workspaceId: '', process: '{}' }),
  'a process outside its entry': withEntry(storedEntry('b').process),
  'a process without an id': withProcess({ id: undefined }),
  'an id that is a number': withProcess({ id: 5 }),
  'an id that is null': withProcess({ id: null }),
  'a process without a status': withProcess({ status: undefined }),
  'a status that is null': withProcess({ status: null }),
  'a process without a start time': withProcess({ startTime: undefined }),
  'a start time that is a number': withProcess({ startTime: 1714557600000 }),
  'a start time that is null': withProcess({ startTime: null }),
};

const CALLS = [
  ['getProcess', (store) => store.getProcess('a')],
  ['getProcess of an unknown id', (store) => store.getProcess('nobody')],
  ['getAllProcesses', (store) => store.getAllProcesses()],
  ['a list of nothing', (store) => store.getAllProcesses({ limit: 0 })],
  ['addProcess', (store) => store.addProcess(sample('new'))],
  ['updateProcess', (store) => store.updateProcess('a', { status: 'failed' })],
  ['updateProcess of an unknown id', (store) => store.updateProcess('nobody', { status: 'failed' })],
  ['removeProcess', (store) => store.removeProcess('a')],
  ['clearProcesses', (store) => store.clearProcesses()],
];

function expectCorrupt(error, file, call) {
  expect(error, call).toBeInstanceOf(Error);
  expect(error.code, call).toBe('ERR_STORE_CORRUPT');
  expect(error.path, call).toBe(file);
  expect(error.line, call).toSatisfy((line) => Number.isInteger(line) && line >= 1);
  expect(error.column, call).toSatisfy((column) => Number.isInteger(column) && column >= 1);
}

describe.each(Object.entries(CORRUPT))('%s', (_, content) => {
  test('is refused by every call, stays as it is, and works again when mended', async () => {
    const { store, dir, file } = freshStore();
    const events = [];
    store.onProcessChange = (event) => events.push(event);
    writeFileSync(file, content);
    const before = readFileSync(file, 'hex');
    for (const [name, call] of CALLS) {
      expectCorrupt(await rejection(call(store)), file, name);
      expect(readFileSync(file, 'hex'), name).toBe(before);
    }
    expect(dataNames(dir)).toEqual(['processes.json']);
    expect(events).toEqual([]);

    writeFileSync(file, GOOD);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'c']);
    await store.addProcess(sample('d'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('the error', () => {
  async function errorOf(text) {
    const { store, file } = freshStore();
    writeFileSync(file, text);
    const error = await rejection(store.getAllProcesses());
    expectCorrupt(error, file);
    return { error, file };
  }

  test('says where, what was expected, and how to recover', async () => {
    const { error, file } = await errorOf(spoilt('preview of b', 'preview\nof b'));
    expect(error.message).toContain(file);
    expect(error.message).toMatch(new RegExp(`line ${error.line}\\b.*column ${error.column}\\b`, 's'));
    expect(error.message).toMatch(/expected/i);
    expect(error.message).toMatch(/mend|repair|restore|recover|fix/i);
  });

  test('points at the first character that is wrong', async () => {
    // the contract is silent here: lines and columns count from 1
    expect((await errorOf('[\n  oops\n]')).error).toMatchObject({ line: 2, column: 3 });
    expect((await errorOf('{}')).error).toMatchObject({ line: 1, column: 1 });
    expect((await errorOf('[]\n\n  trailing')).error).toMatchObject({ line: 3, column: 3 });
  });

  test.each([
    ['process.id', withProcess({ id: undefined }), /\bid\b/],
    ['process.status', withProcess({ status: 5 }), /status/],
    ['process.startTime', withProcess({ startTime: null }), /startTime/],
    ['workspaceId', withEntry({ process: storedEntry('b').process }), /workspaceId/],
    ['process', withEntry({ workspaceId: '' }), /process\b/],
  ])('names %s where an entry lacks it, and points into that entry', async (_, text, name) => {
    const { error } = await errorOf(text);
    expect(error.message).toMatch(name);
    const lines = text.split('\n');
    const first = lines.indexOf('  {', lines.indexOf('  {') + 1) + 1;
    const last = lines.indexOf('  },', first) + 1;
    expect(error.line).toBeGreaterThanOrEqual(first);
    expect(error.line).toBeLessThanOrEqual(last);
  });

  test('of a mutation is the same as that of a read', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, CORRUPT['a file cut in the middle']);
    const [read, write] = [
      await rejection(store.getProcess('a')),
      await rejection(store.addProcess(sample('a'))),
    ];
    expectCorrupt(write, file);
    expect([write.line, write.column]).toEqual([read.line, read.column]);
  });
});

describe('a file that becomes corrupt while the store is open', () => {
  test('is refused although it was read before', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    expect(await store.getAllProcesses()).toHaveLength(1);
    const good = readFileSync(file);
    writeFileSync(file, good.subarray(0, good.length - 5));
    for (const [name, call] of CALLS) expectCorrupt(await rejection(call(store)), file, name);
    writeFileSync(file, good);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });

  test('is an empty store once it is gone', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, '');
    await rejection(store.addProcess(sample('a')));
    rmSync(file);
    expect(await store.getAllProcesses()).toEqual([]);
    await store.addProcess(sample('a'));
    expect(existsSync(file)).toBe(true);
  });

  test('rejects every one of many concurrent calls, and none of those after it was mended', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, '[');
    const ids = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const outcomes = await Promise.allSettled(ids.map((id) => store.addProcess(sample(id))));
    for (const { reason } of outcomes) expectCorrupt(reason, file);
    writeFileSync(file, '[]');
    await Promise.all(ids.map((id) => store.addProcess(sample(id))));
    expect(idsOf(await store.getAllProcesses())).toEqual(ids);
  });
});

describe('workspaces.json is refused likewise', () => {
  const broken = [
    '',
    '{}',
    '[',
    '[null]',
    '["w"]',
    '[[]]',
    '[{}]',
    '[{"id":5}]',
    '[{"id":"w"},{"name":"x"}]',
  ];

  test.each(broken)('%j', async (text) => {
    const { store, workspacesFile } = freshStore();
    writeFileSync(workspacesFile, text);
    const info = { id: 'w', name: 'W', rootPath: '/' };
    expectCorrupt(await rejection(store.getWorkspaces()), workspacesFile);
    expectCorrupt(await rejection(store.registerWorkspace(info)), workspacesFile);
    expect(readFileSync(workspacesFile, 'utf8')).toBe(text);
    writeFileSync(workspacesFile, '[]');
    await store.registerWorkspace(info);
    expect(await store.getWorkspaces()).toEqual([info]);
  });
});
