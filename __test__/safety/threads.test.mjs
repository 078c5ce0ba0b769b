// A system that starts no more threads, as containers with a limit do: calls are refused or done with those that
// are there, and the program goes on.

import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runNode, tempDir, withStore } from '../support.mjs';
import { skipIf } from './needs.mjs';

/** A user that owns nothing; the limit does not bind root. */
const USER = 54_322;
const isRoot = process.getuid?.() === 0;
const asUser = isRoot ? { uid: USER, gid: USER, cwd: '/' } : {};

const whyNot = await (async () => {
  if (process.platform !== 'linux') return 'the limit is set as Linux does it';
  if (spawnSync('prlimit', ['--version']).status !== 0) return 'prlimit is not installed';
  const { code } = await runNode('await import(entry)', [], asUser).catch(() => ({ code: 'none' }));
  return code === 0 ? undefined : 'another user can not run Node on this folder';
})();

const whyNoFlock = spawnSync('flock', ['--version']).status === 0 ? undefined : 'flock is not installed';

/** Runs the body between `forbidThreads` and `allowThreads`, and returns what it has printed. */
async function runLimited(body) {
  const dir = tempDir();
  if (isRoot) chownSync(dir, USER, USER);
  // While the limit holds no process can be started, so the one that lifts it waits from the beginning.
  const limits = `
    const { execFileSync, spawn } = await import('node:child_process');
    const lift = 'read line; prlimit --pid ' + process.pid + ' --nproc=4096:';
    const lifter = spawn('sh', ['-c', lift], { stdio: ['pipe', 'ignore', 'inherit'] });
    const forbidThreads = () => execFileSync('prlimit', ['--pid', process.pid, '--nproc=1:']);
    const allowThreads = () => new Promise((resolve) => lifter.on('close', resolve).stdin.end('now\\n'));
    const outcome = (promise) => promise.then(() => 'done', ({ code, syscall }) => code + ' ' + syscall);
    const tell = async (promise) => console.log(await outcome(promise));`;
  const { code, signal, stdout, stderr } = await runNode(withStore(limits + body), [dir], asUser);
  // Nothing but the calls tells of it.
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return stdout.trim().split('\n');
}

test('the first calls are refused if there is no thread for them, and later ones work', async (context) => {
  skipIf(whyNot, context);
  const lines = await runLimited(`
    forbidThreads();
    await tell(store.addProcess(sample('a')));
    await tell(store.getStorageStats());
    await tell(Promise.all([store.addProcess(sample('b')), store.addProcess(sample('c'))]));
    await allowThreads();
    await tell(store.addProcess(sample('d')));
    console.log(String(await store.getProcessIds()));`);
  expect(lines).toEqual(['EAGAIN spawn', 'EAGAIN spawn', 'EAGAIN spawn', 'done', 'd']);
});

test('a store that has its threads works with them alone, on large files too', async (context) => {
  skipIf(whyNot, context);
  const lines = await runLimited(`
    await store.addProcess(sample('a', { result: 'x'.repeat(300_000) }));
    await store.getStorageStats();
    forbidThreads();
    await tell(Promise.all([store.addProcess(sample('b')), store.addProcess(sample('c'))]));
    console.log(String(await store.getProcessIds()));
    await allowThreads();`);
  expect(lines).toEqual(['done', 'a,b,c']);
});

test('a lock that somebody else holds is waited for without a thread for that', async (context) => {
  skipIf(whyNot ?? whyNoFlock, context);
  const lines = await runLimited(`
    await store.addProcess(sample('a'));
    const lock = args[0] + '/processes.json.lock';
    const holder = spawn('flock', [lock, '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const impatient = new FileProcessStore({ dataDir: args[0], lockTimeoutMs: 50 });
    forbidThreads();
    await tell(impatient.addProcess(sample('b')));
    const patient = store.addProcess(sample('c'));
    holder.stdin.end();
    await tell(patient);
    console.log(String(await store.getProcessIds()));
    await allowThreads();`);
  expect(lines).toEqual(['ERR_STORE_LOCKED undefined', 'done', 'a,c']);
});
