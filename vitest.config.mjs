import { defineConfig } from 'vitest/config';
import { isJournaled, journaled } from './__test__/mode.mjs';

export default defineConfig({
  test: {
    // Real processes: the addon is loaded by each of them, as it is by its callers.
    pool: 'forks',
    execArgv: isJournaled ? ['--require', journaled] : [],
    include: ['__test__/**/*.test.mjs'],
    // These say themselves which stores have a journal.
    exclude: isJournaled ? ['**/node_modules/**', '__test__/**/journal*.test.mjs'] : ['**/node_modules/**'],
    // Node itself loads the package, so that the tests see what callers see and no rewritten module.
    server: { deps: { external: [/\/index\.js$/] } },
    // Far more than any takes: a machine may be busy with other things.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
