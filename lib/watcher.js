// @ts-check
'use strict';

const { setImmediate } = require('node:timers');
const { call, listen, unlisten } = require('./channel');
const { makeProcess } = require('./records');

/** Of watchers that were collected without having been closed. @type {FinalizationRegistry<number>} */
const forgotten = new FinalizationRegistry(unlisten);

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
    this.#native = native;
    this.#listener = listen(reporter(new WeakRef(store)));
    forgotten.register(this, this.#listener, this);
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

  /** What comes later is told to nobody. */
  close() {
    unlisten(this.#listener);
    forgotten.unregister(this);
  }
}

/**
 * Tells a store of changes. It must not hold the store, which could never be collected.
 * @param {WeakRef<any>} reference
 */
function reporter(reference) {
  return (/** @type {import('../native').Changes} */ changes) => {
    const store = reference.deref();
    if (!store?.onProcessChange) return;
    const processes = changes.processes(makeProcess);
    changes.types().forEach((type, index) => {
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
}

module.exports = { Watcher };
