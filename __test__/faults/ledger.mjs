// What a writer has said that it did, and what the file says: are they the same?

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readThroughJournal } from '../journal-reader.mjs';
import { History } from './history.mjs';

/**
 * What is known of one writer. Its history is certain up to `settled`; it has been told that the mutations up to
 * `acknowledged` are done; it has called those up to `started`. Its records must be what the history makes of
 * some number of mutations between the last two.
 */
export class Ledger {
  /** `mortal`: the machine is to stop, and then the errors of its last moments mean nothing. */
  constructor({ mortal = false, ...spec }) {
    this.history = new History(spec);
    Object.assign(this, { mortal, settled: 0, acknowledged: 0, started: 0, rejections: [] });
  }

  get name() {
    return this.history.name;
  }

  /** A mutation that was refused has not happened, and nothing after it was called. */
  reject(turn, rejection) {
    this.rejections.push({ turn, ...rejection });
    if (!rejection.committed && !this.mortal) this.started = Math.min(this.started, turn - 1);
  }

  /**
   * Compares with the records of this writer that are in the file, and goes on from there. Returns how many
   * acknowledged mutations are missing, or what else is wrong.
   */
  settle(records) {
    let found;
    let history = this.history;
    for (let length = this.settled; length <= Math.max(this.started, this.acknowledged); length += 1) {
      history = history.at(length);
      if (isDeepStrictEqual(records, [...history.state.values()])) found = history;
    }
    const { name, seed } = this.history;
    if (!found) {
      const told = `${this.acknowledged} acknowledged, ${this.started} called`;
      return { lost: 0, wrong: `${name} (seed ${seed}, ${told}): no such state was ever written` };
    }
    const lost = Math.max(0, this.acknowledged - found.length);
    this.history = found;
    this.settled = this.acknowledged = this.started = found.length;
    this.rejections = [];
    return { lost };
  }
}

/**
 * The records of a data file, with its journal if there is one, as JSON.parse sees them; none where there is no file.
 * Throws what is wrong with it. `alone: false` is for those who read beside writers.
 */
export function readRecords(path, options) {
  let text;
  try {
    text = readThroughJournal(path, options);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const records = JSON.parse(text);
  if (!Array.isArray(records)) throw new Error('not an array');
  if (text !== JSON.stringify(records, null, 2)) throw new Error('not the text that a store writes');
  return records;
}

/**
 * Judges a data file by the ledgers of all who write to it. `lost`: acknowledged mutations that are not there;
 * `wrong`: everything else that must not be. `alone: false` looks at the records of these ledgers only.
 */
export function judge(dir, ledgers, { alone = true } = {}) {
  const verdict = { lost: 0, wrong: [] };
  for (const file of new Set(ledgers.map(({ history }) => history.file))) {
    const writers = ledgers.filter(({ history }) => history.file === file);
    let records;
    try {
      records = readRecords(join(dir, file));
    } catch (error) {
      verdict.wrong.push(`${file}: ${error.message}`);
      continue;
    }
    const idOf = (record) => (file === 'workspaces.json' ? record.id : record.process.id);
    for (const ledger of writers) {
      const { lost, wrong } = ledger.settle(records.filter((record) => ledger.history.owns(idOf(record))));
      verdict.lost += lost;
      if (wrong) verdict.wrong.push(`${file}: ${wrong}`);
    }
    const ids = records.map(idOf);
    if (new Set(ids).size < ids.length) verdict.wrong.push(`${file}: one id twice`);
    const strange = ids.filter((id) => !writers.some(({ history }) => history.owns(id)));
    if (alone && strange.length > 0) verdict.wrong.push(`${file}: records of nobody: ${strange.join(', ')}`);
  }
  return verdict;
}
