// @ts-check
'use strict';

const { fromFailure } = require('./errors');

/**
 * @typedef {import('../native').Op} Op
 * @typedef {import('../native').Receipt} Receipt
 * @typedef {{ count: number, process: (make: Function) => any }} Done
 */

/**
 * Mutations of one file, handed over once per turn of the event loop, so that the first call of a burst
 * shares its commit with the others.
 */
class Mutations {
  /** @type {{ op: Op, resolve: (done: Done) => void, reject: (error: unknown) => void }[]} */
  #collected = [];
  #write;

  /** @param {(ops: Op[]) => Promise<Receipt>} write resolves when the mutations are durable */
  constructor(write) {
    this.#write = write;
  }

  /**
   * Resolves when the mutation is durable.
   * @param {Op} op
   * @returns {Promise<Done>}
   */
  add(op) {
    return new Promise((resolve, reject) => {
      if (this.#collected.push({ op, resolve, reject }) === 1) queueMicrotask(() => this.#handOver());
    });
  }

  async #handOver() {
    const calls = this.#collected;
    this.#collected = [];
    try {
      const receipt = await this.#write(calls.map((call) => call.op));
      calls.forEach(({ resolve, reject }, index) => {
        const failure = receipt.failure(index);
        if (failure) reject(fromFailure(failure));
        else {
          const process = (/** @type {Function} */ make) => receipt.process(index, /** @type {any} */ (make));
          resolve({ count: receipt.count(index), process });
        }
      });
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  }
}

module.exports = { Mutations };
