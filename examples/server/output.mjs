// Output on its way to the store. Each write replaces the whole file, so a process that says much is written now and
// then: after a moment in which more may come, when somebody asks for it, and at the end.

const DELAY_MS = 500;

/** Appends output of processes to their results. */
export class OutputBuffer {
  #store;
  /** What is not in the store yet, by process. */
  #waiting = new Map();

  constructor(store) {
    this.#store = store;
  }

  add(id, content) {
    if (!this.#waiting.has(id)) {
      const output = { text: '', written: Promise.resolve() };
      this.#waiting.set(id, output);
      // One write after the other: who asks while one is under way waits for that, too.
      const next = () => this.#write(id, output);
      this.#store.registerFlushHandler(id, () => (output.written = output.written.then(next, next)));
      this.#writeSoon(id, output);
    }
    this.#waiting.get(id).text += content;
  }

  /** Writes all that waits. What can't be written waits on. */
  async flush() {
    await Promise.all(Array.from(this.#waiting.keys(), (id) => this.#store.requestFlush(id)));
  }

  #writeSoon(id, output) {
    const write = () =>
      this.#store.requestFlush(id).catch((error) => {
        console.error(error.message);
        this.#writeSoon(id, output);
      });
    output.timer = setTimeout(write, DELAY_MS).unref();
  }

  async #write(id, output) {
    const { text } = output;
    if (text === '') return;
    await this.#store.updateProcess(id, (current) => ({ result: (current.result ?? '') + text }));
    // Only now is it safe elsewhere. More may have come meanwhile.
    output.text = output.text.slice(text.length);
    clearTimeout(output.timer);
    if (output.text !== '') return this.#writeSoon(id, output);
    this.#waiting.delete(id);
    this.#store.unregisterFlushHandler(id);
  }
}
