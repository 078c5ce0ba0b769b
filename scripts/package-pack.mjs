/**
 * Rehearses a release up to the point of publishing, in a folder outside of the tree: the packages for all
 * platforms are made and checked as the release workflow does it, with this platform's binary as it stands
 * in the root and empty files for the others. The root package and this platform's are packed.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { NOTICES, fileOf, linkedCrates, noticesOf, placeNotices } from './notices.mjs';
import { PLATFORMS } from './platforms.mjs';
import { npm, root, script } from './programs.mjs';

/**
 * Runs a command to its end and returns what it printed; if it fails, that is the error.
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} [env]
 */
export function run(command, args, cwd, env = process.env) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (error || status !== 0) {
    throw new Error(
      `${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`,
    );
  }
  return stdout;
}

/**
 * Makes the packages in `folder`, and returns where they are.
 * @param {string} folder
 * @param {{ allPlatforms: boolean }} options without it, for this platform alone, and the root package names none
 */
export function pack(folder, { allPlatforms }) {
  const { name, version } = readJson(join(root, 'package.json'));
  const platform = platformAtHand(name);
  const platforms = allPlatforms ? Object.keys(PLATFORMS) : [platform];
  const copy = join(folder, 'package');
  copyPackage(copy, platforms);
  addBinaries(name, platform, platforms, copy);

  napi(copy, 'create-npm-dirs');
  napi(copy, 'artifacts');
  placeNotices(join(copy, 'artifacts'), join(copy, 'npm'));
  if (allPlatforms) {
    napi(copy, 'prepublish', '--tag-style', 'npm', '--no-gh-release', '--skip-optional-publish');
  }
  const published = readJson(join(copy, 'package.json'));
  const named = allPlatforms && Object.fromEntries(platforms.map((each) => [`${name}-${each}`, version]));
  assert.deepEqual(published.optionalDependencies, named || undefined);
  assert.equal(published.dependencies, undefined);
  for (const each of platforms) checkPlatform(join(copy, 'npm', each), each, published);

  const packages = { root: packOne(copy), platform: packOne(join(copy, 'npm', platform)) };
  assert.deepEqual(packages.root.files, filesOfRoot());
  const binary = ['README.md', 'LICENSE', NOTICES, `${name}.${platform}.node`, 'package.json'];
  assert.deepEqual(packages.platform.files, binary.sort());
  return { platform, root: packages.root.path, platformPackage: packages.platform.path };
}

/**
 * @param {string} cwd
 * @param {string[]} args
 */
function napi(cwd, ...args) {
  run(process.execPath, [script(join(root, 'node_modules'), '@napi-rs/cli', 'napi'), ...args], cwd);
}

/** @param {string} name */
function platformAtHand(name) {
  const prefix = `${name}.${process.platform}-${process.arch}`;
  const binaries = readdirSync(root).filter((file) => file.startsWith(prefix) && file.endsWith('.node'));
  assert.equal(binaries.length, 1, `expected one ${prefix}*.node: run \`npm run build\` first`);
  return binaries[0].slice(name.length + 1, -'.node'.length);
}

/** What the root package is to hold, no more and no less. */
function filesOfRoot() {
  const lib = readdirSync(join(root, 'lib')).map((file) => `lib/${file}`);
  const documents = ['README.md', 'CHANGELOG.md', 'LICENSE', 'docs/loading.md'];
  return [...documents, 'package.json', 'index.js', 'index.d.ts', 'native.d.ts', ...lib].sort();
}

/**
 * Copies what npm takes from the tree as it is committed.
 * @param {string} copy
 * @param {string[]} platforms
 */
function copyPackage(copy, platforms) {
  const [{ files }] = JSON.parse(run(...npm('pack', '--dry-run', '--json'), root));
  assert.deepEqual(files.map(({ path }) => path).sort(), filesOfRoot());
  for (const { path } of files) cpSync(join(root, path), join(copy, path));

  const committed = readJson(join(root, 'package.json'));
  assert.equal(committed.dependencies ?? committed.optionalDependencies, undefined);
  for (const script of ['preinstall', 'install', 'postinstall']) assert.ok(!(script in committed.scripts));
  assert.deepEqual(committed.napi.targets, Object.values(PLATFORMS));
  committed.napi.targets = platforms.map((platform) => PLATFORMS[platform]);
  writeFileSync(join(copy, 'package.json'), JSON.stringify(committed, null, 2));
}

/**
 * Puts the binaries where the release workflow has them.
 * @param {string} name
 * @param {string} platform
 * @param {string[]} platforms
 * @param {string} copy
 */
function addBinaries(name, platform, platforms, copy) {
  // Electron refuses memory of others in buffers.
  const bytes = readFileSync(join(root, `${name}.${platform}.node`));
  for (const kind of ['buffer', 'arraybuffer']) assert.ok(!bytes.includes(`napi_create_external_${kind}`));
  const artifacts = join(copy, 'artifacts');
  mkdirSync(artifacts);
  for (const each of platforms) {
    const binary = `${name}.${each}.node`;
    if (each === platform) {
      for (const file of [binary, fileOf(each)]) cpSync(join(root, file), join(artifacts, file));
    } else {
      writeFileSync(join(artifacts, binary), '');
      writeFileSync(join(artifacts, fileOf(each)), noticesOf(PLATFORMS[each]));
    }
  }
}

/**
 * A platform's package must be one that npm installs on that platform and on no other.
 * @param {string} folder
 * @param {string} platform
 * @param {{ name: string, version: string, license: string, engines: object }} published
 */
function checkPlatform(folder, platform, { name, version, license, engines }) {
  const [os, cpu, abi] = platform.split('-');
  const found = readJson(join(folder, 'package.json'));
  const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
  const expected = { name: `${name}-${platform}`, version, license, engines, os: [os], cpu: [cpu], libc };
  for (const [key, value] of Object.entries(expected)) {
    assert.deepEqual(found[key], value, `${key} of ${expected.name}`);
  }
}

/**
 * `npm ci` works on every platform only if the lock file has all optional packages of all platforms. npm leaves some
 * out where it makes the file beside installed packages.
 */
export function checkLockFile() {
  const { packages } = readJson(join(root, 'package-lock.json'));
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${place}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  assert.deepEqual(missing, []);
}

/** @param {string} folder */
function packOne(folder) {
  const [{ filename, files }] = JSON.parse(run(...npm('pack', '--json'), folder));
  return { path: join(folder, filename), files: files.map(({ path }) => path).sort() };
}

/**
 * The environment of somebody who has Node and npm on the path, and so no compiler.
 * @param {string} folder where the path leads
 */
export function bareEnvironment(folder) {
  if (process.platform === 'win32') return { ...process.env, PATH: dirname(process.execPath) };
  const found = (process.env.PATH ?? '').split(delimiter).map((path) => join(path, 'npm'));
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  symlinkSync(realpathSync(found.find(existsSync) ?? 'npm'), join(folder, 'npm'));
  return { ...process.env, PATH: folder };
}

/**
 * Makes an empty project in `folder` and installs packages from their files, without a network.
 * @param {string} folder
 * @param {string[]} packages
 * @param {NodeJS.ProcessEnv} env
 */
export function install(folder, packages, env) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const options = ['--offline', '--no-audit', '--no-fund', '--no-package-lock'];
  run(...npm('install', ...options, ...packages), folder, env);
}

/** @param {string} path */
export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * The package with a binary has the licence, and the notices name each crate that is linked in and hold a licence for it.
 * @param {string} folder the installed package
 * @param {string} platform
 */
export function checkNotices(folder, platform) {
  assert.equal(readFileSync(join(folder, 'LICENSE'), 'utf8'), readFileSync(join(root, 'LICENSE'), 'utf8'));
  const sections = readFileSync(join(folder, NOTICES), 'utf8').split(/^## /m).slice(1);
  const known = sections.map((section) => section.split('\n')[0]);
  const linked = linkedCrates(PLATFORMS[platform]).map((crate) => `${crate.name} ${crate.version}`);
  assert.ok(linked.length > 10, `only ${linked.length} crates are linked in`);
  assert.deepEqual(known, [...linked, "Rust's standard library"]);
  for (const section of sections) assert.match(section, /copyright|licen[sc]e/i);
}
