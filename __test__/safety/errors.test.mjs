// Errors of the system that are no everyday ones: callers get the name and the number that Node gives them.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runVictim, whyNoTracing } from '../faults/victim.mjs';
import { sample, tempDir } from '../support.mjs';
import { skipIf } from './needs.mjs';

const reason = whyNoTracing();

test.each([
  // A server without locks, a lost file, a damaged disk, a directory whose key is not there, a quota that is used up.
  ['ENOLCK', 'flock', -37],
  ['ESTALE', 'fsync', -116],
  ['EUCLEAN', 'fsync', -117],
  ['ENOKEY', 'fsync', -126],
  ['EDQUOT', 'writev', -122],
])('%s from %s has its own name and number', async (code, call, errno, context) => {
  skipIf(reason, context);
  const dir = join(tempDir(), 'data');
  const { outcomes } = await runVictim({
    dir,
    inject: `${call}:error=${code}:when=1`,
    first: ['addProcess', sample('first')],
    call: ['addProcess', sample('a')],
  });
  // strace counts the calls of each thread: the fault strikes once in each that comes along.
  const refusals = outcomes.slice(0, -1);
  expect(outcomes.at(-1)).toBe('done');
  expect(refusals.length).toBeGreaterThan(0);
  for (const refused of refusals) {
    expect({ code: refused.code, errno: refused.errno }).toEqual({ code, errno });
    expect(refused.message).toMatch(new RegExp(`^${code}: `));
  }
});
