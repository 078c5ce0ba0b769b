// @ts-check
'use strict';

/** The native side; where none can be loaded, an error that says why, and what to do. */

const PUBLISHED = [
  ...['linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl'],
  ...['darwin-x64', 'darwin-arm64', 'win32-x64-msvc', 'win32-arm64-msvc'],
];

/** The oldest that may do: it has version 8 of Node-API. Tests are run with 20 and later. */
const OLDEST_NODE = 16;

module.exports = load();

/** @returns {typeof import('../native')} */
function load() {
  if (parseInt(process.versions.node, 10) < OLDEST_NODE) throw failure(undefined);
  try {
    return require('../native');
  } catch (cause) {
    throw failure(cause);
  }
}

/** @param {unknown} cause */
function failure(cause) {
  const message = `file-process-store can't load its binary on ${explain(cause)}`;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, { code: 'ERR_STORE_NO_BINARY' });
}

/**
 * The system, what is wrong, and what to do.
 * @param {unknown} cause
 */
function explain(cause) {
  const { platform, arch, version } = process;
  const libc = platform === 'linux' ? findLibc() : undefined;
  const system = `${platform} ${arch}${libc ? ` (${libc})` : ''}, Node ${version}:`;
  const abi = { linux: libc === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[String(platform)] ?? '';
  const target = `${platform}-${arch}${abi}`;
  if (!PUBLISHED.includes(target)) {
    return (
      `${system} there is none for this system, only for ${PUBLISHED.join(', ')}. ` +
      'Build it where Rust is at hand: run `npm run build` in a checkout of the package.'
    );
  }
  if (cause === undefined) return `${system} this version is too old. Node 20 or later is needed.`;
  const refusal = findRefusal(cause);
  if (refusal !== undefined) {
    return (
      `${system} a binary is there, but it was refused: ${refusal}. Is node_modules a copy from another ` +
      'system? Remove it, and run `npm install` on this one.'
    );
  }
  return (
    `${system} the package file-process-store-${target} is not installed. Run \`npm install\` on this ` +
    'system, without --omit=optional; if the package is still missing, remove node_modules and ' +
    'package-lock.json first. In a checkout of the package, run `npm run build`.'
  );
}

function findLibc() {
  // A report with the network in it may wait for name servers.
  if (process.report) Object.assign(process.report, { excludeNetwork: true });
  const report = /** @type {any} */ (process.report?.getReport?.());
  if (!report?.header) return 'unknown libc';
  const glibc = report.header.glibcVersionRuntime;
  return glibc ? `glibc ${glibc}` : 'musl';
}

/**
 * The loader tries several names and chains what each came to: the first that is not just missing.
 * @param {unknown} failure
 */
function findRefusal(failure) {
  let refusal;
  for (let error = causeOf(failure); error instanceof Error; error = causeOf(error)) {
    const [line] = error.message.split('\n');
    if (!/^Cannot find (module|package)/.test(line)) refusal = line;
  }
  return refusal;
}

/** @param {unknown} error */
function causeOf(error) {
  return error instanceof Error ? error.cause : undefined;
}
