// The suite has two modes. With STORE_JOURNAL=1 every store that doesn't say otherwise has a journal, in the tests and in
// the processes that they start: vitest.config.mjs and `childEnv` preload journaled.cjs.

import { fileURLToPath } from 'node:url';

/** Whether the suite runs in its second mode. */
export const isJournaled = process.env.STORE_JOURNAL === '1';

export const journaled = fileURLToPath(new URL('journaled.cjs', import.meta.url));

/** The environment of other Node processes. Options of the test runner's own process must not reach them. */
export const childEnv = {
  ...process.env,
  NODE_OPTIONS: isJournaled ? `--require=${JSON.stringify(journaled)}` : '',
};
