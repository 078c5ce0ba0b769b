// Errors of the store as their callers find them: one each, with a stack that leads to the call.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore, ensureDataDir } from '../index.js';
import { freshStore, rejection, sample, tempDir } from './support.mjs';

/** A store whose files are all damaged. */
function damagedStore(options) {
  const { dir } = freshStore();
  mkdirSync(dir, { recursive: true });
  for (const name of ['processes', 'workspaces', 'wikis']) writeFileSync(join(dir, `${name}.json`), '[{');
  return new FileProcessStore({ dataDir: dir, ...options });
}

const workspace = { id: 'a', name: 'A', rootPath: '/a' };
const wiki = { id: 'a', name: 'A', wikiDir: '/a', aiEnabled: false, registeredAt: 'now' };
const CALLS = {
  addProcess: (store) => store.addProcess(sample('a')),
  updateProcess: (store) => store.updateProcess('a', {}),
  'updateProcess, with a function': (store) => store.updateProcess('a', () => ({})),
  getProcess: (store) => store.getProcess('a'),
  getAllProcesses: (store) => store.getAllProcesses(),
  getProcessSummaries: (store) => store.getProcessSummaries(),
  getProcessIds: (store) => store.getProcessIds(),
  getProcessCount: (store) => store.getProcessCount(),
  removeProcess: (store) => store.removeProcess('a'),
  clearProcesses: (store) => store.clearProcesses(),
  registerWorkspace: (store) => store.registerWorkspace(workspace),
  getWorkspaces: (store) => store.getWorkspaces(),
  updateWorkspace: (store) => store.updateWorkspace('a', {}),
  removeWorkspace: (store) => store.removeWorkspace('a'),
  clearAllWorkspaces: (store) => store.clearAllWorkspaces(),
  registerWiki: (store) => store.registerWiki(wiki),
  getWikis: (store) => store.getWikis(),
  updateWiki: (store) => store.updateWiki('a', {}),
  removeWiki: (store) => store.removeWiki('a'),
  clearAllWikis: (store) => store.clearAllWikis(),
  getStorageStats: (store) => store.getStorageStats(),
};

async function whoCalls(call) {
  await call();
}

describe('the stack of an error names those who wait for the call', () => {
  test.each(Object.keys(CALLS))('%s', async (name) => {
    const store = damagedStore();
    const error = await rejection(whoCalls(() => CALLS[name](store)));
    expect(error.code).toBe('ERR_STORE_CORRUPT');
    expect(error.stack).toMatch(/at (async )?whoCalls .*stacks\.test\.mjs/);
    expect(error.stack).not.toMatch(/channel\.js|errors\.js/);
  });

  test('recover', async () => {
    const { dir } = freshStore();
    mkdirSync(join(dir, 'processes.json'), { recursive: true });
    const store = new FileProcessStore({ dataDir: dir });
    const error = await rejection(whoCalls(() => store.recover()));
    expect(error.stack).toMatch(/at (async )?whoCalls /);
  });

  test('ensureDataDir', async () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    const error = await rejection(whoCalls(() => ensureDataDir(join(file, 'below'))));
    expect(error.stack).toMatch(/at (async )?whoCalls /);
  });

  test('of what a function returned', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const error = await rejection(whoCalls(() => store.updateProcess('a', () => ({ status: '' }))));
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
    expect(error.stack).toMatch(/at (async )?whoCalls /);
  });
});

describe('calls that fail together have an error each', () => {
  test.each([
    'addProcess',
    'updateProcess',
    'updateProcess, with a function',
    'registerWorkspace',
    'getProcess',
  ])('%s', async (name) => {
    const store = damagedStore();
    const errors = await Promise.all([1, 2, 3].map(() => rejection(CALLS[name](store))));
    expect(new Set(errors).size).toBe(3);
    errors[0].message = 'spoilt';
    expect(errors[1].message).toContain('.json');
  });

  test('calls of a store that waits for a watch that the system refuses', async () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    const store = new FileProcessStore({ dataDir: join(file, 'below'), watch: true });
    const calls = [
      () => store.getProcess('a'),
      () => store.getWorkspaces(),
      () => store.addProcess(sample('a')),
    ];
    const errors = await Promise.all(calls.map((call) => rejection(whoCalls(call))));
    expect(new Set(errors).size).toBe(3);
    for (const error of errors) expect(error.stack).toMatch(/at (async )?whoCalls /);
    await store.close();
  });
});
