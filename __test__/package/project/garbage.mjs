/**
 * Versions of large records that nobody holds any more don't pile up until the machine is full, though the program
 * makes so little garbage of its own that no collection is due. Usage: `node garbage.mjs <number of updates>`.
 */

import assert from 'node:assert/strict';
import { FileProcessStore } from 'file-process-store';
import { makeProcess } from './smoke.cjs';
import { withDirectory } from './together.mjs';

const LARGE = 1_000_000;
/** V8 collects after some 64 MB of external memory; each version of the record takes its text twice. */
const MOST = 150 * 1024 * 1024;
const updates = Number(process.argv[2]);

/** Each of these lets every version of the record reach the program, or pass it by. */
const USES = {
  'updates alone': (store, number) => store.updateProcess('large', { error: `${number}` }),
  'updates and reads': async (store, number) => {
    await store.updateProcess('large', { error: `${number}` });
    await store.getProcess('large');
  },
  'updates by a function': (store, number) => store.updateProcess('large', () => ({ error: `${number}` })),
};

async function measure(name, use) {
  await withDirectory(async (dataDir) => {
    const store = new FileProcessStore({ dataDir, durable: false });
    await store.addProcess(makeProcess('large', { fullPrompt: 'x'.repeat(LARGE) }));
    const before = process.memoryUsage().rss;
    let most = 0;
    for (let number = 0; number < updates; number++) {
      await use(store, number);
      if (number % 20 === 0) most = Math.max(most, process.memoryUsage().rss - before);
    }
    console.log(`${name}: grew by up to ${most} bytes`);
    assert.ok(most < MOST, `${name}: memory grew by ${most} bytes`);
  });
}

for (const [name, use] of Object.entries(USES)) await measure(name, use);
