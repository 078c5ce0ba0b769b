// The system calls of a commit: their order, and a kill or a failure at each of them. All mutations, and more errors,
// are in `npm run test:torture -- syscalls`.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { MUTATIONS, Trials, inParallel } from '../faults/trials.mjs';
import { runVictim, whyNoTracing } from '../faults/victim.mjs';
import { isJournaled } from '../mode.mjs';
import { sample, tempDir } from '../support.mjs';
import { skipIf } from './needs.mjs';

const reason = whyNoTracing();

async function trialsOf(name) {
  const trials = await Trials.of(MUTATIONS[name]);
  onTestFinished(() => trials.close());
  return trials;
}

describe('the sequence of a commit', () => {
  const relevant = /^(open|close\(|writev?\(|pwrite|fadvise64|fsync|fdatasync|sync|rename|unlink|flock)/;

  /** The calls that touch the directory or something in it, in short: what is done to which name. */
  async function sequence(options, existing = []) {
    const dir = join(tempDir(), 'data');
    mkdirSync(dir);
    const store = new FileProcessStore({ dataDir: dir });
    await Promise.all(existing.map((process) => store.addProcess(process)));
    await store.close();
    const { outcomes, calls } = await runVictim({ dir, call: ['addProcess', sample('a')], options });
    expect(outcomes).toEqual(['done']);
    const short = calls
      .map(({ text }) => text)
      .filter((text) => relevant.test(text) && text.includes(dir))
      .map((text) => text.replaceAll(dir, '{dir}').replace(/\.[0-9a-f]+-[0-9a-f]+\.tmp/g, '.*.tmp'));
    return { short, all: calls };
  }

  test('is: lock, create, write, sync, open for reading, close, rename, sync the directory', async (context) => {
    skipIf(reason, context);
    const { short } = await sequence();
    const steps = [
      /^openat\(.*\{dir\}\/processes\.json\.lock".*O_NOFOLLOW/,
      /^flock\(.*LOCK_EX/,
      /^openat\(.*\{dir\}\/processes\.json\.\*\.tmp", .*O_CREAT\|O_EXCL/,
      /^writev\(.*\{dir\}\/processes\.json\.\*\.tmp>/,
      /^fsync\(.*\{dir\}\/processes\.json\.\*\.tmp>\) += 0/,
      /^openat\(.*\{dir\}\/processes\.json\.\*\.tmp", O_RDONLY/,
      /^close\(.*\{dir\}\/processes\.json\.\*\.tmp>\) += 0/,
      /^rename\("\{dir\}\/processes\.json\.\*\.tmp", "\{dir\}\/processes\.json"\) += 0/,
      /^fsync\(\d+<\{dir\}>\) += 0/,
    ];
    let place = 0;
    for (const text of short) if (place < steps.length && steps[place].test(text)) place += 1;
    expect(short.join('\n'), `step ${place + 1} is missing`).toSatisfy(() => place === steps.length);
    // Nothing is written between the sync and the rename, or afterwards.
    const synced = short.findIndex((text) => steps[4].test(text));
    expect(short.slice(synced + 1).filter((text) => /^p?write/.test(text))).toEqual([]);
  });

  // Files that are replaced: appends are in journal.test.mjs.
  test.skipIf(isJournaled)(
    'of a large file has the disk begin while the rest is written',
    async (context) => {
      skipIf(reason, context);
      const of = (length) => ['b', 'c', 'd'].map((id) => sample(id, { fullPrompt: 'x'.repeat(length) }));
      const ofTmp = ({ short }) => {
        const calls = short.filter((text) => text.includes('*.tmp>')).map((text) => text.match(/^\w+/)[0]);
        return calls.join(' ');
      };
      const large = await sequence({}, of(300_000));
      expect(ofTmp(large)).toMatch(/^openat (writev fadvise64 )+writev fsync openat close$/);
      // A page that is written to once more would go to the disk twice.
      const begun = large.short.flatMap(
        (text) => text.match(/^fadvise64\(.*>, (\d+), (\d+), /)?.slice(1) ?? [],
      );
      expect(begun.length).toBeGreaterThan(0);
      for (const number of begun) expect(Number(number) % 65_536).toBe(0);
      expect(ofTmp(await sequence({ durable: false }, of(300_000)))).toBe('openat writev openat close');
      // There is little to begin with.
      expect(ofTmp(await sequence({}, of(100_000)))).toBe('openat writev fsync openat close');
    },
  );

  test('has no sync with durable: false', async (context) => {
    skipIf(reason, context);
    const { short, all } = await sequence({ durable: false });
    expect(short.filter((text) => text.startsWith('rename'))).toHaveLength(1);
    expect(all.filter(({ name }) => name.includes('sync'))).toEqual([]);
  });
});

describe.skipIf(isJournaled)('a kill at each system call', () => {
  test.for(['the first add in a directory that is not there', 'an update in a file'])(
    'of %s leaves the old file or the new one, and the next write works',
    { timeout: 120_000 },
    async (name, context) => {
      skipIf(reason, context);
      const trials = await trialsOf(name);
      const points = trials.killPoints();
      expect(points.length).toBeGreaterThan(25);
      let leftovers = 0;
      await inParallel(points, async (point) => {
        const { wrong, leftover } = await trials.kill(point);
        expect(wrong, `killed at ${point.text}`).toEqual([]);
        if (leftover) leftovers += 1;
      });
      // Some kills came while the temporary file was there; the next write has taken it away.
      expect(leftovers).toBeGreaterThan(3);
    },
  );
});

describe('a failure of each system call', () => {
  test(
    'of an update is told, or changes nothing, and the next call works',
    { timeout: 120_000 },
    async (context) => {
      skipIf(reason, context);
      const trials = await trialsOf('an update in a file');
      let told = 0;
      await inParallel(trials.failPoints(), async (point) => {
        const { wrong, refusals } = await trials.fail(point, 'EIO');
        expect(wrong, `${point.text} failed`).toEqual([]);
        if (refusals.length > 0) told += 1;
      });
      expect(told).toBeGreaterThan(10);
    },
  );
});
