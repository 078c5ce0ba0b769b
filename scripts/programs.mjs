/**
 * How to start other programs, alike on all systems. On Windows the commands of npm and of the tools are shell scripts,
 * which can't be started without a shell, and a shell takes paths with spaces apart. So Node runs what is behind them.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The script behind a tool's command.
 * @param {string} modules the `node_modules` that it is in
 * @param {string} tool a package's name
 * @param {string} [command] one of its commands
 */
export function script(modules, tool, command = tool) {
  const folder = join(modules, tool);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[command]);
}

/**
 * npm as a program and its arguments.
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
export function npm(...args) {
  if (process.platform !== 'win32') return ['npm', args];
  const cli = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  return [process.execPath, [cli, ...args]];
}
