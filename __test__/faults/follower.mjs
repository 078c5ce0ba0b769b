// A reader's memory: where each writer's history was when it was last seen.

import { isDeepStrictEqual } from 'node:util';
import { History } from './history.mjs';

/** What `getAllProcesses` returned, as it stands in the file. */
export function asStored(processes) {
  const entries = processes.map((process) => ({ workspaceId: process.metadata.workspaceId, process }));
  return JSON.parse(JSON.stringify(entries));
}

/** Follows the histories of writers at work: each state must be one of theirs, and none older than the last. */
export class Follower {
  /** So many mutations may come between two reads. */
  static FARTHEST = 2_000;
  states = 0;
  wrong = [];

  constructor(specs) {
    this.histories = specs.map((spec) => new History(spec));
  }

  /** From now on this history must be seen at this point or later. */
  expect(name, length) {
    this.histories = this.histories.map((last) =>
      last.name === name && last.length < length ? last.at(length) : last,
    );
  }

  see(source, entries) {
    this.histories = this.histories.map((last) => {
      const records = entries.filter((entry) => last.owns(entry.process.id));
      let history = last;
      for (let step = 0; step < Follower.FARTHEST; step += 1) {
        if (isDeepStrictEqual(records, [...history.state.values()])) {
          if (step > 0) this.states += 1;
          return history;
        }
        history = history.at(history.length + 1);
      }
      this.wrong.push(`${source}: ${last.name} (seed ${last.seed}) is torn, or older than at ${last.length}`);
      return last;
    });
  }
}
