import { join } from 'node:path';
import { deserializeProcess, serializeProcess } from '../../__test__/fixtures/plain-store.mjs';
import { TERMINAL_STATUSES } from './retention.mjs';

/**
 * SQLite through better-sqlite3 or node:sqlite, which share the calls used here: the records as JSON beside the
 * columns that filters need. Each mutation is a transaction of its own, and done when its call returns.
 */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS processes (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    workspace TEXT NOT NULL,
    status TEXT NOT NULL,
    startTime INTEGER NOT NULL,
    record TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS filters ON processes (workspace, status, startTime);
`;
const PUT = `
  INSERT INTO processes (id, workspace, status, startTime, record) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET workspace = excluded.workspace, status = excluded.status,
    startTime = excluded.startTime, record = excluded.record
`;
const PRUNE = `
  DELETE FROM processes WHERE number IN (
    SELECT number FROM processes WHERE status IN (${TERMINAL_STATUSES.map((status) => `'${status}'`).join()})
    ORDER BY startTime LIMIT max(0, (SELECT count(*) FROM processes) - ?)
  )
`;

async function openDatabase(library, path) {
  if (library === 'node:sqlite') return new (await import('node:sqlite')).DatabaseSync(path);
  return new (await import('better-sqlite3')).default(path);
}

export async function sqliteVersion(library) {
  const db = await openDatabase(library, ':memory:');
  return db.prepare('SELECT sqlite_version() AS version').get().version;
}

export async function openSqlite(library, { dir, synchronous, cap }) {
  const db = await openDatabase(library, join(dir, 'processes.db'));
  db.exec(`PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
  db.exec(SCHEMA);
  return new SqliteStore(db, cap);
}

class SqliteStore {
  #db;
  #statements = new Map();
  #cap;

  constructor(db, cap) {
    this.#db = db;
    this.#cap = cap;
  }

  async seed(processes) {
    this.#transaction(() => processes.forEach((process) => this.#put(process)));
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  async addProcess(process) {
    this.#transaction(() => {
      this.#put(process);
      this.#prepare(PRUNE).run(this.#cap);
    });
  }

  async updateProcess(id, updates) {
    this.#transaction(() => {
      const found = this.#get(id);
      if (found) this.#put({ ...found, ...updates });
    });
  }

  async getProcess(id) {
    return this.#get(id);
  }

  async getAllProcesses({ workspaceId, status, limit = -1 } = {}) {
    const where = workspaceId && status ? 'WHERE workspace = ? AND status = ?' : '';
    const values = where ? [workspaceId, status, limit] : [limit];
    const rows = this.#prepare(`SELECT record FROM processes ${where} ORDER BY number LIMIT ?`).all(
      ...values,
    );
    return rows.map(({ record }) => deserializeProcess(JSON.parse(record)));
  }

  async close() {
    this.#db.close();
  }

  #get(id) {
    const row = this.#prepare('SELECT record FROM processes WHERE id = ?').get(id);
    return row && deserializeProcess(JSON.parse(row.record));
  }

  #put(process) {
    this.#prepare(PUT).run(
      process.id,
      process.metadata?.workspaceId ?? '',
      process.status,
      process.startTime.getTime(),
      JSON.stringify(serializeProcess(process)),
    );
  }

  #transaction(work) {
    this.#prepare('BEGIN IMMEDIATE').run();
    try {
      work();
      this.#prepare('COMMIT').run();
    } catch (error) {
      this.#prepare('ROLLBACK').run();
      throw error;
    }
  }

  #prepare(sql) {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}
