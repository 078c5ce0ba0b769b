// @ts-check
'use strict';

/** The error where no binary can be loaded: the system, what is wrong, and what to do where that is known. */

/**
 * @typedef {object} Trouble
 * @property {'old Node' | 'WebAssembly' | 'version' | 'refusal'} problem
 * @property {string} [setting] the variable of the environment that chose the binary
 * @property {any} [cause] what the runtime says
 * @property {string} [found] the version of the binary that was loaded
 * @property {string} [wanted]
 * @property {any} [addon] what was loaded
 */

const PUBLISHED = Object.keys(require('./binaries'));

/** What system loaders say, and what it means. */
const REASONS = [
  [
    /failed to map segment|operation not permitted|permission denied/i,
    'the file system that it lies on does not let programs run (a mount with noexec, or a policy of the system). Put ' +
      'node_modules on one that does',
  ],
  [
    /version .?GLIBC_\S+ not found/,
    'the C library of this system is too old. The binary needs glibc 2.17 or later; a build of your own needs what it ' +
      'was built with',
  ],
  [
    /invalid elf header|wrong elf class|file too short|not a mach-o|incompatible architecture|not a valid win32/i,
    'it is damaged, or one for another system, as in a copy of node_modules. Remove node_modules, and run ' +
      '`npm install` on this one',
  ],
].map(([pattern, meaning]) => ({ pattern: /** @type {RegExp} */ (pattern), meaning: String(meaning) }));

/** @param {Trouble} trouble */
function noBinary(trouble) {
  const { cause } = trouble;
  const { platform, arch, version } = process;
  const libc = platform === 'linux' ? findLibc() : undefined;
  const abi = { linux: libc === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[String(platform)] ?? '';
  const system = `${platform} ${arch}${libc ? ` (${libc})` : ''}, Node ${version}`;
  const why = explain(trouble, `${platform}-${arch}${abi}`);
  const message = `file-process-store can't load its binary on ${system}: ${why}.`;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, { code: 'ERR_STORE_NO_BINARY' });
}

/**
 * @param {Trouble} trouble
 * @param {string} target
 */
function explain({ problem, setting, cause, found, wanted, addon }, target) {
  if (problem === 'WebAssembly') {
    return `the environment asks for WebAssembly (${setting}), which this package has none of. Unset the variable`;
  }
  if (problem === 'version') {
    const of = setting ? `NAPI_RS_NATIVE_LIBRARY_PATH names ${setting}, which is` : 'what was loaded is';
    if (found !== undefined) {
      const where = setting ? '' : '. Install the package anew, or run `npm run build` in a checkout';
      return `${of} of version ${found}, and this package is version ${wanted}${where}`;
    }
    const bundle = typeof addon === 'string' || setting === undefined ? bundled() : undefined;
    return bundle ?? `${of} no binary of file-process-store, or one of an older version than ${wanted}`;
  }
  if (!PUBLISHED.includes(target) && (problem === 'old Node' || isMissing(cause))) {
    return (
      `there is none for this system, only for ${PUBLISHED.join(', ')}. ` +
      'Build it where Rust is at hand: run `npm run build` in a checkout of the package'
    );
  }
  if (problem === 'old Node') return 'this version is too old. Node 20 or later is needed';
  const [line] = String(cause?.message ?? cause).split('\n');
  if (cause?.code === 'ERR_DLOPEN_DISABLED') {
    return /** @type {any} */ (process).permission
      ? 'Node runs with --permission, and that loads no addons. Add --allow-addons'
      : 'Node was told to load no addons. Leave --no-addons out';
  }
  if (cause?.code === 'ERR_ACCESS_DENIED' || ['NotCapable', 'PermissionDenied'].includes(cause?.name)) {
    return `the runtime's permissions do not allow it: ${line}`;
  }
  if (setting) return `NAPI_RS_NATIVE_LIBRARY_PATH names ${setting}, which can't be loaded: ${line}`;
  if (isMissing(cause)) return bundled() ?? missing(target, line);
  const known = REASONS.find(({ pattern }) => pattern.test(line));
  return `a binary is there, but it was refused: ${line}${known ? `. That means that ${known.meaning}` : ''}`;
}

/**
 * @param {string} target
 * @param {string} line
 */
function missing(target, line) {
  const name = `file-process-store-${target}`;
  // The package is found, and its file is not.
  if (line.includes('.node')) return `the package ${name} is not complete: ${line}. Install it anew`;
  return (
    `the package ${name} is not installed. Run \`npm install\` on this system, without --omit=optional; if the ` +
    'package is still missing, remove node_modules and package-lock.json first. In a checkout of the package, run ' +
    '`npm run build`'
  );
}

/** Says so if this file is no file of its own any more. */
function bundled() {
  if (typeof __filename === 'string' && /[\\/]lib[\\/]no-binary\.js$/.test(__filename)) return undefined;
  return (
    'a bundle has taken the package in, and finds no binary from where it is. Leave file-process-store outside of the ' +
    'bundle: its docs/loading.md has the settings for esbuild, webpack, Vite and Next.js'
  );
}

/** @param {any} cause */
function isMissing(cause) {
  return cause === undefined || cause?.code === 'MODULE_NOT_FOUND';
}

function findLibc() {
  try {
    // A report with the network in it may wait for name servers.
    if (process.report) Object.assign(process.report, { excludeNetwork: true });
    const report = /** @type {any} */ (process.report?.getReport?.());
    if (!report?.header) return 'unknown libc';
    const glibc = report.header.glibcVersionRuntime;
    return glibc ? `glibc ${glibc}` : 'musl';
  } catch {
    // Deno asks for permissions for it.
    return 'unknown libc';
  }
}

module.exports = { noBinary };
