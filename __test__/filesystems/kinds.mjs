// Real file systems, made from what the machine has. They are made in a world of their own (faults/mounts.mjs), and go
// with it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, kernelKnows, mount, whyNoMounts } from '../faults/mounts.mjs';
import { SFTP_SERVERS, behind, mounted, nfs, run, samba, served, sshfs } from './servers.mjs';

/** A disk in a file. */
function makeImage(top, megabytes, program, ...args) {
  const image = join(top, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, megabytes << 20);
  run(program, ...args, image);
  return image;
}

function onDisk(type, megabytes, ...make) {
  return {
    programs: [make[0]],
    kernel: [type, 'loop'],
    make: (top, dir) => mounted(dir, type, makeImage(top, megabytes, ...make), 'loop'),
  };
}

/** An image as a block device, for as long as this process lives. */
function loopDevice(image) {
  const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  openSync(device);
  run('losetup', '--detach', device);
  return device;
}

/** `clock`: how far that of the server is from ours, as faketime takes it. */
const withClock = (clock, ...command) => (clock ? ['faketime', '-f', clock, ...command] : command);

function overlay(top, dir) {
  // What is written can't go to an overlay itself, as a container's folder for temporary files is.
  mount('-t', 'tmpfs', 'tmpfs', behind(top));
  const folders = ['lower', 'upper', 'work'].map((name) => join(behind(top), name));
  for (const folder of folders) mkdirSync(folder);
  const [lower, upper, work] = folders;
  return mounted(dir, 'overlay', 'overlay', `lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`);
}

const NFS = {
  isUntried: true,
  programs: ['exportfs', 'rpc.nfsd', 'rpcbind', 'mount.nfs', 'ip'],
  kernel: ['nfs', 'nfsd'],
};

/**
 * For each: `make(top, dir)`, whose result has nothing mounted yet; what it needs of `programs`, of the `kernel` and of
 * the machine's `files`, one of each list of them. `isUntried`: its tests have never run, as no kernel had it; they must
 * be asked for, so that a fault of theirs fails nobody's run.
 */
const KINDS = {
  tmpfs: { make: (_, dir) => mounted(dir, 'tmpfs', 'tmpfs', 'size=64m') },
  ext4: onDisk('ext4', 32, 'mkfs.ext4', '-q', '-F'),
  xfs: onDisk('xfs', 320, 'mkfs.xfs', '-q', '-f'),
  btrfs: onDisk('btrfs', 120, 'mkfs.btrfs', '-q'),
  vfat: { ...onDisk('vfat', 32, 'mkfs.vfat'), isUntried: true },
  exfat: { ...onDisk('exfat', 32, 'mkfs.exfat'), isUntried: true },
  overlay: { kernel: ['overlay'], make: overlay },
  bindfs: {
    programs: ['bindfs'],
    kernel: ['fuse'],
    make: (top, dir) => served(dir, ['bindfs', '-f', behind(top), dir], behind(top)),
  },
  sshfs: { programs: ['sshfs'], kernel: ['fuse'], files: [SFTP_SERVERS], make: sshfs },
  fuse2fs: {
    programs: ['fuse2fs', 'mkfs.ext4'],
    kernel: ['fuse'],
    make(top, dir, { clock } = {}) {
      const image = makeImage(top, 32, 'mkfs.ext4', '-q', '-F');
      return served(dir, withClock(clock, 'fuse2fs', '-f', '-o', 'fakeroot', image, dir));
    },
  },
  'exfat-fuse': {
    programs: ['mount.exfat-fuse', 'mkfs.exfat', 'losetup'],
    kernel: ['fuseblk', 'loop'],
    make(top, dir, { clock } = {}) {
      const device = loopDevice(makeImage(top, 32, 'mkfs.exfat'));
      return served(dir, withClock(clock, 'mount.exfat-fuse', '-d', device, dir));
    },
  },
  smb: { isUntried: true, programs: ['smbd', 'mount.cifs', 'ip'], kernel: ['cifs'], make: samba },
  nfs3: { ...NFS, make: nfs(3) },
  nfs4: { ...NFS, make: nfs(4.2) },
};

/** Why there can be none of this kind here; undefined where there can. */
export function whyNot(name, { programs = [] } = {}) {
  const kind = KINDS[name];
  if (kind.isUntried && !process.env.STORE_TRY_ALL) return 'never run so far; STORE_TRY_ALL=1 tries it';
  const noMounts = whyNoMounts();
  if (noMounts) return noMounts;
  if (process.getuid() !== 0) return 'root is needed to mount it';
  for (const program of [...(kind.programs ?? []), ...programs]) {
    if (!findProgram(program)) return `${program} is not installed`;
  }
  for (const files of kind.files ?? []) {
    if (!files.some(existsSync)) return `${files[0]} is not installed`;
  }
  for (const module of kind.kernel ?? []) {
    if (module === 'loop' ? !existsSync('/dev/loop-control') : !kernelKnows(module)) {
      return `the kernel has no ${module}`;
    }
  }
  return undefined;
}

/** One of them, mounted in the folder of the test. */
export async function makeKind(name, top, options) {
  const dir = join(top, 'mounted');
  mkdirSync(dir);
  const it = await KINDS[name].make(top, dir, options);
  await it.mount();
  return it;
}

/** A store's directory on what is mounted, as deep as people have theirs. */
export const dataDirOn = ({ dir }) => join(dir, 'home', 'data');

/** The same directory as others see it: those at the server, where there is one and it can be told. */
export const othersDirOn = ({ dir, behind }) => join(behind ?? dir, 'home', 'data');
