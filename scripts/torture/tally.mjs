// The figures of one scenario, and for how long it goes on.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Tally {
  faults = 0;
  survived = 0;
  acknowledged = 0;
  lost = 0;
  wrong = [];
  remark = '';
  skipped = false;
  #dirs = [];
  #saidAt = performance.now();

  constructor(name, minutes) {
    this.name = name;
    this.minutes = minutes;
    this.end = performance.now() + minutes * 60_000;
  }

  goesOn() {
    if (performance.now() - this.#saidAt > 15_000) {
      this.#saidAt = performance.now();
      console.log(
        `${this.name}: ${this.faults} faults, ${this.survived} survived, ${this.lost} lost, ${this.wrong.length} wrong`,
      );
    }
    return performance.now() < this.end && this.wrong.length < 20;
  }

  /** A folder that goes with the scenario, or earlier. */
  newDir() {
    while (this.#dirs.length > 3) rmSync(this.#dirs.shift(), { recursive: true, force: true });
    const dir = mkdtempSync(join(tmpdir(), 'file-process-store-'));
    this.#dirs.push(dir);
    return dir;
  }

  /** What came of some faults at once; a fault that cost anything has not been survived. */
  add(faults, { lost = 0, wrong = [] }) {
    this.faults += faults;
    this.lost += lost;
    this.wrong.push(...wrong);
    if (lost > 0) this.wrong.push(`${lost} acknowledged writes were lost`);
    else if (wrong.length === 0) this.survived += faults;
  }

  skip(why) {
    this.skipped = true;
    this.remark = `skipped: ${why}`;
    console.log(this.remark);
  }

  failed() {
    return this.wrong.length > 0 || this.lost > 0;
  }

  close() {
    for (const dir of this.#dirs) rmSync(dir, { recursive: true, force: true });
  }

  row() {
    const { name, faults, survived, acknowledged, lost, seconds, remark } = this;
    const figures = this.skipped
      ? ['', '', '', '', '']
      : [faults, survived, acknowledged ?? '', lost, seconds];
    return `| ${[name, ...figures, remark].join(' | ')} |`;
  }
}

/** A pause of up to so many milliseconds. */
export function pause(most) {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}
