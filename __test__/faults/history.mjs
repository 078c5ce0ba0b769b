// Histories: long rows of mutations that a name and a seed decide, so that the process that makes them and the
// one that judges what is left on disk agree on every record without a word between them.

/** Pseudo-random numbers from 0 to 1 that the seed decides (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for a run; whoever reports a failure prints it. */
export function newSeed() {
  return Math.floor(Math.random() * 2 ** 31);
}

/** How many records a history has at most: it comes back to the same ids again and again. */
const SLOTS = 12;
const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'];

/**
 * The mutations of one writer on one data file. `state` is what its records in the file are after `length`
 * mutations: a map from id to what the file holds for it, in the order of the file.
 */
export class History {
  constructor({ name, seed, file = 'processes.json' }) {
    Object.assign(this, { name, seed, file, length: 0, state: new Map() });
  }

  /** The history at an earlier point, or a later one. */
  at(length) {
    const copy = new History(this);
    if (length >= this.length) Object.assign(copy, { length: this.length, state: new Map(this.state) });
    while (copy.length < length) copy.advance();
    return copy;
  }

  /** Whether a record is one of this history. */
  owns(id) {
    return typeof id === 'string' && id.startsWith(`${this.name}:`);
  }

  /** The call that comes next: `store[method](...args)`. */
  next() {
    const turn = this.length + 1;
    const random = randomOf(Math.imul(this.seed, 31) + turn);
    const id = `${this.name}:${Math.floor(random() * SLOTS)}`;
    const choice = random();
    if (this.file === 'workspaces.json') {
      if (choice < 0.2) return { method: 'removeWorkspace', args: [id] };
      const fields = { name: textOf(turn, random), turn };
      if (choice < 0.5) return { method: 'updateWorkspace', args: [id, fields] };
      return { method: 'registerWorkspace', args: [{ id, rootPath: '/', ...fields }] };
    }
    if (choice < 0.15) return { method: 'removeProcess', args: [id] };
    const status = STATUSES[Math.floor(random() * STATUSES.length)];
    if (choice < 0.45) {
      const result = random() < 0.3 ? undefined : textOf(turn, random);
      return { method: 'updateProcess', args: [id, { status, result, turn }] };
    }
    return { method: 'addProcess', args: [this.#process(id, status, turn, random)] };
  }

  /** Goes on by one mutation. */
  advance() {
    const { method, args } = this.next();
    this.length += 1;
    if (method.startsWith('remove')) return void this.state.delete(args[0]);
    if (!method.startsWith('update')) return void this.state.set(args[0].id, this.#stored(args[0]));
    const [id, updates] = args;
    const old = this.state.get(id);
    if (!old) return;
    const merged = this.file === 'workspaces.json' ? { ...old, ...updates } : { ...old.process, ...updates };
    this.state.set(id, this.#stored(merged));
  }

  #process(id, status, turn, random) {
    return {
      id,
      type: 'discovery',
      promptPreview: `turn ${turn}`,
      fullPrompt: textOf(turn, random),
      status,
      startTime: new Date(Date.UTC(2026, 0, 1) + turn * 1000),
      metadata: { type: 'history', workspaceId: this.name, turn },
      turn,
    };
  }

  #stored(record) {
    const plain = JSON.parse(JSON.stringify(record));
    return this.file === 'workspaces.json' ? plain : { workspaceId: this.name, process: plain };
  }
}

/** Mostly short, sometimes long enough that the file is written and compared on two threads. */
function textOf(turn, random) {
  const length = random() < 0.06 ? 20_000 + random() * 100_000 : random() * 1_500;
  const words = `turn ${turn} "quoted" \\ ünïcödé 🚀 \ud83d `;
  return words.repeat(Math.ceil(length / words.length));
}
