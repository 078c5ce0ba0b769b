// A plain store and ours, both writing without a pause, and a reader: no torn read, no error of ours.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../__test__/faults/beside-plain.mjs', import.meta.url));
const SECONDS = 10;

export async function plain(tally) {
  let reads = 0;
  while (tally.goesOn()) {
    const run = promisify(execFile)(process.execPath, [program, tally.newDir(), String(SECONDS * 1000)]);
    const report = JSON.parse((await run).stdout);
    reads += report.reads;
    tally.acknowledged += report.ours;
    tally.add(report.plain, { wrong: [...report.wrong, ...report.failures] });
  }
  tally.remark = `writes of a plain store beside ours; ${reads} reads, none torn; what overlaps may be lost`;
}
