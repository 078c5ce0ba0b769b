// Mock timers of test runners: those that are on when the package is loaded, too, hold no call back.

import { expect, test } from 'vitest';
import { runNode, tempDir } from './support.mjs';

const FAKES = {
  'of node:test': `
    import { mock } from 'node:test';
    mock.timers.enable(process.version.startsWith('v20.') ? undefined : {});`,
  'that replace whatever there is, in globals and modules': `
    import timers from 'node:timers';
    import promises from 'node:timers/promises';
    import { syncBuiltinESMExports } from 'node:module';
    for (const place of [globalThis, timers, promises]) {
      for (const name of ['setTimeout', 'setImmediate', 'setInterval', 'queueMicrotask']) {
        if (name in place) place[name] = () => ({ unref() {}, ref() {} });
      }
    }
    process.nextTick = () => {};
    Object.defineProperty(globalThis, 'performance', { value: { now: () => 0 }, configurable: true });
    syncBuiltinESMExports();`,
};

test.each(Object.keys(FAKES))('%s', async (name) => {
  const source = `
    ${FAKES[name]}
    const { FileProcessStore } = await import(entry);
    const pruned = [];
    const onPrune = (entries) => pruned.push(...entries);
    const store = new FileProcessStore({ dataDir: args[0], maxProcesses: 1, onPrune, watch: true });
    const sample = (id) => ({
      id, type: 'x', promptPreview: id, fullPrompt: 'x'.repeat(600_000), status: 'completed', startTime: new Date(),
    });
    await Promise.all([store.addProcess(sample('a')), store.addProcess(sample('b'))]);
    await store.updateProcess(pruned[0].process.id === 'a' ? 'b' : 'a', () => ({ result: 'x' }));
    // So many in a row don't fit into one turn of the event loop.
    for (let count = 0; count < 2000; count++) await store.getProcess('b');
    await store.close();
    process.stdout.write('done', () => process.exit());`;
  const { stdout, stderr } = await runNode(source, [tempDir()]);
  expect(stderr.replace(/\(node.*|ExperimentalWarning.*/g, '')).not.toMatch(/Error/);
  expect(stdout).toBe('done');
});
