/** What is measured, and for how long: the whole of it in about ten minutes, `--quick` in about one. */

import { ROWS } from './rows.mjs';

const KB = 1024;
export const READS = Object.keys(ROWS).filter((row) => !ROWS[row].writes && !ROWS[row].outside);

/**
 * A data set: so many records of so many bytes, which rows are measured on it with which peers (all, where none are
 * named), and for which peers the peak memory is. `share` of the plan's times. `twin`: what is different in a data set
 * with which the reads are compared.
 */
function table(kilobytes, text, rest = {}) {
  const name = `${kilobytes} KB${text === 'ASCII' ? '' : `, ${text}`}`;
  return {
    name,
    records: 500,
    size: kilobytes * KB,
    text,
    shape: 'result',
    share: 1,
    rows: Object.keys(ROWS),
    blocking: true,
    memory: ['ours', 'plain'],
    twin: text === 'ASCII' ? undefined : { text: 'ASCII' },
    ...rest,
  };
}

const GROWTH = {
  text: 'ASCII',
  share: 0.5,
  rows: ['get one', 'first 50', 'list all', 'one update', 'one add at the cap'],
  peers: ['ours', 'journal', 'plain', 'lmdb', 'sqliteFull'],
  memory: [],
};

function moreRecords(records) {
  const name = `${records.toLocaleString('en')} records of 2 KB`;
  const twin = records === 10_000 ? { records: 1_000 } : undefined;
  return { ...GROWTH, name, records, size: 2 * KB, shape: 'result', twin };
}

function longerRecords(kilobytes) {
  const name = `conversations of ${kilobytes} KB`;
  return { ...GROWTH, name, records: 500, size: kilobytes * KB, shape: 'conversation' };
}

/**
 * Times are in milliseconds for one peer in one row. `close` are the peers whose updates are compared with the
 * floors: they and the floors get more time. `rounds` is how often the turn goes round. A burst that would take longer
 * than `longestBurst` is cut to a tenth.
 */
export const FULL = {
  mode: 'full',
  times: { read: 250, write: 300, close: 1500, burst: 500, outside: 250 },
  close: ['ours', 'journal', 'unsynced'],
  rounds: { usual: 4, close: 10 },
  longestBurst: 3_000,
  blockingCalls: 15,
  memoryCalls: 3,
  checks: { operations: 10_000, replacements: 3_000, gets: 5_000, requires: 15 },
  tables: [
    table(1, 'ASCII', { memory: 'all' }),
    table(10, 'ASCII', { memory: 'all' }),
    table(50, 'ASCII'),
    table(100, 'ASCII', { memory: 'all' }),
    ...[1, 10, 50, 100].map((size) => table(size, 'non-ASCII')),
  ],
  growth: {
    records: [500, 1000, 2000, 10_000].map(moreRecords),
    sizes: [1, 10, 30, 100, 300].map(longerRecords),
  },
};

export const QUICK = {
  ...FULL,
  mode: 'quick',
  times: { read: 50, write: 60, close: 250, burst: 60, outside: 40 },
  rounds: { usual: 2, close: 4 },
  longestBurst: 1_000,
  blockingCalls: 5,
  memoryCalls: 3,
  checks: { operations: 1_000, replacements: 300, gets: 5_000, requires: 5 },
  tables: [
    table(1, 'ASCII', { memory: [], blocking: false }),
    table(10, 'ASCII'),
    table(10, 'non-ASCII', { memory: [], blocking: false, rows: READS, peers: ['ours', 'plain'] }),
  ],
  growth: {
    records: [1000, 10_000].map((records) => ({
      ...moreRecords(records),
      rows: ['get one', 'one update'],
      peers: ['ours', 'plain'],
    })),
    sizes: [],
  },
};
