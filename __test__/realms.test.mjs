// Test runners load packages into a realm of their own (a vm context), with its own Array, Object and Date.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { freshStore, sample } from './support.mjs';

/** The package as a CommonJS module of a fresh realm. The binary, and what comes with Node, are shared. */
function loadInRealm() {
  const realm = createContext({ process, performance });
  const modules = new Map();
  const load = (path) => {
    if (modules.has(path)) return modules.get(path).exports;
    const module = { exports: {} };
    modules.set(path, module);
    const require = createRequire(path);
    const wrapped = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'utf8')}\n})`;
    runInContext(wrapped, realm, { filename: path })(
      module.exports,
      (name) => (/^\.\.?\/(?!native)(?!.*\.json$)/.test(name) ? load(require.resolve(name)) : require(name)),
      module,
      path,
      dirname(path),
    );
    return module.exports;
  };
  const entry = fileURLToPath(new URL('../index.js', import.meta.url));
  return { ...load(entry), run: (source) => runInContext(source, realm) };
}

test('what calls return and reject with belongs to the realm that the package was loaded into', async () => {
  const { FileProcessStore, run } = loadInRealm();
  const [OurArray, OurObject, OurDate, OurTypeError] = run('[Array, Object, Date, TypeError]');
  const { dir, file, store: outside } = freshStore();
  await outside.addProcess(sample('a', { conversationTurns: [{ timestamp: new Date(0), toolCalls: [] }] }));
  const store = new FileProcessStore({ dataDir: dir });

  const list = await store.getAllProcesses();
  expect(list).toBeInstanceOf(OurArray);
  expect(list[0].startTime).toBeInstanceOf(OurDate);
  const { entries } = await store.getProcessSummaries();
  for (const array of [list[0].conversationTurns, entries, await store.getWorkspaces()]) {
    expect(array).toBeInstanceOf(OurArray);
  }
  for (const object of [list[0], await store.getProcess('a'), entries[0], await store.getStorageStats()]) {
    expect(Object.getPrototypeOf(object)).toBe(OurObject.prototype);
  }
  expect(await store.addProcess({}).catch((error) => error)).toBeInstanceOf(OurTypeError);

  writeFileSync(file, '[{]');
  const reports = await store.recover();
  expect(reports).toBeInstanceOf(OurArray);
  expect(reports[0].lost).toBeInstanceOf(OurArray);
  for (const object of [reports[0], reports[0].lost[0]]) {
    expect(Object.getPrototypeOf(object)).toBe(OurObject.prototype);
  }
});

test('arguments may come from another realm than the package', async () => {
  const { store } = freshStore();
  const run = (source) => runInContext(source, createContext());
  const turns = `[{ role: 'user', content: 'c', timestamp: new Date(1), turnIndex: 0 }]`;
  await store.addProcess(
    run(`({ id: 'a', status: 'running', startTime: new Date(0), conversationTurns: ${turns} })`),
  );
  await store.updateProcess(
    'a',
    run(`({ endTime: new Date(2), metadata: { type: 't', workspaceId: 'w' } })`),
  );
  await store.updateProcess('a', run(`(current) => ({ n: current.conversationTurns.length })`));
  const filter = run(`({ workspaceId: 'w', status: ['running'], since: new Date(0), until: new Date(1) })`);
  expect(await store.getAllProcesses(filter)).toMatchObject([{ id: 'a', endTime: new Date(2), n: 1 }]);
  expect(await store.clearProcesses(filter)).toBe(1);
});
