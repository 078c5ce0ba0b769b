// @ts-check
'use strict';

const os = require('node:os');
const path = require('node:path');
const native = require('./addon');
const { callable, object, text, wholeNumber } = require('./checks');
const { invalidType, invalidValue } = require('./errors');

/**
 * The directory that a caller names: as an absolute path, and as the native side is to be told of it. Where the name of
 * the working directory is no UTF-8, JS can't say it: an absolute path would be that of another directory.
 * @param {string} name
 * @param {unknown} value
 */
function readPath(name, value) {
  const given = text(name, value);
  if (given === '') throw invalidValue(`${name} must not be empty`);
  if (given.includes('\0')) throw invalidValue(`${name} must not contain null characters`);
  const resolved = path.resolve(given);
  const isSayable = path.isAbsolute(given) || !process.cwd().includes('\ufffd');
  return { resolved, native: isSayable ? resolved : path.normalize(given) };
}

/** @returns {string} */
function getDefaultDataDir() {
  const dir = native.defaultDataDir();
  if (dir !== null) return dir;
  const home = homeOfUser();
  if (home === undefined) throw new Error('the home directory is not known; pass options.dataDir');
  return path.join(home, '.pipeline-server');
}

/** The home directory in the system's list of users, which knows nothing of the environment. */
function homeOfUser() {
  try {
    const { homedir } = os.userInfo();
    return path.isAbsolute(homedir) ? homedir : undefined;
  } catch {
    // Containers often run as a user that no list has.
    return undefined;
  }
}

/** @param {unknown} options */
function readOptions(options) {
  const given = options === undefined ? {} : object('options', options);
  const {
    dataDir,
    maxProcesses = 500,
    durable = true,
    lockTimeoutMs = 10_000,
    journal = false,
    watch = false,
    onPrune,
  } = given;
  for (const [name, value] of Object.entries({ durable, journal, watch })) {
    if (typeof value !== 'boolean') throw invalidType(`options.${name}`, 'a boolean', value);
  }
  if (typeof lockTimeoutMs !== 'number')
    throw invalidType('options.lockTimeoutMs', 'a number', lockTimeoutMs);
  if (!(lockTimeoutMs >= 0)) {
    throw invalidValue(`options.lockTimeoutMs must be at least 0 ms, got ${lockTimeoutMs}`);
  }
  const dir = readPath('options.dataDir', dataDir === undefined ? getDefaultDataDir() : dataDir);
  return {
    dataDir: dir.resolved,
    native: {
      dataDir: dir.native,
      maxProcesses: wholeNumber('options.maxProcesses', maxProcesses),
      durable: durable === true,
      lockTimeoutMs,
      journal: journal === true,
    },
    watch: watch === true,
    onPrune: onPrune === undefined ? undefined : callable('options.onPrune', onPrune),
  };
}

module.exports = { getDefaultDataDir, readPath, readOptions };
