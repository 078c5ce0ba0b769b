// @ts-check
'use strict';

const { EventEmitter } = require('node:events');
const { callable, object, text } = require('./checks');
const { Context } = require('./context');
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
    const name = topic(id);
    callable('callback', callback);
    const context = new Context();
    // One subscription each, also for a callback that is given twice.
    const listener = (/** @type {ProcessOutputEvent} */ event) => context.run(callback, event);
    this.#emitter.on(name, listener);
    return () => void this.#emitter.off(name, listener);
  }

  /**
   * @param {string} id
   * @param {string} content
   */
  chunk(id, content) {
    this.#emitter.emit(topic(id), { type: 'chunk', content: text('content', content) });
  }

  /**
   * @param {string} id
   * @param {ProcessOutputEvent} event
   */
  event(id, event) {
    this.#emitter.emit(topic(id), object('event', event));
  }

  /**
   * The last event of a process.
   * @param {string} id
   * @param {string} status
   * @param {number | string} duration
   */
  complete(id, status, duration) {
    const name = topic(id);
    text('status', status);
    if (typeof duration !== 'number' && typeof duration !== 'string') {
      throw invalidType('duration', 'a number or a string', duration);
    }
    const event = { type: 'complete', status, duration };
    const listeners = this.#emitter.rawListeners(name);
    // Before they are told: who subscribes again on hearing of the end wants to hear what comes after it.
    this.#emitter.removeAllListeners(name);
    for (const listener of listeners) listener(event);
  }

  /**
   * @param {string} id
   * @param {() => unknown} handler
   */
  setFlushHandler(id, handler) {
    const name = text('id', id);
    callable('handler', handler);
    const context = new Context();
    this.#flushHandlers.set(name, () => context.run(handler));
  }

  /** @param {string} id */
  removeFlushHandler(id) {
    this.#flushHandlers.delete(text('id', id));
  }

  /** @param {string} id */
  async requestFlush(id) {
    await this.#flushHandlers.get(text('id', id))?.();
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
  return `process ${text('id', id)}`;
}

module.exports = { Output };
