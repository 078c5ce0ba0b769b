// The core's own tests on a file system in memory, which count what they try: every state in which a power loss can
// leave the disk, every call that can fail, and the moments at which others can come in between.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TESTS = ['crash', 'faults', 'recovery', 'locks', 'overtaken'];

export async function core(tally) {
  const tests = TESTS.flatMap((name) => ['--test', name]);
  const args = ['test', '--quiet', '--locked', '--package', 'file-process-store-core', ...tests];
  // One pass: but for its random histories it tries the same each time.
  const cargo = spawn('cargo', [...args, '--', '--nocapture'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  let output = '';
  cargo.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => cargo.on('error', reject).on('close', resolve));
  const counts = { 'states of the disk': 0, faults: 0, interleavings: 0 };
  for (const [, count, what] of output.matchAll(/(\d+) (states of the disk|faults|interleavings)/g)) {
    counts[what] += Number(count);
  }
  const wrong = code === 0 ? [] : [`cargo test ended with code ${code}:\n${output}`];
  for (const [what, count] of Object.entries(counts)) if (count === 0) wrong.push(`no ${what} were tried`);
  tally.acknowledged = undefined;
  tally.add(
    Object.values(counts).reduce((sum, count) => sum + count),
    { wrong },
  );
  tally.remark = `in memory: ${counts['states of the disk']} states of the disk after a power loss, ${counts.faults} failing calls, ${counts.interleavings} interleavings`;
}
