// @ts-check
'use strict';

const { readUpdates } = require('./arguments');
const { call } = require('./channel');
const { Context } = require('./context');
const { Refusal, fromFailure, invalidValue, shared } = require('./errors');
const { logCommit } = require('./log');
const { makeProcess } = require('./records');

/**
 * @typedef {import('../native').NativeStore} NativeStore
 * @typedef {import('../native').Receipt} Receipt
 * @typedef {import('../native').SeenProcess} SeenProcess
 * @typedef {import('../native').Updates} Updates
 * @typedef {(current: any) => any} Change
 * @typedef {{ change: Change, context: Context, resolve: (process: any) => void, reject: (reason: unknown) => void }} Call
 * @typedef {{ calls: Call[], sealed: boolean, done: Promise<void> }} Chain
 * @typedef {{ call: Call, seen: SeenProcess, updates: Updates | undefined }} Step
 */

/**
 * Updates by a function of the current record. Each result is committed only if the record is still the one that
 * the function saw; otherwise the function is called again with the newer one, so no lock is held while it runs.
 *
 * Calls for one id are chained: the second function sees what the first one makes of the record, and the whole
 * chain is committed at once. So that mutations take effect in the order in which they were called, a chain begins
 * when the changes that were called before it are done, and another change that has to wait for a chain seals it:
 * later functions form a new chain, behind that change. Everybody waits for earlier calls only.
 */
class FunctionUpdates {
  #native;
  /** The last chain of each id. @type {Map<string, Chain>} */
  #chains = new Map();

  /** @param {() => NativeStore} native */
  constructor(native) {
    this.#native = native;
  }

  /**
   * Resolves when the change is durable: to a function that makes the merged record, or to `undefined` where
   * nothing was changed.
   * @param {string} id
   * @param {Change} change
   * @param {Promise<unknown>} [earlier] changes that were called before this one
   * @returns {Promise<(() => any) | undefined>}
   */
  update(id, change, earlier) {
    return new Promise((resolve, reject) => {
      const call = { change, context: new Context(), resolve, reject };
      const last = this.#chains.get(id);
      if (last && !last.sealed) {
        last.calls.push(call);
        return;
      }
      /** @type {Chain} */
      const chain = { calls: [call], sealed: false, done: Promise.resolve() };
      this.#chains.set(id, chain);
      chain.done = this.#work(id, chain, Promise.all([last?.done, earlier]));
    });
  }

  /**
   * What has to end before a later mutation of this id (or of any) is handed over; `undefined` if nothing has.
   * @param {string} [id]
   * @returns {Promise<unknown> | undefined}
   */
  before(id) {
    if (this.#chains.size === 0) return undefined;
    const chains = id === undefined ? Array.from(this.#chains.values()) : [this.#chains.get(id)];
    return Promise.all(
      chains.map((chain) => {
        if (chain) chain.sealed = true;
        return chain?.done;
      }),
    );
  }

  /**
   * @param {string} id
   * @param {Chain} chain
   * @param {Promise<unknown>} earlier
   */
  async #work(id, chain, earlier) {
    const waiting = chain.calls;
    do {
      /** @type {Step[]} */
      let steps = [];
      try {
        // Other calls of this turn of the event loop join the first one meanwhile.
        await earlier;
        const seen = await call((channel, ticket) => this.#native().seeProcess(channel, ticket, id));
        const calls = waiting.splice(0);
        if (seen === undefined) {
          for (const { resolve } of calls) resolve(undefined);
          continue;
        }
        steps = plan(id, seen, calls);
        waiting.unshift(...(await this.#commit(steps)));
      } catch (error) {
        // Calls that came while these were written have not been tried yet.
        const refused = steps.length > 0 ? steps.map(({ call }) => call) : waiting.splice(0);
        const reason = shared(error);
        for (const { reject } of refused) reject(reason);
      }
    } while (waiting.length > 0);
    if (this.#chains.get(id) === chain) this.#chains.delete(id);
  }

  /**
   * Commits a chain, and returns the calls whose functions have to be called again.
   * @param {Step[]} steps
   */
  async #commit(steps) {
    const writes = steps.filter((step) => step.updates !== undefined);
    /** @type {Receipt | undefined} */
    let receipt;
    if (writes.length > 0) {
      const seen = writes.map((step) => step.seen);
      const updates = writes.map((step) => /** @type {Updates} */ (step.updates));
      receipt = /** @type {Receipt} */ (
        await call((channel, ticket) => this.#native().writeSeen(channel, ticket, seen, updates))
      );
      logCommit('processes.json', receipt);
    }
    let index = 0;
    let overtaken = false;
    /** @type {Call[]} */
    const again = [];
    for (const { call, updates } of steps) {
      const written = updates === undefined ? undefined : index++;
      const failure = written === undefined ? null : receipt?.failure(written);
      if (failure) call.reject(new Refusal(() => fromFailure(failure)));
      else if (written !== undefined && receipt?.count(written)) {
        call.resolve(() => receipt.process(written, makeProcess));
      } else {
        // A function that left a record alone has to see the right one, too.
        overtaken ||= written !== undefined;
        if (overtaken) again.push(call);
        else call.resolve(undefined);
      }
    }
    return again;
  }
}

/**
 * Calls the functions, each with what the one before makes of the record.
 * @param {string} id
 * @param {SeenProcess} seen
 * @param {Call[]} calls
 */
function plan(id, seen, calls) {
  /** @type {Step[]} */
  const steps = [];
  let state = seen;
  for (const call of calls) {
    try {
      const current = state.process(makeProcess);
      const updates = call.context.run(readChange, id, call.change, current);
      steps.push({ call, seen: state, updates });
      if (updates === undefined) continue;
      const merged = state.merge(updates);
      if (!('code' in merged)) state = merged;
      else {
        steps.pop();
        call.reject(new Refusal(() => fromFailure(merged)));
      }
    } catch (error) {
      call.reject(error);
    }
  }
  return steps;
}

/**
 * What a function wants changed, if anything. What it returns is read where it was called: there may be getters and
 * `toJSON` in it.
 * @param {string} id
 * @param {Change} change
 * @param {any} current
 */
function readChange(id, change, current) {
  const fields = change(current);
  if (fields === undefined) return undefined;
  try {
    if (typeof fields?.then === 'function') {
      // What it comes to is nobody's concern, and must not be an unhandled rejection.
      Promise.resolve(fields).catch(() => {});
      throw invalidValue('updates must be returned by the function at once, not as a promise');
    }
    return readUpdates(id, fields);
  } catch (error) {
    // An error of ours is to show where the update was called.
    if (error instanceof Error && 'code' in error) throw new Refusal(() => error);
    throw error;
  }
}

module.exports = { FunctionUpdates };
