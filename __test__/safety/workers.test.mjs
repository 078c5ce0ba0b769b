// Worker threads that are terminated in the middle of a write.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempDir } from '../support.mjs';

test('eight rounds of them lose nothing that was acknowledged, and the main thread carries on', async () => {
  // A process of its own: if it crashed, that would be seen.
  const program = fileURLToPath(new URL('../faults/terminations.mjs', import.meta.url));
  const run = promisify(execFile)(process.execPath, [program, tempDir(), '8'], { timeout: 150_000 });
  const { stdout, stderr } = await run;
  expect(stderr).toBe('');
  const { acknowledged, ...report } = JSON.parse(stdout);
  expect(report).toEqual({ rounds: 8, lost: 0, wrong: [], errors: [] });
  for (const count of acknowledged) expect(count).toBeGreaterThanOrEqual(8);
});
