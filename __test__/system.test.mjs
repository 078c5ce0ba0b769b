// What the system refuses, files that are none, and the lock between processes.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileProcessStore, ensureDataDir } from '../index.js';
import { dataState, freshStore, idsOf, rejection, runNode, sample, startNode, tempDir } from './support.mjs';

const isWindows = process.platform === 'win32';
const isRoot = process.getuid?.() === 0;
const workspace = { id: 'w', name: 'W', rootPath: '/' };

const READS = [
  ['getProcess', (store) => store.getProcess('a')],
  ['getAllProcesses', (store) => store.getAllProcesses()],
];
const ADD = ['addProcess', (store) => store.addProcess(sample('a'))];
const CHANGES = [
  ['updateProcess', (store) => store.updateProcess('a', { status: 'failed' })],
  ['removeProcess', (store) => store.removeProcess('a')],
  ['clearProcesses', (store) => store.clearProcesses()],
];

/** An error in the shape that Node's own file functions give it. */
function expectSystemError(error, codes, path) {
  expect(error).toBeInstanceOf(Error);
  expect(codes).toContain(error.code);
  expect(error.errno).toBe(-constants.errno[error.code]);
  expect(error.syscall).toMatch(/^[a-z0-9_]+$/);
  expect(error.path).toSatisfy((text) => typeof text === 'string' && text.startsWith(path));
  expect(error.message).toContain(error.code);
}

describe.skipIf(isWindows)('errors of the system come in the shape that Node gives them', () => {
  test.each([...READS, ADD, ...CHANGES])('%s where the data directory is a file', async (_, call) => {
    const dataDir = join(tempDir(), 'file');
    writeFileSync(dataDir, 'precious');
    const error = await rejection(call(new FileProcessStore({ dataDir })));
    expectSystemError(error, ['ENOTDIR', 'EEXIST'], dataDir);
    expect(readFileSync(dataDir, 'utf8')).toBe('precious');
  });

  test('registerWorkspace, getWorkspaces and ensureDataDir where the data directory is a file', async () => {
    const dataDir = join(tempDir(), 'file');
    writeFileSync(dataDir, 'precious');
    const store = new FileProcessStore({ dataDir });
    const calls = [
      () => store.registerWorkspace(workspace),
      () => store.getWorkspaces(),
      () => ensureDataDir(dataDir),
    ];
    for (const call of calls) {
      expectSystemError(await rejection(call()), ['ENOTDIR', 'EEXIST'], dataDir);
    }
  });

  test.each([...READS, ADD, ...CHANGES])('%s where a name is too long', async (_, call) => {
    const dataDir = join(tempDir(), 'n'.repeat(300));
    const error = await rejection(call(new FileProcessStore({ dataDir })));
    expectSystemError(error, ['ENAMETOOLONG'], dataDir);
  });

  test.each([...READS, ADD, ...CHANGES])('%s where links lead in a circle', async (_, call) => {
    const { store, file } = freshStore();
    symlinkSync('processes.json', file);
    expectSystemError(await rejection(call(store)), ['ELOOP'], file);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
  });

  test.skipIf(isRoot)('reads of a file that may not be read say EACCES', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    chmodSync(file, 0);
    expectSystemError(await rejection(store.getAllProcesses()), ['EACCES'], file);
    expectSystemError(await rejection(store.updateProcess('a', { result: 'r' })), ['EACCES'], file);
    chmodSync(file, 0o600);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });

  test.skipIf(isRoot)(
    'writes to a directory that may not be written say EACCES, and reads work',
    async () => {
      const { store, dir } = freshStore();
      await store.addProcess(sample('a'));
      chmodSync(dir, 0o500);
      onTestFinished(() => chmodSync(dir, 0o700));
      const before = dataState(dir);
      expectSystemError(await rejection(store.addProcess(sample('b'))), ['EACCES'], dir);
      expect(dataState(dir)).toEqual(before);
      expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
      chmodSync(dir, 0o700);
      await store.addProcess(sample('b'));
      expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
    },
  );

  test('calls work again as soon as the obstacle is gone, and those queued behind a failure go on', async () => {
    const { store, dir } = freshStore();
    const blocked = new FileProcessStore({ dataDir: join(dir, 'blocked') });
    writeFileSync(join(dir, 'blocked'), '');
    const outcomes = await Promise.allSettled([
      blocked.addProcess(sample('a')),
      store.addProcess(sample('b')),
      blocked.addProcess(sample('c')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    execFileSync('rm', [join(dir, 'blocked')]);
    await blocked.addProcess(sample('d'));
    expect(idsOf(await blocked.getAllProcesses())).toEqual(['d']);
  });
});

describe.skipIf(isWindows)('data files must be regular files', () => {
  const obstacles = [
    ['a FIFO', (file) => execFileSync('mkfifo', [file]), 'isFIFO'],
    ['a link to a device without an end', (file) => symlinkSync('/dev/zero', file), 'isSymbolicLink'],
    ['a link to a device without content', (file) => symlinkSync('/dev/null', file), 'isSymbolicLink'],
    ['a directory', (file) => mkdirSync(file), 'isDirectory'],
  ];

  test.each(obstacles)('%s is refused, not waited for, and stays', async (_, make, isThat) => {
    const { store, dir, file, workspacesFile } = freshStore();
    make(file);
    make(workspacesFile);
    const calls = [...READS, ADD, ...CHANGES];
    calls.push(['getWorkspaces', () => store.getWorkspaces()]);
    calls.push(['registerWorkspace', () => store.registerWorkspace(workspace)]);
    for (const [name, call] of calls) {
      const error = await rejection(call(store));
      expect(error, name).toBeInstanceOf(Error);
      expect(error.code, name).toMatch(/^E[A-Z_]+$/);
      expect(error.message, name).toMatch(/(processes|workspaces)\.json|\/dev\/(zero|null)/);
    }
    expect(lstatSync(file)[isThat]()).toBe(true);
    expect(lstatSync(workspacesFile)[isThat]()).toBe(true);
    expect(readdirSync(dir).filter((name) => name.includes('.tmp'))).toEqual([]);
  });
});

// flock(1) takes the kernel's lock that the store takes, from a process of its own.
const hasFlock = process.platform === 'linux' && spawnSync('flock', ['--version']).status === 0;

describe.skipIf(!hasFlock)('the lock', () => {
  /** Holds every lock file of the folder until `release` is called. */
  async function holdLocks(dir) {
    const locks = readdirSync(dir).filter((name) => name !== 'processes.json');
    expect(locks.length).toBeGreaterThan(0);
    const holders = locks.map((name) =>
      spawn('flock', [join(dir, name), '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    onTestFinished(() => holders.forEach((holder) => holder.kill('SIGKILL')));
    await Promise.all(holders.map(({ stdout }) => new Promise((resolve) => stdout.once('data', resolve))));
    return {
      locks: locks.map((name) => join(dir, name)),
      release: () => Promise.all(holders.map((holder) => end(holder))),
    };
  }
  function end(holder) {
    holder.stdin.end();
    return new Promise((resolve) => holder.once('exit', resolve));
  }

  test('that is held too long rejects a mutation, with its path and the time waited', async () => {
    const { store, dir } = freshStore({ lockTimeoutMs: 200 });
    await store.addProcess(sample('a'));
    const { locks } = await holdLocks(dir);
    const before = dataState(dir);
    for (const [, call] of [ADD, ...CHANGES]) {
      const error = await rejection(call(store));
      expect(error.code).toBe('ERR_STORE_LOCKED');
      expect(locks.some((lock) => error.message.includes(lock))).toBe(true);
      expect(error.message.replaceAll(dir, '')).toMatch(/\d/);
    }
    expect(dataState(dir)).toEqual(before);
  });

  test('is waited for no longer than lockTimeoutMs, which is less than if nothing had been asked for', async () => {
    const { store, dir } = freshStore({ lockTimeoutMs: 100 });
    await store.addProcess(sample('a'));
    await holdLocks(dir);
    let others = 'waiting';
    // It has begun before.
    const other = new FileProcessStore({ dataDir: dir }).addProcess(sample('c'));
    other.catch(() => (others = 'refused'));
    expect((await rejection(store.addProcess(sample('b')))).code).toBe('ERR_STORE_LOCKED');
    expect(others).toBe('waiting');
  });

  test('does not stop reads', async () => {
    const { store, dir } = freshStore({ lockTimeoutMs: 200 });
    await store.addProcess(sample('a'));
    await holdLocks(dir);
    expect(await store.getProcess('a')).toEqual(sample('a'));
    expect(idsOf(await new FileProcessStore({ dataDir: dir }).getAllProcesses())).toEqual(['a']);
  });

  test('that is held for a while makes a mutation wait, and no call is lost', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const { release } = await holdLocks(dir);
    let settled = 0;
    const calls = ['b', 'c', 'd'].map((id) => store.addProcess(sample(id)).finally(() => (settled += 1)));
    // The lock is held, so no call can be done, however long this takes.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(settled).toBe(0);
    await release();
    await Promise.all(calls);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'c', 'd']);
  });

  test('is free again when its holder dies, and a mutation that was rejected can be repeated', async () => {
    const { store, dir } = freshStore({ lockTimeoutMs: 100 });
    await store.addProcess(sample('a'));
    const { release } = await holdLocks(dir);
    expect((await rejection(store.addProcess(sample('b')))).code).toBe('ERR_STORE_LOCKED');
    await release();
    await store.addProcess(sample('b'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });

  test('that is waited for in vain keeps no process alive, and no worker', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const { release } = await holdLocks(dir);
    const refused = `
      const { FileProcessStore } = await import(entry);
      const store = new FileProcessStore({ dataDir: args[0], lockTimeoutMs: 50 });
      await store.removeProcess('a').catch(({ code }) => console.log(code));`;
    const ended = { code: 0, signal: null, stderr: '' };
    for (const rest of ['', 'await store.close();', `store.removeProcess('a'); process.exit(0);`]) {
      const outcome = await runNode(refused + rest, [dir]);
      expect(outcome).toEqual({ ...ended, stdout: 'ERR_STORE_LOCKED\n' });
    }
    // The addon is the worker's alone, and the lock comes when the worker is gone.
    const aboutWorker = `
      const { Worker } = await import('node:worker_threads');
      const source = 'const entry = ' + JSON.stringify(entry) + '; const args = ' + JSON.stringify(args) + ';';
      const code = source + '(async () => {' + ${JSON.stringify(refused)} + '})()';
      const worker = new Worker(code, { eval: true, stdout: false });
      await new Promise((resolve) => worker.on('exit', resolve));
      console.log('gone');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, 300));
      process.exit(0);`;
    const child = startNode(aboutWorker, [dir]);
    onTestFinished(() => child.kill('SIGKILL'));
    let stdout = '';
    const gone = new Promise((resolve) => {
      child.stdout.on('data', (text) => (stdout += text).includes('gone') && resolve());
      child.on('close', resolve);
    });
    await gone;
    await release();
    child.stdin.write('\n');
    const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
    expect({ code, signal, stdout }).toEqual({ code: 0, signal: null, stdout: 'ERR_STORE_LOCKED\ngone\n' });
    await store.addProcess(sample('b'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });

  test('that was left behind as a file stops nobody', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const second = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 0 });
    await second.addProcess(sample('b'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });
});
