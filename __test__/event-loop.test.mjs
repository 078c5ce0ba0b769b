// The event loop: calls that can be answered at once must not keep timers and sockets from their turn.

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
