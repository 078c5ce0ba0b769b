// Who may read and write the files: a write replaces a file, and must neither lock anybody out nor let anybody in.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import {
  idsOf,
  readEntries,
  runNode,
  sample,
  storedEntry,
  tempDir,
  withStore,
  storedText,
} from '../support.mjs';
import { skipIf } from './needs.mjs';

const [USER, OTHER, GROUP] = [54_323, 54_324, 54_325];
const isRoot = process.getuid?.() === 0;
const entry = new URL('../../index.js', import.meta.url).href;
const run = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' });

const whyNotRoot = await (async () => {
  if (!isRoot) return 'root is needed';
  const { code } = await runNode('await import(entry)', [], { uid: USER, gid: USER, cwd: '/' }).catch(
    () => ({}),
  );
  return code === 0 ? undefined : 'another user can not run Node on this folder';
})();
const whyNoPrivileges =
  whyNotRoot ?? (run('setpriv', '--version').status === 0 ? undefined : 'setpriv is not installed');
const whyNoLists = run('setfacl', '--version').status === 0 ? undefined : 'setfacl is not installed';

/** One add by a process that setpriv starts: 'done', or the error. */
function addWith(privileges, dir, id) {
  const body = `
    const tell = ({ code, syscall, path, message }) => JSON.stringify({ code, syscall, path, message });
    console.log(await store.addProcess(sample('${id}')).then(() => 'done', tell));`;
  const source = `const entry = ${JSON.stringify(entry)}; const args = ${JSON.stringify([dir])};${withStore(body)}`;
  const { stdout, stderr } = run(
    'setpriv',
    ...privileges,
    process.execPath,
    '--input-type=module',
    '-e',
    source,
  );
  expect(stderr).toBe('');
  return stdout === 'done\n' ? 'done' : JSON.parse(stdout);
}
const as = (user, ...groups) => [`--reuid=${user}`, `--regid=${user}`, `--groups=${[user, ...groups]}`];

/** A directory of an owner and a mode, with a file of another. */
function shared({ owner, mode, fileOwner, fileMode }) {
  const dir = tempDir();
  const file = join(dir, 'processes.json');
  writeFileSync(file, JSON.stringify([storedEntry('first')]));
  chownSync(file, ...fileOwner);
  chmodSync(file, fileMode);
  chownSync(dir, ...owner);
  chmodSync(dir, mode);
  return { dir, file };
}
const accessOf = (path) => {
  const { uid, gid, mode } = statSync(path);
  return [uid, gid, (mode & 0o777).toString(8)];
};

test("a run as root in a directory of root leaves a user's files to the user", (context) => {
  skipIf(whyNoPrivileges, context);
  const { dir, file } = shared({ owner: [0, 0], mode: 0o777, fileOwner: [USER, USER], fileMode: 0o600 });
  for (const [who, id] of [
    [as(USER), 'a'],
    [[], 'b'],
    [as(USER), 'c'],
  ]) {
    expect(addWith(who, dir, id)).toBe('done');
    expect(accessOf(file)).toEqual([USER, USER, '600']);
    expect(accessOf(`${file}.lock`)).toEqual([USER, USER, '600']);
  }
  expect(idsOf(readEntries(file))).toEqual(['first', 'a', 'b', 'c']);
});

test('a file that a group shares is written by all of it, and stays the group’s', (context) => {
  skipIf(whyNoPrivileges, context);
  const { dir, file } = shared({ owner: [0, GROUP], mode: 0o770, fileOwner: [USER, GROUP], fileMode: 0o660 });
  for (const [user, id] of [
    [OTHER, 'a'],
    [USER, 'b'],
    [OTHER, 'c'],
  ]) {
    expect(addWith(as(user, GROUP), dir, id)).toBe('done');
    expect(accessOf(file)).toEqual([user, GROUP, '660']);
  }
  expect(idsOf(readEntries(file))).toEqual(['first', 'a', 'b', 'c']);
});

test('root that may not give files away refuses to lock their owner out', (context) => {
  skipIf(whyNoPrivileges, context);
  const { dir, file } = shared({
    owner: [USER, USER],
    mode: 0o700,
    fileOwner: [USER, USER],
    fileMode: 0o600,
  });
  const before = storedText(file);
  const refused = addWith(['--bounding-set=-chown', '--inh-caps=-chown'], dir, 'a');
  expect(refused).toMatchObject({ code: 'EPERM', syscall: 'fchown', path: file });
  expect(refused.message).toContain('would lose access');
  expect(storedText(file)).toBe(before);
  expect(accessOf(file)).toEqual([USER, USER, '600']);
  expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('a lock file is opened where the system refuses to create over it', (context) => {
  skipIf(whyNoPrivileges, context);
  const { dir, file } = shared({ owner: [0, 0], mode: 0o1777, fileOwner: [USER, USER], fileMode: 0o600 });
  expect(addWith(as(USER), dir, 'a')).toBe('done');
  // fs.protected_regular, where it is set, binds root as well.
  expect(addWith([], dir, 'b')).toBe('done');
  expect(idsOf(readEntries(file))).toEqual(['first', 'a', 'b']);
});

test('an access list and attributes outlive writes, and recovery gives them to its copy', async (context) => {
  skipIf(whyNoLists, context);
  const dir = tempDir();
  const file = join(dir, 'processes.json');
  const store = new FileProcessStore({ dataDir: dir });
  await store.addProcess(sample('a'));
  skipIf(run('setfacl', '-m', `u:${OTHER}:r,g::-`, file).stderr, context);
  const hasAttributes = run('setfattr', '-n', 'user.note', '-v', 'precious', file).status === 0;
  const list = (path) => run('getfacl', '-nc', '--absolute-names', path).stdout;
  const note = (path) => run('getfattr', '-n', 'user.note', '--only-values', path).stdout;
  const before = list(file);
  expect(before).toContain(`user:${OTHER}:r--`);
  await store.addProcess(sample('b'));
  await store.updateProcess('a', { status: 'completed' });
  expect(list(file)).toBe(before);
  if (hasAttributes) expect(note(file)).toBe('precious');
  // In place, so that it stays the file with the list.
  writeFileSync(file, storedText(file).slice(0, -20));
  const [report] = [await store.recover()].flat();
  const backup = readdirSync(dir).find((name) => name.includes('.corrupt-'));
  expect(report && existsSync(join(dir, backup))).toBe(true);
  expect(list(join(dir, backup))).toBe(before);
  expect(list(file)).toBe(before);
});

test('a directory that may be written to and not read takes durable writes, for its owner and for others', (context) => {
  skipIf(whyNoPrivileges ?? (process.platform === 'linux' ? undefined : 'syncfs is needed'), context);
  for (const [owner, mode] of [
    [USER, 0o300],
    [OTHER, 0o733],
  ]) {
    const { dir, file } = shared({ owner: [owner, owner], mode, fileOwner: [USER, USER], fileMode: 0o600 });
    for (const id of ['a', 'b']) expect(addWith(as(USER), dir, id)).toBe('done');
    expect(idsOf(readEntries(file))).toEqual(['first', 'a', 'b']);
  }
});
