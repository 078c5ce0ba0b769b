/**
 * Tests the package as its users get it: packed, and installed from files into an empty project.
 *
 * Usage: `node scripts/package-test.mjs [--short]`. The short form is for the runtime at hand and downloads
 * nothing; the long one takes minutes, and installs other runtimes and tools into a cache.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bareEnvironment, checkLockFile, checkNotices, install, pack, readJson } from './package-pack.mjs';
import {
  installTools,
  installedRuntimes,
  lintWorkflows,
  oldestHost,
  ownRuntime,
  tool,
} from './package-tools.mjs';
import { root } from './programs.mjs';

const require = createRequire(import.meta.url);
const short = process.argv.includes('--short');
const LONGEST_MS = 5 * 60_000;

const folder = mkdtempSync(join(tmpdir(), 'file-process-store-package-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
const project = join(folder, 'project');
const bare = bareEnvironment(join(folder, 'path'));
let failures = 0;
/** A release tests its binaries in containers without it. */
const hasCargo = spawnSync('cargo', ['--version']).status === 0;

/**
 * Runs a command to its end, as somebody who has no compiler.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<{ problem: string | undefined, output: string }>}
 */
function execute(command, args, { cwd = project, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...bare, ...env }, timeout: LONGEST_MS });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('error', ({ message }) => resolve({ problem: message, output }));
    child.on('close', (code, signal) => {
      resolve({
        problem: code === 0 ? undefined : signal ? `ended by ${signal}` : `exit code ${code}`,
        output,
      });
    });
  });
}

/**
 * One line for each check, and for a failed one what it printed.
 * @param {string} name
 * @param {() => unknown} work
 */
async function check(name, work) {
  const began = performance.now();
  let problem;
  try {
    await work();
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
    failures++;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${seconds} s  ${name}`);
  if (problem !== undefined) console.log(problem.replace(/^/gm, '    '));
}

/**
 * A check that a command ends well.
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, prints?: string }} [options]
 */
function checkRun(name, command, args, options) {
  return check(name, async () => {
    const { problem: failure, output } = await execute(command, args, options);
    const silent = !output.includes(options?.prints ?? '');
    const problem = failure ?? (silent ? `it did not print "${options.prints}"` : undefined);
    if (problem !== undefined) throw new Error(`${problem}: ${[command, ...args].join(' ')}\n${output}`);
  });
}

const node = process.execPath;
const data = (/** @type {string} */ name) => join(folder, 'data', name);

/** Compiles the caller in TypeScript under each way to resolve modules, and runs what comes out. */
async function checkTypes() {
  const types = join(project, 'types');
  for (const extension of ['mts', 'cts']) {
    cpSync(join(types, 'consumer.ts'), join(types, `consumer.${extension}`));
  }
  const [, example] = /```ts\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  const [before, after, ...more] = example?.split("'/var/lib/pipeline'") ?? [];
  assert.deepEqual(more, []);
  writeFileSync(join(types, 'readme.mts'), `${before}${JSON.stringify(data('readme'))}${after}`);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const resolution of ['node10', 'node16', 'bundler']) {
    const args = [tsc, '--project', `tsconfig.${resolution}.json`];
    await checkRun(`TypeScript, moduleResolution ${resolution}`, node, args, { cwd: types });
  }
  for (const file of ['node10/consumer.js', 'node16/consumer.cjs', 'node16/consumer.mjs']) {
    await checkRun(`TypeScript, compiled: ${file}`, node, [join(types, 'built', file), data(file)]);
  }
  await checkRun("the README's example", node, [join(types, 'built', 'node16', 'readme.mjs')]);
}

/** Where no binary can be loaded, the error says on what system, why, and what to do. */
async function checkMissing() {
  const lonely = join(folder, 'lonely');
  install(lonely, [packed.root], bare);
  const spoilt = join(folder, 'spoilt');
  install(spoilt, [packed.root, packed.platformPackage], bare);
  const modules = join(spoilt, 'node_modules');
  writeFileSync(
    join(modules, `${packed.name}-${packed.platform}`, `${packed.name}.${packed.platform}.node`),
    'no binary',
  );

  const pretend = (/** @type {string} */ name, /** @type {string} */ value) =>
    `Object.defineProperty(process, '${name}', { value: ${value} });`;
  const freebsd = pretend('platform', "'freebsd'");
  const old =
    pretend('version', "'v14.21.3'") + pretend('versions', "{ ...process.versions, node: '14.21.3' }");
  const musl = pretend('platform', "'linux'") + pretend('report', '{ getReport: () => ({ header: {} }) }');
  const own = [process.platform, process.arch, process.version];
  const none = `${packed.name}-${packed.platform} is not installed`;
  const cases = [
    ['the binary is missing', lonely, '', [...own, ...libcAtHand(), none, 'cause', 'Cannot find module']],
    ['the system has another libc', lonely, musl, ['(musl)', `${packed.name}-linux-${process.arch}-musl`]],
    ['no binary is published', lonely, freebsd, ['freebsd', process.arch, 'none for this system', 'npm run']],
    ['the binary is no binary', spoilt, '', [...own, 'it was refused', 'another system', 'cause']],
    ['Node is too old', spoilt, old, ['v14.21.3', 'too old', 'Node 20 or later']],
  ];
  for (const [name, cwd, before, expected] of cases) await checkError(name, expected, { cwd, before });
  await checkForbidden();
  await checkVariables();
  await checkVersions();
  await checkNoexec();

  const ldd = `const fs = require('fs'), read = fs.readFileSync;
    fs.readFileSync = (path, ...more) => (path === '/usr/bin/ldd' ? 'musl' : read(path, ...more));
    require('child_process').execSync = () => 'musl libc'; require('file-process-store'); console.log('loaded');`;
  await checkRun("another C library's ldd is of no account", node, ['--eval', ldd], { prints: 'loaded' });
}

/**
 * Loads the package, and expects an error of which the console shows these parts.
 * @param {string} name
 * @param {string[]} expected
 * @param {{ cwd?: string, before?: string, command?: string, args?: string[], env?: Record<string, string> }} where
 */
function checkError(name, expected, { cwd = project, before = '', command = node, args = [], env }) {
  return check(`the error where ${name}`, async () => {
    const script = `${before} try { require('file-process-store'); } catch (error) { console.log(error); }`;
    const { output } = await execute(command, [...args, '--eval', script], { cwd, env });
    for (const part of ['ERR_STORE_NO_BINARY', ...expected]) {
      assert.ok(output.includes(part), `expected ${part} in\n${output}`);
    }
  });
}

async function checkForbidden() {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const args = [permission, '--allow-fs-read=*'];
  await checkError('permissions forbid addons', ['--allow-addons', 'ERR_DLOPEN_DISABLED'], { args });
  await checkError('Node is to load no addons', ['--no-addons', 'ERR_DLOPEN_DISABLED'], {
    args: ['--no-addons'],
  });
}

async function checkVariables() {
  const name = 'NAPI_RS_NATIVE_LIBRARY_PATH';
  const nowhere = { [name]: join(folder, 'nowhere.node') };
  await checkError('a variable points nowhere', [name, 'nowhere.node', 'Cannot find module'], {
    env: nowhere,
  });
  const [other] = readdirSync(join(root, 'node_modules', '@rolldown')).filter((each) =>
    each.startsWith('binding-'),
  );
  const addon = require.resolve(`@rolldown/${other}`);
  await checkError('a variable points at another addon', [name, addon, 'no binary of file-process-store'], {
    env: { [name]: addon },
  });
  const env = { NAPI_RS_FORCE_WASI: 'error' };
  await checkError('a variable asks for WebAssembly', ['NAPI_RS_FORCE_WASI=error', 'Unset'], { env });
}

async function checkVersions() {
  const mixed = join(folder, 'mixed');
  install(mixed, [packed.root, packed.platformPackage], bare);
  const manifest = join(mixed, 'node_modules', packed.name, 'package.json');
  const { version, ...rest } = readJson(manifest);
  writeFileSync(manifest, JSON.stringify({ ...rest, version: '99.0.0' }));
  const expected = [`of version ${version}`, 'this package is version 99.0.0'];
  await checkError('JavaScript and binary are of different versions', expected, { cwd: mixed });
}

/** Needs a mount, and so a user who may make one. */
async function checkNoexec() {
  const mounted = join(folder, 'noexec');
  mkdirSync(mounted);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tmpfs', mounted]).status !== 0) return;
  try {
    cpSync(join(project, 'node_modules'), join(mounted, 'node_modules'), { recursive: true });
    await checkError('the file system is mounted noexec', ['noexec', 'ERR_DLOPEN_FAILED'], { cwd: mounted });
  } finally {
    spawnSync('umount', [mounted]);
  }
}

/**
 * Without permission to load a binary, or to ask for the environment, Deno's own words are told.
 * @param {import('./package-tools.mjs').Runtime} deno
 */
async function checkDenoPermissions({ name, command }) {
  const script = `import { createRequire } from 'node:module';
    try { createRequire(import.meta.url)('file-process-store'); } catch (error) { console.log(error); }`;
  const file = join(project, 'permissions.mjs');
  writeFileSync(file, script);
  await check(`${name}, the error without --allow-ffi and --allow-env`, async () => {
    const { output } = await execute(command, ['run', '--quiet', '--no-prompt', '--allow-read', file]);
    for (const part of ['ERR_STORE_NO_BINARY', '--allow-ffi']) assert.ok(output.includes(part), output);
  });
  const ffi = ['run', '--quiet', '--no-prompt', '--allow-read', '--allow-ffi', file];
  await check(`${name} loads it without --allow-env`, async () => {
    assert.equal((await execute(command, ffi)).output, '');
  });
}

/** How the error calls this system's libc; it knows a version of glibc alone. */
function libcAtHand() {
  const abi = packed.platform.split('-')[2];
  return process.platform === 'linux' ? [abi === 'musl' ? '(musl)' : '(glibc 2.'] : [];
}

/** Bundles with the package left outside, and with only the binary's package left outside. */
async function makeBundles() {
  const esbuild = tool('esbuild');
  const alone = join(folder, 'bundled');
  const platformPackage = join('node_modules', `${packed.name}-${packed.platform}`);
  cpSync(join(project, platformPackage), join(alone, platformPackage), { recursive: true });
  const banner =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const formats = [
    ['CommonJS', 'cjs', 'cjs', []],
    ['ES module', 'esm', 'mjs', [`--banner:js=${banner}`]],
  ];
  const bundles = [];
  for (const [title, format, extension, options] of formats) {
    const args = [
      esbuild,
      `${format}.${extension}`,
      '--bundle',
      '--platform=node',
      `--format=${format}`,
      ...options,
    ];
    const outside = join(project, `outside.${extension}`);
    const inside = join(alone, `inside.${extension}`);
    await checkRun(`esbuild, ${title}`, node, [
      ...args,
      '--external:file-process-store',
      `--outfile=${outside}`,
    ]);
    const externals = ['--external:*.node', '--external:file-process-store-*'];
    await checkRun(`esbuild, ${title}, with the package`, node, [
      ...args,
      ...externals,
      `--outfile=${inside}`,
    ]);
    bundles.push([`${title} bundle`, outside], [`${title} bundle with the package in it`, inside]);
    await checkLonelyBundle(title, inside);
  }
  return bundles;
}

/**
 * A bundle that has taken the package in and is put where no binary is.
 * @param {string} title
 * @param {string} bundle
 */
function checkLonelyBundle(title, bundle) {
  return check(`the error of a ${title} bundle without the binary`, async () => {
    const lonely = join(folder, 'lonely-bundles');
    cpSync(bundle, join(lonely, basename(bundle)));
    const { output } = await execute(node, [join(lonely, basename(bundle))], { cwd: lonely });
    for (const part of ['ERR_STORE_NO_BINARY', 'docs/loading.md']) assert.ok(output.includes(part), output);
  });
}

const PROGRAMS = [
  ['CommonJS', 'cjs.cjs'],
  ['ES module', 'esm.mjs'],
  ['worker threads', 'worker.mjs'],
  ['child_process.fork', 'fork.mjs'],
  ['contexts, stacks and mock timers', 'manners.mjs'],
];

/**
 * @param {import('./package-tools.mjs').Runtime} runtime
 * @param {string[][]} programs names and files
 */
async function checkRuntime({ name, command, args }, programs) {
  for (const [title, file] of programs) {
    await checkRun(`${name}, ${title}`, command, [...args, file], { prints: 'smoke test passed' });
  }
}

/** @param {{ calls: number, workers: number }} amounts */
async function checkMemory({ calls, workers }) {
  await checkRun('garbage that holds large records', node, ['garbage.mjs', '500']);
  const flags = ['--expose-gc', '--max-semi-space-size=1'];
  await checkRun(`memory over ${calls} calls`, node, [...flags, 'leak.mjs', `${calls}`]);
  const name = `${workers} workers terminated while they write`;
  await checkRun(name, node, [...flags, 'terminate.mjs', `${workers}`]);
}

async function checkVitest() {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  cpSync(join(project, 'smoke.spec.mjs'), join(project, 'again.spec.mjs'));
  for (const pool of ['forks', 'threads']) {
    const args = [vitest, 'run', '--root', project, '--globals', `--pool=${pool}`];
    await checkRun(`vitest, ${pool}`, node, args);
  }
}

async function checkEverywhere() {
  installTools();
  await checkRun('publint', node, [tool('publint'), 'run', packed.root, '--strict']);
  await checkRun('@arethetypeswrong/cli', node, [tool('@arethetypeswrong/cli', 'attw'), packed.root]);
  const typedoc = [tool('typedoc'), '--options', 'typedoc.json', '--emit', 'none'];
  await checkRun('every public member is documented', node, typedoc, { cwd: root });
  await check('actionlint', async () => assert.deepEqual(await lintWorkflows(), []));
  const bundles = await makeBundles();
  for (const runtime of installedRuntimes()) {
    const isNode = runtime.name.startsWith('Node');
    const programs = isNode ? bundles : [];
    await checkRuntime(runtime, [...PROGRAMS, ...programs]);
    if (runtime.name.startsWith('Deno')) await checkDenoPermissions(runtime);
    if (!isNode) {
      const file = join('types', 'consumer.mts');
      await checkRun(`${runtime.name}, TypeScript`, runtime.command, [
        ...runtime.args,
        file,
        data(runtime.name),
      ]);
    }
  }
  const oldest = oldestHost();
  if (oldest) {
    const script = 'require(`file-process-store`); console.log(`Node-API ${process.versions.napi}`)';
    // Every function that the binary imports is then looked up when it is loaded.
    const options = { env: { LD_BIND_NOW: '1' }, prints: 'Node-API 8' };
    await checkRun('Node-API 8 has all that the addon imports', oldest, ['--eval', script], options);
  }
  await checkVitest();
}

await check('the lock file has the packages of all platforms', checkLockFile);
const packed = { name: 'file-process-store', platform: '', root: '', platformPackage: '' };
await check('pack, and install into an empty project', () => {
  Object.assign(packed, pack(folder, { allPlatforms: !short }));
  install(project, [packed.root, packed.platformPackage], bare);
  mkdirSync(join(folder, 'data'));
  for (const part of ['project', 'types']) {
    const target = part === 'project' ? project : join(project, part);
    cpSync(join(root, '__test__', 'package', part), target, { recursive: true });
  }
});
if (failures === 0) {
  await checkRuntime(ownRuntime(), PROGRAMS);
  await checkTypes();
  await checkMissing();
  if (hasCargo) {
    const installed = join(project, 'node_modules', `${packed.name}-${packed.platform}`);
    await check('the licences of all crates in the binary', () => checkNotices(installed, packed.platform));
  }
  await checkMemory(short ? { calls: 10_000, workers: 10 } : { calls: 100_000, workers: 50 });
  if (!short) await checkEverywhere();
}
if (failures > 0) {
  console.log(`${failures} failed`);
  process.exitCode = 1;
}
