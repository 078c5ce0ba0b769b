/**
 * Records that callers have let go of don't pile up until the machine is full: the engine learns what they hold.
 * Usage: `node garbage.mjs <number of updates>`.
 */

import assert from 'node:assert/strict';
import { FileProcessStore } from 'file-process-store';
import { makeProcess } from './smoke.cjs';
import { withDirectory } from './together.mjs';

const LARGE = 340_000;
/** V8 collects after some 64 MB of external memory; each version of the record takes its text twice. */
const MOST = 300 * 1024 * 1024;

await withDirectory(async (dataDir) => {
  const store = new FileProcessStore({ dataDir, durable: false });
  await store.addProcess(makeProcess('large', { fullPrompt: 'x'.repeat(LARGE) }));
  const before = process.memoryUsage().rss;
  let most = 0;
  for (let number = 0; number < Number(process.argv[2]); number++) {
    await store.updateProcess('large', { result: `${number}` });
    await store.getProcess('large');
    if (number % 20 === 0) most = Math.max(most, process.memoryUsage().rss - before);
  }
  console.log(`grew by up to ${most} bytes`);
  assert.ok(most < MOST, `memory grew by ${most} bytes`);
});
