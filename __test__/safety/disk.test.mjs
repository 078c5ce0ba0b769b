// Disks that are full or read-only. Real power loss is `npm run test:torture -- power`.

import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runWithMounts, whyNoMounts } from '../faults/mounts.mjs';
import { isJournaled } from '../mode.mjs';
import { tempDir } from '../support.mjs';
import { skipIf } from './needs.mjs';

const reason = whyNoMounts();
const program = (name) => fileURLToPath(new URL(`../faults/${name}`, import.meta.url));
const NAMES = ['processes.json', 'processes.json.lock'];

// It speaks of files that are replaced: an append that finds no room is in journal.test.mjs.
test.skipIf(isJournaled)(
  'a full disk costs nothing but the calls that it refuses, and with room all is well',
  (context) => {
    skipIf(reason, context);
    const dir = tempDir();
    const report = runWithMounts(program('full-disk.mjs'), dir);
    expect(report.acknowledged.length).toBeGreaterThan(5);
    expect(report.refusals).toHaveLength(5);
    for (const { code, errno, syscall, path } of report.refusals) {
      expect({ code, errno }).toEqual({ code: 'ENOSPC', errno: -constants.errno.ENOSPC });
      expect(syscall).toBe('write');
      expect(path).toMatch(/\.json\..+\.tmp$/);
    }
    // Nothing but the old file and the new one was in the way: those that were replaced before have been freed.
    expect(report.room.needed).toBeGreaterThan(report.room.blocks);
    expect(report.untouched).toEqual([true, true, true, true]);
    expect(report.inFile).toEqual(report.acknowledged);
    expect(report.whileFull).toEqual(report.acknowledged);
    expect(report.leftWhileFull).toEqual([...NAMES, 'workspaces.json.lock']);
    expect(report.withRoom).toEqual([...report.acknowledged, 'with room']);
    expect(report.leftWithRoom).toEqual([...NAMES, 'workspaces.json.lock']);
  },
);

test('on a read-only disk reads work and writes say EROFS, until it can be written again', (context) => {
  skipIf(reason, context);
  const dir = tempDir();
  const report = runWithMounts(program('read-only-disk.mjs'), dir);
  expect(report.reads).toEqual([['a'], 'a', 1, ['w'], ['a'], 'a', 1, ['w']]);
  expect(report.refusals).toHaveLength(6);
  for (const { code, errno, syscall, path } of report.refusals) {
    expect({ code, errno }).toEqual({ code: 'EROFS', errno: -constants.errno.EROFS });
    expect(syscall).toMatch(/^(open|mkdir)$/);
    expect(path.startsWith(dir)).toBe(true);
  }
  expect(report.unchanged).toEqual(['a']);
  // What changes nothing needs no disk that can be written.
  expect(report.nothing).toEqual(['done', 'EROFS', 'done', 'done', 0, 'done']);
  expect(report.recovered).toContainEqual([1, null]);
  expect(report.writable).toEqual(['a', 'b']);
});
