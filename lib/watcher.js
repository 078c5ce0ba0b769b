// @ts-check
'use strict';

const { setImmediate } = require('node:timers');
const { call } = require('./channel');
const { makeProcess } = require('./records');

/** Reports what others change to the `onProcessChange` of a store. */
class Watcher {
  #native;
  #listener;
  /** @type {Promise<unknown> | undefined} */
  #starting;
  #started = false;

  /**
   * @param {object} store
   * @param {import('../native').NativeStore} native
   */
  constructor(store, native) {
    // The native side holds the listener; the listener must not hold the store, which could never be collected.
    const reference = new WeakRef(store);
    this.#native = native;
    this.#listener = (
      /** @type {string[]} */ types,
      /** @type {import('../native').Selection} */ selection,
    ) => {
      const store = /** @type {any} */ (reference.deref());
      if (!store?.onProcessChange) return;
      const processes = selection.processes(makeProcess);
      types.forEach((type, index) => {
        try {
          store.onProcessChange?.({ type, process: processes[index] });
        } catch (error) {
          // Nobody's promise can reject with it; and the changes behind this one are told all the same.
          queueMicrotask(() => {
            throw error;
          });
        }
      });
    };
    // A refusal is for the first call to report.
    this.ready()?.catch(() => {});
  }

  /** `undefined` when the watch runs, else a promise that it does; each call tries again. */
  ready() {
    if (this.#started) return undefined;
    this.#starting ??= call((channel, ticket) => this.#native.watch(channel, ticket, this.#listener)).then(
      // Calls that wait for this come first, so that they stay in order.
      () => void setImmediate(() => (this.#started = true)).unref(),
      (error) => {
        this.#starting = undefined;
        throw error;
      },
    );
    return this.#starting;
  }
}

module.exports = { Watcher };
