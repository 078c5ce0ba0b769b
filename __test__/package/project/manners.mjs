/** Batching and mock timers don't show to callers, on any runtime: contexts, errors, stacks. */

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdirSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import timers from 'node:timers';
import promises from 'node:timers/promises';
import smoke from './smoke.cjs';
import { withDirectory } from './together.mjs';

// Mock timers that are on when the package is loaded. None of them ever fires.
const real = [];
for (const place of [globalThis, timers, promises]) {
  for (const name of ['setTimeout', 'setImmediate', 'setInterval', 'queueMicrotask'].filter(
    (key) => key in place,
  )) {
    real.push([place, name, place[name]]);
    place[name] = () => ({ ref() {}, unref() {} });
  }
}
const { FileProcessStore } = await import('file-process-store');
const { makeProcess } = smoke;
const request = new AsyncLocalStorage();

await withDirectory(async (dataDir) => {
  const store = new FileProcessStore({ dataDir, maxProcesses: 1 });
  const seen = [];
  store.onPrune = (entries) => seen.push(['pruned', entries.length, request.getStore()]);
  store.onProcessChange = ({ type }) => seen.push([type, request.getStore()]);
  const done = { status: 'completed' };
  await Promise.all([
    request.run('one', () => store.addProcess(makeProcess('a', done))),
    request.run('two', () => store.addProcess(makeProcess('b', done))),
  ]);
  const update = (name) =>
    request.run(name, () => store.updateProcess('b', () => ({ error: request.getStore() })));
  await Promise.all([update('three'), update('four')]);
  assert.deepEqual(seen, [
    ['pruned', 1, 'two'],
    ['process-added', 'one'],
    ['process-added', 'two'],
    ['process-updated', 'three'],
    ['process-updated', 'four'],
  ]);
  for (let count = 0; count < 1000; count++) assert.equal((await store.getProcess('b')).error, 'four');
  await store.close();
});

async function whoCalls(call) {
  await call();
}

await withDirectory(async (folder) => {
  const dataDir = join(folder, 'damaged');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'processes.json'), '[{');
  const store = new FileProcessStore({ dataDir });
  const stack = async (call) => (await whoCalls(call).catch((error) => error)).stack;
  // As far as this runtime's own calls tell.
  const expected = (await stack(() => access(join(folder, 'missing')))).includes('whoCalls');
  for (const call of [() => store.getProcess('a'), () => store.addProcess(makeProcess('a'))]) {
    if (expected) assert.match(await stack(call), /whoCalls/);
    const errors = (await Promise.allSettled([call(), call()])).map(({ reason }) => reason);
    assert.ok(errors.every(({ code }) => code === 'ERR_STORE_CORRUPT'));
    assert.notEqual(errors[0], errors[1]);
  }
  await store.close();
});
for (const [place, name, value] of real) place[name] = value;
console.log('smoke test passed');
