// @ts-check
'use strict';

const native = require('./addon');
const { Context } = require('./context');
const { Refusal, fromFailure, shared } = require('./errors');
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

/**
 * @typedef {{ op: Op, context: Context | undefined, resolve: (done: Done) => void, reject: (reason: unknown) => void }}
 *   Call
 */

/**
 * Mutations of one file, handed over once per turn of the event loop, so that the first call of a burst
 * shares its commit with the others. What is too much for one turn is handed over in several, as one.
 */
class Mutations {
  /** @type {Call[]} */
  #collected = [];
  /** Whether the collected ones are about to be handed over, or those before them still are. */
  #busy = false;
  /** The commits so far, when their callers know. */
  #told = Promise.resolve();
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
      const context = this.#pruneListener && op.op === 'Put' ? new Context() : undefined;
      this.#collected.push({ op, context, resolve, reject });
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
        this.#told = this.#tell(calls, this.#write(ops), this.#told);
      } catch (error) {
        const reason = shared(error);
        for (const { reject } of calls) reject(reason);
      }
    }
    this.#busy = false;
  }

  /**
   * Tells the callers what a commit has come to, in the order of the commits.
   * @param {Call[]} calls
   * @param {Promise<Receipt>} written
   * @param {Promise<void>} earlier
   */
  async #tell(calls, written, earlier) {
    try {
      const receipt = await written;
      await earlier;
      logCommit(this.#file, receipt);
      const failures = calls.map((_, index) => receipt.failure(index));
      // What retention removes, the last addition has pushed out.
      const culprit = calls.findLast(({ op }, index) => op.op === 'Put' && !failures[index]);
      const thrown = culprit && (await this.#tellPruned(receipt, culprit));
      calls.forEach((call, index) => {
        const failure = failures[index];
        if (failure) call.reject(new Refusal(() => fromFailure(failure)));
        else {
          call.resolve({
            count: receipt.count(index),
            process: () => receipt.process(index, makeProcess),
            item: () => JSON.parse(/** @type {string} */ (receipt.item(index))),
            thrown: call === culprit ? thrown : undefined,
          });
        }
      });
      // By then whoever wants the records has asked for them.
      nextTurn().then(() => receipt.release());
    } catch (error) {
      const reason = shared(error);
      for (const { reject } of calls) reject(reason);
    }
  }

  /**
   * Calls the listener where the culprit was called, and returns what it threw, if it threw. A million entries would
   * keep the event loop for seconds, so they are read in slices.
   * @param {Receipt} receipt
   * @param {Call} culprit
   */
  async #tellPruned(receipt, culprit) {
    const listener = this.#pruneListener?.();
    let json = listener && receipt.pruned(0);
    if (!listener || !json) return undefined;
    const entries = JSON.parse(json);
    while ((json = receipt.pruned(entries.length))) {
      await nextTurn();
      for (const entry of JSON.parse(json)) entries.push(entry);
    }
    try {
      culprit.context?.run(listener, entries);
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
