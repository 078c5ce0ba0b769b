// What live output costs: no warning for many listeners, and nothing is kept of what is over.

import { expect, test } from 'vitest';
import { runNode, tempDir, withStore } from './support.mjs';

const ended = { code: 0, signal: null, stderr: '' };

test('a thousand listeners give no warning', async () => {
  const body = `
    let heard = 0;
    for (let i = 0; i < 1000; i++) store.onProcessOutput('a', () => (heard += 1));
    for (let i = 0; i < 1000; i++) store.onProcessOutput('id ' + i, () => (heard += 1));
    store.emitProcessOutput('a', 'x');
    console.log(heard);`;
  expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: '1000\n' });
});

test('ten thousand emits, to one listener or to none, keep memory flat', async () => {
  const body = `
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const used = async () => {
      for (let i = 0; i < 3; i++) { await new Promise(setImmediate); collect(); }
      return process.memoryUsage().heapUsed + process.memoryUsage().external;
    };
    let heard = 0;
    store.onProcessOutput('a', ({ content }) => (heard += content.length));
    const round = () => {
      for (let i = 0; i < 10000; i++) {
        store.emitProcessOutput('a', 'chunk ' + i + ' ' + 'x'.repeat(1000));
        store.emitProcessOutput('nobody ' + i, 'chunk');
        store.emitProcessComplete('nobody ' + i, 'completed', 1);
        store.onProcessOutput('short ' + i, () => {})();
        store.onProcessOutput('complete ' + i, () => {});
        store.emitProcessComplete('complete ' + i, 'completed', 1);
        store.registerFlushHandler('flushed ' + i, () => {});
        store.unregisterFlushHandler('flushed ' + i);
      }
    };
    round();
    const before = await used();
    for (let i = 0; i < 3; i++) round();
    console.log(heard > 4e7, Math.max(0, (await used()) - before) < 1_000_000);`;
  expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: 'true true\n' });
});

test('what a callback holds is free after its end', async () => {
  const body = `
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const subscribe = (id) => {
      const held = { id };
      const end = store.onProcessOutput(id, () => held);
      return { reference: new WeakRef(held), end };
    };
    const [ended, completed] = [subscribe('ended'), subscribe('completed')];
    ended.end();
    ended.end = undefined;
    store.emitProcessComplete('completed', 'completed', 1);
    completed.end = undefined;
    await new Promise(setImmediate);
    collect();
    console.log([ended, completed].map(({ reference }) => reference.deref()).join());`;
  expect(await runNode(withStore(body), [tempDir()])).toEqual({ ...ended, stdout: ',\n' });
});
