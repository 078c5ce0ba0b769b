/** Several writers on one directory. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileProcessStore } from 'file-process-store';
import { makeProcess } from './smoke.cjs';

/** Calls `use` with the path of a directory that is there for as long as that takes. */
export async function withDirectory(use) {
  const dir = mkdtempSync(join(tmpdir(), 'file-process-store-smoke-'));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Adds twenty processes one after the other, and resolves to their number. */
export async function addTwenty(dataDir, name) {
  const store = new FileProcessStore({ dataDir });
  for (let index = 0; index < 20; index++) await store.addProcess(makeProcess(`${name}-${index}`));
  return 20;
}

export function readAll(dataDir) {
  return new FileProcessStore({ dataDir }).getAllProcesses();
}
