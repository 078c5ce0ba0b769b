// No method throws synchronously, whatever it is given: it returns a promise, and the store works on.

import { describe, expect, test } from 'vitest';
import { ensureDataDir } from '../index.js';
import { PROCESS_KEYS, freshStore, idsOf, rejection, sample } from './support.mjs';

const FILTER_KEYS = ['workspaceId', 'status', 'type', 'since', 'until', 'limit', 'offset', 'exclude'];

function boom() {
  throw new Error('boom');
}

/** An object of which every known property throws when it is read. */
function throwingGetters() {
  const object = {};
  for (const key of [...PROCESS_KEYS, ...FILTER_KEYS, 'name', 'rootPath', 'length', 'extra', 'then']) {
    Object.defineProperty(object, key, { get: boom, enumerable: true });
  }
  return object;
}

function throwingProxy(target = {}) {
  const names = Object.getOwnPropertyNames(Reflect);
  return new Proxy(target, Object.fromEntries(names.map((name) => [name, boom])));
}

function revokedProxy(target = {}) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const hostileText = { toString: boom, valueOf: boom, [Symbol.toPrimitive]: boom, toJSON: boom };

/** What no method can use in any place: each must be refused wherever it is given. */
const HOSTILE = {
  'a symbol': () => Symbol('s'),
  'a number': () => 5,
  NaN: () => NaN,
  'a BigInt': () => 1n,
  'a boolean': () => true,
  'an object with throwing getters': throwingGetters,
  'a proxy that throws': () => throwingProxy(),
  'a revoked proxy': () => revokedProxy(),
};

/** What may be right in one place and wrong in another. */
const ODD = {
  undefined: () => undefined,
  null: () => null,
  'a string': () => 'text',
  'the empty string': () => '',
  'a function': () => boom,
  'a function proxy that throws': () => throwingProxy(boom),
  'a revoked function proxy': () => revokedProxy(boom),
  'an array': () => [1],
  'an empty object': () => ({}),
  'an object without a prototype': () => Object.create(null),
  'an object that throws when it is made a text': () => ({ ...hostileText }),
  'a date': () => new Date(0),
  'an invalid date': () => new Date(NaN),
  'a map': () => new Map([['id', 'a']]),
  'a regular expression': () => /x/,
  'a promise': () => Promise.resolve({}),
  'a thenable that throws': () => ({
    get then() {
      return boom();
    },
  }),
  'a boxed string': () => Object('text'),
  'a typed array': () => new Uint8Array(3),
  'a buffer': () => Buffer.from('text'),
  'an error': () => new Error('x'),
  'an array proxy that throws': () => throwingProxy([]),
};

/** Every method, with a value in each of its places. */
const CALLS = {
  'addProcess(value)': (store, value) => store.addProcess(value),
  'updateProcess(value, updates)': (store, value) => store.updateProcess(value, { status: 'failed' }),
  'updateProcess(id, value)': (store, value) => store.updateProcess('keep', value),
  'removeProcess(value)': (store, value) => store.removeProcess(value),
  'getProcess(value)': (store, value) => store.getProcess(value),
  'getAllProcesses(value)': (store, value) => store.getAllProcesses(value),
  'clearProcesses(value)': (store, value) => store.clearProcesses(value),
  'registerWorkspace(value)': (store, value) => store.registerWorkspace(value),
};

/** Calls, and fails the test if the call itself throws or returns anything but a promise. */
function callSafely(call, store, value) {
  let returned;
  expect(() => {
    returned = call(store, value);
  }).not.toThrow();
  expect(returned).toBeInstanceOf(Promise);
  return returned;
}

async function storeWithOne() {
  const fresh = freshStore({ durable: false });
  await fresh.store.addProcess(sample('keep'));
  return fresh;
}

describe.each(Object.entries(CALLS))('%s', (_, call) => {
  test.each(Object.entries(HOSTILE))('rejects %s', async (_name, make) => {
    const { store } = await storeWithOne();
    await rejection(callSafely(call, store, make()));
    expect(await store.getAllProcesses()).toEqual([sample('keep')]);
  });

  test('returns a promise for every odd value', async () => {
    const { store } = await storeWithOne();
    for (const make of Object.values(ODD)) {
      await callSafely(call, store, make()).catch((error) => error);
    }
    await store.addProcess(sample('after'));
    expect(idsOf(await store.getAllProcesses())).toContain('after');
  });
});

test('ensureDataDir rejects whatever is no string', async () => {
  const { 'a string': _text, 'the empty string': _empty, ...odd } = ODD;
  for (const make of Object.values({ ...HOSTILE, ...odd })) {
    await rejection(callSafely((_store, value) => ensureDataDir(value), null, make()));
  }
});

describe('values within objects', () => {
  const values = { ...HOSTILE, ...ODD };

  test.each(PROCESS_KEYS)('whatever process.%s is, the call returns a promise', async (key) => {
    const { store } = await storeWithOne();
    let stored = 0;
    for (const make of Object.values(values)) {
      const process = { ...sample('a'), [key]: make() };
      await callSafely((s) => s.addProcess(process), store).then(
        () => (stored += 1),
        () => {},
      );
      await callSafely((s) => s.updateProcess('keep', { [key]: make() }), store).catch(() => {});
      await callSafely((s) => s.addProcess({ ...sample('a'), extra: { [key]: make() } }), store).catch(
        () => {},
      );
      // Whatever was accepted can be read.
      expect(idsOf(await store.getAllProcesses())).toContain('keep');
    }
    expect(stored).toBeLessThan(Object.keys(values).length);
  });

  test.each(FILTER_KEYS)('whatever filter.%s is, the call returns a promise', async (key) => {
    const { store } = await storeWithOne();
    for (const make of Object.values(values)) {
      await callSafely((s) => s.getAllProcesses({ [key]: make() }), store).catch(() => {});
      await callSafely((s) => s.clearProcesses({ [key]: make() }), store).catch(() => {});
    }
    await store.addProcess(sample('after'));
    expect(idsOf(await store.getAllProcesses())).toContain('after');
  });

  test('whatever a field of a workspace is, the call returns a promise', async () => {
    const { store } = await storeWithOne();
    for (const make of Object.values(values)) {
      for (const key of ['id', 'name', 'rootPath', 'color', 'extra']) {
        const info = { id: 'w', name: 'W', rootPath: '/', [key]: make() };
        await callSafely((s) => s.registerWorkspace(info), store).catch(() => {});
      }
      expect(await store.getWorkspaces()).toBeInstanceOf(Array);
    }
  });

  test('an array of statuses may hold anything, and be anything', async () => {
    const { store } = await storeWithOne();
    for (const make of Object.values(HOSTILE)) {
      await rejection(callSafely((s) => s.getAllProcesses({ status: ['x', make()] }), store));
      await rejection(callSafely((s) => s.clearProcesses({ status: ['x', make()] }), store));
    }
    expect(idsOf(await store.getAllProcesses())).toEqual(['keep']);
  });
});

describe('calls without arguments or with too many', () => {
  test('every method that needs an argument rejects without one', async () => {
    const { store } = await storeWithOne();
    for (const method of [
      'addProcess',
      'updateProcess',
      'getProcess',
      'removeProcess',
      'registerWorkspace',
    ]) {
      await rejection(callSafely((s) => s[method](), store));
    }
    await rejection(callSafely((s) => s.updateProcess('keep'), store));
    expect(await store.getAllProcesses()).toEqual([sample('keep')]);
  });

  test('arguments that a method does not have are ignored', async () => {
    // the contract is silent here
    const { store } = await storeWithOne();
    expect(idsOf(await store.getAllProcesses(undefined, Symbol('s')))).toEqual(['keep']);
    expect(await store.getWorkspaces(Symbol('s'))).toEqual([]);
  });
});
