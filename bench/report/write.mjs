/**
 * Writes what people read of the results: the tables of `README.md` and the chart. `npm run bench` does it at the end of
 * a run; `node bench/report/write.mjs` does it again for the published results, after a change of the wording.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { drawChart } from './chart.mjs';
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
    'results.json': `${JSON.stringify(results, null, 2)}\n`,
    'README.md': fillBlocks(frame, makeBlocks(results)),
    'chart.svg': drawChart(results),
  };
  return Object.entries(files).map(([name, content]) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeReport(JSON.parse(readFileSync(join(bench, 'results.json'), 'utf8')));
}
