// How soon a watch tells of a change, and that it rests until there is one.

import { expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { startStore } from './fixtures/store-process.mjs';
import { runNode, sample, tempDir, withStore } from './support.mjs';

// What takes longer is the machine's doing if it happens once; it is the store's if most changes take so long.
test('what another process changes is told within 100 ms', { retry: 2 }, async () => {
  const dir = tempDir();
  const store = new FileProcessStore({ dataDir: dir, watch: true });
  const there = startStore({ dataDir: dir, durable: false });
  onTestFinished(() => Promise.all([store.close(), there.stop()]));
  await Promise.all([store.getProcessCount(), there.call('getProcessCount')]);
  const took = [];
  for (let n = 0; n < 21; n += 1) {
    const heard = new Promise((resolve) => (store.onProcessChange = resolve));
    // From the call on, so that the way to the other process and the write count, too.
    const began = performance.now();
    await Promise.all([there.call('addProcess', sample(`p${n}`)), heard]);
    took.push(performance.now() - began);
  }
  expect(took.sort((a, b) => a - b)[10]).toBeLessThan(100);
});

test.skipIf(process.platform !== 'linux')(
  'it does not poll: its threads sleep until something happens',
  async () => {
    const body = `
    const { readFileSync, readdirSync } = await import('node:fs');
    /** How often each thread of the watch has gone to sleep. */
    const sleeps = () => readdirSync('/proc/self/task').flatMap((thread) => {
      const status = readFileSync('/proc/self/task/' + thread + '/status', 'utf8');
      if (!/^Name:\\s*(file-process|notify)/m.test(status)) return [];
      return [Number(/^voluntary_ctxt_switches:\\s*(\\d+)/m.exec(status)[1])];
    });
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await store.addProcess(sample('a'));
    const watched = new FileProcessStore({ dataDir: args[0], watch: true });
    const heard = new Promise((resolve) => (watched.onProcessChange = resolve));
    await watched.getProcessCount();
    await pause(200);
    const before = sleeps();
    await pause(600);
    const after = sleeps();
    await store.updateProcess('a', { result: 'r' });
    await Promise.all([heard, pause(100)]);
    console.log(before.length, after.join() === before.join(), sleeps().every((n, thread) => n > after[thread]));`;
    const outcome = await runNode(withStore(body), [tempDir()]);
    expect(outcome).toEqual({ code: 0, signal: null, stdout: '2 true true\n', stderr: '' });
  },
);
