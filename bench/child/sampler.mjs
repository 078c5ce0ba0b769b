import { performance } from 'node:perf_hooks';
import { OUTSIDE_ID } from '../records.mjs';
import { BURST } from '../rows.mjs';

/** Calls that take less than this are made in batches that take about as long. */
const BATCH_MS = 1;
const LONGEST_BATCH = 200;
const WARM_UP_MS = 60;
const LONGEST_WARM_UP = 30;
/** A warm-up call that took longer than this is too dear to be thrown away. */
const DEAR_MS = 500;
const SHORT_BURST = BURST / 10;

/**
 * Measures calls: the wall time of each, and how long the event loop was busy for it.
 *
 * The busy time is that of a batch, divided by its calls: asking for it takes as long as a fast call. What calls
 * need is prepared before the clock starts.
 */
export class Sampler {
  #store;
  #set;
  #rows;
  /** What is known of a row: its batch, and how many calls a burst has. */
  #known = new Map();
  #take;

  /** @param {() => number} [take] gives the numbers of the calls */
  constructor(store, set, rows, take) {
    this.#store = store;
    this.#set = set;
    this.#rows = rows;
    this.#take = take;
  }

  /**
   * Makes calls of a row and returns the samples.
   *
   * Either for so many `milliseconds`, at least one, after a warm-up. A burst that would take longer than
   * `longestBurst` milliseconds is then cut to a tenth, and its figures are multiplied by ten. Or just so many
   * `calls`, with short bursts if `isShort`. `expect` is the preview of the record that another process has changed.
   */
  async sample({ row: name, milliseconds, longestBurst, calls, isShort, expect }) {
    const row = this.#rows[name];
    const samples = { wall: [], busy: [], scaled: false };
    if (calls) {
      const burst = isShort ? SHORT_BURST : BURST;
      while (samples.wall.length < calls) await this.#batch(row, 1, burst, samples, expect);
      return samples;
    }
    if (!this.#known.has(name)) this.#known.set(name, await this.#warmUp(row, samples, longestBurst));
    const { batch, burst } = this.#known.get(name);
    const end = performance.now() + milliseconds;
    while (samples.wall.length === 0 || performance.now() < end) {
      await this.#batch(row, batch, burst, samples);
    }
    samples.scaled = Boolean(row.burst) && burst < BURST;
    return samples;
  }

  /** Gets the row going, and finds out how long a call takes. Dear calls are kept as samples. */
  async #warmUp(row, samples, longestBurst) {
    const dear = { wall: [], busy: [] };
    const began = performance.now();
    do {
      await this.#batch(row, 1, SHORT_BURST, dear);
    } while (!row.burst && dear.wall.length < LONGEST_WARM_UP && performance.now() - began < WARM_UP_MS);
    const [first] = dear.wall;
    const last = dear.wall.at(-1);
    // The figures of a short burst are already those of a whole one.
    const burst = row.burst && first > longestBurst ? SHORT_BURST : BURST;
    if (last > DEAR_MS && (!row.burst || burst === SHORT_BURST)) {
      samples.wall.push(last);
      samples.busy.push(dear.busy.at(-1));
    }
    const fits = Math.ceil(BATCH_MS / Math.min(...dear.wall));
    return { batch: row.settle || row.burst ? 1 : Math.min(LONGEST_BATCH, fits), burst };
  }

  async #batch(row, calls, burst, samples, expect) {
    const prepared = Array.from({ length: calls }, () => row.prepare?.(this.#set, this.#take, burst));
    const wall = new Array(calls);
    const expected = row.answer?.(this.#set);
    const scale = row.burst ? BURST / burst : 1;
    const before = performance.eventLoopUtilization();
    for (let index = 0; index < calls; index += 1) {
      const began = performance.now();
      const answer = await row.call(this.#store, prepared[index]);
      wall[index] = (performance.now() - began) * scale;
      if (expected !== undefined) verify(answer, expected, expect);
    }
    samples.busy.push((performance.eventLoopUtilization(before).active / calls) * scale);
    samples.wall.push(...wall);
    row.settle?.(this.#store);
  }
}

function verify(answer, expected, preview) {
  const found = Array.isArray(answer) ? answer.length : answer ? 1 : 0;
  if (found !== expected) throw new Error(`${found} records where ${expected} were expected`);
  if (preview === undefined) return;
  const changed = Array.isArray(answer) ? answer.find(({ id }) => id === OUTSIDE_ID) : answer;
  if (changed.promptPreview !== preview) throw new Error(`stale: ${changed.promptPreview}, not ${preview}`);
}
