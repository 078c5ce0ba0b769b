// Damaged files, with JSON.parse as the judge of what is damaged. The kinds of damage one by one are in
// corrupt.test.mjs; wide fuzzing is `npm run test:torture -- damage`.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { Examination } from '../faults/examination.mjs';
import { PlainStore } from '../fixtures/plain-store.mjs';
import {
  freshStore,
  fullSample,
  idsOf,
  readEntries,
  rejection,
  sample,
  storedEntry,
  tempDir,
  storedText,
} from '../support.mjs';

/** Two records with a bit of everything: escapes, half a pair, a date, numbers, nesting, turns. */
const ENTRIES = [
  { workspaceId: 'web', process: JSON.parse(JSON.stringify(sample('a', { result: 'ü 🚀 \ud83d "\\\n' }))) },
  {
    workspaceId: '',
    process: { ...storedEntry('b').process, turns: [{ n: -1.5e3 }, null, true], endTime: '2024-05-01' },
  },
];
const GOOD = Buffer.from(JSON.stringify(ENTRIES, null, 2));

test('a file that is cut at any byte is refused by reads and mutations, and mended by what was cut off', async () => {
  const dir = tempDir();
  const examination = new Examination(dir);
  for (let length = 0; length < GOOD.length; length += 1) {
    expect(await examination.of(GOOD.subarray(0, length)), `${length} bytes`).toEqual([]);
  }
  expect(await examination.of(GOOD)).toEqual([]);
  expect(idsOf(readEntries(join(dir, 'processes.json')))).toEqual(['a', 'b', 'new']);
});

test('the examination finds fault with a store that takes a damaged file for an empty one', async () => {
  const examination = new Examination(tempDir(), PlainStore);
  expect(await examination.of(GOOD.subarray(0, -1))).toEqual([
    'getAllProcesses: a damaged file was accepted',
    'addProcess: a damaged file was accepted',
    'addProcess: the damaged file was changed',
  ]);
  // It drops fields that it does not know.
  expect(await examination.of(GOOD)).toContain('read as something else');
});

test('workspaces and wikis that are cut at any byte are refused, and never touched', async () => {
  const { store, dir } = freshStore({ durable: false });
  const text = JSON.stringify([{ id: 'w', name: 'ü "\\', n: [1, { b: null }] }, { id: 'v' }], null, 2);
  const calls = [
    ['workspaces.json', () => store.getWorkspaces()],
    ['workspaces.json', () => store.registerWorkspace({ id: 'x', name: 'X', rootPath: '/' })],
    ['wikis.json', () => store.getWikis()],
    ['wikis.json', () => store.removeWiki('w')],
  ];
  for (const [name, call] of calls) {
    const file = join(dir, name);
    for (let length = 0; length < Buffer.byteLength(text); length += 1) {
      const cut = Buffer.from(text).subarray(0, length);
      writeFileSync(file, cut);
      expect(await rejection(call())).toMatchObject({ code: 'ERR_STORE_CORRUPT', path: file });
      expect(readFileSync(file).equals(cut)).toBe(true);
    }
    writeFileSync(file, text);
    await call();
  }
});

test.each([
  ['NUL', 0x00],
  ['a byte that UTF-8 never has', 0xff],
  ['the first byte of a longer sequence', 0xc3],
  ['a quote', 0x22],
  ['a backslash', 0x5c],
  ['a brace', 0x7b],
  ['a digit', 0x31],
  ['a space', 0x20],
])('a file in which any one byte is %s is refused, or read as JSON.parse reads it', async (_, byte) => {
  const examination = new Examination(tempDir());
  for (let place = 0; place < GOOD.length; place += 1) {
    const bytes = Buffer.from(GOOD);
    bytes[place] = byte;
    const wrong = await examination.of(bytes, { mutate: place % 16 === 0 });
    expect(wrong, `byte ${place}`).toEqual([]);
  }
});

test('a block of NULs of any place and length, as a power loss may leave it, is refused or harmless', async () => {
  const examination = new Examination(tempDir());
  for (let from = 0; from < GOOD.length; from += 17) {
    for (const length of [1, 8, 64, GOOD.length]) {
      const bytes = Buffer.from(GOOD);
      bytes.fill(0, from, Math.min(bytes.length, from + length));
      expect(await examination.of(bytes, { recover: true }), `${length} from ${from}`).toEqual([]);
    }
  }
});

describe('what is unusual and no damage', () => {
  test('huge numbers and duplicate keys are read as JSON.parse reads them, and kept', async () => {
    const { store, file } = freshStore();
    const odd = `"big":1${'0'.repeat(400)},"many":12345678901234567890.0e1,"twice":1,"twice":{"twice":2,"twice":3}`;
    const entry = JSON.stringify(storedEntry('a')).slice(0, -2);
    writeFileSync(file, `[${entry},${odd}}}]`);
    expect(await store.getProcess('a')).toMatchObject({
      big: Infinity,
      many: 123456789012345680000,
      twice: { twice: 3 },
    });
    await store.addProcess(sample('b'));
    await store.updateProcess('b', { result: 'r' });
    expect(storedText(file)).toContain(odd);
  });

  test.each([1_000, 20_000])(
    '%d levels of nesting are accepted, never lost and never a crash',
    async (levels) => {
      const program = fileURLToPath(new URL('../faults/nesting.mjs', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [program, tempDir(), String(levels)]);
      for (const { closed, outcomes, kept, update } of JSON.parse(stdout)) {
        expect(new Set(outcomes)).toEqual(new Set([closed ? 'done' : 'ERR_STORE_CORRUPT']));
        expect(kept).toBe(true);
        // 20,000 levels with their indentation would be a file of 800 MB.
        const expected = levels > 10_000 ? 'ERR_INVALID_ARG_VALUE' : 'done';
        expect(update).toBe(closed ? expected : 'ERR_STORE_CORRUPT');
      }
    },
  );

  test('a byte order mark is read over, stays while nothing is written, and goes with the next write', async () => {
    const { store, file } = freshStore();
    const text = JSON.stringify([{ workspaceId: '', process: JSON.parse(JSON.stringify(fullSample('a'))) }]);
    writeFileSync(file, `\ufeff${text}`);
    expect(await store.getProcess('a')).toEqual(fullSample('a'));
    expect(readFileSync(file, 'utf8')).toBe(`\ufeff${text}`);
    await store.addProcess(sample('b'));
    expect(JSON.parse(storedText(file))).toHaveLength(2);
  });
});
