// @ts-check
'use strict';

const { setImmediate } = require('node:timers');
const { fromFailure } = require('./errors');
const { logCommit } = require('./log');
const { makeProcess } = require('./records');

/**
 * @typedef {import('../native').Op} Op
 * @typedef {import('../native').Receipt} Receipt
 * @typedef {{ error: unknown }} Thrown
 * @typedef {{ count: number, process: () => any, item: () => any, thrown?: Thrown }} Done how many records were
 *   changed, what the mutation has made (or removed), decoded when it is asked for, and what a listener threw at
 *   what it has pruned
 */

/**
 * Mutations of one file, handed over once per turn of the event loop, so that the first call of a burst
 * shares its commit with the others.
 */
class Mutations {
  /** @type {{ op: Op, resolve: (done: Done) => void, reject: (error: unknown) => void }[]} */
  #collected = [];
  #file;
  #write;
  #pruneListener;

  /**
   * @param {string} file its name, for the log
   * @param {(ops: Op[]) => Promise<Receipt>} write resolves when the mutations are durable
   * @param {() => ((entries: any[]) => void) | undefined} [pruneListener] who is told of pruned entries, before
   *   the mutations that caused it are resolved
   */
  constructor(file, write, pruneListener) {
    this.#file = file;
    this.#write = write;
    this.#pruneListener = pruneListener;
  }

  /**
   * Resolves when the mutation is durable.
   * @param {Op} op
   * @returns {Promise<Done>}
   */
  add(op) {
    return new Promise((resolve, reject) => {
      // Not by queueMicrotask: the fake timers of test runners replace it, and hold back what they are given.
      if (this.#collected.push({ op, resolve, reject }) === 1) Promise.resolve().then(() => this.#handOver());
    });
  }

  async #handOver() {
    const calls = this.#collected;
    this.#collected = [];
    try {
      const receipt = await this.#write(calls.map((call) => call.op));
      logCommit(this.#file, receipt);
      const failures = calls.map((_, index) => receipt.failure(index));
      const thrown = this.#tellPruned(receipt);
      // What retention removes, the last addition has pushed out.
      const culprit = thrown && calls.findLastIndex(({ op }, index) => op.op === 'Put' && !failures[index]);
      calls.forEach(({ resolve, reject }, index) => {
        const failure = failures[index];
        if (failure) reject(fromFailure(failure));
        else {
          resolve({
            count: receipt.count(index),
            process: () => receipt.process(index, makeProcess),
            item: () => JSON.parse(/** @type {string} */ (receipt.item(index))),
            thrown: index === culprit ? thrown : undefined,
          });
        }
      });
      // By then whoever wants the records has asked for them.
      setImmediate(() => receipt.release());
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  }

  /**
   * Returns what the listener threw, if it threw.
   * @param {Receipt} receipt
   */
  #tellPruned(receipt) {
    const listener = this.#pruneListener?.();
    const json = listener && receipt.pruned();
    if (!json) return undefined;
    try {
      listener(JSON.parse(json));
      return undefined;
    } catch (error) {
      return { error };
    }
  }
}

module.exports = { Mutations };
