/**
 * What is measured: our store and what else one could pick, each behind the same interface.
 *
 * A peer's `open(dir, options)` gives a store with `addProcess`, `updateProcess`, `getProcess` and
 * `getAllProcesses`, all of them async. Stores other than ours and the plain one know of a filter just
 * `workspaceId`, `status` and `limit`: what the rows use. A store with `seed` fills itself; the others share the
 * file format.
 */

import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const sqlite = (name, synchronous) => async (dir, options) =>
  (await import('./sqlite.mjs')).openSqlite(name, { dir, synchronous, ...options });

/**
 * `synced`: a write that is done survives a power loss; `durability` says it in full. `file`: the records are in `processes.json`. `serial`: a burst takes as long as its calls one after the other, so a
 * tenth of it can stand for it. `appends`: what others change they append, too. `reads`: false where reading is the same as in another column.
 * `needs`: the package to be installed, or the module that the running Node must have.
 */
export const PEERS = {
  ours: {
    label: 'this store',
    synced: true,
    durability: 'file and directory synced before the promise resolves',
    file: true,
    open: async (dir, { cap }) => new (ours())({ dataDir: dir, maxProcesses: cap }),
  },
  journal: {
    label: 'this store, journal',
    synced: true,
    durability: 'the journal synced before the promise resolves',
    file: true,
    appends: true,
    open: async (dir, { cap }) => new (ours())({ dataDir: dir, maxProcesses: cap, journal: true }),
  },
  unsynced: {
    label: 'this store, durable: false',
    synced: false,
    durability: 'no syncs: safe from a crash of the process, not of the machine',
    file: true,
    reads: false,
    open: async (dir, { cap }) => new (ours())({ dataDir: dir, maxProcesses: cap, durable: false }),
  },
  plain: {
    label: 'plain store',
    synced: false,
    durability: 'no syncs: a power loss can leave an empty file',
    serial: true,
    file: true,
    open: async (dir, { cap }) => {
      const { PlainStore } = await import('../../__test__/fixtures/plain-store.mjs');
      return new PlainStore({ dataDir: dir, maxProcesses: cap });
    },
  },
  lowdb: {
    label: 'lowdb',
    synced: false,
    durability: 'no syncs: a power loss can leave an empty file',
    serial: true,
    file: true,
    needs: 'lowdb',
    open: async (dir, options) => new (await import('./lowdb.mjs')).LowdbStore(dir, options),
  },
  lmdb: {
    label: 'lmdb',
    synced: true,
    durability: 'synced: each write waits for `flushed`',
    needs: 'lmdb',
    open: async (dir, options) => new (await import('./lmdb.mjs')).LmdbStore(dir, options),
  },
  sqliteFull: {
    label: 'better-sqlite3, FULL',
    synced: true,
    durability: 'synchronous=FULL: the log is synced with every commit',
    serial: true,
    needs: 'better-sqlite3',
    open: sqlite('better-sqlite3', 'FULL'),
  },
  sqliteNormal: {
    label: 'better-sqlite3, NORMAL',
    synced: false,
    durability: 'synchronous=NORMAL: a power loss can take the latest commits',
    serial: true,
    reads: false,
    needs: 'better-sqlite3',
    open: sqlite('better-sqlite3', 'NORMAL'),
  },
  nodeSqlite: {
    label: 'node:sqlite, FULL',
    synced: true,
    durability: 'synchronous=FULL: the log is synced with every commit',
    serial: true,
    needs: 'node:sqlite',
    open: sqlite('node:sqlite', 'FULL'),
  },
};

function ours() {
  return require('../..').FileProcessStore;
}

/** Which peers can run here, with their versions, and why the others can't. */
export async function findPeers() {
  const found = { names: [], versions: { node: process.versions.node }, missing: {} };
  found.versions['file-process-store'] = require('../../package.json').version;
  for (const [name, { label, needs }] of Object.entries(PEERS)) {
    try {
      if (needs) Object.assign(found.versions, await versionsOf(needs));
      found.names.push(name);
    } catch (error) {
      found.missing[label] = error.message.split('\n')[0];
    }
  }
  return found;
}

async function versionsOf(needs) {
  if (needs.includes('sqlite')) {
    const { sqliteVersion } = await import('./sqlite.mjs');
    const library = `${await sqliteVersion(needs)}`;
    const version = needs.startsWith('node:') ? process.versions.node : packageVersion(needs);
    return { [needs]: `${version} (SQLite ${library})` };
  }
  await import(needs);
  return { [needs]: packageVersion(needs) };
}

function packageVersion(name) {
  // Not every package exports its package.json.
  return require(fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url))).version;
}
