// @ts-check
'use strict';

const { setImmediate } = require('node:timers');
const native = require('./addon');
const { fromFailure } = require('./errors');
const { logCommit } = require('./log');
const { nextTurn } = require('./pace');
const { makeProcess } = require('./records');

/** So many characters of JSON are handed over in one turn of the event loop: it takes less than a millisecond. */
const SLICE = 256 * 1024;

/**
 * @typedef {import('../native').Op} Op
 * @typedef {import('../native').Ops} Ops
 * @typedef {import('../native').Receipt} Receipt
 * @typedef {{ error: unknown }} Thrown
 * @typedef {{ count: number, process: () => any, item: () => any, thrown?: Thrown }} Done how many records were
 *   changed, what the mutation has made (or removed), decoded when it is asked for, and what a listener threw at
 *   what it has pruned
 */

/** @typedef {{ op: Op, resolve: (done: Done) => void, reject: (error: unknown) => void }} Call */

/**
 * Mutations of one file, handed over once per turn of the event loop, so that the first call of a burst
 * shares its commit with the others. What is too much for one turn is handed over in several, as one.
 */
class Mutations {
  /** @type {Call[]} */
  #collected = [];
  /** Whether the collected ones are about to be handed over, or those before them still are. */
  #busy = false;
  #file;
  #write;
  #pruneListener;

  /**
   * @param {string} file its name, for the log
   * @param {(ops: Ops) => Promise<Receipt>} write resolves when the mutations are durable
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
      this.#collected.push({ op, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      // Not by queueMicrotask: the fake timers of test runners replace it, and hold back what they are given.
      Promise.resolve().then(() => this.#handOver());
    });
  }

  async #handOver() {
    while (this.#collected.length > 0) {
      const calls = this.#collected;
      this.#collected = [];
      try {
        const ops = new native.Ops();
        for (const [place, slice] of slicesOf(calls).entries()) {
          if (place > 0) await nextTurn();
          ops.push(slice);
        }
        this.#commit(calls, ops);
      } catch (error) {
        for (const { reject } of calls) reject(error);
      }
    }
    this.#busy = false;
  }

  /**
   * @param {Call[]} calls
   * @param {Ops} ops what they want done
   */
  async #commit(calls, ops) {
    try {
      const receipt = await this.#write(ops);
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

/**
 * What each turn of the event loop hands over.
 * @param {Call[]} calls
 */
function slicesOf(calls) {
  /** @type {Op[][]} */
  const slices = [[]];
  let size = 0;
  for (const { op } of calls) {
    if (size > SLICE) {
      slices.push([]);
      size = 0;
    }
    slices[slices.length - 1].push(op);
    size += op.op === 'Put' ? op.text.length : op.op === 'Merge' ? op.updates.text.length : 0;
  }
  return slices;
}

module.exports = { Mutations };
