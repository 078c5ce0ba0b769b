// The workspace registry.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { dataNames, dataState, freshStore, idsOf, rejection, sample } from './support.mjs';

const workspace = (id, fields = {}) => ({
  id,
  name: `Workspace ${id}`,
  rootPath: `/projects/${id}`,
  ...fields,
});

describe('registering', () => {
  test('every field is stored and comes back, unknown ones included', async () => {
    const { store, dir } = freshStore();
    const info = workspace('w', {
      color: '#fff',
      remoteUrl: 'git@example.org:w.git',
      description: 'ünïcödé 🚀 \ud83d',
      pinned: true,
      settings: { depth: [1, { two: null }] },
    });
    await store.registerWorkspace(info);
    expect(await new FileProcessStore({ dataDir: dir }).getWorkspaces()).toStrictEqual([info]);
  });

  test('workspaces.json is the text of JSON.stringify with two spaces and no trailing newline', async () => {
    const { store, workspacesFile } = freshStore();
    const infos = [
      workspace('b', { color: 'red', extra: { 2: NaN, u: undefined, date: new Date(0), none: [] } }),
      workspace('a', { description: '\ud83d\u0000', [`key \udc00`]: 1e21 }),
    ];
    for (const info of infos) await store.registerWorkspace(info);
    expect(readFileSync(workspacesFile, 'utf8')).toBe(JSON.stringify(infos, null, 2));
  });

  test('a known id is replaced in its place', async () => {
    const { store } = freshStore();
    for (const id of ['c', 'a', 'b']) await store.registerWorkspace(workspace(id, { color: 'red' }));
    await store.registerWorkspace(workspace('a', { color: 'blue' }));
    expect(await store.getWorkspaces()).toEqual([
      workspace('c', { color: 'red' }),
      workspace('a', { color: 'blue' }),
      workspace('b', { color: 'red' }),
    ]);
  });

  test('a replaced workspace has only what the last registration named', async () => {
    // the contract is silent here
    const { store } = freshStore();
    await store.registerWorkspace(workspace('a', { color: 'red' }));
    await store.registerWorkspace(workspace('a', { description: 'd' }));
    expect(await store.getWorkspaces()).toStrictEqual([workspace('a', { description: 'd' })]);
  });

  test('concurrent registrations are all there, in order', async () => {
    const { store } = freshStore();
    const ids = Array.from({ length: 50 }, (_, i) => `w${i}`);
    await Promise.all(ids.map((id) => store.registerWorkspace(workspace(id))));
    expect(idsOf(await store.getWorkspaces())).toEqual(ids);
  });

  test('ids are compared exactly', async () => {
    const { store } = freshStore();
    const ids = ['w', 'W', 'w ', '\ud83d', '\ud83e', '__proto__', 'é', 'e\u0301'];
    for (const id of ids) await store.registerWorkspace(workspace(id));
    expect(idsOf(await store.getWorkspaces())).toEqual(ids);
  });

  test('an own __proto__ key is data', async () => {
    const { store } = freshStore();
    const info = JSON.parse('{"id":"w","name":"W","rootPath":"/","__proto__":{"x":1},"n":{"__proto__":2}}');
    await store.registerWorkspace(info);
    const [found] = await store.getWorkspaces();
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(JSON.stringify(found)).toBe(JSON.stringify(info));
  });
});

describe('what registering refuses', () => {
  test.each([
    ['nothing', undefined, 'ERR_INVALID_ARG_TYPE', /^info must be an object, got undefined/],
    ['null', null, 'ERR_INVALID_ARG_TYPE', /^info must be an object, got null/],
    ['a string', 'w', 'ERR_INVALID_ARG_TYPE', /^info must be an object, got string/],
    [
      'an id that is missing',
      { name: 'W' },
      'ERR_INVALID_ARG_TYPE',
      /^info\.id must be a .*string, got undefined/,
    ],
    [
      'an id that is a number',
      workspace(5),
      'ERR_INVALID_ARG_TYPE',
      /^info\.id must be a .*string, got number/,
    ],
    ['an empty id', workspace(''), 'ERR_INVALID_ARG_VALUE', /^info\.id /],
    [
      'a name that is a number',
      workspace('w', { name: 5 }),
      'ERR_INVALID_ARG_TYPE',
      /^info\.name .*got number/,
    ],
    [
      'a root path that is none',
      workspace('w', { rootPath: 5 }),
      'ERR_INVALID_ARG_TYPE',
      /^info\.rootPath .*got number/,
    ],
    ['a BigInt', workspace('w', { extra: { big: 1n } }), 'ERR_INVALID_ARG_VALUE', /^info/],
  ])('%s', async (_, info, code, message) => {
    const { store, dir } = freshStore();
    await store.registerWorkspace(workspace('before'));
    const before = dataState(dir);
    const error = await rejection(store.registerWorkspace(info));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(dataState(dir)).toEqual(before);
    expect(idsOf(await store.getWorkspaces())).toEqual(['before']);
  });
});

describe('the registry and the processes are two files', () => {
  test('registering writes no processes, adding no workspaces', async () => {
    const one = freshStore();
    await one.store.registerWorkspace(workspace('w'));
    expect(dataNames(one.dir)).toEqual(['workspaces.json']);
    const two = freshStore();
    await two.store.addProcess(sample('a', { metadata: { type: 'm', workspaceId: 'w' } }));
    expect(dataNames(two.dir)).toEqual(['processes.json']);
    expect(await two.store.getWorkspaces()).toEqual([]);
  });

  test('clearing processes leaves the workspaces', async () => {
    const { store } = freshStore();
    await store.registerWorkspace(workspace('w'));
    await store.addProcess(sample('a', { metadata: { type: 'm', workspaceId: 'w' } }));
    await store.clearProcesses({ workspaceId: 'w' });
    await store.clearProcesses();
    expect(await store.getWorkspaces()).toEqual([workspace('w')]);
  });

  test('where one is corrupt, the other one works', async () => {
    const { store, file, workspacesFile } = freshStore();
    writeFileSync(workspacesFile, '{}');
    await store.addProcess(sample('a'));
    expect(await store.getAllProcesses()).toHaveLength(1);
    expect((await rejection(store.getWorkspaces())).code).toBe('ERR_STORE_CORRUPT');
    writeFileSync(workspacesFile, '[]');
    writeFileSync(file, '{}');
    await store.registerWorkspace(workspace('w'));
    expect(idsOf(await store.getWorkspaces())).toEqual(['w']);
    expect((await rejection(store.getAllProcesses())).code).toBe('ERR_STORE_CORRUPT');
  });

  test('a hand-made registry is read as it is', async () => {
    const { store, workspacesFile } = freshStore();
    writeFileSync(workspacesFile, ' [ {"id":"w","id":"last","n":1e999} , {"id":""} ] \n');
    expect(await store.getWorkspaces()).toEqual([{ id: 'last', n: Infinity }, { id: '' }]);
  });
});
