import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../child/main.mjs', import.meta.url));

/** A process of the benchmark, seen from the one that conducts it. */
export class Participant {
  #child;
  #ended;

  /**
   * @param {string} part what it does: see `child/main.mjs`
   * @param {object} options what it needs to know
   * @param {string[]} [execArgv] options of Node
   */
  constructor(part, options = {}, execArgv = []) {
    this.#child = fork(main, [JSON.stringify({ part, ...options })], {
      serialization: 'advanced',
      execArgv,
      // node:sqlite says of itself that it is experimental, once a process.
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    });
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`a process of the benchmark (${part} ${options.peer ?? ''}) ended: ${signal ?? code}`);
    });
    this.#ended.catch(() => {});
  }

  /** Has it do one task at a time. */
  async ask(task, input = {}) {
    const answered = new AbortController();
    try {
      this.#child.send({ task, ...input });
      const answer = once(this.#child, 'message', { signal: answered.signal });
      const [{ value, error }] = await Promise.race([answer, this.#ended]);
      if (error) throw new Error(error);
      return value;
    } finally {
      answered.abort();
    }
  }

  async stop() {
    await this.ask('close');
    this.#child.disconnect();
    await this.#ended.catch(() => {});
  }
}
