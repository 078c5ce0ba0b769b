/**
 * Writes what people read of the results: the tables of `README.md`, the chart, and the short table on the project's front
 * page. `npm run bench` does it at the end of
 * a run; `node bench/report/write.mjs` does it again for the published results, after a change of the wording.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { drawChart } from './chart.mjs';
import { frontTable } from './front.mjs';
import { fillBlocks } from './readme.mjs';
import { makeBlocks } from './tables.mjs';

const bench = fileURLToPath(new URL('..', import.meta.url));
/** A quick run has a folder of its own, which git ignores: the published figures are those of a full run. */
const FOLDERS = { full: bench, quick: join(bench, 'quick') };

/** Returns the paths of the files that were written. */
export function writeReport(results) {
  const folder = FOLDERS[results.mode];
  mkdirSync(folder, { recursive: true });
  const frame = readFileSync(join(bench, 'README.md'), 'utf8');
  const files = {
    [join(folder, 'results.json')]: `${JSON.stringify(results, null, 2)}\n`,
    [join(folder, 'README.md')]: fillBlocks(frame, makeBlocks(results)),
    [join(folder, 'chart.svg')]: drawChart(results),
  };
  if (results.mode === 'full') {
    const front = join(bench, '..', 'README.md');
    files[front] = fillBlocks(readFileSync(front, 'utf8'), { benchmark: frontTable(results) });
  }
  for (const [path, content] of Object.entries(files)) writeFileSync(path, content);
  return Object.keys(files);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeReport(JSON.parse(readFileSync(join(bench, 'results.json'), 'utf8')));
}
