// Another program takes the data file away for a moment, again and again, while stores add and read.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeAway } from '../faults/away.mjs';

/** A round in a new directory; one that took too long on a busy machine proves nothing, and is followed by another. */
async function round(...args) {
  for (let tries = 1; ; tries += 1) {
    const dir = mkdtempSync(join(tmpdir(), 'file-process-store-'));
    try {
      const report = await takeAway(dir, ...args);
      if (!report.tooLong || report.wrong.length > 0 || tries === 20) return report;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

describe.skipIf(process.platform === 'win32')('a file that is away for a moment', () => {
  test('is waited for by adds and reads, and nothing is replaced or lost', async () => {
    const { lost, wrong } = await round(8);
    expect({ lost, wrong }).toEqual({ lost: 0, wrong: [] });
  }, 120_000);

  test('is missed by these judges if it comes back with fewer records', async () => {
    const halve = (file) => {
      const records = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(`${file}.half`, JSON.stringify(records.slice(records.length / 2), null, 2));
      renameSync(`${file}.half`, file);
      return { ids: records.map(({ process: { id } }) => id) };
    };
    const { wrong } = await round(3, [halve]);
    expect(wrong).toContainEqual(expect.stringMatching(/^halve: \d+ of \d+ records replaced$/));
  }, 120_000);
});
