// The tests that each file system gets.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { runInOwnWorld } from '../faults/mounts.mjs';
import { whyNot } from './kinds.mjs';

/** Runs one of the programs of this folder among mounts of its own; what it prints. */
export async function runOn(program, name, ...args) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'file-process-store-'));
  try {
    return await runInOwnWorld(path, [name, dir, ...args]);
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Describes tests on a file system, which are skipped, with one line that says why, where there can be none. */
export function describeOn(name, what, define, needs) {
  const reason = process.platform === 'linux' ? whyNot(name, needs) : 'it is mounted on Linux only';
  if (reason) console.warn(`skipped: ${name}, ${what} (${reason})`);
  describe.skipIf(reason)(`${name}: ${what}`, define);
}

/** `replaces`: whether the file system has a rename over a file in one step. fuse2fs deletes that one first, whoever calls. */
export function testPromisesOn(name, { replaces = true } = {}) {
  describeOn(name, 'a store', () => {
    let report;
    beforeAll(async () => {
      report = await runOn('use.mjs', name);
    }, 60_000);

    test('does what its calls say, and recovers', () => {
      expect(report.calls).toEqual({
        found: ['a', 'c'],
        updated: 'r',
        workspaces: ['w'],
        isPlain: true,
        damaged: ['ERR_STORE_CORRUPT', 'ERR_STORE_CORRUPT'],
        kept: [1, 1, 0],
        after: ['a', 'd'],
      });
    });

    test('loses nothing of two processes that write at once, and is read whole', () => {
      const { looks, refused, ...rest } = report.writers;
      // A file that is opened between the two is gone: that read is refused, which is better than an empty list.
      expect(refused.flat().filter((what) => replaces || what !== 'read ENOENT')).toEqual([]);
      expect(rest).toEqual({ kept: 200, twice: 0, torn: 0 });
      expect(looks).toBeGreaterThan(10);
    });

    test.runIf(replaces)('has its file at its place whenever somebody looks while it writes', () => {
      const { looks, ...rest } = report.presence;
      expect(rest).toEqual({ refused: [], missing: 0 });
      expect(looks).toBeGreaterThan(10);
    });

    test('that closes leaves the file, whoever wrote it, and nothing else', () => {
      expect(report.closing).toEqual({ ids: ['a', 'c'], names: ['processes.json', 'processes.json.lock'] });
    });

    test('sees and keeps each edit in place of the same size', () => {
      expect(report.edits).toEqual({ unseen: 0, lost: 0 });
    });
  });
}
