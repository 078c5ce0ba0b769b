// Others change the file behind the store's back, as fast as they can and in ways that leave few traces: the next read
// sees the truth, and the next mutation builds on it. (On a clock that is coarse this is proven in the core's tests.)

import {
  closeSync,
  fstatSync,
  futimesSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isJournaled } from '../mode.mjs';
import { freshStore, idsOf, readEntries, sample, storedEntry } from '../support.mjs';

const ROUNDS = 300;
/** A file that was there is waited for, 155 ms each time, before it counts as deleted. */
const DELETIONS = 30;

/** The text of a file whose size does not depend on `n`; a large one is compared while it is being written. */
const textOf = (n, size) =>
  JSON.stringify([
    storedEntry('a', { result: String(n).padStart(8, '0') }),
    storedEntry('b', { fullPrompt: 'x'.repeat(size) }),
  ]);

/** Writes over the file that is there: same inode, same size. */
function writeInPlace(file, text, finish = () => {}) {
  const fd = openSync(file, 'r+');
  const times = fstatSync(fd);
  writeSync(fd, text, 0);
  finish(fd, times);
  closeSync(fd);
}

const restoreTimes = (fd, { atime, mtime }) => futimesSync(fd, atime, mtime);

const CHANGES = {
  'a rename over it': (file, text) => {
    writeFileSync(`${file}.other`, text);
    renameSync(`${file}.other`, file);
  },
  'a change in place': (file, text) => writeInPlace(file, text),
};

/** On Windows the system's standard calls tell nothing but the size and a time that can be put back; see the README. */
const CHANGES_WITH_OLD_TIMES = {
  'a rename over it, with the old times (touch -r)': (file, text) => {
    const { atime, mtime } = statSync(file);
    writeFileSync(`${file}.other`, text);
    utimesSync(`${file}.other`, atime, mtime);
    renameSync(`${file}.other`, file);
  },
  'a change in place, with the old times (touch -r)': (file, text) => writeInPlace(file, text, restoreTimes),
  'two changes in place, of which the second comes at once': (file, text) => {
    writeInPlace(file, text.replace('"result":"0', '"result":"9'));
    writeInPlace(file, text, restoreTimes);
  },
  'its deletion and a new file in its place, which may get its inode': (file, text) => {
    const { atime, mtime } = statSync(file);
    rmSync(file);
    writeFileSync(file, text);
    utimesSync(file, atime, mtime);
  },
};
if (process.platform !== 'win32') Object.assign(CHANGES, CHANGES_WITH_OLD_TIMES);

describe.each(Object.entries(CHANGES))('%s', (_, change) => {
  test('of the same size is seen by the next read, in a tight loop', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, textOf(0, 100));
    for (let n = 1; n <= ROUNDS; n += 1) {
      change(file, textOf(n, 100));
      const expected = String(n).padStart(8, '0');
      expect((await store.getProcess('a')).result).toBe(expected);
      if (n % 3 === 0) expect((await store.getAllProcesses())[0].result).toBe(expected);
    }
  });

  // What a journal has touched stays the journal's: see journal.test.mjs.
  test.skipIf(isJournaled).each([
    ['small', 100, 60],
    ['large', 200_000, 40],
  ])('of a %s file is kept by the mutation that follows at once', async (_, size, rounds) => {
    const { store, file } = freshStore({ durable: false });
    writeFileSync(file, textOf(0, size));
    for (let n = 1; n <= rounds; n += 1) {
      change(file, textOf(n, size));
      await store.addProcess(sample(`new ${n}`));
      // This file is our own, written a moment ago: it is changed in place, at the same size, and mutated again.
      const own = readEntries(file);
      expect(own.map(({ process }) => process.id)).toEqual(['a', 'b', `new ${n}`]);
      expect(own[0].process.result).toBe(String(n).padStart(8, '0'));
      own[2].process.promptPreview = own[2].process.promptPreview.replace('p', 'q');
      writeInPlace(file, JSON.stringify(own, null, 2), restoreTimes);
      await store.updateProcess('b', { fullPrompt: 'y' });
      expect((await store.getProcess(`new ${n}`)).promptPreview).toBe(`qreview of new ${n}`);
      writeFileSync(file, textOf(n, size));
    }
  });
});

describe('deletion and creation', () => {
  test('by others are seen by the next read, in a tight loop', async () => {
    const { store, file } = freshStore();
    for (let n = 1; n <= DELETIONS; n += 1) {
      writeFileSync(file, textOf(n, 100));
      expect((await store.getProcess('a')).result).toBe(String(n).padStart(8, '0'));
      rmSync(file);
      expect(await store.getAllProcesses()).toEqual([]);
      expect(await store.getProcess('a')).toBeUndefined();
    }
  });

  test('by others and adds of ours follow each other without a trace of what was deleted', async () => {
    const { store, file } = freshStore({ durable: false });
    for (let n = 1; n <= DELETIONS; n += 1) {
      await store.addProcess(sample(`ours ${n}`));
      expect(idsOf(await store.getAllProcesses())).toEqual([`ours ${n}`]);
      rmSync(file);
      await store.addProcess(sample(`again ${n}`));
      expect(idsOf(readEntries(file))).toEqual([`again ${n}`]);
      writeFileSync(file, textOf(n, 100));
      await store.updateProcess(`again ${n}`, { result: 'must not come back' });
      expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
      rmSync(file);
    }
  });
});
