// The whole suite with a journal in every store that doesn't say otherwise, and the tests of the sentences that speak of the
// file's bytes left out. `npm test` runs the files that matter most of it.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { script } from '../programs.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export async function suite(tally) {
  const vitest = script(`${root}/node_modules`, 'vitest', 'vitest');
  const child = spawn(process.execPath, [vitest, 'run', '--reporter=json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STORE_JOURNAL: '1' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const { numPassedTests, numPendingTests, testResults } = JSON.parse(output.slice(output.indexOf('{"num')));
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'failed');
  tally.acknowledged = undefined;
  tally.add(0, { wrong: failed.map(({ fullName }) => fullName) });
  tally.remark = `${numPassedTests} tests of the suite hold with a journal, ${numPendingTests} left out`;
}
