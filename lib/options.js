// @ts-check
'use strict';

const path = require('node:path');
const { callable, object, text, wholeNumber } = require('./checks');
const { invalidType, invalidValue } = require('./errors');

/**
 * @param {string} name
 * @param {unknown} value
 */
function readPath(name, value) {
  const given = text(name, value);
  if (given === '') throw invalidValue(`${name} must not be empty`);
  if (given.includes('\0')) throw invalidValue(`${name} must not contain null characters`);
  return path.resolve(given);
}

/**
 * @param {unknown} options
 * @param {() => string} defaultDataDir
 */
function readOptions(options, defaultDataDir) {
  const given = options === undefined ? {} : object('options', options);
  const {
    dataDir,
    maxProcesses = 500,
    durable = true,
    lockTimeoutMs = 10_000,
    watch = false,
    onPrune,
  } = given;
  for (const [name, value] of Object.entries({ durable, watch })) {
    if (typeof value !== 'boolean') throw invalidType(`options.${name}`, 'a boolean', value);
  }
  if (typeof lockTimeoutMs !== 'number')
    throw invalidType('options.lockTimeoutMs', 'a number', lockTimeoutMs);
  if (!(lockTimeoutMs >= 0)) {
    throw invalidValue(`options.lockTimeoutMs must be at least 0 ms, got ${lockTimeoutMs}`);
  }
  return {
    native: {
      dataDir: dataDir === undefined ? path.resolve(defaultDataDir()) : readPath('options.dataDir', dataDir),
      maxProcesses: wholeNumber('options.maxProcesses', maxProcesses),
      durable: durable === true,
      lockTimeoutMs,
    },
    watch: watch === true,
    onPrune: onPrune === undefined ? undefined : callable('options.onPrune', onPrune),
  };
}

module.exports = { readPath, readOptions };
