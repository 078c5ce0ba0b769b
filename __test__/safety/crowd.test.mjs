// Many more processes than processors on one directory, all at once. For long, with kills: `npm run test:torture -- crowd`.

import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newSeed } from '../faults/history.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { startWriter } from '../faults/writer.mjs';
import { tempDir } from '../support.mjs';

const hasFlock = process.platform === 'linux' && spawnSync('flock', ['--version']).status === 0;

test('sixty processes that write at once all get their turns', { timeout: 120_000 }, async () => {
  const dir = tempDir();
  let release = () => {};
  if (hasFlock) {
    // Nobody gets the lock before all have come.
    const lock = join(dir, 'processes.json.lock');
    writeFileSync(lock, '', { mode: 0o600 });
    const holder = spawn('flock', [lock, '-c', 'echo held; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => holder.kill('SIGKILL'));
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    release = () => holder.stdin.end();
  }
  const ledgers = Array.from({ length: 60 }, (_, n) => new Ledger({ name: `p${n}`, seed: newSeed() }));
  const options = { lockTimeoutMs: 60_000 };
  const writers = ledgers.map((ledger) => startWriter(ledger, { dir, count: 3, options }));
  onTestFinished(() => writers.forEach((writer) => writer.kill()));
  await Promise.all(writers.map((writer) => writer.starts()));
  release();
  for (const { ended } of writers) expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
  for (const { acknowledged, rejections } of ledgers) {
    expect(rejections).toEqual([]);
    expect(acknowledged).toBe(3);
  }
  expect(judge(dir, ledgers)).toEqual({ lost: 0, wrong: [] });
});
