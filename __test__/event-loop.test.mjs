// The event loop: calls that can be answered at once must not keep timers and sockets from their turn.

import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, sample } from './support.mjs';

const ROUNDS = 5_000;

/** A connection to an echo server in this process. */
async function echoConnection() {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect(server.address().port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  return socket;
}

/** Awaits one call after another, and tells which of the loop's events came before the last one was done. */
async function duringCalls(call) {
  const socket = await echoConnection();
  const seen = { timer: 0, immediate: 0, socket: 0 };
  const timer = setInterval(() => (seen.timer += 1), 1);
  setImmediate(() => (seen.immediate += 1));
  socket.once('data', () => (seen.socket += 1));
  socket.write('ping');
  for (let i = 0; i < ROUNDS; i++) await call(i);
  clearInterval(timer);
  return seen;
}

function expectTurns(seen) {
  expect(seen.immediate).toBe(1);
  expect(seen.socket).toBe(1);
  expect(seen.timer).toBeGreaterThanOrEqual(1);
}

describe('5,000 awaited gets in a row leave timers and sockets their turn', () => {
  test('of a record that is there', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { fullPrompt: 'x'.repeat(10_000) }));
    expectTurns(await duringCalls(() => store.getProcess('a')));
  });

  test('of an id that is not there', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    expectTurns(await duringCalls((i) => store.getProcess(`nobody ${i}`)));
  });

  test('of a store without a file', async () => {
    const { dir } = freshStore();
    const store = new FileProcessStore({ dataDir: join(dir, 'missing') });
    expectTurns(await duringCalls(() => store.getProcess('a')));
  });

  test('over several store objects in turn', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const stores = Array.from({ length: 10 }, () => new FileProcessStore({ dataDir: dir }));
    expectTurns(await duringCalls((i) => stores[i % stores.length].getProcess('a')));
  });
});

describe('other chains of calls leave timers and sockets their turn', () => {
  test.each([
    ['lists', (store) => store.getAllProcesses({ limit: 1 })],
    ['empty lists', (store) => store.getAllProcesses({ limit: 0 })],
    ['workspaces', (store) => store.getWorkspaces()],
  ])('of %s', async (_, call) => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expectTurns(await duringCalls(() => call(store)));
  });

  test('100 concurrent writes beside them go on', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    let written = 0;
    const writes = Array.from({ length: 100 }, (_, i) =>
      store.addProcess(sample(`p${i}`)).then(() => (written += 1)),
    );
    for (let i = 0; i < ROUNDS; i++) await store.getProcess('a');
    await Promise.all(writes);
    expect(written).toBe(100);
    expect(await store.getAllProcesses()).toHaveLength(101);
  });
});

test('under the fake timers of a test runner every call is done, without a tick', async () => {
  const toFake = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance', 'Date'];
  vi.useFakeTimers({ toFake });
  onTestFinished(() => void vi.useRealTimers());
  const { store } = freshStore();
  await store.addProcess(sample('a'));
  await store.updateProcess('a', { n: 1 });
  await store.updateProcess('a', ({ n }) => ({ n: n + 1 }));
  expect(await store.getProcess('a')).toMatchObject({ n: 2 });
  await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
  await store.close();
});

describe('calls made at once are handed over together', () => {
  /** Adds so many records, and tells how many turns the loop took before they were handed over, and how often. */
  async function handedOver(store, count, size) {
    const { NativeStore } = createRequire(import.meta.url)('../lib/addon.js');
    let turns = 0;
    const at = [];
    const write = NativeStore.prototype.writeProcesses;
    const spy = vi.spyOn(NativeStore.prototype, 'writeProcesses').mockImplementation(function (...args) {
      at.push(turns);
      return write.apply(this, args);
    });
    let counting = true;
    const turn = () => counting && setImmediate(() => turn((turns += 1)));
    turn();
    const ids = Array.from({ length: count }, (_, index) => `${size} ${index}`);
    await Promise.all(ids.map((id) => store.addProcess(sample(id, { fullPrompt: 'x'.repeat(size) }))));
    counting = false;
    spy.mockRestore();
    return { at, ids };
  }

  test('in the turn in which they were made', async () => {
    const { store } = freshStore();
    const { at, ids } = await handedOver(store, 100, 100);
    expect(at).toEqual([0]);
    expect(await store.getProcessIds()).toEqual(ids);
  });

  test('in several turns where they are large, in their order, and what comes meanwhile behind them', async () => {
    const { store } = freshStore();
    const large = handedOver(store, 20, 100_000);
    await new Promise(setImmediate);
    await store.addProcess(sample('meanwhile'));
    const { at, ids } = await large;
    expect(at).toHaveLength(2);
    expect(at[0]).toBeGreaterThanOrEqual(2);
    expect(await store.getProcessIds()).toEqual([...ids, 'meanwhile']);
  });
});
