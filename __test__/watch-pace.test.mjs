// How soon a watch tells of a change, and that it rests until there is one.

import { expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { startStore } from './fixtures/store-process.mjs';
import { runNode, sample, tempDir, withStore } from './support.mjs';

test('what another process changes is told at about the time at which its call resolves', async () => {
  const dir = tempDir();
  const store = new FileProcessStore({ dataDir: dir, watch: true });
  const there = startStore({ dataDir: dir, durable: false });
  onTestFinished(() => Promise.all([store.close(), there.stop()]));
  await Promise.all([store.getProcessCount(), there.call('getProcessCount')]);
  const [took, called] = [[], []];
  for (let n = 0; n < 21; n += 1) {
    const heard = new Promise((resolve) => (store.onProcessChange = resolve));
    // From the call on, so that the way to the other process and the write count, too.
    const began = performance.now();
    const call = there.call('addProcess', sample(`p${n}`)).then(() => called.push(performance.now() - began));
    await Promise.all([call, heard]);
    took.push(performance.now() - began);
  }
  const median = (times) => times.sort((a, b) => a - b)[10];
  // By the pace of the machine, which may be busy; somebody who polls takes many times as long.
  expect(median(took)).toBeLessThan(100 + 10 * median(called));
});

test.skipIf(process.platform !== 'linux')(
  'its threads sleep until something happens, but for a look every two seconds',
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
    // On a busy machine it may take a while until they rest.
    let before, after, tries = 0;
    do {
      before = sleeps();
      await pause(600);
      after = sleeps();
    } while (after.join() !== before.join() && ++tries < 50);
    // The watch alone does not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    await store.updateProcess('a', { result: 'r' });
    await heard;
    clearInterval(alive);
    const awake = () => sleeps().every((n, thread) => n > after[thread]);
    for (let waits = 0; waits < 500 && !awake(); waits++) await pause(20);
    console.log(before.length, after.join() === before.join(), awake());`;
    const outcome = await runNode(withStore(body), [tempDir()]);
    expect(outcome).toEqual({ code: 0, signal: null, stdout: '2 true true\n', stderr: '' });
  },
);
