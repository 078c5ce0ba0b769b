// updateProcess with a function of the current record: what it sees, what it returns, and what goes wrong.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { childEnv } from './mode.mjs';
import {
  dataState,
  freshStore,
  fullSample,
  idsOf,
  readEntries,
  rejection,
  sample,
  storedEntry,
} from './support.mjs';

const increment = (current) => ({ n: (current.n ?? 0) + 1 });

/** A store with the record `a`, and a log of its events. */
async function storeWith(fields = {}, options = {}) {
  const fresh = freshStore(options);
  await fresh.store.addProcess(fullSample('a', { n: 0, ...fields }));
  const log = [];
  fresh.store.onProcessChange = (event) => log.push(event);
  return { ...fresh, log };
}

describe('what the function is given', () => {
  test('the current record, with Dates and unknown keys', async () => {
    const { store } = await storeWith({ extra: { deep: [1] } });
    const seen = [];
    await store.updateProcess('a', (current) => void seen.push(current));
    expect(seen).toStrictEqual([fullSample('a', { n: 0, extra: { deep: [1] } })]);
  });

  test('a record of its own: changing it changes nothing', async () => {
    const { store } = await storeWith();
    await store.updateProcess('a', (current) => {
      current.n = 99;
      current.metadata.workspaceId = 'changed';
      current.conversationTurns.push('changed');
      return { result: 'r' };
    });
    expect(await store.getProcess('a')).toEqual(fullSample('a', { n: 0, result: 'r' }));
  });

  test('what another store object has just written', async () => {
    const { store, dir } = await storeWith();
    const other = new FileProcessStore({ dataDir: dir });
    await other.updateProcess('a', { n: 41 });
    await store.updateProcess('a', increment);
    expect(await other.getProcess('a')).toMatchObject({ n: 42 });
  });
});

describe('what the function returns', () => {
  test('fields are merged as those of a plain update are: undefined removes, null stays', async () => {
    const { store } = await storeWith();
    const endTime = new Date('2025-01-01T00:00:00.000Z');
    const metadata = { type: 'moved', workspaceId: 'ws-2' };
    await store.updateProcess('a', () => ({ result: undefined, error: null, endTime, metadata, extra: [1] }));
    const expected = fullSample('a', { n: 0, result: undefined, error: null, endTime, metadata, extra: [1] });
    expect(await store.getProcess('a')).toEqual(expected);
    expect(await store.getProcessIds({ workspaceId: 'ws-2' })).toEqual(['a']);
  });

  test('it may be the record itself, changed', async () => {
    const { store } = await storeWith();
    await store.updateProcess('a', (current) => {
      current.conversationTurns[0].content = 'changed';
      return Object.assign(current, { n: 5, endTime: undefined });
    });
    const expected = fullSample('a', { n: 5, endTime: undefined });
    expected.conversationTurns[0].content = 'changed';
    expect(await store.getProcess('a')).toEqual(expected);
  });

  test('undefined leaves the record alone: no write, no event', async () => {
    const { store, dir, log } = await storeWith();
    const before = dataState(dir);
    expect(await store.updateProcess('a', () => undefined)).toBeUndefined();
    expect(await store.updateProcess('a', () => {})).toBeUndefined();
    expect(dataState(dir)).toEqual(before);
    expect(log).toEqual([]);
  });

  test('the event carries the merged record, after it is on disk and before the promise', async () => {
    const { store, file } = await storeWith();
    const order = [];
    store.onProcessChange = (event) => {
      expect(event).toStrictEqual({ type: 'process-updated', process: fullSample('a', { n: 1 }) });
      order.push(`event, ${readEntries(file)[0].process.n} on disk`);
    };
    await store.updateProcess('a', increment).then(() => order.push('resolved'));
    expect(order).toEqual(['event, 1 on disk', 'resolved']);
  });

  test.each([
    ['a promise', async () => ({ n: 5 }), 'ERR_INVALID_ARG_VALUE', /^updates must .*promise/],
    ['any thenable', () => ({ then() {} }), 'ERR_INVALID_ARG_VALUE', /^updates must .*promise/],
    ['null', () => null, 'ERR_INVALID_ARG_TYPE', /^updates must be an object, got null/],
    ['a string', () => 'failed', 'ERR_INVALID_ARG_TYPE', /^updates must be an object, got string/],
    ['an array', () => [], 'ERR_INVALID_ARG_TYPE', /^updates must be an object, got array/],
    ['another id', () => ({ id: 'b' }), 'ERR_INVALID_ARG_VALUE', /^updates\.id /],
    ['an empty status', () => ({ status: '' }), 'ERR_INVALID_ARG_VALUE', /^updates\.status /],
    ['no start time', () => ({ startTime: undefined }), 'ERR_INVALID_ARG_TYPE', /^updates\.startTime /],
    ['a text for a date', () => ({ endTime: 'now' }), 'ERR_INVALID_ARG_TYPE', /^updates\.endTime /],
    ['a BigInt', () => ({ metadata: { type: 'm', n: 1n } }), 'ERR_INVALID_ARG_VALUE', /^updates\.metadata /],
  ])('%s rejects that call, and changes nothing', async (_, change, code, message) => {
    const { store, dir, log } = await storeWith();
    const before = dataState(dir);
    const error = await rejection(store.updateProcess('a', change));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(dataState(dir)).toEqual(before);
    expect(log).toEqual([]);
  });

  test('a promise that rejects is no unhandled rejection beside the error that the call gives', async () => {
    const { store } = await storeWith();
    const unhandled = [];
    const listener = (reason) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const refused = store.updateProcess('a', async () => {
      throw new Error('late');
    });
    expect((await rejection(refused)).code).toBe('ERR_INVALID_ARG_VALUE');
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

describe('when the function is called', () => {
  test('never for an id that is not there, and the call resolves without a write', async () => {
    const { store, dir, log } = await storeWith();
    const before = dataState(dir);
    let calls = 0;
    for (const id of ['nobody', '']) await store.updateProcess(id, () => ({ n: (calls += 1) }));
    expect(calls).toBe(0);
    expect(dataState(dir)).toEqual(before);
    expect(log).toEqual([]);
  });

  test('a missing directory has no record, and is not made', async () => {
    const { dir } = freshStore();
    const store = new FileProcessStore({ dataDir: `${dir}/missing` });
    await store.updateProcess('a', () => expect.unreachable());
    expect(dataState(dir)).toEqual([]);
  });

  test('what it throws is what the call rejects with, and nothing is changed', async () => {
    const { store, dir, log } = await storeWith();
    const before = dataState(dir);
    for (const thrown of [new Error('mine'), 'a string', undefined]) {
      const throwing = () => {
        throw thrown;
      };
      expect(await rejection(store.updateProcess('a', throwing))).toBe(thrown);
    }
    expect(dataState(dir)).toEqual(before);
    expect(log).toEqual([]);
  });

  test('it is called again with the newer record if another writer came in between', async () => {
    const { store, file } = await storeWith();
    const seen = [];
    await store.updateProcess('a', (current) => {
      seen.push(current.n);
      if (seen.length === 1)
        writeFileSync(file, JSON.stringify([storedEntry('a', { n: 10, result: 'theirs' })]));
      return { n: current.n + 1 };
    });
    expect(seen).toEqual([0, 10]);
    expect(await store.getProcess('a')).toMatchObject({ n: 11, result: 'theirs' });
  });

  test('no lock is held while it runs: another process may write meanwhile, the same record included', async () => {
    const { store, dir } = await storeWith();
    const entry = new URL('../index.js', import.meta.url).href;
    const body = `
      const { FileProcessStore } = await import(${JSON.stringify(entry)});
      const store = new FileProcessStore({ dataDir: ${JSON.stringify(dir)}, lockTimeoutMs: 100 });
      await store.updateProcess('a', ({ n }) => ({ n: n + 40 }));
      await store.addProcess({ id: 'b', status: 'queued', startTime: new Date() });`;
    const env = childEnv;
    const seen = [];
    await store.updateProcess('a', (current) => {
      seen.push(current.n);
      if (seen.length === 1) {
        const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', body], {
          env,
        });
        expect([status, String(stderr)]).toEqual([0, '']);
      }
      return increment(current);
    });
    expect(seen).toEqual([0, 40]);
    expect(await store.getProcess('a')).toMatchObject({ n: 41 });
    expect(await store.getProcessIds()).toEqual(['a', 'b']);
  });

  test('what it throws when it is called again counts, too', async () => {
    const { store, file } = await storeWith();
    const theirs = [storedEntry('a', { n: 10 })];
    const change = ({ n }) => {
      if (n === 10) throw new Error('ten is enough');
      writeFileSync(file, JSON.stringify(theirs));
      return { n: 1 };
    };
    expect((await rejection(store.updateProcess('a', change))).message).toBe('ten is enough');
    expect(readEntries(file)).toEqual(theirs);
  });

  test('it is not called again for a change of another record', async () => {
    const { store, file } = await storeWith();
    let calls = 0;
    await store.updateProcess('a', (current) => {
      calls += 1;
      writeFileSync(file, JSON.stringify([storedEntry('b'), ...readEntries(file)], null, 2));
      return { n: current.n + 1 };
    });
    expect(calls).toBe(1);
    expect((await store.getAllProcesses()).map(({ id, n }) => [id, n])).toEqual([
      ['b', undefined],
      ['a', 1],
    ]);
  });

  test('a record that was removed in between is left removed', async () => {
    const { store, file, log } = await storeWith();
    let calls = 0;
    await store.updateProcess('a', (current) => {
      calls += 1;
      writeFileSync(file, '[]');
      return { n: current.n + 1 };
    });
    expect(calls).toBe(1);
    expect(await store.getAllProcesses()).toEqual([]);
    expect(log).toEqual([]);
  });

  test('a call that comes while an earlier one fails to write is made all the same', async () => {
    const { store, file } = await storeWith();
    // With a folder in the place of the lock, nothing can be written.
    const lock = `${file}.lock`;
    let second;
    const first = store.updateProcess('a', () => {
      rmSync(lock);
      mkdirSync(lock);
      second = store.updateProcess('a', (current) => {
        rmdirSync(lock);
        return increment(current);
      });
      return { result: 'never written' };
    });
    expect(await rejection(first)).toBeInstanceOf(Error);
    await second;
    expect(await store.getProcess('a')).toEqual(fullSample('a', { n: 1 }));
  });

  test('it may call the store, the same record included', async () => {
    const { store } = await storeWith();
    const inner = [];
    await store.updateProcess('a', (current) => {
      inner.push(
        store.getProcess('a').then((found) => found.n),
        store.updateProcess('a', increment).then(() => 'by function'),
        store.updateProcess('a', { result: 'plain' }).then(() => 'plain'),
        store.addProcess(sample('b')).then(() => 'added'),
      );
      return { n: current.n + 1 };
    });
    expect(await Promise.all(inner)).toEqual([expect.any(Number), 'by function', 'plain', 'added']);
    expect(await store.getProcess('a')).toMatchObject({ n: 2, result: 'plain' });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });

  test('a corrupt file rejects without calling it, and once it is mended calls work', async () => {
    const { store, file } = await storeWith();
    writeFileSync(file, '[{"half":');
    const error = await rejection(store.updateProcess('a', () => expect.unreachable()));
    expect(error.code).toBe('ERR_STORE_CORRUPT');
    writeFileSync(file, '[]');
    await store.addProcess(sample('a'));
    await store.updateProcess('a', increment);
    expect(await store.getProcess('a')).toMatchObject({ n: 1 });
  });
});
