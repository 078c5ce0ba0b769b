// The data directory goes away while the store is open, and comes back. That it may be a file is in system.test.mjs,
// that it may not be readable in users.test.mjs.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { dataNames, idsOf, readEntries, rejection, sample, tempDir } from '../support.mjs';

async function openStore() {
  const top = tempDir();
  const dir = join(top, 'data');
  const store = new FileProcessStore({ dataDir: dir });
  await store.addProcess(sample('a'));
  await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
  return { top, dir, store };
}

test('a directory that is deleted is an empty store, and the next add makes it anew', async () => {
  const { dir, store } = await openStore();
  for (let round = 0; round < 20; round += 1) {
    rmSync(dir, { recursive: true });
    expect(await store.getAllProcesses()).toEqual([]);
    expect(await store.getWorkspaces()).toEqual([]);
    await store.updateProcess('a', { result: 'r' });
    await store.removeProcess('a');
    expect(await store.clearProcesses()).toBe(0);
    await store.addProcess(sample(`p${round}`));
    expect(idsOf(await store.getAllProcesses())).toEqual([`p${round}`]);
    expect(dataNames(dir)).toEqual(['processes.json']);
  }
});

test('a directory that is moved away and back loses nothing', async () => {
  const { top, dir, store } = await openStore();
  for (let round = 0; round < 20; round += 1) {
    renameSync(dir, join(top, 'away'));
    expect(await store.getAllProcesses()).toEqual([]);
    renameSync(join(top, 'away'), dir);
    expect(await store.getProcess('a')).toEqual(sample('a'));
    await store.addProcess(sample(`p${round}`));
  }
  expect(await store.getProcessCount()).toBe(21);
});

test('a directory in whose place there is a file says so, and works again when it is back', async () => {
  const { top, dir, store } = await openStore();
  renameSync(dir, join(top, 'away'));
  writeFileSync(dir, 'precious');
  const calls = [
    () => store.getAllProcesses(),
    () => store.getWorkspaces(),
    () => store.addProcess(sample('b')),
    () => store.updateProcess('a', { result: 'r' }),
  ];
  for (const call of calls) {
    const { code, path, syscall } = await rejection(call());
    expect(code).toMatch(/^(ENOTDIR|EEXIST|ENOENT)$/);
    expect(path.startsWith(dir)).toBe(true);
    expect(syscall).toBeTypeOf('string');
  }
  expect(readFileSync(dir, 'utf8')).toBe('precious');
  rmSync(dir);
  renameSync(join(top, 'away'), dir);
  await store.addProcess(sample('b'));
  expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
});

test('a directory that is replaced by a copy of another day is read as it is now', async () => {
  const { top, dir, store } = await openStore();
  cpSync(dir, join(top, 'backup'), { recursive: true, preserveTimestamps: true });
  await store.addProcess(sample('b'));
  expect(await store.getProcessCount()).toBe(2);
  rmSync(dir, { recursive: true });
  renameSync(join(top, 'backup'), dir);
  expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  await store.addProcess(sample('c'));
  expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'c']);
});

test('a directory that goes away again and again while calls are under way fails none of them for good', async () => {
  const { top, dir, store } = await openStore();
  /** Windows moves no directory while files in it are open; somebody else's next try may come between two calls. */
  const takeAway = (to) => {
    try {
      renameSync(dir, to);
      return true;
    } catch (error) {
      if (process.platform !== 'win32') throw error;
      return false;
    }
  };
  let writing = true;
  let gone = 0;
  const taking = (async () => {
    while (writing) {
      // It may not have been made again yet.
      if (existsSync(dir) && takeAway(join(top, `gone ${gone + 1}`))) gone += 1;
      await sleep(Math.random() * 10);
    }
  })();
  const codes = new Set();
  for (let n = 0; n < 150; n += 1) {
    await store.addProcess(sample(`p${n}`)).catch(({ code }) => codes.add(code));
    await store.getAllProcesses().catch(({ code }) => codes.add(code));
  }
  writing = false;
  await taking;
  expect(gone).toBeGreaterThan(3);
  // A call may be told that the directory has just gone, and nothing else.
  for (const code of codes) expect(code).toBe('ENOENT');
  await store.addProcess(sample('last'));
  expect(idsOf(await store.getAllProcesses())).toContain('last');
  for (let n = 1; n <= gone; n += 1) {
    const file = join(top, `gone ${n}`, 'processes.json');
    if (existsSync(file)) expect(() => readEntries(file)).not.toThrow();
  }
});

test.skipIf(process.platform === 'win32')(
  'a directory that is a link is followed where it leads now',
  async () => {
    const top = tempDir();
    for (const name of ['one', 'two']) mkdirSync(join(top, name));
    const link = join(top, 'link');
    const store = new FileProcessStore({ dataDir: link });
    for (let round = 0; round < 20; round += 1) {
      const name = ['one', 'two'][round % 2];
      rmSync(link, { force: true });
      symlinkSync(name, link);
      await store.addProcess(sample(`p${round}`));
      const expected = Array.from({ length: Math.floor(round / 2) + 1 }, (_, i) => `p${2 * i + (round % 2)}`);
      expect(idsOf(await store.getAllProcesses())).toEqual(expected);
    }
  },
);
