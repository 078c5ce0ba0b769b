import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { PEERS } from '../peers/index.mjs';
import { FLOORS, ROWS } from '../rows.mjs';
import { median, significant, summary } from '../statistics.mjs';
import { measureMemory } from './memory.mjs';
import { Participant } from './participant.mjs';

/** Our store with the data set that this one is compared with, in turn with the others. */
const TWIN = 'twin';
const FEWEST = 3;
const SETTLE_MS = 250;

/**
 * Measures one data set: all peers and floors in turn, row by row.
 *
 * @param {object} set see `plan.mjs`
 * @param {{ plan: object, peers: string[], dir: string, log: (line: string) => void }} bench
 * @returns `{ records, size, text, shape, bytes, rows: { [row]: { [peer or floor]: figures } } }`
 */
export async function measureSet(set, { plan, peers, dir, log }) {
  const home = join(dir, set.name.replace(/\W+/g, '-'));
  mkdirSync(home);
  const names = peers.filter((peer) => !set.peers || set.peers.includes(peer) || plan.close.includes(peer));
  const folders = new Map(names.map((peer) => [peer, join(home, peer)]));
  const source = join(folders.get('ours'), 'processes.json');
  const stores = new Map();
  const neighbour = new Participant('neighbour');
  const rows = {};
  let bytes = 0;
  try {
    for (const peer of names) {
      const store = new Participant('store', { peer, dir: folders.get(peer), set, first: 0 });
      stores.set(peer, store);
      await store.ask('seed');
      await store.ask('check', { seeded: true });
    }
    bytes = statSync(source).size;
    if (set.twin) {
      folders.set(TWIN, join(home, TWIN));
      const twin = { ...set, ...set.twin };
      stores.set(
        TWIN,
        new Participant('store', { peer: 'ours', dir: folders.get(TWIN), set: twin, first: 0 }),
      );
      await stores.get(TWIN).ask('seed');
    }
    stores.set('floors', new Participant('floors', { dir: join(home, 'floors'), source, set }));

    const context = { plan, set, stores, folders, neighbour, home };
    for (const row of set.rows) {
      log(`${set.name}: ${row}`);
      rows[row] = await measureRow(row, context);
    }
    if (set.blocking) await measureBlocking(rows, context);
    for (const peer of names) await stores.get(peer).ask('check', { seeded: false });
  } finally {
    for (const participant of [...stores.values(), neighbour]) await participant.stop().catch(() => {});
  }
  const remembered = set.memory === 'all' ? names : set.memory;
  if (remembered.length > 0) {
    log(`${set.name}: peak memory`);
    await measureMemory(rows, { plan, set, peers: remembered, folders });
  }
  rmSync(home, { recursive: true });
  const { records, size, text, shape } = set;
  return { records, size, text, shape, bytes, rows };
}

/** Goes round among those who take part, until each has used up its time. */
async function measureRow(name, context) {
  const { plan, set } = context;
  const row = ROWS[name];
  const isClose = row.writes && row.floors;
  const rounds = isClose ? plan.rounds.close : plan.rounds.usual;
  const entrants = entrantsOf(name, context).map((entrant) => {
    const isFloor = entrant.row in FLOORS;
    const kind = isClose && (isFloor || plan.close.includes(entrant.key)) ? 'close' : kindOf(row);
    const milliseconds = plan.times[kind] * set.share;
    return { ...entrant, milliseconds, wall: [], busy: [], spent: 0, scaled: false };
  });
  for (let round = 0; round < Math.max(rounds, FEWEST); round += 1) {
    for (let place = 0; place < entrants.length; place += 1) {
      const entrant = entrants[(place + round) % entrants.length];
      if (isDone(entrant)) continue;
      await takeTurn(entrant, entrant.milliseconds / rounds, context);
    }
  }
  return Object.fromEntries(entrants.map((entrant) => [entrant.key, figures(entrant)]));
}

function kindOf(row) {
  if (row.outside) return 'outside';
  if (row.burst) return 'burst';
  return row.writes ? 'write' : 'read';
}

function entrantsOf(name, { stores }) {
  const row = ROWS[name];
  const takesPart = (key) => {
    if (key === TWIN) return !row.writes && !row.outside;
    return key !== 'floors' && (row.writes || PEERS[key].reads !== false);
  };
  const peers = [...stores.keys()]
    .filter(takesPart)
    .map((key) => ({ key, row: name, participant: stores.get(key) }));
  const floors = (row.floors ?? []).map((floor) => ({
    key: floor,
    row: floor,
    participant: stores.get('floors'),
  }));
  return [...floors, ...peers];
}

/** Enough time spent, and enough samples, unless they are very dear. */
function isDone({ spent, wall, milliseconds }) {
  return spent >= milliseconds && (wall.length >= FEWEST || spent >= 4 * milliseconds);
}

async function takeTurn(entrant, milliseconds, { plan, set, folders, neighbour }) {
  const { key, row, participant } = entrant;
  const { writes, outside } = ROWS[row] ?? FLOORS[row];
  if (writes) settleDisk();
  const began = performance.now();
  do {
    const change = { peer: key, dir: folders.get(key), set };
    const input = outside
      ? { row, calls: 1, expect: await neighbour.ask('change', change) }
      : { row, milliseconds, longestBurst: PEERS[key]?.serial ? plan.longestBurst : Infinity };
    const { wall, busy, scaled } = await participant.ask('sample', input);
    entrant.wall.push(...wall);
    entrant.busy.push(...busy);
    entrant.scaled = scaled;
  } while (outside && performance.now() - began < milliseconds);
  entrant.spent += performance.now() - began;
}

/** What others wrote without syncing must not be waited for by the next one who syncs. */
function settleDisk() {
  if (process.platform !== 'win32') spawnSync('sync');
}

function figures({ wall, busy, scaled }) {
  const result = { wall: summary(wall), busy: significant(median(busy)) };
  return scaled ? { ...result, scaled } : result;
}

/** Adds to each figure of our store the longest single gap between two turns of the event loop. */
async function measureBlocking(rows, context) {
  const { plan, set, stores, folders, neighbour } = context;
  // Right after a change, a store may have to look twice; the rows about that are the last ones.
  await sleep(SETTLE_MS);
  for (const [name, { ours }] of Object.entries(rows)) {
    const gaps = [];
    const argument = [];
    for (let done = 0; done < plan.blockingCalls; done += 1) {
      if (ROWS[name].outside) await neighbour.ask('change', { peer: 'ours', dir: folders.get('ours'), set });
      const one = await stores.get('ours').ask('block', { row: name });
      gaps.push(one.gap);
      if (one.argument !== undefined) argument.push(one.argument);
    }
    ours.blocked = { median: significant(median(gaps)), longest: significant(Math.max(...gaps)) };
    if (argument.length > 0) ours.blocked.argument = significant(median(argument));
  }
}
