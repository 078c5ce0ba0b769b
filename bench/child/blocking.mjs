import { readFileSync } from 'node:fs';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { BURST } from '../rows.mjs';

const NOTABLE_MS = 0.02;
/** Of a gap this long it is asked whether the thread was kept waiting for a processor. */
const LONG_MS = 0.2;
const SCHEDULER = '/proc/self/schedstat';

/**
 * How long a call keeps the event loop from its next turn: the longest single gap, where the busy time is the sum.
 *
 * A probe takes a turn of the loop again and again and notes the gaps between its turns. It keeps the loop from
 * sleeping, so this is measured apart from everything else. Its many turns make so much garbage that V8 collects it
 * once or twice in a call that takes tens of milliseconds; those pauses are left out. So is the time in which the
 * thread could have gone on, but other threads and processes had all processors, where the system tells it. Returns the
 * longest gap, and what `JSON.stringify` of the caller's own argument takes, in milliseconds.
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
  return { gap: await probe.stop(), argument };
}

function timed(work) {
  const began = performance.now();
  work();
  return performance.now() - began;
}

class Probe {
  #last = performance.now();
  /** The gaps that are long enough to matter. @type {{ from: number, to: number, waited: number }[]} */
  #gaps = [];
  #waited = waitedForProcessor();
  #running = true;
  #collections = [];
  #observer = new PerformanceObserver((list) => this.#collections.push(...list.getEntries()));

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#turn();
  }

  #turn() {
    this.#note();
    if (this.#running) setImmediate(() => this.#turn());
  }

  #note() {
    const now = performance.now();
    const length = now - this.#last;
    if (length > NOTABLE_MS || this.#gaps.length === 0) {
      this.#gaps.push({ from: this.#last, to: now, waited: length > LONG_MS ? this.#waitedSince() : 0 });
    }
    this.#last = length > LONG_MS ? performance.now() : now;
  }

  #waitedSince() {
    const before = this.#waited;
    this.#waited = waitedForProcessor();
    return this.#waited - before;
  }

  reset() {
    this.#gaps = [];
    this.#waited = waitedForProcessor();
    this.#last = performance.now();
  }

  /** The longest gap since `reset`, in milliseconds. */
  async stop() {
    this.#note();
    this.#running = false;
    // The observer is told in a later turn.
    await sleep(1);
    this.#collections.push(...this.#observer.takeRecords());
    this.#observer.disconnect();
    return Math.max(...this.#gaps.map((gap) => this.#withoutPauses(gap)));
  }

  #withoutPauses({ from, to, waited }) {
    const within = this.#collections.filter(({ startTime }) => startTime >= from && startTime < to);
    return Math.max(0, to - from - waited - within.reduce((sum, { duration }) => sum + duration, 0));
  }
}

/** How long this thread has waited for a processor since it began, in milliseconds; 0 where the system doesn't tell. */
function waitedForProcessor() {
  try {
    return Number(readFileSync(SCHEDULER, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
