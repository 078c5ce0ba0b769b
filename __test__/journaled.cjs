'use strict';

/**
 * Preloaded where the suite runs in its second mode, see `mode.mjs`: every store that doesn't say otherwise has a
 * journal. Tests that speak of the file's bytes after each call ask `isJournaled`.
 */

const options = require('../lib/options');

const { readOptions } = options;

options.readOptions = (given) => {
  const read = readOptions(given);
  if (given?.journal === undefined) read.native.journal = true;
  return read;
};
