// Live output and flush handlers: in memory, synchronous, and nothing is kept.

import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { dataState, freshStore, rejection, sample } from './support.mjs';

/** Ids that mean something to an event emitter or to an object. */
const ODD_IDS = [
  'error',
  '__proto__',
  'newListener',
  'removeListener',
  'constructor',
  'toString',
  '',
  ' ',
  '\ud83d',
];

describe('live output', () => {
  test.each([
    [
      'onProcessOutput, id',
      (store) => store.onProcessOutput(5, () => {}),
      /^id must be a string, got number$/,
    ],
    ['onProcessOutput, callback', (store) => store.onProcessOutput('a'), /^callback must be a function/],
    ['emitProcessOutput, id', (store) => store.emitProcessOutput(Symbol('s'), 'x'), /^id must/],
    ['emitProcessOutput, content', (store) => store.emitProcessOutput('a', undefined), /^content must/],
    ['emitProcessEvent, id', (store) => store.emitProcessEvent(null, { type: 'x' }), /^id must/],
    ['emitProcessEvent, event', (store) => store.emitProcessEvent('a', 'x'), /^event must be an object/],
    ['emitProcessComplete, id', (store) => store.emitProcessComplete({}, 'failed', 1), /^id must/],
    ['emitProcessComplete, status', (store) => store.emitProcessComplete('a', 5, 1), /^status must/],
    ['emitProcessComplete, duration', (store) => store.emitProcessComplete('a', 'failed'), /^duration must/],
    ['registerFlushHandler, id', (store) => store.registerFlushHandler(5, () => {}), /^id must/],
    ['registerFlushHandler, handler', (store) => store.registerFlushHandler('a', null), /^handler must/],
    ['unregisterFlushHandler, id', (store) => store.unregisterFlushHandler(5), /^id must/],
  ])('an argument of the wrong type throws, and nothing is heard or ended: %s', (_, call, message) => {
    const { store } = freshStore();
    const heard = [];
    for (const id of ['a', '5', 'undefined']) store.onProcessOutput(id, (event) => heard.push(event));
    expect(() => call(store)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => call(store)).toThrow(message);
    expect(() => call(store)).toThrow(TypeError);
    expect(heard).toEqual([]);
    store.emitProcessOutput('a', 'still here');
    expect(heard).toHaveLength(1);
  });

  test('comes as chunks, as the given events and as the end, at once and in order', () => {
    const { store } = freshStore();
    const heard = [];
    store.onProcessOutput('a', (event) => heard.push(event));
    const event = { type: 'tool-start', name: 'read', nested: { a: [1] } };
    store.emitProcessOutput('a', 'Hello, ');
    expect(heard).toEqual([{ type: 'chunk', content: 'Hello, ' }]);
    store.emitProcessEvent('a', event);
    expect(heard[1]).toBe(event);
    store.emitProcessComplete('a', 'completed', 1200);
    expect(heard[2]).toEqual({ type: 'complete', status: 'completed', duration: 1200 });
    expect(heard).toHaveLength(3);
  });

  test('is for its own id and its own store object alone, and writes nothing', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const before = dataState(dir);
    const heard = [];
    store.onProcessOutput('b', () => heard.push('b'));
    new FileProcessStore({ dataDir: dir }).onProcessOutput('a', () => heard.push('other store'));
    store.onProcessChange = () => heard.push('change');
    store.emitProcessOutput('a', 'text');
    store.emitProcessComplete('a', 'failed', '2 s');
    expect(heard).toEqual([]);
    expect(dataState(dir)).toEqual(before);
  });

  test('goes to all callbacks, in the order of their subscriptions, also to one that was given twice', () => {
    const { store } = freshStore();
    const heard = [];
    const twice = () => heard.push('twice');
    store.onProcessOutput('a', () => heard.push('first'));
    const end = store.onProcessOutput('a', twice);
    store.onProcessOutput('a', twice);
    store.emitProcessOutput('a', 'x');
    end();
    store.emitProcessOutput('a', 'x');
    expect(heard).toEqual(['first', 'twice', 'twice', 'first', 'twice']);
  });

  test('needs no process in the store, and no listener', () => {
    const { store } = freshStore();
    expect(store.emitProcessOutput('nobody', 'x')).toBeUndefined();
    expect(store.emitProcessEvent('nobody', { type: 'x' })).toBeUndefined();
    expect(store.emitProcessComplete('nobody', 'completed', 0)).toBeUndefined();
  });

  test.each(ODD_IDS)('may be that of any id: %j', (id) => {
    const { store } = freshStore();
    const heard = [];
    // Without a listener an emitter throws at an 'error'.
    store.emitProcessEvent(id, { type: 'error' });
    const end = store.onProcessOutput(id, ({ type }) => heard.push(type));
    for (const other of ODD_IDS) if (other !== id) store.emitProcessOutput(other, 'x');
    store.emitProcessOutput(id, 'x');
    store.emitProcessEvent(id, new Error('an event of its own kind'));
    end();
    store.emitProcessComplete(id, 'completed', 0);
    expect(heard).toEqual(['chunk', undefined]);
  });

  test('what a callback throws comes out of the call that has emitted', () => {
    const { store } = freshStore();
    const heard = [];
    store.onProcessOutput('a', () => {
      throw new Error('mine');
    });
    store.onProcessOutput('a', ({ type }) => heard.push(type));
    expect(() => store.emitProcessOutput('a', 'x')).toThrow('mine');
    expect(() => store.emitProcessComplete('a', 'completed', 0)).toThrow('mine');
    // It was the end all the same.
    store.emitProcessOutput('a', 'x');
    expect(heard).toEqual([]);
  });

  test('callbacks may subscribe, unsubscribe and emit while they are called', () => {
    const { store } = freshStore();
    const heard = [];
    const end = store.onProcessOutput('a', ({ content }) => {
      heard.push(`one ${content}`);
      end();
      store.onProcessOutput('a', (event) => heard.push(`late ${event.content}`));
      store.emitProcessOutput('b', 'inner');
    });
    store.onProcessOutput('a', ({ content }) => heard.push(`two ${content}`));
    store.onProcessOutput('b', ({ content }) => heard.push(`b ${content}`));
    store.emitProcessOutput('a', '1');
    store.emitProcessOutput('a', '2');
    expect(heard).toEqual(['one 1', 'b inner', 'two 1', 'two 2', 'late 2']);
  });
});

describe('a subscription ends', () => {
  test('when it is ended, also twice', () => {
    const { store } = freshStore();
    const heard = [];
    const end = store.onProcessOutput('a', () => heard.push('ended'));
    store.onProcessOutput('a', () => heard.push('going on'));
    expect(end()).toBeUndefined();
    end();
    store.emitProcessOutput('a', 'x');
    expect(heard).toEqual(['going on']);
  });

  test('with the end of the process; later ones for the same id are new', () => {
    const { store } = freshStore();
    const heard = [];
    const end = store.onProcessOutput('a', ({ type }) => heard.push(`old ${type}`));
    store.onProcessOutput('b', ({ type }) => heard.push(`b ${type}`));
    store.emitProcessComplete('a', 'cancelled', 5);
    store.onProcessOutput('a', ({ type }) => heard.push(`new ${type}`));
    end();
    store.emitProcessOutput('a', 'x');
    store.emitProcessOutput('b', 'x');
    expect(heard).toEqual(['old complete', 'new chunk', 'b chunk']);
  });

  test('not, if it is made while the end is told: that one hears what comes after it', () => {
    const { store } = freshStore();
    const heard = [];
    store.onProcessOutput('a', ({ type }) => {
      heard.push(`old ${type}`);
      if (type === 'complete') store.onProcessOutput('a', (event) => heard.push(`new ${event.type}`));
    });
    store.onProcessOutput('a', ({ type }) => heard.push(`other ${type}`));
    store.emitProcessComplete('a', 'failed', 5);
    store.emitProcessOutput('a', 'of the second attempt');
    store.emitProcessComplete('a', 'completed', 5);
    store.emitProcessOutput('a', 'heard by nobody');
    expect(heard).toEqual(['old complete', 'other complete', 'new chunk', 'new complete']);
  });
});

describe('arguments of the wrong type', () => {
  const nothing = () => {};
  test.each([
    ['onProcessOutput', [5, nothing], /^id must be a string, got number/],
    ['onProcessOutput', ['a'], /^callback must be a function, got undefined/],
    ['onProcessOutput', ['a', {}], /^callback must be a function, got object/],
    ['emitProcessOutput', [undefined, 'x'], /^id must be a string, got undefined/],
    ['emitProcessOutput', [Symbol('a'), 'x'], /^id must be a string, got symbol/],
    ['emitProcessOutput', ['a', Buffer.from('x')], /^content must be a string, got object/],
    ['emitProcessOutput', ['a'], /^content must be a string, got undefined/],
    ['emitProcessEvent', [null, { type: 'x' }], /^id must be a string, got null/],
    ['emitProcessEvent', ['a', 'tool-start'], /^event must be an object, got string/],
    ['emitProcessEvent', ['a', null], /^event must be an object, got null/],
    ['emitProcessEvent', ['a', []], /^event must be an object, got array/],
    ['emitProcessComplete', [{}, 'completed', 1], /^id must be a string, got object/],
    ['emitProcessComplete', ['a', undefined, 1], /^status must be a string, got undefined/],
    ['emitProcessComplete', ['a', 'completed'], /^duration must be a number or a string, got undefined/],
    ['registerFlushHandler', [5, nothing], /^id must be a string, got number/],
    ['registerFlushHandler', ['a', 'flush'], /^handler must be a function, got string/],
    ['unregisterFlushHandler', [5], /^id must be a string, got number/],
  ])('%s throws, and nobody hears of it or is forgotten: %#', (method, args, message) => {
    const { store } = freshStore();
    const heard = [];
    for (const id of ['a', 'undefined', 'null', '5']) store.onProcessOutput(id, (event) => heard.push(event));
    const code = 'ERR_INVALID_ARG_TYPE';
    const expected = expect.objectContaining({ code, message: expect.stringMatching(message) });
    expect(() => store[method](...args)).toThrow(expected);
    expect(heard).toEqual([]);
    store.emitProcessOutput('a', 'x');
    expect(heard).toHaveLength(1);
  });

  test('requestFlush rejects', async () => {
    const { store } = freshStore();
    const message = 'id must be a string, got number';
    expect(await rejection(store.requestFlush(5))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message });
  });
});

describe('flush handlers', () => {
  test('requestFlush waits for the handler of that process', async () => {
    const { store } = freshStore();
    const order = [];
    store.registerFlushHandler('a', async () => {
      await store.addProcess(sample('a', { result: 'buffered' }));
      order.push('flushed');
    });
    store.registerFlushHandler('b', () => order.push('b'));
    expect(await store.requestFlush('a')).toBeUndefined();
    order.push('resolved');
    expect(order).toEqual(['flushed', 'resolved']);
    expect(await store.getProcess('a')).toMatchObject({ result: 'buffered' });
  });

  test('requestFlush resolves where there is none, or no more', async () => {
    const { store } = freshStore();
    await store.requestFlush('a');
    store.registerFlushHandler('a', () => expect.unreachable());
    store.unregisterFlushHandler('a');
    store.unregisterFlushHandler('a');
    for (const id of ['a', ...ODD_IDS]) expect(await store.requestFlush(id)).toBeUndefined();
  });

  test('a new handler replaces the old one', async () => {
    const { store } = freshStore();
    const called = [];
    for (const name of ['old', 'new']) store.registerFlushHandler('a', () => called.push(name));
    await store.requestFlush('a');
    await store.requestFlush('a');
    expect(called).toEqual(['new', 'new']);
  });

  test('requestFlush rejects with what the handler throws or rejects with', async () => {
    const { store } = freshStore();
    const mine = new Error('mine');
    store.registerFlushHandler('a', () => {
      throw mine;
    });
    store.registerFlushHandler('b', () => Promise.reject(mine));
    for (const id of ['a', 'b', 'a']) expect(await rejection(store.requestFlush(id))).toBe(mine);
  });

  test('flush calls none of them', async () => {
    const { store } = freshStore();
    store.registerFlushHandler('a', () => expect.unreachable());
    await store.flush();
  });
});
