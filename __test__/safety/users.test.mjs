// One directory, two users: a run as root must not lock its owner out, and what a user may not do is said.

import { chmodSync, chownSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { idsOf, runNode, sample, storedEntry, tempDir, withStore } from '../support.mjs';
import { skipIf } from './needs.mjs';

/** A user that owns nothing. */
const USER = 54_321;
const isRoot = process.getuid?.() === 0;
const asUser = isRoot ? { uid: USER, gid: USER, cwd: '/' } : {};

/** Runs the body as a user that is not root, with a store on the directory. */
async function runAsUser(body, dir) {
  const { code, stdout, stderr } = await runNode(withStore(body), [dir], asUser);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const whyNoUser = await (async () => {
  if (!process.getuid) return 'there are no users of this kind';
  const { code } = await runNode('await import(entry)', [], asUser).catch(() => ({ code: 'none' }));
  return code === 0 ? undefined : 'another user can not run Node on this folder';
})();

/** The owners of everything below a directory, itself included. */
function ownersIn(dir) {
  const names = readdirSync(dir, { recursive: true }).map(String);
  return Object.fromEntries(['.', ...names].map((name) => [name, statSync(join(dir, name)).uid]));
}

test("a run as root on a user's directory leaves files that the user can still write", async (context) => {
  skipIf(isRoot ? whyNoUser : 'root is needed', context);
  const dir = tempDir();
  chownSync(dir, USER, USER);
  const root = new FileProcessStore({ dataDir: join(dir, 'new', 'data') });
  await root.addProcess(sample('root makes the directories and the files'));
  await root.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
  await root.updateProcess('root makes the directories and the files', { status: 'completed' });
  for (const [name, owner] of Object.entries(ownersIn(dir))) expect(owner, name).toBe(USER);

  const add = (id) => `
    await store.addProcess(sample('${id}'));
    await store.registerWorkspace({ id: '${id}', name: 'W', rootPath: '/' });
    await store.updateProcess('${id}', { result: 'r' });`;
  await runAsUser(add('user'), join(dir, 'new', 'data'));
  await root.addProcess(sample('root again'));
  await runAsUser(add('user again'), join(dir, 'new', 'data'));
  for (const [name, owner] of Object.entries(ownersIn(dir))) expect(owner, name).toBe(USER);
  expect(idsOf(await root.getAllProcesses())).toHaveLength(4);
  expect(idsOf(await root.getWorkspaces())).toEqual(['w', 'user', 'user again']);
});

test('a file or a directory that may not be read or written says EACCES, and works again when it may', async (context) => {
  skipIf(whyNoUser, context);
  const dir = tempDir();
  writeFileSync(join(dir, 'processes.json'), JSON.stringify([storedEntry('a')]));
  if (isRoot) for (const path of [dir, join(dir, 'processes.json')]) chownSync(path, USER, USER);
  const tryAll = `
    const calls = [
      () => store.getAllProcesses(), () => store.getProcess('a'), () => store.addProcess(sample('b')),
      () => store.removeProcess('a'), () => store.removeProcess('unknown'),
    ];
    for (const call of calls) console.log(await call().then(() => 'done', ({ code, path }) => [code, path].join(' ')));`;
  const outcomes = async () => (await runAsUser(tryAll, dir)).replaceAll(dir, '{dir}').trim().split('\n');

  chmodSync(dir, 0o000);
  for (const outcome of await outcomes()) expect(outcome).toMatch(/^EACCES \{dir\}/);
  chmodSync(dir, 0o500);
  const refused = 'EACCES {dir}/processes.json.lock';
  expect(await outcomes()).toEqual(['done', 'done', refused, refused, 'done']);
  chmodSync(dir, 0o700);
  chmodSync(join(dir, 'processes.json'), 0o000);
  for (const outcome of await outcomes()) expect(outcome).toBe('EACCES {dir}/processes.json');
  chmodSync(join(dir, 'processes.json'), 0o600);
  rmSync(join(dir, 'processes.json.lock'), { force: true });
  expect(await outcomes()).toEqual(Array(5).fill('done'));
});
