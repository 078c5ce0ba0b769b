// A damaged file is put before a store: is it refused or read as JSON.parse reads it, and is nothing done to it?

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { readThroughJournal } from '../journal-reader.mjs';
import { entriesOf, processOf, shown } from './oracle.mjs';

const NEW = {
  id: 'new',
  type: 'discovery',
  promptPreview: '',
  fullPrompt: '',
  status: 'running',
  startTime: new Date(Date.UTC(2026, 0, 1)),
};
const STORED = JSON.parse(JSON.stringify({ workspaceId: '', process: NEW }));

export class Examination {
  constructor(dir, Store = FileProcessStore) {
    this.file = join(dir, 'processes.json');
    this.store = new Store({ dataDir: dir, durable: false, maxProcesses: Infinity });
  }

  /** Everything that is wrong with how the store takes these bytes. */
  async of(bytes, { mutate = true, recover = false } = {}) {
    const wrong = [];
    // Another file, and not one that somebody has edited beside its journal.
    rmSync(`${this.file}.journal`, { force: true });
    writeFileSync(this.file, bytes);
    const entries = entriesOf(bytes);
    const listed = await settle(this.store.getAllProcesses());
    if (entries) {
      if (listed.error) wrong.push(`a good file was refused: ${listed.error.message}`);
      else if (shown(listed.value) !== shown(entries.map(processOf))) wrong.push('read as something else');
    } else wrong.push(...this.#refused('getAllProcesses', listed, bytes));
    if (mutate) {
      const added = await settle(this.store.addProcess(NEW));
      if (!entries) wrong.push(...this.#refused('addProcess', added, bytes));
      else if (added.error) wrong.push(`a good file could not be added to: ${added.error.message}`);
      else if (shown(entriesOf(Buffer.from(readThroughJournal(this.file)))) !== shown(withNew(entries))) {
        wrong.push('an add changed something else');
      }
    }
    if (recover && !entries) wrong.push(...(await this.#recover(bytes)));
    return wrong;
  }

  #refused(call, { error }, bytes) {
    const { code, path, line, column } = error ?? {};
    const placed = Number.isInteger(line) && line >= 1 && Number.isInteger(column) && column >= 1;
    const wrong = [];
    if (!error) wrong.push(`${call}: a damaged file was accepted`);
    else if (code !== 'ERR_STORE_CORRUPT' || path !== this.file || !placed)
      wrong.push(`${call}: ${error.stack}`);
    if (line > bytes.toString('latin1').split('\n').length) wrong.push(`${call}: no line ${line}`);
    if (!readFileSync(this.file).equals(bytes)) wrong.push(`${call}: the damaged file was changed`);
    return wrong;
  }

  async #recover(bytes) {
    const recovered = await settle(this.store.recover());
    if (recovered.error) return [`recover: ${recovered.error.message}`];
    const [report] = recovered.value;
    const wrong = [];
    if (!report.backup || !existsSync(report.backup)) return ['recover: no copy of the damaged file'];
    if (!readFileSync(report.backup).equals(bytes)) wrong.push('recover: the copy is another');
    rmSync(report.backup);
    const kept = entriesOf(readFileSync(this.file));
    if (kept?.length !== report.kept) wrong.push('recover: not as many records as it says');
    const added = await settle(this.store.addProcess(NEW));
    if (added.error) wrong.push(`recover: ${added.error.message}`);
    this.recovered = kept;
    return wrong;
  }
}

/** What an add leaves: it replaces the first record of that id, and drops the others. */
function withNew(entries) {
  const first = entries.findIndex(({ process }) => process.id === NEW.id);
  if (first < 0) return [...entries, STORED];
  const others = entries.filter(({ process }, place) => place <= first || process.id !== NEW.id);
  return others.with(first, STORED);
}

function settle(promise) {
  return promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
}
