// Beside the plain store, both writing at once. Turn by turn nothing is lost: that is in coexistence.test.mjs. The long
// version is `npm run test:torture -- plain`.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempDir } from '../support.mjs';

test('ten seconds of writes of both at once: no torn read, no older record gone, no error of ours', async () => {
  const program = fileURLToPath(new URL('../faults/beside-plain.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, tempDir(), '10000']);
  const { ours, plain, reads, left, ...report } = JSON.parse(stdout);
  expect(report).toEqual({ failures: [], wrong: [], after: 'after' });
  for (const count of [ours, plain, reads]) expect(count).toBeGreaterThan(20);
  expect(left).toBeGreaterThanOrEqual(20);
});
