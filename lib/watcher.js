// @ts-check
'use strict';

const { call, listen, unlisten } = require('./channel');
const { Context } = require('./context');
const { nextTurn } = require('./pace');
const { makeProcess } = require('./records');

/** Of watchers that were collected without having been closed. @type {FinalizationRegistry<number>} */
const forgotten = new FinalizationRegistry(unlisten);

/** Where the listener of each store was assigned. @type {WeakMap<object, Context>} */
const contexts = new WeakMap();

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
    keepContext(store);
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
      () => void nextTurn().then(() => (this.#started = true)),
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
 * What others change has no caller in whose context the listener could run. It runs in that of its assignment; one that
 * a class declares, in that of the store's construction.
 * @param {object} store
 */
function keepContext(store) {
  contexts.set(store, new Context());
  if ('onProcessChange' in store) return;
  /** @type {unknown} */
  let listener;
  Object.defineProperty(store, 'onProcessChange', {
    get: () => listener,
    set(value) {
      listener = value;
      contexts.set(store, new Context());
    },
    enumerable: true,
    configurable: true,
  });
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
        contexts.get(store)?.run(() => store.onProcessChange?.({ type, process: processes[index] }));
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
