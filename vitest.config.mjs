import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Real processes: the addon is loaded by each of them, as it is by its callers.
    pool: 'forks',
    include: ['__test__/**/*.test.mjs'],
    // Node itself loads the package, so that the tests see what callers see and no rewritten module.
    server: { deps: { external: [/\/index\.js$/] } },
    // Far more than any takes: a machine may be busy with other things.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
