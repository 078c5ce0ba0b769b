// File systems that programs serve, in a world of their own: the server is killed at random moments of writes, or the
// connection to it broken, and it is mounted again.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInOwnWorld } from '../../__test__/faults/mounts.mjs';
import { whyNot } from '../../__test__/filesystems/kinds.mjs';

const program = fileURLToPath(new URL('../../__test__/filesystems/broken.mjs', import.meta.url));
const KINDS = ['bindfs', 'sshfs'];
const SECONDS = 15;

export async function connections(tally) {
  if (process.platform !== 'linux') return tally.skip('they are mounted on Linux only');
  const reasons = Object.fromEntries(KINDS.map((name) => [name, whyNot(name)]));
  const kinds = KINDS.filter((name) => !reasons[name]);
  if (kinds.length === 0) return tally.skip(KINDS.map((name) => `${name}: ${reasons[name]}`).join('; '));
  const did = Object.fromEntries(KINDS.map((name) => [name, reasons[name] ?? 0]));
  for (let turn = 0; tally.goesOn(); turn += 1) {
    const name = kinds[turn % kinds.length];
    try {
      const args = [name, realpathSync(tally.newDir()), `${SECONDS}`];
      const { breaks, acknowledged, ...rest } = await runInOwnWorld(program, args);
      did[name] += breaks;
      tally.acknowledged += acknowledged;
      tally.add(breaks, rest);
    } catch (error) {
      tally.add(1, { wrong: [String(error)] });
    }
  }
  tally.remark = Object.entries(did)
    .map(([name, breaks]) => `${name}: ${breaks}`)
    .join('; ');
}
