// Filters: what they match, how they page, and how clearing is stricter than listing.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dataState, freshStore, idsOf, rejection, sample, storedEntry } from './support.mjs';

const day = (n) => new Date(Date.UTC(2024, 0, n));

const RECORDS = [
  ['p1', 'ws-a', { status: 'running', type: 'clarification', startTime: day(1) }],
  ['p2', 'ws-b', { status: 'completed', type: 'discovery', startTime: day(2), parentProcessId: 'p1' }],
  ['p3', 'ws-a', { status: 'failed', type: 'code-review', startTime: day(3), parentProcessId: 'p1' }],
  ['p4', '', { status: 'queued', type: 'code-review', startTime: day(4) }],
  ['p5', 'ws-a', { status: 'completed', type: 'poem', startTime: day(5), parentProcessId: 'p2' }],
  ['p6', 'ws-b', { status: 'paused', type: 'discovery', startTime: day(2) }],
];
const ALL = RECORDS.map(([id]) => id);

function storeWithRecords() {
  const fresh = freshStore();
  const entries = RECORDS.map(([id, workspaceId, fields]) => storedEntry(id, fields, workspaceId));
  writeFileSync(fresh.file, JSON.stringify(entries));
  return fresh;
}

/** Every filter with the records that it stands for. */
const FILTERS = [
  [{}, ALL],
  [{ workspaceId: 'ws-a' }, ['p1', 'p3', 'p5']],
  [{ workspaceId: 'ws' }, []],
  [{ workspaceId: 'WS-A' }, []],
  [{ parentProcessId: 'p1' }, ['p2', 'p3']],
  [{ parentProcessId: 'p9' }, []],
  [{ parentProcessId: 'p' }, []],
  [{ status: 'completed' }, ['p2', 'p5']],
  [{ status: 'paused' }, ['p6']],
  [{ status: 'complete' }, []],
  [{ status: ['running', 'queued', 'running'] }, ['p1', 'p4']],
  [{ status: ['failed'] }, ['p3']],
  [{ status: [] }, []],
  [{ type: 'code-review' }, ['p3', 'p4']],
  [{ type: 'poem' }, ['p5']],
  [{ type: 'code' }, []],
  [{ since: day(3) }, ['p3', 'p4', 'p5']],
  [{ since: new Date(day(3).getTime() + 1) }, ['p4', 'p5']],
  [{ until: day(3) }, ['p1', 'p2', 'p6']],
  [{ until: new Date(day(3).getTime() + 1) }, ['p1', 'p2', 'p3', 'p6']],
  [{ since: day(2), until: day(4) }, ['p2', 'p3', 'p6']],
  [{ since: day(4), until: day(2) }, []],
  [{ limit: 2 }, ['p1', 'p2']],
  [{ limit: 0 }, []],
  [{ limit: 100 }, ALL],
  [{ limit: Infinity }, ALL],
  [{ offset: 0 }, ALL],
  [{ offset: 4 }, ['p5', 'p6']],
  [{ offset: 6 }, []],
  [{ offset: 100 }, []],
  [{ offset: 1, limit: 2 }, ['p2', 'p3']],
  [{ offset: 5, limit: 2 }, ['p6']],
  [{ offset: 2, limit: Infinity }, ['p3', 'p4', 'p5', 'p6']],
  [{ workspaceId: 'ws-a', offset: 1, limit: 1 }, ['p3']],
  [{ status: 'completed', offset: 1 }, ['p5']],
  [{ workspaceId: 'ws-a', status: 'completed', type: 'poem', parentProcessId: 'p2' }, ['p5']],
  [{ workspaceId: 'ws-b', status: 'completed', since: day(2), until: day(3), limit: 1 }, ['p2']],
  [{ workspaceId: 'ws-b', type: 'poem' }, []],
  [{ workspaceId: undefined, status: undefined, since: undefined, limit: undefined }, ALL],
  [{ offset: undefined, until: undefined, type: undefined, parentProcessId: undefined }, ALL],
];
const named = FILTERS.map(([filter, ids]) => [JSON.stringify(filter), filter, ids]);

const FIELDS = ['workspaceId', 'parentProcessId', 'status', 'type', 'since', 'until', 'limit', 'offset'];

describe('listing', () => {
  test.each(named)('the filter %s lists exactly what it names', async (_, filter, ids) => {
    const { store } = storeWithRecords();
    expect(idsOf(await store.getAllProcesses(filter))).toEqual(ids);
  });

  test.each([[undefined], [null], ['']])('a filter of %j is no constraint', async (filter) => {
    const { store } = storeWithRecords();
    expect(idsOf(await store.getAllProcesses(filter))).toEqual(ALL);
  });

  test.each(FIELDS)('a %s of undefined, null or an empty string is no constraint', async (field) => {
    const { store } = storeWithRecords();
    for (const value of [undefined, null, '']) {
      expect(idsOf(await store.getAllProcesses({ [field]: value }))).toEqual(ALL);
    }
  });

  test('a workspace filter matches the tag, not the metadata', async () => {
    const { store, file } = freshStore();
    const entry = storedEntry('a', { metadata: { type: 'm', workspaceId: 'in metadata' } }, 'in tag');
    writeFileSync(file, JSON.stringify([entry]));
    expect(idsOf(await store.getAllProcesses({ workspaceId: 'in tag' }))).toEqual(['a']);
    expect(await store.getAllProcesses({ workspaceId: 'in metadata' })).toEqual([]);
  });

  test('filters see what updates changed', async () => {
    const { store } = storeWithRecords();
    const changed = { status: 'archived', type: 't', parentProcessId: 'p9', startTime: day(20) };
    await store.updateProcess('p2', { ...changed, metadata: { type: 'm', workspaceId: 'ws-c' } });
    for (const filter of [
      { status: 'archived' },
      { type: 't' },
      { parentProcessId: 'p9' },
      { since: day(20) },
      { workspaceId: 'ws-c' },
    ]) {
      expect(idsOf(await store.getAllProcesses(filter))).toEqual(['p2']);
    }
    await store.updateProcess('p2', { parentProcessId: undefined, type: undefined });
    expect(await store.getAllProcesses({ parentProcessId: 'p9' })).toEqual([]);
    expect(idsOf(await store.getAllProcesses({ type: 'clarification' }))).toEqual(['p1', 'p2']);
  });

  test('paging through a list shows every record once, in order', async () => {
    const { store } = storeWithRecords();
    const pages = [];
    for (let offset = 0; offset < 8; offset += 2) {
      pages.push(...idsOf(await store.getAllProcesses({ offset, limit: 2 })));
    }
    expect(pages).toEqual(ALL);
  });
});

describe('clearing', () => {
  test.each(named)('the filter %s clears exactly what it lists', async (_, filter, ids) => {
    const { store } = storeWithRecords();
    const listed = idsOf(await store.getAllProcesses(filter));
    expect(await store.clearProcesses(filter)).toBe(ids.length);
    expect(listed).toEqual(ids);
    expect(idsOf(await store.getAllProcesses())).toEqual(ALL.filter((id) => !ids.includes(id)));
  });

  test.each([[[]], [[undefined]]])('clearProcesses called with %j clears everything', async (args) => {
    const { store } = storeWithRecords();
    expect(await store.clearProcesses(...args)).toBe(ALL.length);
    expect(await store.getAllProcesses()).toEqual([]);
  });

  async function expectRefused(filter, message) {
    const { store, dir } = storeWithRecords();
    const before = dataState(dir);
    const error = await rejection(store.clearProcesses(filter));
    expect(error.code).toMatch(/^ERR_INVALID_ARG_(TYPE|VALUE)$/);
    expect(error.message).toMatch(message);
    expect(dataState(dir)).toEqual(before);
    expect(idsOf(await store.getAllProcesses())).toEqual(ALL);
  }

  test.each([[null], ['']])('a filter of %j is refused', async (filter) => {
    await expectRefused(filter, /^filter must be /);
  });

  test.each(FIELDS)('a %s of null is refused, next to a good field too', async (field) => {
    await expectRefused({ [field]: null }, new RegExp(`^filter\\.${field} must `));
    await expectRefused({ workspaceId: 'ws-a', status: 'failed', [field]: null }, /^filter\./);
  });

  test.each(FIELDS)('a %s of an empty string is refused, next to a good field too', async (field) => {
    await expectRefused({ [field]: '' }, new RegExp(`^filter\\.${field} must `));
    await expectRefused({ workspaceId: 'ws-a', status: 'failed', [field]: '' }, /^filter\./);
  });

  test('clearing a store without a file resolves to 0', async () => {
    const { store, dir } = freshStore();
    expect(await store.clearProcesses()).toBe(0);
    expect(await store.clearProcesses({ workspaceId: 'ws-a' })).toBe(0);
    expect(dataState(dir)).toEqual([]);
  });

  test('adding goes on after clearing', async () => {
    const { store } = storeWithRecords();
    await store.clearProcesses({ since: day(2) });
    await store.addProcess(sample('new'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['p1', 'new']);
  });
});

describe('filters that cannot be meant', () => {
  const wrong = [
    ['a string', 'ws-a', 'ERR_INVALID_ARG_TYPE', /^filter must be an object, got string/],
    ['a number', 5, 'ERR_INVALID_ARG_TYPE', /^filter must be an object, got number/],
    [
      'a workspaceId that is a number',
      { workspaceId: 5 },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.workspaceId .*number/,
    ],
    ['a type that is an array', { type: ['x'] }, 'ERR_INVALID_ARG_TYPE', /^filter\.type /],
    [
      'a parent that is false',
      { parentProcessId: false },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.parentProcessId .*boolean/,
    ],
    ['a status that is a number', { status: 5 }, 'ERR_INVALID_ARG_TYPE', /^filter\.status .*number/],
    [
      'a status among others that is none',
      { status: ['failed', 5] },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.status.*number/,
    ],
    [
      'since as a string',
      { since: '2024-01-01' },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.since must be a Date, got string/,
    ],
    ['until as a number', { until: 0 }, 'ERR_INVALID_ARG_TYPE', /^filter\.until must be a Date, got number/],
    ['an invalid since', { since: new Date(NaN) }, 'ERR_INVALID_ARG_VALUE', /^filter\.since /],
    ['an invalid until', { until: new Date(NaN) }, 'ERR_INVALID_ARG_VALUE', /^filter\.until /],
    [
      'a limit as a string',
      { limit: '5' },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.limit must be a number, got string/,
    ],
    ['a negative limit', { limit: -1 }, 'ERR_INVALID_ARG_VALUE', /^filter\.limit /],
    ['a fractional limit', { limit: 1.5 }, 'ERR_INVALID_ARG_VALUE', /^filter\.limit /],
    ['a limit of NaN', { limit: NaN }, 'ERR_INVALID_ARG_VALUE', /^filter\.limit /],
    [
      'an offset that is a BigInt',
      { offset: 1n },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.offset must be a number, got bigint/,
    ],
    ['a negative offset', { offset: -1 }, 'ERR_INVALID_ARG_VALUE', /^filter\.offset /],
    ['a fractional offset', { offset: 0.5 }, 'ERR_INVALID_ARG_VALUE', /^filter\.offset /],
    [
      'exclude as a string',
      { exclude: 'conversation' },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.exclude must be an array, got string/,
    ],
    [
      'a part to exclude that is a number',
      { exclude: ['toolCalls', 5] },
      'ERR_INVALID_ARG_TYPE',
      /^filter\.exclude\[1\] must be a string, got number/,
    ],
    [
      'a part to exclude that is not known',
      { exclude: ['result'] },
      'ERR_INVALID_ARG_VALUE',
      /^filter\.exclude\[0\] must be 'conversation' or 'toolCalls', got 'result'/,
    ],
  ];

  const CALLS = [
    'getAllProcesses',
    'getProcessSummaries',
    'getProcessIds',
    'getProcessCount',
    'clearProcesses',
  ];

  test.each(wrong)('%s is refused by every list and by clearing', async (_, filter, code, message) => {
    const { store } = storeWithRecords();
    for (const call of CALLS) {
      const error = await rejection(store[call](filter));
      expect(error.code, call).toBe(code);
      expect(error.message).toMatch(message);
      expect(error).toSatisfy((e) => e instanceof TypeError || e instanceof RangeError);
    }
    expect(await store.getAllProcesses()).toHaveLength(ALL.length);
  });
});
