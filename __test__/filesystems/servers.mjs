// File systems behind a server, on this machine alone: programs that serve one to the kernel (FUSE), Samba, NFS. All
// that they write is in the folder of the test, all that they listen on is in its own network.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMounted, mount, unmount } from '../faults/mounts.mjs';

export const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/sftp-server',
  '/usr/lib/ssh/sftp-server',
];

/** Looks until it is so. */
export async function until(isSo, what, seconds = 10) {
  for (const end = performance.now() + seconds * 1_000; !(await isSo());) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function run(program, ...args) {
  return execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The folder behind a file system that shows another one. */
export function behind(top) {
  const folder = join(top, 'behind');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A file system of the kernel, with its source and options as mount takes them. */
export function mounted(dir, type, source, ...options) {
  const given = options.length > 0 ? ['-o', options.join(',')] : [];
  return {
    dir,
    mount: async () => mount('-t', type, ...given, source, dir),
    unmount: async () => unmount(dir),
    readOnly: (is) => mount('-o', `remount,${is ? 'ro' : 'rw'}`, source, dir),
  };
}

/**
 * A file system that a program serves, which `command` runs in the foreground; `behind` is the folder that it shows, if
 * it shows one.
 */
export function served(dir, command, behind) {
  let server;
  let ended;
  const kill = async () => {
    server.kill('SIGKILL');
    await ended;
  };
  return {
    dir,
    behind,
    async mount() {
      server = spawn(command[0], command.slice(1), { stdio: 'ignore' });
      ended = once(server, 'exit');
      await until(() => isMounted(dir) || server.exitCode !== null, `${command[0]} to mount`);
      if (server.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${server.exitCode}`);
    },
    async unmount() {
      unmount(dir);
      await ended;
    },
    /** From one moment to the next, without a word: what is still mounted says ENOTCONN. */
    kill,
    /** The same, at whichever end. */
    breakOff: kill,
  };
}

/**
 * sshfs without the ssh: what it starts instead is the server itself. The connection breaks when that is killed, and
 * sshfs then ends, so that an empty directory is in its place.
 */
export function sshfs(top, dir) {
  const ssh = join(top, 'ssh');
  const program = SFTP_SERVERS.find(existsSync);
  writeFileSync(ssh, `#!/bin/sh\necho $$ > ${ssh}.pid\nexec ${program}\n`, { mode: 0o755 });
  const command = ['sshfs', '-f', '-o', `ssh_command=${ssh}`, `local:${behind(top)}`, dir];
  const it = served(dir, command, behind(top));
  return {
    ...it,
    async breakOff() {
      if (Math.random() < 0.5) return it.kill();
      process.kill(Number(readFileSync(`${ssh}.pid`, 'utf8')), 'SIGKILL');
    },
  };
}

export function samba(top, dir) {
  const folder = join(top, 'samba');
  mkdirSync(folder);
  const places = ['private', 'lock', 'state', 'cache', 'pid'].map((name) => `${name} directory = ${folder}`);
  const config = `[global]
    server role = standalone server
    map to guest = bad user
    guest account = root
    load printers = no
    disable spoolss = yes
    ncalrpc dir = ${folder}/ncalrpc
    log file = ${folder}/log
    ${places.join('\n')}
    [data]
    path = ${behind(top)}
    read only = no
    guest ok = yes
    force user = root\n`;
  writeFileSync(join(folder, 'smb.conf'), config);
  run('ip', 'link', 'set', 'lo', 'up');
  const options = ['--foreground', '--no-process-group', '--configfile', join(folder, 'smb.conf')];
  spawn('smbd', options, { stdio: 'ignore' });
  const { mount: tryToMount, ...it } = mounted(dir, 'cifs', '//127.0.0.1/data', 'guest');
  const isServed = () =>
    tryToMount().then(
      () => true,
      () => false,
    );
  return { ...it, behind: behind(top), mount: () => until(isServed, 'smbd to serve') };
}

/** The kernel's own server, of which each network has one. What its programs write goes to a tmpfs. */
export function nfs(version) {
  return (top, dir) => {
    const state = '/var/lib/nfs';
    for (const place of [state, '/run']) mount('-t', 'tmpfs', 'tmpfs', place);
    for (const name of ['rpc_pipefs', 'v4recovery', 'sm', 'sm.bak']) mkdirSync(join(state, name));
    for (const name of ['etab', 'rmtab', 'state']) writeFileSync(join(state, name), '');
    run('ip', 'link', 'set', 'lo', 'up');
    mount('-t', 'nfsd', 'nfsd', '/proc/fs/nfsd');
    mount('-t', 'rpc_pipefs', 'rpc_pipefs', join(state, 'rpc_pipefs'));
    // By a number: a tmpfs has none of its own.
    const how = 'rw,sync,no_root_squash,no_subtree_check,insecure,fsid=0';
    run('exportfs', '-i', '-o', how, `127.0.0.1:${behind(top)}`);
    run('rpcbind', '-w');
    run('rpc.statd', '--no-notify');
    run('rpc.nfsd', '--lease-time', '10', '--grace-time', '1', '2');
    run('rpc.mountd');
    const source = version === 3 ? `127.0.0.1:${behind(top)}` : '127.0.0.1:/';
    return { ...mounted(dir, 'nfs', source, `vers=${version}`), behind: behind(top) };
  };
}
