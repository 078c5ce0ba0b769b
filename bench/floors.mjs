/**
 * What the machine itself takes for the same bytes, with nothing around it: synchronous calls in a loop, so that
 * no promise and no thread pool is in the figure. Writing is what every safe replacement of a file needs: open,
 * one write of one buffer, fsync, rename, fsync of the directory. The replaced file is held open until after the
 * clock has stopped, so that freeing its blocks is not part of the rename.
 */

import * as fs from 'node:fs';
import { join } from 'node:path';

export class Floors {
  #bytes;
  #text;
  #file;
  #directory;
  #dir;
  /** @type {number | undefined} */
  #log;
  #held = [];
  #next = 0;

  /** @param {string} source the file whose bytes are used @param {string} dir where to write them */
  constructor(source, dir) {
    this.#bytes = fs.readFileSync(source);
    this.#text = this.#bytes.toString('utf8');
    this.#file = join(dir, 'floor.json');
    this.#dir = dir;
    this.#directory = fs.openSync(dir, 'r');
    this.replaceDurably();
  }

  replaceDurably() {
    const fd = this.#write();
    fs.fsyncSync(fd);
    fs.renameSync(this.#temporary, this.#file);
    fs.fsyncSync(this.#directory);
    this.#held.push(fd);
  }

  replaceUnsynced() {
    const fd = this.#write();
    fs.renameSync(this.#temporary, this.#file);
    this.#held.push(fd);
  }

  /** What no write that survives a power loss can do without: the change itself, appended and synced. */
  appendDurably(change) {
    this.#log ??= fs.openSync(join(this.#dir, 'floor.log'), 'a', 0o600);
    fs.writeSync(this.#log, change);
    fs.fdatasyncSync(this.#log);
  }

  /** Closes what the last replacement held open; the file that is there now stays open for the next one. */
  release() {
    while (this.#held.length > 1) fs.closeSync(this.#held.shift());
  }

  parse() {
    return JSON.parse(this.#text);
  }

  stat() {
    return fs.statSync(this.#file, { bigint: true });
  }

  get #temporary() {
    return `${this.#file}.${this.#next}.tmp`;
  }

  #write() {
    this.#next += 1;
    const fd = fs.openSync(this.#temporary, 'wx', 0o600);
    // A write past 2 GB would be short; none here comes near.
    const written = fs.writeSync(fd, this.#bytes);
    if (written !== this.#bytes.length) throw new Error(`a short write: ${written} bytes`);
    return fd;
  }
}
