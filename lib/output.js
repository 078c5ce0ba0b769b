// @ts-check
'use strict';

const { EventEmitter } = require('node:events');
const { invalidType } = require('./errors');

/** @typedef {import('../index').ProcessOutputEvent} ProcessOutputEvent */

/**
 * Live output of processes: in memory, synchronous, and nothing is kept for ids that nobody listens to.
 */
class Output {
  #emitter = new EventEmitter().setMaxListeners(0);
  /** @type {Map<string, () => unknown>} */
  #flushHandlers = new Map();

  /**
   * @param {string} id
   * @param {(event: ProcessOutputEvent) => void} callback
   */
  subscribe(id, callback) {
    if (typeof callback !== 'function') throw invalidType('callback', 'a function', callback);
    // One subscription each, also for a callback that is given twice.
    const listener = (/** @type {ProcessOutputEvent} */ event) => callback(event);
    this.#emitter.on(topic(id), listener);
    return () => void this.#emitter.off(topic(id), listener);
  }

  /**
   * @param {string} id
   * @param {ProcessOutputEvent} event
   */
  emit(id, event) {
    this.#emitter.emit(topic(id), event);
  }

  /**
   * The last event of a process.
   * @param {string} id
   * @param {ProcessOutputEvent} event
   */
  complete(id, event) {
    try {
      this.emit(id, event);
    } finally {
      this.#emitter.removeAllListeners(topic(id));
    }
  }

  /**
   * @param {string} id
   * @param {() => unknown} handler
   */
  setFlushHandler(id, handler) {
    if (typeof handler !== 'function') throw invalidType('handler', 'a function', handler);
    this.#flushHandlers.set(id, handler);
  }

  /** @param {string} id */
  removeFlushHandler(id) {
    this.#flushHandlers.delete(id);
  }

  /** @param {string} id */
  async requestFlush(id) {
    await this.#flushHandlers.get(id)?.();
  }

  clear() {
    this.#emitter.removeAllListeners();
    this.#flushHandlers.clear();
  }
}

/**
 * Event names of an emitter like 'error' and 'newListener' have a meaning of their own; ids must not.
 * @param {string} id
 */
function topic(id) {
  return `process ${id}`;
}

module.exports = { Output };
