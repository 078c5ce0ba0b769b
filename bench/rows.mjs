/**
 * What is measured: one entry a row of the tables.
 *
 * - `prepare(set, take, calls)` makes what the call needs, off the clock; `take()` gives numbers that no other call
 *   of this data set gets, `calls` is the size of a burst
 * - `call(store, prepared)` is on the clock
 * - `answer(set)`: how many records the call returns; every answer on the clock is checked against it
 * - `argument(prepared)`: what of it the store has to turn into JSON
 * - `writes`: the row changes the file
 * - `burst`: the row is that many calls at once
 * - `outside`: before each call, another process changes the record that the row looks at
 * - `floors`: the floors that are measured in turn with the row
 */

import {
  FIRST_50,
  OUTSIDE_ID,
  RUNNING_HERE,
  lastingId,
  makeAdded,
  makeUpdates,
  matching,
} from './records.mjs';

export const BURST = 100;
/**
 * How many different records are got, in every data set: a get of what the processor's caches no longer hold takes
 * longer, whatever the store does.
 */
const GETS = 150;

const add = (set, take) => makeAdded(take(), set);
const many = (prepare) => (set, take, calls) => Array.from({ length: calls }, () => prepare(set, take));

function update(set, take) {
  const number = take();
  return { id: lastingId(number, set), updates: makeUpdates(number, set) };
}

export const ROWS = {
  'get one': {
    prepare: (set, take) => lastingId(take() % GETS, set),
    call: (store, id) => store.getProcess(id),
    answer: () => 1,
    floors: ['stat'],
  },
  'list all': {
    call: (store) => store.getAllProcesses(),
    answer: (set) => matching(undefined, set),
    floors: ['parse'],
  },
  'list running in one workspace': {
    call: (store) => store.getAllProcesses(RUNNING_HERE),
    answer: (set) => matching(RUNNING_HERE, set),
  },
  'first 50': {
    call: (store) => store.getAllProcesses(FIRST_50),
    answer: (set) => matching(FIRST_50, set),
  },
  'one update': {
    writes: true,
    prepare: update,
    call: (store, { id, updates }) => store.updateProcess(id, updates),
    argument: ({ updates }) => updates,
    floors: ['durable write', 'durable append', 'unsynced write'],
  },
  '100 concurrent updates': {
    writes: true,
    burst: true,
    prepare: many(update),
    call: (store, calls) => Promise.all(calls.map(({ id, updates }) => store.updateProcess(id, updates))),
    argument: (calls) => calls.map(({ updates }) => updates),
  },
  'one add at the cap': {
    writes: true,
    prepare: add,
    call: (store, process) => store.addProcess(process),
    argument: (process) => process,
  },
  '100 concurrent adds': {
    writes: true,
    burst: true,
    prepare: many(add),
    call: (store, processes) => Promise.all(processes.map((process) => store.addProcess(process))),
    argument: (processes) => processes,
  },
  'get after a foreign replacement': {
    outside: true,
    call: (store) => store.getProcess(OUTSIDE_ID),
    answer: () => 1,
  },
  'list all after a foreign replacement': {
    outside: true,
    call: (store) => store.getAllProcesses(),
    answer: (set) => matching(undefined, set),
  },
};

/** The floors, in the same form. `settle` runs off the clock after each call. */
export const FLOORS = {
  stat: { label: 'one stat', call: (floors) => floors.stat() },
  parse: { label: 'one JSON.parse', call: (floors) => floors.parse() },
  'durable write': {
    label: 'the same bytes, synced',
    writes: true,
    call: (floors) => floors.replaceDurably(),
    settle: (floors) => floors.release(),
  },
  'durable append': {
    label: 'the change, appended and synced',
    writes: true,
    prepare: (set, take) => `${JSON.stringify(update(set, take).updates)}\n`,
    call: (floors, change) => floors.appendDurably(change),
  },
  'unsynced write': {
    label: 'the same bytes, not synced',
    writes: true,
    call: (floors) => floors.replaceUnsynced(),
    settle: (floors) => floors.release(),
  },
};
