// @ts-check
'use strict';

const native = require('./native');
const {
  readProcess,
  readUpdates,
  readWorkspace,
  readId,
  readFilter,
  readPath,
  readOptions,
} = require('./lib/arguments');
const { call } = require('./lib/channel');
const { Mutations } = require('./lib/mutations');
const { mayAnswerNow, nextTurn } = require('./lib/pace');
const { makeProcess } = require('./lib/records');

/**
 * See `index.d.ts` for what each method promises. Here: read the arguments, let the native side do the work,
 * fire the event. A method that is `async` reads its arguments at the call and never throws.
 */
class FileProcessStore {
  #native;
  #processes;
  #workspaces;

  /** @param {import('./index').FileProcessStoreOptions} [options] */
  constructor(options) {
    const store = new native.NativeStore(readOptions(options, getDefaultDataDir));
    this.#native = store;
    this.#processes = new Mutations((ops) =>
      call((channel, ticket) => store.writeProcesses(channel, ticket, ops)),
    );
    this.#workspaces = new Mutations((ops) =>
      call((channel, ticket) => store.writeWorkspaces(channel, ticket, ops)),
    );
  }

  /** @param {import('./index').AIProcess} process */
  async addProcess(process) {
    await this.#processes.add({ op: 'Put', text: readProcess(process) });
    this.#emit({ type: 'process-added', process });
  }

  /**
   * @param {string} id
   * @param {Partial<import('./index').AIProcess>} updates
   */
  async updateProcess(id, updates) {
    const merge = { id: readId(id), ...readUpdates(id, updates) };
    const done = await this.#processes.add({ op: 'Merge', ...merge });
    if (done.count > 0) this.#emit('process-updated', done);
  }

  /** @param {string} id */
  async getProcess(id) {
    const [process] = await this.#read({ id: readId(id) });
    return process;
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async getAllProcesses(filter) {
    const { query, exclude } = readFilter(filter, 'list');
    return this.#read(query, exclude);
  }

  /** @param {string} id */
  async removeProcess(id) {
    const done = await this.#processes.add({ op: 'Remove', id: readId(id) });
    if (done.count > 0) this.#emit('process-removed', done);
  }

  /** @param {import('./index').ProcessFilter} [filter] */
  async clearProcesses(filter) {
    const done = await this.#processes.add({ op: 'Clear', filter: readFilter(filter, 'clear').query });
    this.#emit({ type: 'processes-cleared' });
    return done.count;
  }

  /** @param {import('./index').WorkspaceInfo} info */
  async registerWorkspace(info) {
    await this.#workspaces.add({ op: 'Put', text: readWorkspace(info) });
  }

  /** @returns {Promise<import('./index').WorkspaceInfo[]>} */
  async getWorkspaces() {
    const store = this.#native;
    if (!mayAnswerNow()) await nextTurn();
    const json =
      store.queryWorkspaces() ?? (await call((channel, ticket) => store.readWorkspaces(channel, ticket)));
    return JSON.parse(/** @type {string} */ (json));
  }

  /**
   * @param {import('./native').Query} query
   * @param {import('./native').Exclude} [exclude]
   * @returns {Promise<import('./index').AIProcess[]>}
   */
  async #read(query, exclude) {
    const store = this.#native;
    if (!mayAnswerNow()) await nextTurn();
    const found =
      store.queryProcesses(query, makeProcess, exclude) ??
      /** @type {import('./native').Selection} */ (
        await call((channel, ticket) => store.readProcesses(channel, ticket, query))
      ).processes(makeProcess, exclude);
    return /** @type {import('./index').AIProcess[]} */ (found);
  }

  /**
   * Tells the listener, if there is one now; only then is the record of a mutation decoded.
   * @param {import('./index').ProcessEvent | import('./index').ProcessEvent['type']} event
   * @param {import('./lib/mutations').Done} [done]
   */
  #emit(event, done) {
    const store = /** @type {import('./index').ProcessStore} */ (this);
    if (!store.onProcessChange) return;
    store.onProcessChange(
      typeof event === 'string' ? { type: event, process: done?.process(makeProcess) } : event,
    );
  }
}

/** @returns {string} */
function getDefaultDataDir() {
  const dir = native.defaultDataDir();
  if (dir === null) throw new Error('the home directory is not known; pass options.dataDir');
  return dir;
}

/** @param {string} dirPath */
async function ensureDataDir(dirPath) {
  const dir = readPath('dirPath', dirPath);
  await call((channel, ticket) => native.ensureDataDir(channel, ticket, dir));
  return dir;
}

module.exports = { FileProcessStore, getDefaultDataDir, ensureDataDir };
