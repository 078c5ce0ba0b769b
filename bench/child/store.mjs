import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { isDeepStrictEqual } from 'node:util';
import { serializeProcess } from '../../__test__/fixtures/plain-store.mjs';
import { Floors } from '../floors.mjs';
import { PEERS } from '../peers/index.mjs';
import { RUNNING_HERE, lastingId, makeRecord, matching } from '../records.mjs';
import { FLOORS, ROWS } from '../rows.mjs';
import { blocking } from './blocking.mjs';
import { Sampler } from './sampler.mjs';

/**
 * What a process with one store in it can be asked. `first` is where its numbers begin: processes that work on one
 * directory, one after the other, each have their own, so that what they add is new.
 */
export async function storeTasks({ peer, dir, set, first }) {
  await mkdir(dir, { recursive: true });
  const { open, file } = PEERS[peer];
  const store = await open(dir, { cap: set.records });
  let next = first;
  const take = () => next++;
  const sampler = new Sampler(store, set, ROWS, take);

  return {
    async seed() {
      const processes = Array.from({ length: set.records }, (_, index) => makeRecord(index, set));
      if (file) await writeFile(join(dir, 'processes.json'), fileText(processes));
      else await store.seed(processes);
    },

    /** Holds the store to what the data set says, so that no figure comes from a peer that does less. */
    async check({ seeded }) {
      const all = await store.getAllProcesses();
      const running = await store.getAllProcesses(RUNNING_HERE);
      const one = await store.getProcess(lastingId(1, set));
      expectEqual('number of records', all.length, matching(undefined, set));
      expectEqual('number of running ones', running.length, matching(RUNNING_HERE, set));
      expectEqual('id', one.id, lastingId(1, set));
      if (!seeded) return;
      for (const index of [0, 1, set.records - 1]) {
        expectEqual('record', plain(all[index]), plain(makeRecord(index, set)));
      }
    },

    sample: (input) => sampler.sample(input),
    block: ({ row }) => blocking(store, set, ROWS[row], take),

    /** The most memory that this process ever had in use, in MB. */
    peak: async () => process.resourceUsage().maxRSS / 1024,
    close: async () => store.close?.(),
  };
}

/** The same for the floors. */
export async function floorTasks({ dir, source, set }) {
  await mkdir(dir, { recursive: true });
  let next = 0;
  const sampler = new Sampler(new Floors(source, dir), set, FLOORS, () => next++);
  return { sample: (input) => sampler.sample(input), close: async () => {} };
}

function fileText(processes) {
  const entries = processes.map((each) => ({
    workspaceId: each.metadata.workspaceId,
    process: serializeProcess(each),
  }));
  return JSON.stringify(entries, null, 2);
}

function expectEqual(what, actual, expected) {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} where ${JSON.stringify(expected)} was expected`);
}

function plain(record) {
  return JSON.parse(JSON.stringify(serializeProcess(record)));
}
