import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const packageEntry = fileURLToPath(new URL('../../index.js', import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // There is nothing to install here: the package is the repository itself.
  resolve: { alias: [{ find: /^file-process-store$/, replacement: packageEntry }] },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Node itself loads an installed package. This one lies outside of node_modules, and would otherwise be
    // transformed like a source file.
    server: { deps: { external: [packageEntry] } },
    testTimeout: 30_000,
  },
});
