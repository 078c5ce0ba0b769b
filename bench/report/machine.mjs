import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import process from 'node:process';

/** The machine, and the file system that the directory is on. */
export function describeMachine(dir) {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGigabytes: Math.round(os.totalmem() / 1024 ** 3),
    system: `${os.type()} ${os.release()} (${process.arch})`,
    fileSystem: fileSystemOf(dir),
  };
}

/** The type of the longest mount point above the directory. Only Linux lists them in a file. */
function fileSystemOf(dir) {
  let mounts;
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return 'unknown';
  }
  const above = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point && `${dir}/`.startsWith(point.endsWith('/') ? point : `${point}/`))
    .sort(([, a], [, b]) => b.length - a.length);
  return above[0]?.[2] ?? 'unknown';
}
