/** Makes the API reference, in `docs/api`, from the types that callers get. */

import { spawnSync } from 'node:child_process';
import { root } from './package-pack.mjs';
import { installTools, tool } from './package-tools.mjs';

installTools();
const { status } = spawnSync(process.execPath, [tool('typedoc')], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
