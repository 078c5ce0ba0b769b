/** Makes the API reference, in `docs/api`, from the types that callers get. */

import { spawnSync } from 'node:child_process';
import { installTools, tool } from './package-tools.mjs';
import { root } from './programs.mjs';

installTools();
const { status } = spawnSync(process.execPath, [tool('typedoc')], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
