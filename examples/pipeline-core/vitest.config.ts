import * as path from 'node:path';
import { defineConfig } from 'vitest/config';

const packageEntry = path.resolve(__dirname, '../../index.js');

export default defineConfig({
  root: __dirname,
  // There is nothing to install here: the package is the repository itself.
  resolve: { alias: [{ find: /^file-process-store$/, replacement: packageEntry }] },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // An installed package is loaded by Node itself. Do the same for this one, which lies outside of
    // node_modules and would be transformed like a source file.
    server: { deps: { external: [packageEntry] } },
  },
});
