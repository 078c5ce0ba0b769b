// The store as one would write it without a file: three lists in memory, changed one call at a time.

import { processOf } from './oracle.mjs';

const KNOWN = Object.keys(processOf({ process: {} }));
const FINISHED = ['completed', 'failed', 'cancelled'];

/** A value as it stands in a file. */
const stored = (value) => JSON.parse(JSON.stringify(value));

/** Known keys first, in the order of the file; then the others as they come. */
function inOrder(process) {
  const keys = [...KNOWN.filter((key) => Object.hasOwn(process, key))];
  keys.push(...Object.keys(process).filter((key) => !KNOWN.includes(key)));
  return Object.fromEntries(keys.map((key) => [key, process[key]]));
}

/** What an update makes of an object. */
function merged(old, updates) {
  const next = { ...old };
  for (const [key, value] of Object.entries(updates)) {
    if (value === undefined) delete next[key];
    else next[key] = stored(value);
  }
  return next;
}

function startOf({ process }) {
  const time = Date.parse(process.startTime);
  return Number.isNaN(time) ? -Infinity : time;
}

const isConstraint = (value) => value !== undefined && value !== null && value !== '';

function matches(entry, { workspaceId, parentProcessId, status, type, since, until }) {
  const { process } = entry;
  const time = startOf(entry);
  return (
    (!isConstraint(workspaceId) || entry.workspaceId === workspaceId) &&
    (!isConstraint(parentProcessId) || process.parentProcessId === parentProcessId) &&
    (!isConstraint(status) || [status].flat().includes(process.status)) &&
    (!isConstraint(type) || (process.type ?? 'clarification') === type) &&
    (!since || time >= since.getTime()) &&
    (!until || (time !== -Infinity && time < until.getTime()))
  );
}

/** `undefined` stands for a file that is not there. */
export class Model {
  processes;
  workspaces;
  wikis;

  /** The text of a data file. */
  textOf(list) {
    return this[list] && JSON.stringify(this[list], null, 2);
  }

  /** What a filter lists, without and with its `offset` and `limit`. */
  select(filter) {
    const { offset, limit } = filter ?? {};
    const all = (this.processes ?? []).filter((entry) => matches(entry, filter ?? {}));
    const from = offset ?? 0;
    return { all, page: all.slice(from, from + (limit ?? Infinity)) };
  }

  /** Makes a call of a store that keeps at most `cap` processes. Returns what is to be seen of it. */
  call(method, args, cap) {
    const seen = { result: undefined, events: [], pruned: [] };
    const list = method.includes('Wiki') ? 'wikis' : method.includes('Workspace') && 'workspaces';
    if (list) seen.result = this.#registry(list, /^[a-z]+/.exec(method)[0], args);
    else this[method](seen, args, cap);
    return seen;
  }

  getProcess(seen, [id, workspaceId]) {
    // Of twins, the first one of the workspace.
    const isThere = (entry) => !isConstraint(workspaceId) || entry.workspaceId === workspaceId;
    const found = (this.processes ?? []).find((entry) => entry.process.id === id && isThere(entry));
    seen.result = found && processOf(found);
  }

  getAllProcesses(seen, [filter]) {
    seen.result = this.select(filter).page.map(processOf);
  }

  getProcessIds(seen, [filter]) {
    seen.result = this.select(filter).page.map(({ process }) => process.id);
  }

  getProcessCount(seen, [filter]) {
    seen.result = this.select(filter).page.length;
  }

  addProcess(seen, [process], cap) {
    const entry = { workspaceId: process.metadata?.workspaceId ?? '', process: inOrder(stored(process)) };
    this.processes ??= [];
    const place = this.processes.findIndex((other) => other.process.id === process.id);
    if (place < 0) this.processes.push(entry);
    else {
      this.processes[place] = entry;
      this.processes = this.processes.filter((other, at) => at <= place || other.process.id !== process.id);
    }
    seen.events.push({ type: 'process-added', process });
    while (this.processes.length > cap) {
      const finished = this.processes.filter((other) => FINISHED.includes(other.process.status));
      if (finished.length === 0) break;
      const oldest = finished.reduce((one, other) => (startOf(other) < startOf(one) ? other : one));
      this.processes.splice(this.processes.indexOf(oldest), 1);
      seen.pruned.push(oldest);
    }
  }

  updateProcess(seen, [id, updates]) {
    const place = (this.processes ?? []).findIndex((entry) => entry.process.id === id);
    if (place < 0) return;
    const entry = this.processes[place];
    const fields = typeof updates === 'function' ? updates(processOf(entry)) : updates;
    if (fields === undefined) return;
    const process = inOrder(merged(entry.process, fields));
    const workspaceId = process.metadata?.workspaceId ?? entry.workspaceId;
    this.processes[place] = { ...entry, workspaceId, process };
    seen.events.push({ type: 'process-updated', process: processOf(this.processes[place]) });
  }

  removeProcess(seen, [id]) {
    const found = (this.processes ?? []).find((entry) => entry.process.id === id);
    if (!found) return;
    this.processes = this.processes.filter((entry) => entry.process.id !== id);
    seen.events.push({ type: 'process-removed', process: processOf(found) });
  }

  clearProcesses(seen, [filter]) {
    const { page } = this.select(filter);
    this.processes = this.processes?.filter((entry) => !page.includes(entry));
    seen.result = page.length;
    seen.events.push({ type: 'processes-cleared' });
  }

  getStorageStats(seen) {
    const texts = ['processes', 'workspaces', 'wikis'].map((list) => this.textOf(list) ?? '');
    seen.result = {
      totalProcesses: this.processes?.length ?? 0,
      totalWorkspaces: this.workspaces?.length ?? 0,
      totalWikis: this.wikis?.length ?? 0,
      storageSize: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
    };
  }

  flush() {}

  /** What a call on workspaces or wikis resolves to. */
  #registry(list, verb, [first, updates]) {
    const items = this[list] ?? [];
    if (verb === 'get') return stored(items);
    if (verb === 'clear') {
      if (items.length > 0) this[list] = [];
      return items.length;
    }
    const id = verb === 'register' ? first.id : first;
    const place = items.findIndex((item) => item.id === id);
    if (verb === 'remove') {
      if (place >= 0) this[list] = items.filter((item) => item.id !== id);
      return place >= 0;
    }
    if (verb === 'update' && place < 0) return undefined;
    const item = verb === 'register' ? stored(first) : merged(items[place], updates);
    if (place < 0) this[list] = [...items, item];
    else {
      // A file that others wrote may hold an id twice. Registering drops what comes behind the first.
      const others = (other, at) => verb === 'update' || at === place || other.id !== id;
      this[list] = items.with(place, item).filter(others);
    }
    return verb === 'update' ? stored(item) : undefined;
  }
}
