// A watch between operating-system processes and threads, and what it costs the process that has it.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore, ensureDataDir } from '../index.js';
import { startPlainStore } from './fixtures/plain-store-process.mjs';
import { startStore } from './fixtures/store-process.mjs';
import { freshStore, fullSample, readEntries, runNode, sample, tempDir, withStore } from './support.mjs';

const ended = { code: 0, signal: null, stderr: '' };
const onLinux = process.platform === 'linux';
const short = ({ type, process }) => (process ? `${type} ${process.id}` : type);
/** Keeps the event loop for so many milliseconds. */
const pause = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const heardBy = (events, ...expected) =>
  vi.waitFor(() => expect(events.map(short)).toEqual(expect.arrayContaining(expected)), 60_000);

/** A store with a watch here, and what it hears. */
async function watchingHere(dir) {
  const store = new FileProcessStore({ dataDir: dir, watch: true });
  onTestFinished(() => store.close());
  const events = [];
  store.onProcessChange = (event) => events.push(event);
  await store.getProcessCount();
  return { store, events };
}

/** A store with a watch in another process. */
async function watchingThere(dir) {
  const there = startStore({ dataDir: dir, watch: true });
  onTestFinished(() => there.stop());
  await there.call('getProcessCount');
  return there;
}

describe('two processes', () => {
  test('each hear what the other one changes, with the records', async () => {
    const dir = tempDir();
    const [here, there] = [await watchingHere(dir), await watchingThere(dir)];
    await here.store.addProcess(fullSample('a'));
    await heardBy(there.events, 'process-added a');
    await there.call('updateProcess', 'a', { status: 'failed' });
    await heardBy(here.events, 'process-updated a');
    await here.store.removeProcess('a');
    await heardBy(there.events, 'process-removed a');
    const updated = fullSample('a', { status: 'failed' });
    const expected = [
      { type: 'process-added', process: fullSample('a') },
      { type: 'process-updated', process: updated },
      { type: 'process-removed', process: updated },
    ];
    expect(here.events).toEqual(expected);
    expect(there.events).toEqual(expected);
  });

  test('that change different records at the same time each hear every change once', async () => {
    const dir = tempDir();
    const [here, there] = [await watchingHere(dir), await watchingThere(dir)];
    const calls = [];
    const ids = Array.from({ length: 40 }, (_, index) => `p${index}`);
    for (const [index, id] of ids.entries()) {
      calls.push(index % 2 ? here.store.addProcess(sample(id)) : there.call('addProcess', sample(id)));
      if (index % 10 === 9) await Promise.all(calls);
    }
    await here.store.addProcess(sample('last here'));
    await there.call('addProcess', sample('last there'));
    for (const { events } of [here, there]) {
      await heardBy(events, 'process-added last here', 'process-added last there');
      const all = [...ids, 'last here', 'last there'].map((id) => `process-added ${id}`);
      expect(events.map(short).sort()).toEqual(all.sort());
    }
  });

  test('that update one record at the same time both hear of its last state', async () => {
    const dir = tempDir();
    const [here, there] = [await watchingHere(dir), await watchingThere(dir)];
    await here.store.addProcess(sample('a', { n: 0 }));
    const mine = Array.from({ length: 20 }, () => here.store.updateProcess('a', ({ n }) => ({ n: n + 1 })));
    const theirs = Array.from({ length: 20 }, (_, index) => there.call('updateProcess', 'a', { m: index }));
    await Promise.all([...mine, ...theirs]);
    const last = await here.store.getProcess('a');
    expect(last).toMatchObject({ n: 20, m: 19 });
    for (const { events } of [here, there]) {
      await vi.waitFor(
        () => expect(events.some(({ process }) => process.n === 20 && process.m === 19)).toBe(true),
        10_000,
      );
    }
    const added = [here, there].map(
      ({ events }) => events.filter(({ type }) => type === 'process-added').length,
    );
    expect(added).toEqual([1, 1]);
  });

  test('hear what one of them has changed before what the other one made of it, even behind a thousand answers', async () => {
    const dir = tempDir();
    const { store, events } = await watchingHere(dir);
    await store.addProcess(sample('a'));
    const other = runNode(
      withStore(`
        while ((await store.getProcess('a'))?.result !== 'first') await new Promise((done) => setTimeout(done, 5));
        await store.updateProcess('a', { result: 'second' });`),
      [dir],
    );
    const result = () => readEntries(join(dir, 'processes.json'))[0].process.result;
    // The event loop gets to none of the answers before it gets to all of them, and more than it takes in one turn.
    const answers = Promise.all(Array.from({ length: 2500 }, () => ensureDataDir(dir)));
    pause(200);
    const updated = store.updateProcess('a', { result: 'first' });
    for (let turn = 0; turn < 100; turn += 1) await null;
    const limit = Date.now() + 60_000;
    while (result() !== 'second' && Date.now() < limit) pause(20);
    pause(500);
    await Promise.all([answers, updated, other]);
    await vi.waitFor(() => expect(events).toHaveLength(3), 60_000);
    expect(events.map(({ process }) => process.result)).toEqual([undefined, 'first', 'second']);
  });

  test('hear a plain store, too', async () => {
    const dir = tempDir();
    const { events } = await watchingHere(dir);
    const plain = startPlainStore(dir);
    onTestFinished(() => plain.stop());
    await plain.call('addProcess', sample('a'));
    await heardBy(events, 'process-added a');
    await plain.call('updateProcess', 'a', { status: 'completed' });
    await heardBy(events, 'process-updated a');
    await plain.call('removeProcess', 'a');
    await heardBy(events, 'process-removed a');
    expect(events).toHaveLength(3);
  });
});

describe('worker threads', () => {
  test('hear each other and the main thread, and end with their watch', async () => {
    const dir = tempDir();
    const { store, events } = await watchingHere(dir);
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { FileProcessStore } = require(workerData.entry);
      const store = new FileProcessStore({ dataDir: workerData.dir, watch: true });
      const heard = [];
      store.onProcessChange = ({ type, process }) => {
        heard.push(type + ' ' + process.id);
        if (process.id === 'main') parentPort.postMessage(heard);
      };
      store.addProcess({ id: 'worker', type: 'x', promptPreview: '', fullPrompt: '', status: 'running', startTime: new Date(0) })
        .then(() => parentPort.postMessage('ready'));
      parentPort.once('message', () => parentPort.close());`;
    const entry = fileURLToPath(new URL('../index.js', import.meta.url));
    const worker = new Worker(source, { eval: true, workerData: { entry, dir } });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const message = () =>
      new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(await message()).toBe('ready');
    await heardBy(events, 'process-added worker');
    const heard = message();
    await store.addProcess(sample('main'));
    expect(await heard).toEqual(['process-added worker', 'process-added main']);
    worker.postMessage('end');
    expect(await exited).toBe(0);
    // Its end has taken nothing from the watch here.
    await new FileProcessStore({ dataDir: dir }).addProcess(sample('after'));
    await heardBy(events, 'process-added after');
  });
});

describe('a process with a watch', () => {
  test.each([
    ['ends by itself as soon as it was made', ''],
    ['ends by itself after calls', `await store.addProcess(sample('b')); await watched.getAllProcesses();`],
    ['ends by itself with a listener', `watched.onProcessChange = console.log; await watched.flush();`],
  ])('%s', async (_, body) => {
    const made = `const watched = globalThis.kept = new FileProcessStore({ dataDir: args[0], watch: true });`;
    expect(await runNode(withStore(`${made} ${body}`), [tempDir()])).toEqual({ ...ended, stdout: '' });
  });

  test('can collect the store, which ends the watch', async () => {
    const { dir } = freshStore();
    const body = `
      const { setFlagsFromString } = await import('node:v8');
      const { runInNewContext } = await import('node:vm');
      const { readdirSync, readlinkSync } = await import('node:fs');
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc');
      const watches = () => process.platform !== 'linux' ? 0 : readdirSync('/proc/self/fd').filter((fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd).includes('inotify'); } catch { return false; }
      }).length;
      const made = await (async () => {
        const watched = new FileProcessStore({ dataDir: args[0], watch: true, onPrune: () => {} });
        watched.onProcessChange = () => watched;
        await watched.addProcess(sample('a'));
        await watched.updateProcess('a', () => ({ result: 'r' }));
        watched.onProcessOutput('a', () => watched);
        return new WeakRef(watched);
      })();
      const before = watches();
      const limit = Date.now() + 60_000;
      while ((made.deref() || watches() > 0) && Date.now() < limit) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        collect();
      }
      console.log(before, made.deref() === undefined, watches());`;
    const expected = { ...ended, stdout: `${onLinux ? 1 : 0} true 0\n` };
    expect(await runNode(withStore(body), [dir])).toEqual(expected);
  });
});
