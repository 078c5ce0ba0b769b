// @ts-check
'use strict';

const { readUpdates } = require('./arguments');
const { call } = require('./channel');
const { fromFailure, invalidValue } = require('./errors');
const { logCommit } = require('./log');
const { makeProcess } = require('./records');

/**
 * @typedef {import('../native').NativeStore} NativeStore
 * @typedef {import('../native').Receipt} Receipt
 * @typedef {import('../native').SeenProcess} SeenProcess
 * @typedef {import('../native').Updates} Updates
 * @typedef {(current: any) => any} Change
 * @typedef {{ change: Change, resolve: (process: any) => void, reject: (error: unknown) => void }} Call
 * @typedef {{ call: Call, seen: SeenProcess, updates: Updates | undefined }} Step
 */

/**
 * Updates by a function of the current record. Each result is committed only if the record is still the one that
 * the function saw; otherwise the function is called again with the newer one, so no lock is held while it runs.
 *
 * Calls for one id are chained: the second function sees what the first one makes of the record, and the whole
 * chain is committed at once.
 */
class FunctionUpdates {
  #native;
  /** @type {Map<string, { calls: Call[], done: Promise<void> }>} */
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
   * @returns {Promise<(() => any) | undefined>}
   */
  update(id, change) {
    return new Promise((resolve, reject) => {
      const call = { change, resolve, reject };
      const chain = this.#chains.get(id);
      if (chain) {
        chain.calls.push(call);
        return;
      }
      const calls = [call];
      this.#chains.set(id, { calls, done: this.#work(id, calls) });
    });
  }

  /**
   * What has to end before a later mutation of this id (or of any) is handed over; `undefined` if nothing has.
   * @param {string} [id]
   * @returns {Promise<unknown> | undefined}
   */
  before(id) {
    if (this.#chains.size === 0) return undefined;
    if (id !== undefined) return this.#chains.get(id)?.done;
    return Promise.all(Array.from(this.#chains.values(), (chain) => chain.done));
  }

  /**
   * @param {string} id
   * @param {Call[]} waiting
   */
  async #work(id, waiting) {
    // Other calls of this turn of the event loop join the first one.
    await undefined;
    while (waiting.length > 0) {
      /** @type {Step[]} */
      let steps = [];
      try {
        const seen = await call((channel, ticket) => this.#native().seeProcess(channel, ticket, id));
        const calls = waiting.splice(0);
        if (seen === undefined) {
          for (const { resolve } of calls) resolve(undefined);
          continue;
        }
        steps = plan(id, /** @type {SeenProcess} */ (seen), calls);
        waiting.unshift(...(await this.#commit(steps)));
      } catch (error) {
        for (const { call } of steps) call.reject(error);
        for (const { reject } of waiting.splice(0)) reject(error);
      }
    }
    this.#chains.delete(id);
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
      if (failure) call.reject(fromFailure(failure));
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
      const fields = call.change(state.process(makeProcess));
      if (fields === undefined) {
        steps.push({ call, seen: state, updates: undefined });
        continue;
      }
      if (typeof fields?.then === 'function') {
        throw invalidValue('updates must be returned by the function at once, not as a promise');
      }
      const updates = readUpdates(id, fields);
      const merged = state.merge(updates);
      if ('code' in merged) throw fromFailure(merged);
      steps.push({ call, seen: state, updates });
      state = /** @type {SeenProcess} */ (merged);
    } catch (error) {
      call.reject(error);
    }
  }
  return steps;
}

module.exports = { FunctionUpdates };
