import { join } from 'node:path';
import { JSONFilePreset } from 'lowdb/node';
import { deserializeProcess, serializeProcess } from '../../__test__/fixtures/plain-store.mjs';
import { prune } from './retention.mjs';

/**
 * lowdb, used as well as it can be under our interface: reads see what other processes wrote, so they read the
 * file; a mutation reads it too, unless one of ours is still being written. lowdb then writes the newest state
 * once for all mutations that wait.
 */
export class LowdbStore {
  #db;
  #cap;
  #reading;
  #writing = 0;

  constructor(dir, { cap }) {
    this.#db = JSONFilePreset(join(dir, 'processes.json'), []);
    this.#cap = cap;
  }

  addProcess(process) {
    return this.#mutate((entries) => {
      entries.push({
        workspaceId: process.metadata?.workspaceId ?? '',
        process: serializeProcess(process),
      });
      prune(entries, this.#cap);
    });
  }

  updateProcess(id, updates) {
    return this.#mutate((entries) => {
      const entry = entries.find((candidate) => candidate.process.id === id);
      if (!entry) return;
      const merged = { ...deserializeProcess(entry.process), ...updates };
      entry.process = serializeProcess(merged);
      entry.workspaceId = merged.metadata?.workspaceId ?? entry.workspaceId;
    });
  }

  async getProcess(id) {
    const entries = await this.#read();
    const entry = entries.find((candidate) => candidate.process.id === id);
    return entry && deserializeProcess(entry.process);
  }

  async getAllProcesses({ workspaceId, status, limit } = {}) {
    return (await this.#read())
      .filter((entry) => !workspaceId || entry.workspaceId === workspaceId)
      .filter((entry) => !status || entry.process.status === status)
      .slice(0, limit)
      .map((entry) => deserializeProcess(entry.process));
  }

  async #read() {
    const db = await this.#db;
    await db.read();
    return db.data;
  }

  async #mutate(change) {
    const db = await this.#db;
    if (this.#writing === 0) {
      this.#reading ??= db.read().finally(() => (this.#reading = undefined));
      await this.#reading;
    }
    change(db.data);
    this.#writing += 1;
    try {
      await db.write();
    } finally {
      this.#writing -= 1;
    }
  }
}
