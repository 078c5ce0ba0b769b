// flush, close and disposal: what is waited for, what is let go of, and what is refused afterwards.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import {
  freshStore,
  idsOf,
  readEntries,
  rejection,
  runNode,
  sample,
  tempDir,
  withStore,
} from './support.mjs';

const workspace = { id: 'w', name: 'W', rootPath: '/' };
const wiki = { id: 'k', name: 'K', wikiDir: '/k', aiEnabled: true, registeredAt: '2024-05-01T10:00:00.000Z' };
const ended = { code: 0, signal: null, stderr: '' };
const onLinux = process.platform === 'linux';

const CALLS = [
  ['addProcess', sample('b')],
  ['updateProcess', 'a', { result: 'r' }],
  ['updateProcess', 'a', () => ({ result: 'r' })],
  ['getProcess', 'a'],
  ['getAllProcesses'],
  ['getProcessSummaries'],
  ['getProcessIds'],
  ['getProcessCount'],
  ['removeProcess', 'a'],
  ['clearProcesses'],
  ['registerWorkspace', workspace],
  ['getWorkspaces'],
  ['updateWorkspace', 'w', { name: 'X' }],
  ['removeWorkspace', 'w'],
  ['clearAllWorkspaces'],
  ['registerWiki', wiki],
  ['getWikis'],
  ['updateWiki', 'k', { name: 'X' }],
  ['removeWiki', 'k'],
  ['clearAllWikis'],
  ['getStorageStats'],
  ['recover'],
  ['requestFlush', 'a'],
  ['flush'],
];
const READS = CALLS.filter(([method]) => method.startsWith('get'));

/** Uses up the time in which calls of one turn of the event loop are answered at once. */
async function busyTurn(store) {
  await store.getProcessCount();
  const end = performance.now() + 3;
  while (performance.now() < end);
}

describe('flush', () => {
  test('resolves when all that was called before is on disk', async () => {
    const { store, dir, file } = freshStore();
    await store.addProcess(sample('a'));
    store.addProcess(sample('b'));
    store.updateProcess('a', { result: 'plain' });
    store.updateProcess('a', ({ result }) => ({ result: `${result}, then by function` }));
    store.registerWorkspace(workspace);
    store.registerWiki(wiki);
    await store.flush();
    const [a, b] = readEntries(file);
    expect([a.process.result, b.process.id]).toEqual(['plain, then by function', 'b']);
    expect(idsOf(readEntries(join(dir, 'workspaces.json')))).toEqual(['w']);
    expect(idsOf(readEntries(join(dir, 'wikis.json')))).toEqual(['k']);
  });

  test('resolves at once where nothing is under way, and makes nothing', async () => {
    const { dir } = freshStore();
    const store = new FileProcessStore({ dataDir: join(dir, 'missing') });
    expect(await store.flush()).toBeUndefined();
    expect(existsSync(join(dir, 'missing'))).toBe(false);
  });

  test('does not reject for calls that do; their own promises tell', async () => {
    const { store } = freshStore();
    const refused = rejection(store.updateProcess('a', { id: 'b' }));
    const thrown = rejection(
      store.addProcess(sample('a')).then(() => {
        throw new Error('mine');
      }),
    );
    expect(await store.flush()).toBeUndefined();
    expect((await refused).code).toBe('ERR_INVALID_ARG_VALUE');
    expect((await thrown).message).toBe('mine');
  });

  test('may be called again and again, and the store goes on', async () => {
    const { store } = freshStore();
    const first = store.addProcess(sample('a'));
    await Promise.all([store.flush(), store.flush()]);
    await first;
    await store.addProcess(sample('b'));
    expect(await store.getProcessIds()).toEqual(['a', 'b']);
  });
});

describe('close', () => {
  test('finishes what was called before, with its events', async () => {
    const { store, file } = freshStore();
    const order = [];
    store.onProcessChange = ({ type, process }) => order.push(`${type} ${process.id}`);
    const calls = [
      store.addProcess(sample('a')).then(() => order.push('added')),
      store.updateProcess('a', () => ({ result: 'r' })).then(() => order.push('updated')),
    ];
    await store.close();
    expect(readEntries(file)[0].process.result).toBe('r');
    await Promise.all(calls);
    expect(order).toEqual(['process-added a', 'added', 'process-updated a', 'updated']);
  });

  test.each(READS)('finishes a read that was called before: %s', async (method, ...args) => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const expected = await store[method](...args);
    await busyTurn(store);
    const reading = store[method](...args);
    await store.close();
    expect(await reading).toEqual(expected);
  });

  test.each(READS)('finishes a read that waits for the watch to begin: %s', async (method, ...args) => {
    const { store: other, dir } = freshStore();
    await other.addProcess(sample('a'));
    const store = new FileProcessStore({ dataDir: dir, watch: true });
    const reading = store[method](...args);
    await store.close();
    expect(await reading).toEqual(await other[method](...args));
  });

  test.each(CALLS)('makes later calls reject: %s', async (method, ...args) => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    const closing = store.close();
    const refused = [rejection(store[method](...args))];
    await closing;
    refused.push(rejection(store[method](...args)));
    for (const error of await Promise.all(refused)) {
      expect(error).toMatchObject({ code: 'ERR_STORE_CLOSED', message: expect.stringContaining('closed') });
    }
    expect(idsOf(readEntries(file))).toEqual(['a']);
  });

  test('ends subscriptions and flush handlers; new ones are refused, and emitting is heard by nobody', async () => {
    const { store } = freshStore();
    const heard = [];
    const end = store.onProcessOutput('a', (event) => heard.push(event));
    store.registerFlushHandler('a', () => heard.push('flushed'));
    await store.close();
    store.emitProcessOutput('a', 'text');
    store.emitProcessEvent('a', { type: 'tool' });
    store.emitProcessComplete('a', 'completed', 5);
    end();
    store.unregisterFlushHandler('a');
    for (const method of ['onProcessOutput', 'registerFlushHandler']) {
      expect(() => store[method]('a', () => {})).toThrow(
        expect.objectContaining({ code: 'ERR_STORE_CLOSED' }),
      );
    }
    expect(heard).toEqual([]);
  });

  test('twice is fine, also at the same time, and of a store that was never used', async () => {
    const { store, dir } = freshStore();
    store.addProcess(sample('a'));
    expect(await Promise.all([store.close(), store.close()])).toEqual([undefined, undefined]);
    expect(await store.close()).toBeUndefined();
    const unused = new FileProcessStore({ dataDir: join(dir, 'missing'), watch: true });
    await unused.close();
    await unused.close();
    expect(existsSync(join(dir, 'missing'))).toBe(false);
  });

  test('resolves where calls were rejected', async () => {
    const { store } = freshStore();
    const refused = rejection(store.updateProcess('a', { id: 'b' }));
    expect(await store.close()).toBeUndefined();
    await refused;
  });

  test('leaves other store objects on the directory as they are', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    await store.addProcess(sample('a'));
    await store.close();
    await other.addProcess(sample('b'));
    expect(await other.getProcessIds()).toEqual(['a', 'b']);
    expect(await new FileProcessStore({ dataDir: dir }).getProcessIds()).toEqual(['a', 'b']);
  });

  test('may be called by a listener and by an update function, which are finished', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    let closed;
    await store.updateProcess('a', () => {
      closed ??= store.close();
      return { result: 'r' };
    });
    await closed;
    expect(readEntries(file)[0].process.result).toBe('r');
  });
});

describe.skipIf(!onLinux)('what close lets go of', () => {
  const openFiles = `
    const { readdirSync, readlinkSync } = await import('node:fs');
    const openFiles = () => readdirSync('/proc/self/fd').flatMap((fd) => {
      try { return [readlinkSync('/proc/self/fd/' + fd)]; } catch { return []; }
    });
    const held = () => openFiles().filter((file) => file.startsWith(args[0]) || file.includes('inotify')).length;
    // Threads that are about to end may hold something for a moment.
    const letGo = async () => {
      const limit = Date.now() + 60_000;
      while (held() > 0 && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 5));
      return held();
    };`;

  test('the data files', async () => {
    const body = `${openFiles}
      await store.addProcess(sample('a'));
      await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
      await store.close();
      console.log(await letGo());`;
    expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: '0\n' });
  });

  test('the watch', async () => {
    const body = `${openFiles}
      const watched = new FileProcessStore({ dataDir: args[0], watch: true });
      await watched.getProcessCount();
      const before = held();
      await watched.close();
      watched.onProcessChange = () => console.log('heard');
      await store.addProcess(sample('a'));
      await new Promise((resolve) => setTimeout(resolve, 200));
      await store.close();
      console.log(before > 0, await letGo());`;
    expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: 'true 0\n' });
  });

  test('the watch, also where it has not begun yet', async () => {
    const body = `${openFiles}
      const many = Array.from({ length: 20 }, () => new FileProcessStore({ dataDir: args[0], watch: true }));
      await Promise.all(many.map((watched) => watched.close()));
      await new Promise((resolve) => setTimeout(resolve, 200));
      console.log(await letGo());`;
    expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: '0\n' });
  });
});

describe('disposal', () => {
  test('closes the store', async () => {
    const { store, file } = freshStore();
    store.addProcess(sample('a'));
    const dispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
    expect(await store[dispose]()).toBeUndefined();
    expect(idsOf(readEntries(file))).toEqual(['a']);
    expect((await rejection(store.getAllProcesses())).code).toBe('ERR_STORE_CLOSED');
    await store[dispose]();
  });

  test('calls the close of a subclass', async () => {
    const closed = [];
    class Named extends FileProcessStore {
      async close() {
        closed.push('subclass');
        await super.close();
      }
    }
    await new Named({ dataDir: tempDir() })[Symbol.asyncDispose]();
    expect(closed).toEqual(['subclass']);
  });
});
