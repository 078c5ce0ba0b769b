/** Two worker threads run the smoke test, then write to one directory together with the main thread. */

import assert from 'node:assert/strict';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import * as store from 'file-process-store';
import { smoke } from './smoke.cjs';
import { addTwenty, readAll, withDirectory } from './together.mjs';

function work(dataDir, name) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { dataDir, name } });
  return new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
}

if (isMainThread) {
  await withDirectory(async (dataDir) => {
    const workers = [work(dataDir, 'a'), work(dataDir, 'b')];
    await addTwenty(dataDir, 'main');
    assert.deepEqual(await Promise.all(workers), [0, 0]);
    assert.equal((await readAll(dataDir)).length, 60);
  });
} else {
  await smoke(store);
  await addTwenty(workerData.dataDir, workerData.name);
}
