// Many calls, many store objects, many processes: nothing is lost, nothing is torn.

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import {
  dataNames,
  freshStore,
  idsOf,
  readEntries,
  runNode,
  sample,
  withStore,
  storedText,
} from './support.mjs';

const numbered = (name, count) => Array.from({ length: count }, (_, i) => `${name}${i}`);
const ended = { code: 0, signal: null, stderr: '' };

describe('one process', () => {
  test('200 concurrent adds are all there, in order', async () => {
    const { store, file } = freshStore();
    const ids = numbered('p', 200);
    await Promise.all(ids.map((id) => store.addProcess(sample(id, { result: id.repeat(50) }))));
    expect(idsOf(await store.getAllProcesses())).toEqual(ids);
    const entries = ids.map((id) => ({ workspaceId: '', process: sample(id, { result: id.repeat(50) }) }));
    expect(storedText(file)).toBe(JSON.stringify(entries, null, 2));
  });

  test('100 concurrent updates of one record all take effect', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    await Promise.all(numbered('key', 100).map((key, i) => store.updateProcess('a', { [key]: i, last: i })));
    const expected = Object.fromEntries(numbered('key', 100).map((key, i) => [key, i]));
    expect(await store.getProcess('a')).toEqual({ ...sample('a'), ...expected, last: 99 });
  });

  test('two store objects on one directory lose nothing', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    const calls = [];
    for (const id of numbered('p', 50)) {
      calls.push(store.addProcess(sample(`one ${id}`)), other.addProcess(sample(`two ${id}`)));
    }
    await Promise.all(calls);
    for (const reader of [store, other]) {
      const ids = idsOf(await reader.getAllProcesses());
      expect(ids.filter((id) => id.startsWith('one'))).toEqual(numbered('one p', 50));
      expect(ids.filter((id) => id.startsWith('two'))).toEqual(numbered('two p', 50));
    }
  });

  test('the same directory by another name is the same store', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: `${dir}/./x/..//` });
    await Promise.all(numbered('p', 40).map((id, i) => (i % 2 ? store : other).addProcess(sample(id))));
    expect(await store.getAllProcesses()).toHaveLength(40);
  });

  test('reads beside writes always see a whole state, and never an older one', async () => {
    const { store } = freshStore();
    let written = false;
    const writing = Promise.all(numbered('p', 60).map((id) => store.addProcess(sample(id)))).then(() => {
      written = true;
    });
    let seen = 0;
    while (!written) {
      const count = (await store.getAllProcesses()).length;
      expect(count).toBeGreaterThanOrEqual(seen);
      seen = count;
    }
    await writing;
    expect(await store.getAllProcesses()).toHaveLength(60);
  });

  test('mixed calls leave what the same calls leave one after another', async () => {
    const calls = (store) => {
      const steps = [];
      for (let i = 0; i < 60; i++) {
        steps.push(() => store.addProcess(sample(`p${i % 25}`, { result: `r${i}` })));
        steps.push(() => store.updateProcess(`p${(i * 7) % 25}`, { error: `e${i}`, status: 'completed' }));
        if (i % 5 === 0) steps.push(() => store.removeProcess(`p${(i * 3) % 25}`));
        if (i % 20 === 19)
          steps.push(() => store.clearProcesses({ status: 'completed', limit: 3, offset: 1 }));
      }
      return steps;
    };
    const [together, apart] = [freshStore({ durable: false }), freshStore({ durable: false })];
    await Promise.all(calls(together.store).map((call) => call()));
    for (const call of calls(apart.store)) await call();
    expect(storedText(together.file)).toBe(storedText(apart.file));
    expect(readEntries(apart.file).length).toBeGreaterThan(5);
  });
});

describe('several processes on one directory', () => {
  // Some calls one after another, some at once, so that the processes meet in every way.
  const addHundred = withStore(`
    const ids = Array.from({ length: 100 }, (_, i) => args[1] + i);
    for (const id of ids.slice(0, 20)) await store.addProcess(sample(id));
    for (let i = 20; i < 100; i += 10) {
      await Promise.all(ids.slice(i, i + 10).map((id) => store.addProcess(sample(id))));
    }`);

  test('four of them that add 100 records each lose nothing and reject nothing', async () => {
    const { store, dir } = freshStore();
    const names = ['a', 'b', 'c', 'd'];
    let running = true;
    const writers = Promise.all(names.map((name) => runNode(addHundred, [dir, name]))).finally(() => {
      running = false;
    });
    // Meanwhile every read is whole: the file parses, and it only grows.
    let seen = 0;
    while (running) {
      const count = (await store.getAllProcesses()).length;
      expect(count).toBeGreaterThanOrEqual(seen);
      seen = count;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const outcome of await writers) expect(outcome).toMatchObject(ended);
    const ids = idsOf(await store.getAllProcesses());
    expect(ids).toHaveLength(400);
    for (const name of names) {
      expect(ids.filter((id) => id.startsWith(name))).toEqual(numbered(name, 100));
    }
    expect(dataNames(dir)).toEqual(['processes.json']);
  });

  test('updates of different fields of one record all stay', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('shared'));
    const body = `for (let i = 0; i < 30; i++) await store.updateProcess('shared', { [args[1] + i]: i });`;
    const names = ['x', 'y', 'z'];
    const outcomes = await Promise.all(names.map((name) => runNode(withStore(body), [dir, name])));
    for (const outcome of outcomes) expect(outcome).toMatchObject(ended);
    const found = await store.getProcess('shared');
    for (const name of names) {
      const values = numbered(name, 30).map((key) => found[key]);
      expect(values).toEqual(Array.from({ length: 30 }, (_, i) => i));
    }
  });

  test('adds of one and removals of another both take effect', async () => {
    const { store, dir } = freshStore();
    await Promise.all(numbered('old', 40).map((id) => store.addProcess(sample(id))));
    const remove = withStore(`for (let i = 0; i < 40; i++) await store.removeProcess('old' + i);`);
    const add = withStore(`for (let i = 0; i < 40; i++) await store.addProcess(sample('new' + i));`);
    const outcomes = await Promise.all([runNode(remove, [dir]), runNode(add, [dir])]);
    for (const outcome of outcomes) expect(outcome).toMatchObject(ended);
    expect(idsOf(await store.getAllProcesses())).toEqual(numbered('new', 40));
  });

  test('workspaces that two processes register are all there', async () => {
    const { store, dir } = freshStore();
    const body = `for (let i = 0; i < 30; i++)
      await store.registerWorkspace({ id: args[1] + i, name: 'W', rootPath: '/' });`;
    const outcomes = await Promise.all(['a', 'b'].map((name) => runNode(withStore(body), [dir, name])));
    for (const outcome of outcomes) expect(outcome).toMatchObject(ended);
    const ids = idsOf(await store.getWorkspaces());
    expect(ids.sort()).toEqual([...numbered('a', 30), ...numbered('b', 30)].sort());
  });

  test('two of them that make the directory at once both find it made', async () => {
    const { dir } = freshStore();
    const dataDir = `${dir}/one/two/three`;
    const body = `await store.addProcess(sample(args[1]));`;
    const outcomes = await Promise.all(['a', 'b', 'c'].map((id) => runNode(withStore(body), [dataDir, id])));
    for (const outcome of outcomes) expect(outcome).toMatchObject(ended);
    const ids = idsOf(await new FileProcessStore({ dataDir }).getAllProcesses());
    expect(ids.sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('worker threads', () => {
  test('on one directory lose nothing', async () => {
    const { store, dir } = freshStore();
    const source = `
      const { workerData } = require('node:worker_threads');
      const { FileProcessStore } = require(workerData.entry);
      const store = new FileProcessStore({ dataDir: workerData.dir });
      const add = (i) => store.addProcess({
        id: workerData.name + i, type: 'x', promptPreview: '', fullPrompt: '', status: 'running', startTime: new Date(0),
      });
      (async () => { for (let i = 0; i < 50; i += 5) await Promise.all([0, 1, 2, 3, 4].map((k) => add(i + k))); })();`;
    const entry = fileURLToPath(new URL('../index.js', import.meta.url));
    const run = (name) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(source, { eval: true, workerData: { entry, dir, name } });
        worker.on('error', reject);
        worker.on('exit', resolve);
      });
    const mine = numbered('main', 50).map((id) => store.addProcess(sample(id)));
    expect(await Promise.all([run('a'), run('b')])).toEqual([0, 0]);
    await Promise.all(mine);
    const ids = idsOf(await store.getAllProcesses());
    expect(ids).toHaveLength(150);
    for (const name of ['a', 'b', 'main']) {
      expect(ids.filter((id) => new RegExp(`^${name}\\d`).test(id))).toEqual(numbered(name, 50));
    }
  });
});
