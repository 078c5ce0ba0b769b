import { join } from 'node:path';
import { open } from 'lmdb';
import { TERMINAL_STATUSES } from './retention.mjs';

/**
 * lmdb with the records under a running number, an index from the id to it, one on workspace, status and start
 * time, and one on the start time of what may be pruned. A mutation is one transaction; lmdb commits those of one
 * burst together. It resolves when lmdb says that it is flushed. By itself, lmdb reads one state for a whole turn of
 * the event loop, whatever other processes have written since; a read here sees what was written before it.
 */
export class LmdbStore {
  #root;
  #records;
  #numbers;
  #filters;
  #finished;
  #cap;

  constructor(dir, { cap }) {
    this.#root = open({ path: join(dir, 'lmdb'), maxDbs: 4 });
    this.#records = this.#root.openDB('records', { sharedStructuresKey: Symbol.for('structures') });
    this.#numbers = this.#root.openDB('numbers');
    this.#filters = this.#root.openDB('filters');
    this.#finished = this.#root.openDB('finished');
    this.#cap = cap;
  }

  async seed(processes) {
    await this.#root.transaction(() => processes.forEach((process) => this.#put(process)));
    await this.#root.flushed;
  }

  async addProcess(process) {
    await this.#root.transaction(() => {
      this.#put(process);
      this.#prune();
    });
    await this.#root.flushed;
  }

  async updateProcess(id, updates) {
    await this.#root.transaction(() => {
      const number = this.#numbers.get(id);
      if (number !== undefined) this.#put({ ...this.#records.get(number).process, ...updates });
    });
    await this.#root.flushed;
  }

  async getProcess(id) {
    this.#root.resetReadTxn();
    const number = this.#numbers.get(id);
    return number === undefined ? undefined : this.#records.get(number)?.process;
  }

  async getAllProcesses({ workspaceId, status, limit } = {}) {
    this.#root.resetReadTxn();
    if (workspaceId && status) {
      const range = { start: [workspaceId, status], end: [workspaceId, status, Infinity] };
      const numbers = this.#filters.getKeys(range).map((key) => key[3]).asArray;
      return numbers.sort((a, b) => a - b).map((number) => this.#records.get(number).process);
    }
    return this.#records.getRange({ limit }).map(({ value }) => value.process).asArray;
  }

  close() {
    return this.#root.close();
  }

  #put(process) {
    const known = this.#numbers.get(process.id);
    if (known !== undefined) this.#unlist(known);
    const { next = 1, count = 0 } = this.#root.get('size') ?? {};
    const number = known ?? next;
    if (known === undefined) {
      this.#numbers.put(process.id, number);
      this.#root.put('size', { next: next + 1, count: count + 1 });
    }
    const workspaceId = process.metadata?.workspaceId ?? '';
    const time = process.startTime.getTime();
    this.#records.put(number, { workspaceId, process });
    this.#filters.put([workspaceId, process.status, time, number], true);
    if (TERMINAL_STATUSES.includes(process.status)) this.#finished.put([time, number], true);
  }

  #prune() {
    const { next, count } = this.#root.get('size');
    const surplus = count - this.#cap;
    if (surplus <= 0) return;
    const oldest = this.#finished.getKeys({ limit: surplus }).asArray;
    for (const [, number] of oldest) {
      const { process } = this.#records.get(number);
      this.#unlist(number);
      this.#numbers.remove(process.id);
      this.#records.remove(number);
    }
    this.#root.put('size', { next, count: count - oldest.length });
  }

  #unlist(number) {
    const { workspaceId, process } = this.#records.get(number);
    const time = process.startTime.getTime();
    this.#filters.remove([workspaceId, process.status, time, number]);
    if (TERMINAL_STATUSES.includes(process.status)) this.#finished.remove([time, number]);
  }
}
