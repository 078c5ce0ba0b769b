// The life of a process that uses the store: it ends by itself when its calls are done, and not before.

import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isJournaled } from './mode.mjs';
import { freshStore, idsOf, readEntries, runNode, tempDir, withStore } from './support.mjs';

const ended = { code: 0, signal: null, stderr: '' };

describe('a process ends by itself', () => {
  test.each([
    ['that only loaded the package', `await import(entry);`],
    ['that only made a store', withStore('')],
    ['after reads', withStore(`await store.getAllProcesses(); await store.getProcess('a');`)],
    ['after writes', withStore(`await store.addProcess(sample('a')); await store.removeProcess('a');`)],
    [
      'that still has a listener',
      withStore(`store.onProcessChange = () => {}; await store.addProcess(sample('a'));
        globalThis.kept = store;`),
    ],
    [
      'after a rejected call',
      withStore(
        `await store.addProcess({}).catch(() => {}); await store.clearProcesses(null).catch(() => {});`,
      ),
    ],
  ])('%s', async (_, source) => {
    expect(await runNode(source, [tempDir()])).toMatchObject(ended);
  });
});

describe('and not before its calls are done', () => {
  test('a write that nobody awaits is finished', async () => {
    const { dir, file } = freshStore();
    const body = `for (let i = 0; i < 20; i++) store.addProcess(sample('p' + i, { result: 'x'.repeat(100000) }));`;
    expect(await runNode(withStore(body), [dir])).toMatchObject(ended);
    expect(idsOf(readEntries(file))).toEqual(Array.from({ length: 20 }, (_, i) => `p${i}`));
  });

  test('what follows an awaited call is run', async () => {
    const { dir } = freshStore();
    const body = `
      await store.addProcess(sample('a'));
      await store.updateProcess('a', { status: 'completed' });
      console.log((await store.getProcess('a')).status);
      store.getAllProcesses().then((all) => console.log(all.length));
      store.clearProcesses().then(console.log);`;
    const { stdout, ...rest } = await runNode(withStore(body), [dir]);
    expect(rest).toEqual(ended);
    const [first, ...others] = stdout.trim().split('\n');
    expect(first).toBe('completed');
    expect(others).toHaveLength(2);
  });

  test('events of calls that nobody awaits are fired', async () => {
    const { dir } = freshStore();
    const body = `
      store.onProcessChange = ({ type }) => console.log(type);
      store.addProcess(sample('a'));
      store.removeProcess('a');
      store.clearProcesses();`;
    const { stdout, ...rest } = await runNode(withStore(body), [dir]);
    expect(rest).toEqual(ended);
    expect(stdout).toBe('process-added\nprocess-removed\nprocesses-cleared\n');
  });
});

describe('process.exit', () => {
  test('right after an awaited call loses nothing', async () => {
    const { dir, file } = freshStore();
    for (let i = 0; i < 5; i++) {
      const body = `await store.addProcess(sample(args[1])); process.exit(7);`;
      expect(await runNode(withStore(body), [dir, `p${i}`])).toMatchObject({
        code: 7,
        signal: null,
        stderr: '',
      });
      expect(idsOf(readEntries(file))).toHaveLength(i + 1);
    }
  });

  test('in the middle of calls leaves a whole file, with every call that had resolved', async () => {
    const { dir, file, store } = freshStore();
    const body = `
      let resolved = 0;
      for (let i = 0; i < 200; i++) {
        const id = 'p' + i;
        store.addProcess(sample(id)).then(() => {
          require('node:fs').writeSync(1, id + ' ');
          if (++resolved === 30) process.exit(0);
        });
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }`;
    const source = `import { createRequire } from 'node:module';
      const require = createRequire('/');${withStore(body)}`;
    const { stdout, ...rest } = await runNode(source, [dir]);
    expect(rest).toEqual(ended);
    const acknowledged = stdout.trim().split(' ');
    expect(acknowledged.length).toBeGreaterThanOrEqual(30);
    expect(idsOf(readEntries(file))).toEqual(expect.arrayContaining(acknowledged));
    // And whatever the other process left behind, the next one goes on.
    await store.addProcess({ id: 'next', type: 'x', status: 'queued', startTime: new Date(0) });
    expect(idsOf(await store.getAllProcesses())).toEqual(expect.arrayContaining([...acknowledged, 'next']));
  });
});

test('the four billionth call is answered like the first one', async () => {
  const path = fileURLToPath(new URL('../lib/channel.js', import.meta.url));
  const text = readFileSync(path, 'utf8');
  // A channel that has had nearly as many calls as 32 bits count.
  const old = text.replace('let lastTicket = 0;', 'let lastTicket = 2 ** 32 - 3;');
  expect(old).not.toBe(text);
  const loaded = new Module(path);
  loaded.filename = path;
  loaded._compile(old, path);
  const native = createRequire(path)('./addon');
  const dir = join(tempDir(), 'made');
  const make = (channel, ticket) => native.ensureDataDir(channel, ticket, dir);
  for (let calls = 0; calls < 5; calls += 1) await loaded.exports.call(make);
  expect(existsSync(dir)).toBe(true);
});

// The second mode loads the addon before it is looked.
test.skipIf(isJournaled)(
  'nothing of ours looks like an open handle to those who count them, as Jest does',
  async () => {
    const source = `
    import { createHook } from 'node:async_hooks';
    import { createRequire } from 'node:module';
    import { fileURLToPath } from 'node:url';
    const require = createRequire(entry);
    let loading = false;
    const counted = [];
    // What can't say that it keeps nothing alive counts, if user code has made it: the load, or a call.
    const init = (id, type, trigger, resource) => {
      const mayCount = type !== 'PROMISE' && !resource.hasRef;
      if (mayCount && (loading || type.startsWith('FileProcessStore'))) counted.push(type);
    };
    createHook({ init }).enable();
    loading = true;
    const { FileProcessStore } = require(fileURLToPath(entry));
    loading = false;
    const store = new FileProcessStore({ dataDir: args[0] });
    await store.addProcess({ id: 'a', type: 'x', status: 'queued', startTime: new Date(0) });
    await store.updateProcess('a', () => ({ error: 'x' }));
    store.onProcessOutput('a', () => {});
    console.log(JSON.stringify(counted));`;
    const { stdout } = await runNode(source, [tempDir()]);
    // Of napi-rs, as the binary is loaded.
    expect(JSON.parse(stdout)).toEqual(['CustomGC']);
  },
);
