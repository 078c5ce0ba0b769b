'use strict';

/**
 * Preloaded (`node --require`) where the suite runs in its second mode: every store that doesn't say otherwise has a
 * journal, in the tests and in the processes that they start. Tests that speak of the file's bytes after each call ask
 * `isJournaled` of `support.mjs`.
 */

const addon = require('../lib/addon');

const { NativeStore } = addon;

addon.NativeStore = class extends NativeStore {
  constructor(options) {
    super({ ...options, journal: true });
  }
};
