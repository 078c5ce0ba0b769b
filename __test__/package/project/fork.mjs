/** Two forked processes run the smoke test, then write to one directory together with their parent. */

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as store from 'file-process-store';
import { smoke } from './smoke.cjs';
import { addTwenty, readAll, withDirectory } from './together.mjs';

function work(dataDir, name) {
  const child = fork(fileURLToPath(import.meta.url), [dataDir, name]);
  return new Promise((resolve, reject) => {
    let told;
    child.on('message', (message) => (told = message));
    child.on('error', reject).on('exit', (code) => resolve({ code, told }));
  });
}

const [, , dataDir, name] = process.argv;
if (name === undefined) {
  await withDirectory(async (dataDir) => {
    const children = [work(dataDir, 'a'), work(dataDir, 'b')];
    await addTwenty(dataDir, 'main');
    const done = { code: 0, told: 20 };
    assert.deepEqual(await Promise.all(children), [done, done]);
    assert.equal((await readAll(dataDir)).length, 60);
  });
} else {
  await smoke(store);
  process.send(await addTwenty(dataDir, name));
  process.disconnect();
}
