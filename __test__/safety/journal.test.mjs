// A journal among several processes, kills and disks that fail. The core's tests do the same on a disk of their own, at
// every byte; here are real processes and a real disk.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { newSeed } from '../faults/history.mjs';
import { stopHolder } from '../faults/holder.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { MODES, runModelHistory } from '../faults/model-history.mjs';
import { startReader } from '../faults/reader.mjs';
import { MUTATIONS, Trials, inParallel } from '../faults/trials.mjs';
import { runVictim, whyNoTracing } from '../faults/victim.mjs';
import { startWriter } from '../faults/writer.mjs';
import { idsOf, sample, tempDir } from '../support.mjs';
import { skipIf } from './needs.mjs';

const reason = whyNoTracing();
const WITH = { journal: true };
const WITHOUT = { journal: false };

function running(ledger, task) {
  const writer = startWriter(ledger, task);
  onTestFinished(() => writer.kill());
  return writer;
}

describe('several processes, of which some have a journal,', () => {
  test('lose nothing, and readers see no record torn and no older state', { timeout: 120_000 }, async () => {
    const dir = tempDir();
    const ledgers = ['a', 'b', 'c', 'd'].map((name) => new Ledger({ name, seed: newSeed() }));
    const reader = startReader(
      dir,
      ledgers.map(({ history }) => history),
    );
    onTestFinished(() => reader.child.kill('SIGKILL'));
    const writers = ledgers.map((ledger, place) => {
      // Without the option it writes more rarely, so that the journal has time to grow.
      const options = place === 3 ? WITHOUT : WITH;
      return running(ledger, {
        dir,
        burst: 3,
        options,
        count: place === 3 ? 40 : 120,
        pause: place === 3 ? 30 : 0,
      });
    });
    for (const { ended } of writers) expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
    const { reads, states, wrong } = await reader.stop();
    expect(wrong).toEqual([]);
    expect(reads).toBeGreaterThan(20);
    expect(states).toBeGreaterThan(20);
    expect(judge(dir, ledgers)).toEqual({ lost: 0, wrong: [] });
    expect(ledgers.map(({ acknowledged }) => acknowledged)).toEqual([120, 120, 120, 40]);
  });

  test(
    'and are killed again and again, lose nothing that they were told was done',
    { timeout: 120_000 },
    async () => {
      const dir = tempDir();
      const ledgers = ['a', 'b', 'c'].map((name) => new Ledger({ name, seed: newSeed() }));
      const own = new Ledger({ name: 'own', seed: newSeed() });
      const stores = [WITH, WITHOUT].map((options) => new FileProcessStore({ dataDir: dir, ...options }));
      let appended = 0;
      for (let round = 0; round < 15; round += 1) {
        const writers = ledgers.map((ledger, place) => {
          const options = { ...(place === 2 && round % 3 === 0 ? WITHOUT : WITH), durable: round % 2 === 0 };
          return running(ledger, { dir, burst: 6, options });
        });
        const one = writers[round % 3];
        if (round % 4 === 3) await sleep(Math.random() * 150);
        else await one.acknowledges(one.ledger.settled + 1 + Math.floor(Math.random() * 20));
        for (const writer of writers) expect((await writer.kill()).stderr).toBe('');
        expect(judge(dir, [...ledgers, own])).toEqual({ lost: 0, wrong: [] });
        if (existsSync(join(dir, 'processes.json.journal'))) appended += 1;

        // The next write of anybody works at once.
        const { method, args } = own.history.next();
        await stores[round % 2][method](...args);
        own.started = own.acknowledged += 1;
        expect(judge(dir, [...ledgers, own])).toEqual({ lost: 0, wrong: [] });
        const counts = await Promise.all(stores.map((store) => store.getProcessCount()));
        const all = [...ledgers, own].reduce((sum, { history }) => sum + history.state.size, 0);
        expect(counts).toEqual([all, all]);
      }
      expect(appended).toBeGreaterThan(3);
      await stores[0].checkpoint();
      expect(judge(dir, [...ledgers, own])).toEqual({ lost: 0, wrong: [] });
      expect(readdirSync(dir).sort()).toEqual(['processes.json', 'processes.json.lock']);
    },
  );
});

test.skipIf(process.platform === 'win32')(
  'a writer that is stopped in an append, and whose lock file is deleted, costs others their patience and nothing else',
  async () => {
    const dir = tempDir();
    for (let round = 0; round < 5; round += 1) {
      const ledger = new Ledger({ name: `holder ${round}`, seed: newSeed() });
      const holder = await stopHolder(running(ledger, { dir, options: WITH }), dir);
      rmSync(join(dir, 'processes.json.lock'));
      const acknowledged = [];
      for (const options of [WITH, WITHOUT]) {
        const store = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 200, ...options });
        const id = `${round} ${options.journal}`;
        const code = await store.addProcess(sample(id)).catch((error) => error.code);
        expect(code).toSatisfy((told) => told === undefined || told === 'ERR_STORE_LOCKED');
        if (code === undefined) acknowledged.push(id);
        expect(await store.getProcessCount()).toBeGreaterThan(0);
      }
      const told = ledger.acknowledged;
      holder.child.kill('SIGCONT');
      await holder.acknowledges(told + 3);
      await holder.kill();
      expect(ledger.rejections).toEqual([]);
      expect(judge(dir, [ledger], { alone: false })).toEqual({ lost: 0, wrong: [] });
      const ids = await new FileProcessStore({ dataDir: dir, ...WITHOUT }).getProcessIds();
      expect(ids).toEqual(expect.arrayContaining(acknowledged));
    }
  },
);

test.each(['all', 'some'])(
  'random histories end as the model has it, where %s stores have a journal',
  async (mode) => {
    for (const seed of Array.from({ length: 15 }, newSeed)) {
      expect(await runModelHistory(seed, tempDir(), 60, MODES[mode])).toBeUndefined();
    }
  },
);

describe('a fault at each system call', () => {
  const CALLS = ['an update in a file', 'an update after another'];

  async function trialsOf(name) {
    const trials = await Trials.of(MUTATIONS[name], WITH);
    onTestFinished(() => trials.close());
    return trials;
  }

  test.each(CALLS)(
    'of %s: a kill leaves the old state or the new one, and the next write works',
    { timeout: 240_000 },
    async (name, context) => {
      skipIf(reason, context);
      const trials = await trialsOf(name);
      await inParallel(trials.killPoints(), async (point) => {
        const { wrong } = await trials.kill(point);
        expect(wrong, `killed at ${point.text}`).toEqual([]);
      });
    },
  );

  test.each(CALLS)(
    'of %s: an error is told, or changes nothing, and the next call works',
    { timeout: 240_000 },
    async (name, context) => {
      skipIf(reason, context);
      const trials = await trialsOf(name);
      let told = 0;
      await inParallel(trials.failPoints(), async (point) => {
        const { wrong, refusals } = await trials.fail(point, 'EIO');
        expect(wrong, `${point.text} failed`).toEqual([]);
        if (refusals.length > 0) told += 1;
      });
      expect(told).toBeGreaterThan(3);
    },
  );
});

describe('an append', () => {
  /** What an update costs that comes after another. */
  async function update(inject) {
    const dir = join(tempDir(), 'data');
    const store = new FileProcessStore({ dataDir: dir, ...WITHOUT });
    for (const id of ['a', 'b']) await store.addProcess(sample(id));
    const { first, call } = MUTATIONS['an update after another'];
    const { outcomes, calls } = await runVictim({ dir, first, call, options: WITH, inject });
    return { dir, store, outcomes, calls };
  }

  test('is written, synced and then told, and nothing else is written', async (context) => {
    skipIf(reason, context);
    const { outcomes, calls } = await update();
    expect(outcomes).toEqual(['done']);
    const writing = /^(p?writev?(64)?|fsync|fdatasync|rename\w*|ftruncate|unlink\w*)\(.*\/data/;
    const names = calls.filter(({ text }) => writing.test(text)).map(({ name }) => name);
    expect(names).toEqual(['write', 'fdatasync', 'write']);
  });

  test.each(['EIO', 'ENOSPC', 'EDQUOT'])(
    'whose sync fails with %s is undone, and the next call makes a checkpoint',
    async (code, context) => {
      skipIf(reason, context);
      const { dir, store, outcomes } = await update(`fdatasync:error=${code}:when=1`);
      expect(outcomes[0]).toMatchObject({ code, syscall: 'fdatasync' });
      expect(outcomes[0].committed).not.toBe(true);
      expect(outcomes.at(-1)).toBe('done');
      expect((await store.getProcess('a')).result).toBe('r');
      expect((await store.getProcess('b')).result).toBe('first');
      await store.addProcess(sample('next'));
      expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'next']);
      expect(existsSync(join(dir, 'processes.json.journal'))).toBe(false);
    },
  );

  test('for which the disk has no room is refused, and all that was there stays', async (context) => {
    skipIf(reason, context);
    const { store, outcomes } = await update('write:error=ENOSPC:when=1');
    expect(outcomes[0]).toMatchObject({ code: 'ENOSPC', syscall: 'write' });
    expect(outcomes[0].path).toMatch(/processes\.json\.journal$/);
    expect(outcomes.at(-1)).toBe('done');
    expect((await store.getProcess('a')).result).toBe('r');
    expect((await store.getProcess('b')).result).toBe('first');
  });
});
