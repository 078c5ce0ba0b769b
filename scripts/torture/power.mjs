// Real power loss: file systems in images on loop devices are shut down at random moments by their own shutdown ioctl,
// which forgets everything that has not reached the device, and are mounted again.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findProgram, whyNoMounts } from '../../__test__/faults/mounts.mjs';
import { childEnv } from '../../__test__/mode.mjs';

const program = fileURLToPath(new URL('power-rounds.mjs', import.meta.url));

export async function power(tally, { journal = false } = {}) {
  const reason = whyNot();
  if (reason) return tally.skip(reason);
  // In a mount namespace of its own: what is mounted goes with the process, whatever happens to it.
  const own = ['--mount', '--propagation', 'private', process.execPath, program];
  const child = spawn('unshare', [...own, tally.newDir(), String(tally.minutes), String(journal)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnv,
  });
  const remarks = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { say, result } = JSON.parse(line);
    if (say) console.log(say);
    if (!result) return;
    const { name, durable, shutdowns, acknowledged, lost, damaged, wrong } = result;
    if (durable) {
      tally.acknowledged += acknowledged;
      tally.add(shutdowns, { lost, wrong: wrong.map((text) => `${name}: ${text}`) });
      remarks.push(`${name}: ${shutdowns}`);
    } else {
      remarks.push(`without syncs ${lost} lost and ${damaged} files damaged in ${shutdowns}`);
      // A test that a broken store passes is no test.
      if (lost + damaged === 0)
        tally.wrong.push(`${name}: without syncs nothing was lost, so this proves nothing`);
    }
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) tally.wrong.push(`power-rounds.mjs ended with code ${code}`);
  tally.remark = `shutdowns: ${remarks.join('; ')}`;
}

function whyNot() {
  if (process.platform !== 'linux') return 'the shutdown ioctl is for Linux';
  if (process.getuid() !== 0) return 'root is needed for loop devices';
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices';
  if (!findProgram('perl')) return 'perl is needed for the ioctl';
  if (!findProgram('mkfs.ext4', 'mkfs.xfs')) return 'mkfs.ext4 or mkfs.xfs is needed (e2fsprogs, xfsprogs)';
  return whyNoMounts();
}
