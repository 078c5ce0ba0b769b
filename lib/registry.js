// @ts-check
'use strict';

const { readId } = require('./arguments');
const { call } = require('./channel');
const { outcome } = require('./errors');
const { readItem, readItemUpdates } = require('./items');
const { Mutations } = require('./mutations');
const { mayAnswerNow, nextTurn } = require('./pace');

/**
 * @typedef {import('../native').NativeStore} NativeStore
 * @typedef {import('../native').Receipt} Receipt
 */

/** Workspaces or wikis: a file of objects with an id. */
class Registry {
  #name;
  #native;
  #mutations;

  /**
   * @param {'workspaces' | 'wikis'} name
   * @param {() => NativeStore} native throws when the store was closed
   */
  constructor(name, native) {
    this.#name = name;
    this.#native = native;
    this.#mutations = new Mutations(`${name}.json`, (ops) =>
      call((channel, ticket) => native().writeItems(channel, ticket, name, ops)),
    );
  }

  /** @returns {Promise<any[]>} */
  async list() {
    if (!mayAnswerNow()) await nextTurn();
    const native = this.#native();
    const json =
      native.queryItems(this.#name) ??
      (await outcome(call((channel, ticket) => native.readItems(channel, ticket, this.#name))));
    return JSON.parse(/** @type {string} */ (json));
  }

  /**
   * Like the other mutations: reads the arguments now, and returns what hands the mutation over.
   * @param {unknown} info
   */
  register(info) {
    const text = readItem(this.#name, info);
    return async () => void (await this.#mutations.add({ op: 'Put', text }));
  }

  /**
   * @param {unknown} id
   * @param {unknown} updates
   */
  update(id, updates) {
    const known = readId(id);
    const merge = readItemUpdates(this.#name, known, updates);
    return async () => {
      const done = await this.#mutations.add({ op: 'Merge', id: known, updates: merge });
      return done.count > 0 ? done.item() : undefined;
    };
  }

  /** @param {unknown} id */
  remove(id) {
    const known = readId(id);
    return async () => (await this.#mutations.add({ op: 'Remove', id: known })).count > 0;
  }

  clear() {
    return async () => (await this.#mutations.add({ op: 'Clear', filter: {} })).count;
  }

  /** @returns {Promise<any>} */
  recover() {
    return call((channel, ticket) => this.#native().recoverItems(channel, ticket, this.#name));
  }
}

module.exports = { Registry };
