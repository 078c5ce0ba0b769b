// Bad arguments: every one rejects with a code and a message that names the argument and the field.

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FileProcessStore, ensureDataDir } from '../index.js';
import { dataState, freshStore, idsOf, rejection, sample, tempDir } from './support.mjs';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';

const cycle = { type: 'm' };
cycle.list = [{ back: cycle }];
const turn = (fields) => ({ role: 'user', content: 'x', timestamp: new Date(0), turnIndex: 0, ...fields });

/** Rows with a readable name in front: a test's title cannot be made of every value. */
const named = (rows) =>
  rows.map((row) => [`${row[0]}: ${inspect(row[1], { depth: 0, breakLength: Infinity })}`, ...row]);

function expectArgumentError(error, code, message) {
  expect(error.message).toMatch(message);
  expect(error.code).toBe(code);
  expect(error).toSatisfy((e) => e instanceof TypeError || (code === VALUE && e instanceof RangeError));
}

/** Calls on a store with one record, and expects that nothing but the rejection happens. */
async function expectRefused(call, code, message) {
  const { store, dir } = freshStore();
  const events = [];
  await store.addProcess(sample('before'));
  store.onProcessChange = (event) => events.push(event);
  const state = dataState(dir);
  expectArgumentError(await rejection(call(store)), code, message);
  expect(dataState(dir)).toEqual(state);
  expect(await store.getAllProcesses()).toEqual([sample('before')]);
  expect(events).toEqual([]);
}

describe('a process of the wrong shape', () => {
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['number', 5],
    ['string', 'p'],
    ['boolean', true],
    ['bigint', 1n],
    ['symbol', Symbol('s')],
    ['function', () => {}],
  ])('addProcess names what it got: %s', async (got, value) => {
    await expectRefused((store) => store.addProcess(value), TYPE, `process must be an object, got ${got}`);
  });

  const fields = [
    ['id', undefined, TYPE, /^process\.id must be a .*string, got undefined/],
    ['id', null, TYPE, /^process\.id must be a .*string, got null/],
    ['id', 5, TYPE, /^process\.id must be a .*string, got number/],
    ['id', Symbol('s'), TYPE, /^process\.id must be a .*string, got symbol/],
    ['id', '', VALUE, /^process\.id /],
    ['status', undefined, TYPE, /^process\.status must be a .*string, got undefined/],
    ['status', 5, TYPE, /^process\.status must be a .*string, got number/],
    ['status', '', VALUE, /^process\.status /],
    ['startTime', undefined, TYPE, /^process\.startTime must be a Date, got undefined/],
    ['startTime', null, TYPE, /^process\.startTime must be a Date, got null/],
    ['startTime', '2024-05-01T10:00:00.000Z', TYPE, /^process\.startTime must be a Date, got string/],
    ['startTime', 1714557600000, TYPE, /^process\.startTime must be a Date, got number/],
    ['startTime', Object.create(Date.prototype), TYPE, /^process\.startTime must be a Date, got object/],
    ['startTime', new Date(NaN), VALUE, /^process\.startTime /],
    ['endTime', '2024-05-01T10:00:00.000Z', TYPE, /^process\.endTime must be a Date, got string/],
    ['endTime', new Date(NaN), VALUE, /^process\.endTime /],
    ['type', 5, TYPE, /^process\.type must be a .*string, got number/],
    ['promptPreview', 5, TYPE, /^process\.promptPreview must be a .*string, got number/],
    ['fullPrompt', {}, TYPE, /^process\.fullPrompt must be a .*string, got object/],
    ['result', true, TYPE, /^process\.result must be a .*string, got boolean/],
    ['structuredResult', {}, TYPE, /^process\.structuredResult must be a .*string, got object/],
    ['parentProcessId', 5, TYPE, /^process\.parentProcessId must be a .*string, got number/],
    ['metadata', 'text', TYPE, /^process\.metadata must be an object, got string/],
    ['groupMetadata', 5, TYPE, /^process\.groupMetadata must be an object, got number/],
    [
      'metadata',
      { type: 'm', workspaceId: 5 },
      TYPE,
      /^process\.metadata\.workspaceId must be a .*string, got number/,
    ],
    ['metadata', { type: 'm', big: 1n }, VALUE, /^process\.metadata/],
    ['metadata', cycle, VALUE, /^process\.metadata/],
    ['extra', 1n, VALUE, /^process\.extra/],
    ['extra', [cycle], VALUE, /^process\.extra/],
    ['conversationTurns', 'none', TYPE, /^process\.conversationTurns must be an array, got string/],
    [
      'conversationTurns',
      [turn({ timestamp: 5 })],
      TYPE,
      /^process\.conversationTurns.*timestamp must be a Date, got number/,
    ],
    [
      'conversationTurns',
      [turn(), turn({ timestamp: new Date(NaN) })],
      VALUE,
      /^process\.conversationTurns.*timestamp/,
    ],
  ];

  test.each(named(fields))('%s is refused with the field named', async (_, field, value, code, message) => {
    const process = sample('a', { [field]: value });
    await expectRefused((store) => store.addProcess(process), code, message);
  });

  test.each(named(fields.filter(([field]) => field !== 'id')))(
    '%s is refused in an update likewise',
    async (_, field, value, code, message) => {
      const named = new RegExp(message.source.replace('process', 'updates'));
      await expectRefused((store) => store.updateProcess('before', { [field]: value }), code, named);
    },
  );

  test('a process that lacks a field that it needs is refused', async () => {
    for (const field of ['id', 'status', 'startTime']) {
      const process = sample('a');
      delete process[field];
      await expectRefused(
        (store) => store.addProcess(process),
        TYPE,
        new RegExp(`^process\\.${field} must be`),
      );
    }
  });

  test('a value whose getter or toJSON throws is refused', async () => {
    const metadata = {
      type: 'm',
      get trap() {
        throw new Error('sprung');
      },
    };
    const { store, dir } = freshStore();
    expect(await rejection(store.addProcess(sample('a', { metadata })))).toBeInstanceOf(Error);
    const toJSON = () => {
      throw new Error('sprung');
    };
    expect(await rejection(store.addProcess(sample('a', { extra: { toJSON } })))).toBeInstanceOf(Error);
    expect(dataState(dir)).toEqual([]);
  });

  test('a record is refused by its name if its fields can be written one by one, but not together', async () => {
    // Two results of 300 MB are too long for one string; so that no test needs them, this one fails once.
    let calls = 0;
    const toJSON = () => {
      calls += 1;
      if (calls === 1) throw new RangeError('Invalid string length');
    };
    await expectRefused(
      (store) => store.addProcess(sample('a', { extra: { toJSON } })),
      VALUE,
      /^process can't be written as JSON: Invalid string length$/,
    );
    expect(calls).toBe(2);
  });
});

describe('other arguments of the wrong type', () => {
  const calls = [
    ['getProcess', (store, id) => store.getProcess(id)],
    ['updateProcess', (store, id) => store.updateProcess(id, { status: 'failed' })],
    ['removeProcess', (store, id) => store.removeProcess(id)],
  ];
  const noIds = [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'number'],
    [{}, 'object'],
    [Symbol('s'), 'symbol'],
    [Object('before'), 'object'],
  ];

  test.each(calls)('%s rejects an id that is no string', async (_, call) => {
    for (const [id, got] of noIds) {
      await expectRefused((store) => call(store, id), TYPE, new RegExp(`^id must be a .*string, got ${got}`));
    }
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['string', 'failed'],
    ['number', 5],
    ['symbol', Symbol('s')],
  ])('updateProcess rejects updates of the type %s', async (got, updates) => {
    const message = new RegExp(`^updates must be an? .*object.*, got ${got}`);
    await expectRefused((store) => store.updateProcess('before', updates), TYPE, message);
  });

  test('getProcess rejects a workspace that is no string', async () => {
    for (const [workspace, got] of [
      [5, 'number'],
      [{}, 'object'],
      [false, 'boolean'],
    ]) {
      const message = `workspaceId must be a string, got ${got}`;
      await expectRefused((store) => store.getProcess('before', workspace), TYPE, message);
    }
  });

  test('ensureDataDir rejects a path that is no string', async () => {
    for (const path of [undefined, null, 5, {}, Symbol('s'), Object('text')]) {
      expectArgumentError(await rejection(ensureDataDir(path)), TYPE, /^path must be a .*string, got /);
    }
  });
});

describe('a rejected mutation', () => {
  test('changes nothing, and the calls queued before and behind it go on', async () => {
    const { store } = freshStore();
    const outcomes = await Promise.allSettled([
      store.addProcess(sample('a')),
      store.addProcess(sample('bad', { startTime: 'now' })),
      store.addProcess(sample('b')),
      store.updateProcess('a', { status: '' }),
      store.updateProcess('b', { status: 'completed' }),
      store.updateProcess('b', { id: 'a' }),
      store.clearProcesses({ workspaceId: '' }),
      store.removeProcess(null),
      store.addProcess(sample('c')),
    ]);
    expect(outcomes.map(({ status }) => status[0]).join('')).toBe('frfrfrrrf');
    expect(await store.getAllProcesses()).toEqual([
      sample('a'),
      sample('b', { status: 'completed' }),
      sample('c'),
    ]);
  });

  test('does not make the data directory', async () => {
    // the contract is silent here
    const { dir } = freshStore();
    const store = new FileProcessStore({ dataDir: `${dir}/missing` });
    await rejection(store.addProcess({}));
    await rejection(store.registerWorkspace({}));
    expect(dataState(dir)).toEqual([]);
    expect(await store.getAllProcesses()).toEqual([]);
  });
});

describe('the constructor throws', () => {
  test.each([
    ['a path in place of the options', '/tmp', TYPE, /^options must be an object, got string/],
    ['a dataDir that is a number', { dataDir: 5 }, TYPE, /^options\.dataDir must be a .*string, got number/],
    ['a dataDir that is a URL', { dataDir: new URL('file:///tmp') }, TYPE, /^options\.dataDir .*got object/],
    [
      'a cap that is a string',
      { maxProcesses: '5' },
      TYPE,
      /^options\.maxProcesses must be a .*number, got string/,
    ],
    ['a cap that is a BigInt', { maxProcesses: 5n }, TYPE, /^options\.maxProcesses .*got bigint/],
    ['a negative cap', { maxProcesses: -1 }, VALUE, /^options\.maxProcesses /],
    ['a fractional cap', { maxProcesses: 1.5 }, VALUE, /^options\.maxProcesses /],
    ['a cap of NaN', { maxProcesses: NaN }, VALUE, /^options\.maxProcesses /],
    ['durable as a number', { durable: 1 }, TYPE, /^options\.durable must be a boolean, got number/],
    ['a waiting time that is a string', { lockTimeoutMs: '5' }, TYPE, /^options\.lockTimeoutMs .*got string/],
    ['a negative waiting time', { lockTimeoutMs: -1 }, VALUE, /^options\.lockTimeoutMs /],
    ['a waiting time of NaN', { lockTimeoutMs: NaN }, VALUE, /^options\.lockTimeoutMs /],
    ['watch as a path', { watch: '/tmp' }, TYPE, /^options\.watch must be a boolean, got string/],
    ['watch as null', { watch: null }, TYPE, /^options\.watch must be a boolean, got null/],
    ['onPrune as a path', { onPrune: '/tmp' }, TYPE, /^options\.onPrune must be a function, got string/],
    ['onPrune as null', { onPrune: null }, TYPE, /^options\.onPrune must be a function, got null/],
  ])('for %s', (_, options, code, message) => {
    let error;
    try {
      new FileProcessStore(options);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(Error);
    expectArgumentError(error, code, message);
  });

  test('for an empty dataDir, which would mean the current folder', () => {
    // the contract is silent here
    expect(() => new FileProcessStore({ dataDir: '' })).toThrow(/^options\.dataDir /);
  });

  test('not for options that are undefined, absent or at their limits', async () => {
    const nothing = { maxProcesses: undefined, durable: undefined, lockTimeoutMs: undefined };
    for (const options of [nothing, { maxProcesses: 0 }, { maxProcesses: Infinity }, { lockTimeoutMs: 0 }]) {
      const store = new FileProcessStore({ dataDir: tempDir(), ...options });
      await store.addProcess(sample('a'));
      expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
    }
    expect(new FileProcessStore()).toBeInstanceOf(FileProcessStore);
    expect(new FileProcessStore(undefined)).toBeInstanceOf(FileProcessStore);
    expect(new FileProcessStore({ dataDir: undefined })).toBeInstanceOf(FileProcessStore);
  });
});
