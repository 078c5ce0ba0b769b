// @ts-check
'use strict';

const { AsyncResource } = require('node:async_hooks');

/**
 * Where a caller's function belongs: what `AsyncLocalStorage` held when it was given. Calls share commits, and without
 * this the functions of all would run where the first of them was called.
 */
class Context extends AsyncResource {
  constructor() {
    super('FileProcessStore');
  }

  /**
   * Calls a function as if the caller had done it.
   * @template {any[]} A
   * @template R
   * @param {(...args: A) => R} work
   * @param {A} args
   * @returns {R}
   */
  run(work, ...args) {
    return this.runInAsyncScope(work, undefined, ...args);
  }

  /** For those who look for open handles, as Jest does: a context keeps no program alive. */
  hasRef() {
    return false;
  }
}

module.exports = { Context };
