// File systems of one's own: a program that runs in a mount namespace, so that what it mounts is seen by nobody else
// and goes with it.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnv } from '../mode.mjs';

const isRoot = process.getuid?.() === 0;

/** The command that runs another in a mount namespace; root is made of whoever is none, where that is allowed. */
const OWN_MOUNTS = isRoot
  ? ['unshare', '--mount', '--propagation', 'private']
  : ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private'];

/** Why nothing can be mounted here; undefined where it can. */
export function whyNoMounts() {
  if (process.platform !== 'linux') return 'mount namespaces are for Linux';
  const dir = mkdtempSync(join(tmpdir(), 'file-process-store-'));
  const [command, ...args] = OWN_MOUNTS;
  const tried = spawnSync(command, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', dir]);
  rmSync(dir, { recursive: true });
  if (tried.error) return 'unshare is not installed';
  return tried.status === 0 ? undefined : 'root, or a user namespace, is needed to mount a tmpfs';
}

/** Runs a program of Node in a mount namespace; what it prints as JSON. */
export function runWithMounts(program, ...args) {
  const [command, ...rest] = OWN_MOUNTS;
  const output = execFileSync(command, [...rest, process.execPath, program, ...args], {
    env: childEnv,
    timeout: 60_000,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

/**
 * Runs a program of Node among mounts, processes and a network of its own, each of which goes with it: servers are
 * killed, their connections break, what they have mounted is gone. Resolves to what it prints as JSON. One that hangs
 * is killed after `seconds`.
 */
export function runInOwnWorld(program, args, seconds = 60) {
  const [command, ...rest] = OWN_MOUNTS;
  const own = [
    ...rest,
    '--net',
    '--pid',
    '--mount-proc',
    '--fork',
    '--kill-child',
    process.execPath,
    program,
  ];
  const child = spawn(command, [...own, ...args], {
    env: childEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), seconds * 1_000);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0) resolve(JSON.parse(stdout));
      else
        reject(new Error(`${[program, ...args].join(' ')} ended with ${signal ?? code}: ${stdout}${stderr}`));
    });
  });
}

/** Whether something is mounted at this very place. It asks nothing of the file system there, which may hang. */
export function isMounted(dir) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.some((line) => line.split(' ')[4] === dir);
}

/** Whether the kernel knows this file system, or has a module that does. */
export function kernelKnows(name) {
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  return known.includes(name) || spawnSync('modprobe', ['--dry-run', '--quiet', name]).status === 0;
}

export function mount(...args) {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/**
 * Changes options of a mounted tmpfs. It is named as well as its place: mount then adds no options that it finds in
 * the list of mounts, of which a user namespace refuses some.
 */
export function remount(options, dir) {
  mount('-o', `remount,${options}`, 'tmpfs', dir);
}

/** Processes that were killed a moment ago may still hold files: then it is tried again. */
export function unmount(dir) {
  for (let attempt = 0; ; attempt += 1) {
    const { status, stderr } = spawnSync('umount', [dir], { encoding: 'utf8' });
    if (status === 0) return;
    if (attempt === 100) throw new Error(stderr);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

/** The first of these programs that is installed. */
export function findProgram(...names) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return names.find((name) => folders.some((folder) => existsSync(join(folder, name))));
}
