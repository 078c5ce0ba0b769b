// @ts-check
'use strict';

/**
 * The native side: a binary beside the package, as a build leaves it, or the one of this system's package. The generated
 * loader is not used: it asks the `ldd` on the path for the C library, which need not be that of this process, and
 * keeps of each failure but its message.
 */

const fs = require('node:fs');
const path = require('node:path');
const { version } = require('../package.json');
const packages = require('./binaries');
const { noBinary } = require('./no-binary');

/** The oldest that may do: it has version 8 of Node-API. Tests are run with 20 and later. */
const OLDEST_NODE = 16;

module.exports = load();

/** @returns {typeof import('../native')} */
function load() {
  if (parseInt(process.versions.node, 10) < OLDEST_NODE) throw noBinary({ problem: 'old Node' });
  for (const name of ['NAPI_RS_FORCE_WASI', 'NAPI_RS_WASI_FLAVOR']) {
    const value = variable(name);
    if (value && (value === 'error' || name === 'NAPI_RS_WASI_FLAVOR')) {
      throw noBinary({ problem: 'WebAssembly', setting: `${name}=${value}` });
    }
  }
  const setting = variable('NAPI_RS_NATIVE_LIBRARY_PATH');
  const addon = setting ? attempt([() => require(setting)], setting) : attempt(candidates(), undefined);
  const found = typeof addon?.version === 'function' ? addon.version() : undefined;
  if (found !== version) throw noBinary({ problem: 'version', setting, found, wanted: version, addon });
  return addon;
}

/**
 * What the first of these gives. If none does, the error tells of the first that did not just find nothing.
 * @param {(() => any)[]} ways
 * @param {string | undefined} setting
 */
function attempt(ways, setting) {
  /** @type {any[]} */
  const causes = [];
  for (const way of ways) {
    try {
      return way();
    } catch (cause) {
      causes.push(cause);
    }
  }
  const cause = causes.find((each) => each?.code !== 'MODULE_NOT_FOUND') ?? causes[0];
  throw noBinary({ problem: 'refusal', setting, cause });
}

/** Of the binaries that there are for a system, at most those of two C libraries can't be told apart by its name. */
function candidates() {
  const system = `${process.platform}-${process.arch}`;
  const targets = system.startsWith('linux')
    ? [`${system}-gnu`, `${system}-musl`]
    : [system, `${system}-msvc`];
  if (isMusl()) targets.reverse();
  return [...besides(system, targets), ...targets.flatMap((target) => packages[target] ?? [])];
}

/**
 * Binaries in the package's folder: of a checkout, where they have been built, for any system; or beside a bundle.
 * @param {string} system
 * @param {string[]} targets
 */
function besides(system, targets) {
  if (typeof __dirname !== 'string') return [];
  const order = (/** @type {string} */ file) =>
    targets.findIndex((target) => file.endsWith(`${target}.node`));
  return [path.join(__dirname, '..'), __dirname].flatMap((folder) => {
    try {
      const files = fs.readdirSync(folder);
      const own = files.filter(
        (file) => file.startsWith(`file-process-store.${system}`) && file.endsWith('.node'),
      );
      return own.sort((a, b) => order(a) - order(b)).map((file) => () => require(path.join(folder, file)));
    } catch {
      // Where nothing may be read, nothing is there.
      return [];
    }
  });
}

/** Whether it is musl that this very process runs on, whatever else is installed. */
function isMusl() {
  try {
    return process.platform === 'linux' && fs.readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');
  } catch {
    return false;
  }
}

/**
 * A variable of the environment; where it may not be read, there is none.
 * @param {string} name
 */
function variable(name) {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}
