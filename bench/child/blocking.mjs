import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BURST } from '../rows.mjs';

/**
 * How long a call keeps the event loop from its next turn: the longest single gap, where the busy time is the sum.
 *
 * A probe takes a turn of the loop again and again and notes the gaps between its turns. It keeps the loop from
 * sleeping, so this is measured apart from everything else. Returns the longest gap, and what `JSON.stringify` of
 * the caller's own argument takes, in milliseconds.
 */
export async function blocking(store, set, row, take) {
  const prepared = row.prepare?.(set, take, BURST);
  const argument = row.argument && timed(() => JSON.stringify(row.argument(prepared)));
  const probe = new Probe();
  await nextTurn();
  await nextTurn();
  probe.reset();
  await row.call(store, prepared);
  await nextTurn();
  await nextTurn();
  return { gap: probe.stop(), argument };
}

function timed(work) {
  const began = performance.now();
  work();
  return performance.now() - began;
}

class Probe {
  #last = performance.now();
  #longest = 0;
  #running = true;

  constructor() {
    this.#turn();
  }

  #turn() {
    this.#note();
    if (this.#running) setImmediate(() => this.#turn());
  }

  #note() {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }

  reset() {
    this.#last = performance.now();
    this.#longest = 0;
  }

  /** The longest gap since `reset`, in milliseconds. */
  stop() {
    this.#note();
    this.#running = false;
    return this.#longest;
  }
}
