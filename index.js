// @ts-check
'use strict';

// First of all: where it can't be loaded, its error is the one that says what to do.
const native = require('./lib/addon');
const { inspect } = require('node:util');
const { readId, readProcess, readUpdates, readWorkspaceId } = require('./lib/arguments');
const { call } = require('./lib/channel');
const { closed, outcome } = require('./lib/errors');
const { readFilter } = require('./lib/filter');
const { FunctionUpdates } = require('./lib/function-updates');
const { Mutations } = require('./lib/mutations');
const { getDefaultDataDir, readOptions, readPath } = require('./lib/options');
const { Output } = require('./lib/output');
const { mayAnswerNow, nextTurn } = require('./lib/pace');
const { makeProcess } = require('./lib/records');
const { Registry } = require('./lib/registry');
const { Watcher } = require('./lib/watcher');
const { tellZone } = require('./lib/zone');

/**
 * @typedef {import('./index')} Api
 * @typedef {import('./native').Query} Query
 * @typedef {import('./native').Selection} Selection
 */

tellZone();

/** Node has it since 20.4. @type {typeof Symbol.asyncDispose} */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/**
 * See `index.d.ts` for what each method promises. Here: read the arguments, let the native side do the work,
 * fire the event. An `async` method reads its arguments at the call and never throws.
 */
class FileProcessStore {
  #native;
  #options;
  #processes;
  #functionUpdates;
  #workspaces;
  #wikis;
  #output = new Output();
  /** @type {Watcher | undefined} */
  #watcher;
  /** Mutations that are under way. @type {Set<Promise<unknown>>} */
  #pending = new Set();
  /** Those of them that change processes, function updates aside. @type {Set<Promise<unknown>>} */
  #changes = new Set();
  /** When the last change that has to wait for function updates may go. @type {Promise<unknown> | undefined} */
  #detained;
  /** @type {Promise<void> | undefined} */
  #closing;

  /** @param {import('./index').FileProcessStoreOptions} [options] */
  constructor(options) {
    const read = readOptions(options);
    const store = new native.NativeStore(read.native);
    const open = () => store;
    this.#native = store;
    const { maxProcesses, journal } = read.native;
    this.#options = { dataDir: read.dataDir, maxProcesses, ...(journal && { journal }) };
    this.#processes = new Mutations(
      'processes.json',
      (ops) => call((channel, ticket) => store.writeProcesses(channel, ticket, ops)),
      () => {
        const store = /** @type {import('./index').ProcessStore} */ (this);
        return store.onPrune ? (entries) => store.onPrune?.(entries) : undefined;
      },
    );
    this.#functionUpdates = new FunctionUpdates(open);
    this.#workspaces = new Registry('workspaces', open);
    this.#wikis = new Registry('wikis', open);
    if (read.onPrune) /** @type {any} */ (this).onPrune = read.onPrune;
    if (read.watch) this.#watcher = new Watcher(this, store);
  }

  /** @param {import('./index').AIProcess} process */
  async addProcess(process) {
    const text = readProcess(process);
    // Retention may remove any process, so what is called before has to be done for all of them.
    const { thrown } = await this.#change(undefined, { op: 'Put', text });
    this.#emit('process-added', () => process);
    if (thrown) throw thrown.error;
  }

  /**
   * @param {string} id
   * @param {any} updates
   */
  async updateProcess(id, updates) {
    readId(id);
    if (typeof updates === 'function') {
      const updated = this.#functionUpdates.update(id, updates, this.#earlier());
      // It fails with the watch, if that can't be had; then nobody asks for it.
      updated.catch(() => {});
      const made = await this.#mutate(undefined, () => updated);
      if (made) this.#emit('process-updated', made);
      return;
    }
    const merge = readUpdates(id, updates);
    const done = await this.#change(id, { op: 'Merge', id, updates: merge });
    if (done.count > 0) this.#emit('process-updated', done.process);
  }

  /**
   * @param {string} id
   * @param {string} [workspaceId]
   */
  async getProcess(id, workspaceId) {
    const [process] = await this.#read({ id: readId(id), workspaceId: readWorkspaceId(workspaceId) });
    return process;
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async getAllProcesses(filter) {
    const { query, exclude } = readFilter(filter, 'list');
    return await this.#read(query, exclude);
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async getProcessSummaries(filter) {
    return await this.#list(readFilter(filter, 'list').query, 'summaries');
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async getProcessIds(filter) {
    return await this.#list(readFilter(filter, 'list').query, 'ids');
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async getProcessCount(filter) {
    return await this.#list(readFilter(filter, 'list').query, 'count');
  }

  /** @param {string} id */
  async removeProcess(id) {
    readId(id);
    const done = await this.#change(id, { op: 'Remove', id });
    if (done.count > 0) this.#emit('process-removed', done.process);
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async clearProcesses(filter) {
    const { query } = readFilter(filter, 'clear');
    const done = await this.#change(undefined, { op: 'Clear', filter: query });
    this.#emit('processes-cleared');
    return done.count;
  }

  /** @param {import('./index').WorkspaceInfo} info */
  async registerWorkspace(info) {
    return await this.#mutate(undefined, this.#workspaces.register(info));
  }

  /** @returns {Promise<import('./index').WorkspaceInfo[]>} */
  async getWorkspaces() {
    await outcome(this.#ready());
    return await this.#workspaces.list();
  }

  /**
   * @param {string} id
   * @param {object} updates
   */
  async updateWorkspace(id, updates) {
    return await this.#mutate(undefined, this.#workspaces.update(id, updates));
  }

  /** @param {string} id */
  async removeWorkspace(id) {
    return await this.#mutate(undefined, this.#workspaces.remove(id));
  }

  async clearAllWorkspaces() {
    return await this.#mutate(undefined, this.#workspaces.clear());
  }

  /** @param {import('./index').WikiInfo} info */
  async registerWiki(info) {
    return await this.#mutate(undefined, this.#wikis.register(info));
  }

  /** @returns {Promise<import('./index').WikiInfo[]>} */
  async getWikis() {
    await outcome(this.#ready());
    return await this.#wikis.list();
  }

  /**
   * @param {string} id
   * @param {object} updates
   */
  async updateWiki(id, updates) {
    return await this.#mutate(undefined, this.#wikis.update(id, updates));
  }

  /** @param {string} id */
  async removeWiki(id) {
    return await this.#mutate(undefined, this.#wikis.remove(id));
  }

  async clearAllWikis() {
    return await this.#mutate(undefined, this.#wikis.clear());
  }

  /** @returns {Promise<import('./index').StorageStats>} */
  async getStorageStats() {
    await outcome(this.#ready());
    return { ...(await outcome(call((channel, ticket) => this.#native.readStats(channel, ticket)))) };
  }

  /** @returns {Promise<import('./index').RecoveryReport[]>} */
  async recover() {
    const processes = () => call((channel, ticket) => this.#native.recoverProcesses(channel, ticket));
    const reports = await this.#mutate(undefined, async () => {
      const files = [processes(), this.#workspaces.recover(), this.#wikis.recover()];
      await Promise.allSettled(files);
      return Promise.all(files);
    });
    return reports.map((report) => ({
      ...report,
      lost: Array.from(report.lost, (/** @type {import('./index').LostPart} */ part) => ({ ...part })),
    }));
  }

  /**
   * @param {string} id
   * @param {(event: import('./index').ProcessOutputEvent) => void} callback
   */
  onProcessOutput(id, callback) {
    this.#mustBeOpen();
    return this.#output.subscribe(id, callback);
  }

  /**
   * @param {string} id
   * @param {string} content
   */
  emitProcessOutput(id, content) {
    this.#output.chunk(id, content);
  }

  /**
   * @param {string} id
   * @param {import('./index').ProcessOutputEvent} event
   */
  emitProcessEvent(id, event) {
    this.#output.event(id, event);
  }

  /**
   * @param {string} id
   * @param {import('./index').AIProcessStatus} status
   * @param {number | string} duration
   */
  emitProcessComplete(id, status, duration) {
    this.#output.complete(id, status, duration);
  }

  /**
   * @param {string} id
   * @param {() => unknown} handler
   */
  registerFlushHandler(id, handler) {
    this.#mustBeOpen();
    this.#output.setFlushHandler(id, handler);
  }

  /** @param {string} id */
  unregisterFlushHandler(id) {
    this.#output.removeFlushHandler(id);
  }

  /** @param {string} id */
  async requestFlush(id) {
    this.#mustBeOpen();
    await this.#output.requestFlush(id);
  }

  async checkpoint() {
    const before = this.#pending.size > 0 ? Promise.allSettled(this.#pending) : undefined;
    return this.#mutate(before, () => this.#checkpoint());
  }

  async flush() {
    this.#mustBeOpen();
    await Promise.allSettled(this.#pending);
  }

  async close() {
    if (this.#closing) return this.#closing;
    this.#closing = Promise.allSettled([...this.#pending, this.#watcher?.ready()]).then(async () => {
      // Reads that were called before have begun by then, and keep what they need.
      await nextTurn();
      await nextTurn();
      // What can't be put into the file now is in the journal all the same.
      if (this.#options.journal) await this.#checkpoint().catch(() => {});
      this.#output.clear();
      this.#watcher?.close();
      this.#native.close();
    });
    return this.#closing;
  }

  async [asyncDispose]() {
    await this.close();
  }

  toString() {
    return inspect(this, { breakLength: Infinity });
  }

  /**
   * What the console shows.
   * @param {number} _depth
   * @param {import('node:util').InspectOptions} options
   */
  [inspect.custom](_depth, options) {
    const state = this.#closing ? { closed: true } : { processes: this.#native.lastCount() };
    return `${this.constructor.name} ${inspect({ ...this.#options, ...state }, options)}`;
  }

  /** @returns {Promise<void>} */
  #checkpoint() {
    return call((channel, ticket) => this.#native.checkpoint(channel, ticket));
  }

  #mustBeOpen() {
    if (this.#closing) throw closed();
  }

  /** Calls after a close are refused, and none is made before the watch runs, if there is to be one. */
  #ready() {
    this.#mustBeOpen();
    return this.#watcher?.ready();
  }

  /**
   * What has to be done before a function update begins: the changes that were called before it.
   * @returns {Promise<unknown> | undefined}
   */
  #earlier() {
    const changes = this.#changes.size > 0 ? Promise.allSettled(this.#changes) : undefined;
    return this.#ready()?.then(() => changes) ?? changes;
  }

  /**
   * A change of the process with this id, or of any, in the order of the calls: after the function updates that
   * were called before it, and after the changes that wait for some.
   * @param {string | undefined} id
   * @param {import('./native').Op} op
   */
  #change(id, op) {
    const updates = this.#functionUpdates.before(id);
    const before = updates || this.#detained ? Promise.all([updates, this.#detained]) : undefined;
    const change = this.#begin(before, () => this.#processes.add(op));
    track(this.#changes, change);
    if (before) {
      this.#detained = before;
      before.then(() => {
        if (this.#detained === before) this.#detained = undefined;
      });
    }
    return outcome(change);
  }

  /**
   * The outcome of a mutation that is handed over when all that has to come before is done.
   * @template T
   * @param {Promise<unknown> | undefined} before
   * @param {() => Promise<T>} handOver
   * @returns {Promise<T>}
   */
  #mutate(before, handOver) {
    return outcome(this.#begin(before, handOver));
  }

  /**
   * @template T
   * @param {Promise<unknown> | undefined} before
   * @param {() => Promise<T>} handOver
   * @returns {Promise<T>}
   */
  #begin(before, handOver) {
    const wait = this.#ready();
    const mutation = (async () => {
      if (wait) await wait;
      if (before) await before;
      return handOver();
    })();
    track(this.#pending, mutation);
    return mutation;
  }

  /**
   * @param {Query} query
   * @param {import('./native').Exclude} [exclude]
   * @returns {Promise<import('./index').AIProcess[]>}
   */
  async #read(query, exclude) {
    const wait = this.#ready();
    if (wait) await outcome(wait);
    if (!mayAnswerNow()) await nextTurn();
    const store = this.#native;
    const found =
      store.queryProcesses(query, makeProcess, exclude) ??
      /** @type {Selection} */ (
        await outcome(call((channel, ticket) => store.readProcesses(channel, ticket, query)))
      ).processes(makeProcess, exclude);
    // An array of this realm: test runners load the package into one of their own, and the native side into none.
    return /** @type {import('./index').AIProcess[]} */ (Array.from(found));
  }

  /**
   * @param {Query} query
   * @param {'summaries' | 'ids' | 'count'} listing
   */
  async #list(query, listing) {
    const wait = this.#ready();
    if (wait) await outcome(wait);
    if (!mayAnswerNow()) await nextTurn();
    const store = this.#native;
    const json =
      store.queryIndex(query, listing) ??
      (await outcome(call((channel, ticket) => store.readIndex(channel, ticket, query, listing))));
    return JSON.parse(/** @type {string} */ (json));
  }

  /**
   * Tells the listener, if there is one now; only then is the record of a mutation decoded.
   * @param {import('./index').ProcessEvent['type']} type
   * @param {() => any} [process]
   */
  #emit(type, process) {
    const store = /** @type {import('./index').ProcessStore} */ (this);
    if (!store.onProcessChange) return;
    store.onProcessChange(process ? { type, process: process() } : { type });
  }
}

/**
 * Keeps a promise in a set until it is settled.
 * @param {Set<Promise<unknown>>} pending
 * @param {Promise<unknown>} promise
 */
function track(pending, promise) {
  pending.add(promise);
  const done = () => pending.delete(promise);
  promise.then(done, done);
}

/** @param {string} path */
async function ensureDataDir(path) {
  const dir = readPath('path', path);
  await outcome(call((channel, ticket) => native.ensureDataDir(channel, ticket, dir.native)));
  return dir.resolved;
}

/** @satisfies {Api} */
const api = { FileProcessStore, getDefaultDataDir, ensureDataDir };
module.exports = { FileProcessStore, getDefaultDataDir, ensureDataDir };
void api;
