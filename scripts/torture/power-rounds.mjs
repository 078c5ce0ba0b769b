// The rounds of power.mjs, in a mount namespace: `node power-rounds.mjs {dir} {minutes} {journal}`. Prints lines of JSON.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSeed } from '../../__test__/faults/history.mjs';
import { Ledger, judge } from '../../__test__/faults/ledger.mjs';
import { findProgram, mount, unmount } from '../../__test__/faults/mounts.mjs';
import { startWriter } from '../../__test__/faults/writer.mjs';
import { pause } from './tally.mjs';

const [top, minutes, journal] = [process.argv[2], Number(process.argv[3]), process.argv[4] === 'true'];
const print = (line) => console.log(JSON.stringify(line));

const FILE_SYSTEMS = [
  { name: 'ext4', make: ['mkfs.ext4', '-q', '-F'], size: 96 << 20, options: 'loop' },
  {
    name: 'ext4 noauto_da_alloc',
    make: ['mkfs.ext4', '-q', '-F'],
    size: 96 << 20,
    options: 'loop,noauto_da_alloc',
  },
  { name: 'xfs', make: ['mkfs.xfs', '-q', '-f'], size: 320 << 20, options: 'loop' },
].filter(({ name, make: [program] }) => {
  if (findProgram(program)) return true;
  print({ say: `skipped: ${name} (${program} is not installed)` });
  return false;
});

/** XFS_IOC_GOINGDOWN, which is EXT4_IOC_SHUTDOWN too: with the log flushed first, or at once. */
const IOCTL = 0x8004587d;
const FLAGS = { logFlushed: 1, atOnce: 2 };
const CALL_IT =
  'my $f = pack("L", $ARGV[1]); open(my $d, "<", $ARGV[0]) or die; ioctl($d, $ARGV[2], $f) or die';

/** Never anything but a file system that was mounted here: one's own disk would be gone until the next boot. */
function shutDown(dir, flags) {
  if (statSync(dir).dev === statSync(join(dir, '..')).dev)
    throw new Error(`${dir} is not a mount of its own`);
  execFileSync('perl', ['-e', CALL_IT, dir, String(flags), String(IOCTL)]);
}

function makeImage({ name, make: [program, ...args], size }) {
  const image = join(top, `${name.replaceAll(' ', '-')}.img`);
  writeFileSync(image, '');
  truncateSync(image, size);
  execFileSync(program, [...args, image], { stdio: ['ignore', 'ignore', 'inherit'] });
  return image;
}

/** Three writers on both files until the power goes; then what is on the disk is judged, and they go on. */
async function run(fileSystem, durable, end) {
  const result = {
    name: fileSystem.name,
    durable,
    shutdowns: 0,
    acknowledged: 0,
    lost: 0,
    damaged: 0,
    wrong: [],
  };
  const image = makeImage(fileSystem);
  const place = join(top, 'mounted');
  mkdirSync(place, { recursive: true });
  mount('-o', fileSystem.options, image, place);
  let dir;
  let ledgers;
  let spoilt = false;
  for (let round = 0; performance.now() < end && result.wrong.length < 20; round += 1) {
    // A new directory every few rounds: that it is there must be durable too.
    if (round % 4 === 0 || spoilt) {
      if (dir) rmSync(join(dir, '..', '..'), { recursive: true, force: true });
      dir = join(place, `${round}`, 'deep', 'data');
      ledgers = [
        new Ledger({ name: 'a', seed: newSeed(), mortal: true }),
        new Ledger({ name: 'b', seed: newSeed(), mortal: true }),
        new Ledger({ name: 'w', seed: newSeed(), mortal: true, file: 'workspaces.json' }),
      ];
    }
    const writers = ledgers.map((ledger) =>
      startWriter(ledger, { dir, burst: 4, options: { durable, journal } }),
    );
    if (Math.random() < 0.8)
      await Promise.all(writers.map((writer) => writer.acknowledges(writer.ledger.settled + 1)));
    await pause(Math.random() < 0.5 ? 30 : 400);
    // What is acknowledged from here on may be said before the power goes, and counts.
    shutDown(place, Math.random() < 0.3 ? FLAGS.logFlushed : FLAGS.atOnce);
    await Promise.all(writers.map((writer) => writer.kill()));
    const before = ledgers.map(({ settled, acknowledged }) => acknowledged - settled);
    unmount(place);
    mount('-o', fileSystem.options, image, place);
    const { lost, wrong } = judge(dir, ledgers);
    result.shutdowns += 1;
    result.acknowledged += before.reduce((sum, count) => sum + count);
    result.lost += lost;
    result.damaged += wrong.length;
    spoilt = wrong.length > 0;
    if (spoilt && !durable) print({ say: `without syncs, as expected: ${wrong[0]}` });
    if (durable) result.wrong.push(...wrong);
  }
  unmount(place);
  rmSync(image);
  return result;
}

const each = (minutes * 60_000) / FILE_SYSTEMS.length;
for (const fileSystem of FILE_SYSTEMS) {
  const began = performance.now();
  for (const [durable, share] of [
    [true, 0.85],
    [false, 1],
  ]) {
    const result = await run(fileSystem, durable, began + each * share);
    const { shutdowns, acknowledged, lost, damaged } = result;
    const what = `${fileSystem.name}${durable ? '' : ', without syncs'}`;
    print({
      say: `${what}: ${shutdowns} shutdowns, ${acknowledged} acknowledged, ${lost} lost, ${damaged} damaged`,
    });
    print({ result });
  }
}
