// A record that is larger than the memory that is left costs the call, and not the program.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempDir } from '../support.mjs';
import { skipIf } from './needs.mjs';

const LARGE = 200 * 1024 * 1024;
/** How much the program may still take, in MB: less than the file, about as much, and a few times as much. */
const LEFT = [100, 300, 500, 2000];

const program = fileURLToPath(new URL('../fixtures/little-memory.mjs', import.meta.url));

function reasonToSkip() {
  if (process.platform !== 'linux') return 'only Linux limits the memory of a program';
  const tried = spawnSync('sh', ['-c', 'ulimit -v 8000000 && ulimit -v'], { encoding: 'utf8' });
  return tried.status === 0 && tried.stdout.trim() === '8000000' ? '' : 'no sh, or no ulimit -v';
}

/** Runs the program on a folder; `limit` is in KB. */
function run(dir, limit, ...calls) {
  const command = 'ulimit -v "$1"; shift; exec "$@"';
  return spawnSync('sh', ['-c', command, 'sh', limit, process.execPath, program, dir, ...calls], {
    encoding: 'utf8',
  });
}

/** A file with a record of 200 MB between two small ones. `before` stands in front of the last one. */
function writeLarge(file, before) {
  const record = (id, field) =>
    `{"workspaceId":"","process":{"id":"${id}","status":"running","startTime":"2024-05-01T10:00:00.000Z"${field}}}`;
  const line = Buffer.from(`a \\"quoted\\" line\\n${'x'.repeat(50)}`.repeat(10_000));
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, `[\n  ${record('a', '')},\n  ${record('large', ',"result":"').slice(0, -2)}`);
  for (let written = 0; written < LARGE;) written += writeSync(descriptor, line);
  writeSync(descriptor, `"}},\n  ${before}${record('z', '')}\n]`);
  closeSync(descriptor);
}

/** What the calls come to, with ever more memory left: never to the end of the program. */
function outcomesOf(calls, before) {
  const dir = tempDir();
  const file = join(dir, 'processes.json');
  const taken = Number(run(tempDir(), 'unlimited').stdout);
  expect(taken).toBeGreaterThan(0);
  return LEFT.map((left) => {
    writeLarge(file, before);
    const { status, signal, stdout, stderr } = run(dir, String(taken + left * 1024), ...calls);
    expect({ left, status, signal, stderr }).toEqual({ left, status: 0, signal: null, stderr: '' });
    expect(statSync(file).size).toBeGreaterThan(LARGE);
    return JSON.parse(stdout);
  });
}

test('without memory for a large record reads, updates and recovery reject with ENOMEM, and nothing dies', (context) => {
  skipIf(reasonToSkip(), context);
  const calls = ['ids', 'update', 'get', 'updateLarge', 'recover'];
  const outcomes = outcomesOf(calls, '');
  expect([...new Set(outcomes.flat())].sort()).toEqual(['ENOMEM', 'done']);
  expect(outcomes.at(-1)).toEqual(calls.map(() => 'done'));
}, 300_000);

test('without memory for it a damaged file is not recovered, and no record is taken for damage', (context) => {
  skipIf(reasonToSkip(), context);
  const outcomes = outcomesOf(['recover'], 'damage, ');
  expect([...new Set(outcomes.flat())].sort()).toEqual(['ENOMEM', 'done']);
}, 300_000);
