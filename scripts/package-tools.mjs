/**
 * Tools and runtimes that only the package's checks need. They are pinned in `__test__/package/tools` and
 * installed beside the tree's own dependencies, in a cache, not among them.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from './package-pack.mjs';
import { npm, root, script } from './programs.mjs';

const manifests = join(root, '__test__', 'package', 'tools');
const cache = join(root, 'node_modules', '.cache', 'file-process-store');
const modules = join(cache, 'node_modules');

/** Runtimes of the manifest, which has them for Linux on x64 alone: their names and executables. */
const RUNTIMES = {
  'node-20': ['Node', 'bin/node'],
  'node-22': ['Node', 'bin/node'],
  'node-24': ['Node', 'bin/node'],
  'node-newest': ['Node', 'bin/node'],
  bun: ['Bun', 'bin/bun'],
  deno: ['Deno', 'deno', 'run', '--allow-all', '--quiet'],
};

/** Machines that the workflows run on and that are newer than actionlint's list of them. */
const NEW_MACHINES = ['ubuntu-24.04-arm', 'macos-15-intel', 'windows-11-arm'];

/** Installs what the manifest lists, unless it is there. */
export function installTools() {
  const lock = 'package-lock.json';
  const installed = join(cache, lock);
  const wanted = readFileSync(join(manifests, lock), 'utf8');
  if (existsSync(modules) && existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  cpSync(join(manifests, 'package.json'), join(cache, 'package.json'));
  cpSync(join(manifests, lock), installed);
  run(...npm('ci', '--ignore-scripts', '--no-audit', '--no-fund'), cache);
}

/**
 * The script behind the command of one of the tools.
 * @param {string} name a package's name
 * @param {string} [command] one of its commands
 */
export function tool(name, command) {
  return script(modules, name, command);
}

/** What actionlint finds fault with in the workflows, a line each. */
export async function lintWorkflows() {
  const { createLinter } = await import(pathToFileURL(join(modules, 'actionlint', 'node.mjs')).href);
  const lint = await createLinter();
  const folder = join(root, '.github', 'workflows');
  const isNews = (/** @type {{ kind: string, message: string }} */ { kind, message }) =>
    kind !== 'runner-label' || !NEW_MACHINES.some((machine) => message.startsWith(`label "${machine}"`));
  return readdirSync(folder).flatMap((name) =>
    lint(readFileSync(join(folder, name), 'utf8'), name)
      .filter(isNews)
      .map(({ line, column, message }) => `${name}:${line}:${column} ${message}`),
  );
}

/** The oldest Node that speaks the addon's version of Node-API, if it runs here. */
export function oldestHost() {
  const node = join(modules, 'node-16', 'bin', 'node');
  return existsSync(node) ? node : undefined;
}

/** @typedef {{ name: string, command: string, args: string[] }} Runtime */

/**
 * The runtime at hand.
 * @returns {Runtime}
 */
export function ownRuntime() {
  return { name: `Node ${process.versions.node}`, command: process.execPath, args: [] };
}

/**
 * All runtimes that are installed, with what each says of its version.
 * @returns {Runtime[]}
 */
export function installedRuntimes() {
  return Object.entries(RUNTIMES).flatMap(([folder, [name, file, ...args]]) => {
    const command = join(modules, folder, file);
    if (!existsSync(command)) return [];
    const { stdout, error } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    const [version] = /\d+\.\d+\.\d+/.exec(stdout) ?? [error?.message ?? 'of unknown version'];
    return [{ name: `${name} ${version}`, command, args }];
  });
}
