// Random histories of all calls, on several store objects of one directory and with others who change the files in
// between, each compared with the model: what a call resolves to, the events, what is pruned, and the files.

import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { textThroughJournal } from '../journal-reader.mjs';
import { isJournaled } from '../mode.mjs';
import { randomOf } from './history.mjs';
import { Model } from './model.mjs';
import { shown } from './oracle.mjs';

const SIZES = ['storageSize', 'journalSize'];
const LISTS = ['processes', 'workspaces', 'wikis'];
const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled', 'paused'];
const TYPES = ['clarification', 'code-review', 'discovery'];
const TIMES = [-8.64e15, 0, 1.7e12, 1.7e12 + 1, 1.8e12, 8.64e15];
const ODD = ['', 'plain', 'ü 🚀 "\\/\n\t\u2028', '\ud83d', 'x'.repeat(3_000), '__proto__', '{"a":[1,'];
const VALUES = [
  null,
  0,
  -0,
  1e21,
  NaN,
  true,
  [],
  {},
  [1, [undefined]],
  { b: 1, 7: { ['']: [] } },
  new Date(5),
];

/** Draws everything that a history is made of. */
class Draw {
  constructor(seed) {
    this.random = randomOf(seed);
  }

  below(most) {
    return Math.floor(this.random() * most);
  }

  chance(share) {
    return this.random() < share;
  }

  of(list) {
    return list[this.below(list.length)];
  }

  id() {
    return `p${this.below(7)}`;
  }

  /** Some of these fields. */
  some(fields, share) {
    return Object.fromEntries(Object.entries(fields).filter(() => this.chance(share)));
  }

  value() {
    return this.chance(0.5) ? this.of(ODD) : this.of(VALUES);
  }

  fields() {
    return this.some(
      {
        endTime: new Date(this.of(TIMES)),
        result: this.of(ODD),
        error: this.of(ODD),
        parentProcessId: this.id(),
        title: this.of(ODD),
        metadata: {
          type: 't',
          ...this.some({ workspaceId: this.of(['', 'w1', 'w2']), more: this.value() }, 0.6),
        },
        conversationTurns: [
          { role: 'user', content: this.of(ODD), timestamp: new Date(this.of(TIMES)), turnIndex: 0 },
        ],
        anything: this.value(),
        another: this.value(),
      },
      0.3,
    );
  }

  process() {
    return {
      id: this.id(),
      type: this.of(TYPES),
      promptPreview: this.of(ODD),
      fullPrompt: this.of(ODD),
      status: this.of(STATUSES),
      startTime: new Date(this.of(TIMES)),
      ...this.fields(),
    };
  }

  updates() {
    const removed = this.some({ result: undefined, metadata: undefined, anything: undefined }, 0.15);
    return { ...this.fields(), ...removed, ...this.some({ status: this.of(STATUSES) }, 0.3) };
  }

  /** A function of the current record, which may leave it alone. */
  change() {
    const turn = this.of(ODD);
    const stop = this.below(4);
    return (current) => {
      const count = (current.count ?? 0) + 1;
      return count === stop ? undefined : { count, result: `${turn}${current.result ?? ''}`.slice(0, 50) };
    };
  }

  filter(strict) {
    const filter = this.some(
      {
        workspaceId: this.of(['w1', 'w2']),
        parentProcessId: this.id(),
        status: this.chance(0.5) ? this.of(STATUSES) : [this.of(STATUSES), this.of(STATUSES)],
        type: this.of(TYPES),
        since: new Date(this.of(TIMES)),
        until: new Date(this.of(TIMES)),
        limit: this.of([0, 1, 2, Infinity]),
        offset: this.below(3),
      },
      0.25,
    );
    if (strict) return filter;
    return { ...filter, ...this.some({ workspaceId: '', type: null, status: undefined, until: null }, 0.1) };
  }

  item() {
    return {
      id: this.id(),
      name: this.of(ODD),
      ...this.some({ color: this.of(ODD), more: this.value() }, 0.5),
    };
  }

  workspace() {
    return { ...this.item(), rootPath: '/' };
  }

  wiki() {
    return { ...this.item(), wikiDir: '/', aiEnabled: this.chance(0.5), registeredAt: 'now' };
  }

  itemUpdates() {
    return this.some({ name: this.of(ODD), color: undefined, more: this.value() }, 0.5);
  }

  mutation() {
    const calls = [
      [14, () => ['addProcess', this.process()]],
      [8, () => ['updateProcess', this.id(), this.updates()]],
      [5, () => ['updateProcess', this.id(), this.change()]],
      [5, () => ['removeProcess', this.id()]],
      [2, () => ['clearProcesses', ...(this.chance(0.1) ? [] : [this.filter(true)])]],
      [3, () => ['registerWorkspace', this.workspace()]],
      [2, () => ['updateWorkspace', this.id(), this.itemUpdates()]],
      [2, () => ['removeWorkspace', this.id()]],
      [0.3, () => ['clearAllWorkspaces']],
      [3, () => ['registerWiki', this.wiki()]],
      [2, () => ['updateWiki', this.id(), this.itemUpdates()]],
      [2, () => ['removeWiki', this.id()]],
      [0.3, () => ['clearAllWikis']],
    ];
    let choice = this.random() * calls.reduce((sum, [weight]) => sum + weight, 0);
    return calls.find(([weight]) => (choice -= weight) < 0)[1]();
  }

  /** Calls that are made at once. Functions wait for the record that they are called with, so theirs go alone. */
  burst() {
    const most = this.chance(0.3) ? 6 : 1;
    const calls = Array.from({ length: 1 + this.below(most) }, () => this.mutation());
    const isUpdate = ([method]) => method === 'updateProcess';
    return calls.some(([, , updates]) => typeof updates === 'function') ? calls.filter(isUpdate) : calls;
  }

  read() {
    return this.of([
      () => ['getProcess', this.id(), ...(this.chance(0.3) ? [this.of(['', 'w1'])] : [])],
      () => ['getAllProcesses', this.filter()],
      () => ['getAllProcesses'],
      () => ['getProcessIds', this.filter()],
      () => ['getProcessCount', this.filter()],
      () => ['getWorkspaces'],
      () => ['getWikis'],
      () => ['getStorageStats'],
      () => ['flush'],
    ])();
  }
}

/** What others do to a file: an editor, a plain store, `rm`. The model is told first. */
function meddle(draw, dir, model) {
  const list = draw.of(LISTS);
  const file = join(dir, `${list}.json`);
  if (!model[list]) return;
  if (draw.chance(0.2)) {
    model[list] = undefined;
    return rmSync(file);
  }
  model[list] = model[list].toReversed();
  if (list === 'processes' && draw.chance(0.5)) {
    // As a plain store may have left it: perhaps an id twice, no type, a date that is none.
    const startTime = draw.of(['2024-05-01', 'no date', '2026-01-01T00:00:00.000Z']);
    const process = { startTime, more: draw.of(ODD), status: draw.of(STATUSES), id: draw.id() };
    model[list].unshift({ workspaceId: 'w1', process });
  }
  if (draw.chance(0.5)) return writeFileSync(file, model.textOf(list));
  writeFileSync(`${file}.tmp`, model.textOf(list));
  renameSync(`${file}.tmp`, file);
}

/** Three store objects; the third comes by another path, and so shares nothing but the files with the others. */
function openStores(dir, journals) {
  symlinkSync('.', join(dir, 'itself'), 'dir');
  const options = [
    { dataDir: dir, maxProcesses: 5, durable: false },
    { dataDir: dir, maxProcesses: Infinity },
    { dataDir: join(dir, 'itself'), maxProcesses: 3, durable: false },
  ];
  return options.map((given, place) => {
    const store = new FileProcessStore({ ...given, journal: journals[place] });
    const heard = { events: [], pruned: [] };
    store.onProcessChange = (event) => heard.events.push(event);
    store.onPrune = (entries) => heard.pruned.push(...entries);
    return { store, heard, cap: given.maxProcesses };
  });
}

/** Which of the three stores have a journal. */
export const MODES = { none: [false, false, false], all: [true, true, true], some: [true, false, true] };

/** Runs the history of this seed in an empty folder. Returns what differs from the model, or nothing. */
export async function runModelHistory(seed, dir, length, journals = MODES[isJournaled ? 'all' : 'none']) {
  const draw = new Draw(seed);
  const model = new Model();
  const journaled = journals.includes(true);
  const stores = openStores(dir, journals);
  const compare = (what, found, expected) => {
    const [one, other] = [shown(found), shown(expected)];
    if (one === other) return;
    let place = 0;
    while (one[place] === other[place]) place += 1;
    const around = (text) => text.slice(Math.max(0, place - 200), place + 200);
    throw new Error(`${what}: ${around(one)}\n\nINSTEAD OF\n\n${around(other)}`);
  };
  let step = 0;
  let calls = [];
  try {
    for (; step < length; step += 1) {
      calls = [];
      const { store, heard, cap } = draw.of(stores);
      // Who changes the file itself would otherwise change it as it was at the last checkpoint.
      const meddles = draw.chance(0.12);
      if (journaled && (meddles || draw.chance(0.1))) await store.checkpoint();
      if (meddles) meddle(draw, dir, model);
      calls = draw.burst();
      const results = await Promise.all(calls.map(([method, ...args]) => store[method](...args)));
      const seen = calls.map(([method, ...args]) => model.call(method, args, cap));
      compare(
        'the results',
        results,
        seen.map(({ result }) => result),
      );
      // Updates of several records by functions need not be told in order, those of one record are.
      const idOf = ({ process }) => process?.id ?? '';
      const isLoose = calls.some(([, , updates]) => typeof updates === 'function');
      const byRecord = (events) =>
        isLoose ? events.toSorted((one, other) => idOf(one).localeCompare(idOf(other))) : events;
      const expected = seen.flatMap(({ events }) => events);
      compare('the events', byRecord(heard.events.splice(0)), byRecord(expected));
      const byText = (entries) => entries.map((entry) => JSON.stringify(entry)).sort();
      compare(
        'what was pruned',
        byText(heard.pruned.splice(0)),
        byText(seen.flatMap(({ pruned }) => pruned)),
      );
      for (const list of LISTS) {
        compare(list, textThroughJournal(join(dir, `${list}.json`)), model.textOf(list));
      }
      // All stores see it, whichever made the calls.
      for (const other of stores) {
        calls = [draw.read()];
        const [[method, ...args]] = calls;
        const found = await other.store[method](...args);
        const expected = model.call(method, args).result;
        // The model has no journal, and so other sizes.
        if (journaled && method === 'getStorageStats') {
          for (const stats of [found, expected]) for (const size of SIZES) delete stats[size];
        }
        compare('a read', found, expected);
      }
    }
    await Promise.all(stores.map(({ store }) => store.close()));
    return undefined;
  } catch (error) {
    return `STORE_SEED=${seed}, step ${step}, ${shown(calls).slice(0, 1_000)}: ${error.message}`;
  }
}
