// What a write with a journal costs: bytes that follow the change and not the store, and a journal that is put into its
// file behind the calls. Times are a matter of the benchmark.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { readThroughJournal } from './journal-reader.mjs';
import { dataState, freshStore, idsOf, sample, storedEntry } from './support.mjs';

const sizeOf = (path) => (existsSync(path) ? statSync(path).size : 0);

/** A store whose journal has begun, with records of so many bytes. */
async function begun(records, length) {
  const fresh = freshStore({ journal: true, durable: false });
  const journal = `${fresh.file}.journal`;
  const ids = Array.from({ length: records }, (_, n) => `p${n}`);
  const fields = { fullPrompt: 'é"'.repeat(length / 4) };
  await Promise.all(ids.map((id) => fresh.store.addProcess(sample(id, fields))));
  await fresh.store.updateProcess('p0', { begun: true });
  return { ...fresh, journal };
}

describe('the bytes that a call writes', () => {
  const CALLS = {
    'an update of a few fields': [
      { status: 'completed', result: 'ok' },
      (store, change) => store.updateProcess('p1', change),
    ],
    'an update with a long text': [
      { result: 'ünïcödé "quoted" \\ 🚀\n'.repeat(2_000) },
      (store, change) => store.updateProcess('p1', change),
    ],
    'a removed field': [{ fullPrompt: undefined }, (store, change) => store.updateProcess('p1', change)],
    'an update by a function': [
      { result: 'r'.repeat(5_000) },
      (store, change) => store.updateProcess('p1', () => change),
    ],
    'a new record': [
      storedEntry('new', { fullPrompt: 'x'.repeat(20_000), metadata: { type: 't', a: [1, 2, { b: null }] } }),
      (store, { process }) => store.addProcess({ ...process, startTime: new Date(process.startTime) }),
    ],
    'a removal': ['p1', (store, id) => store.removeProcess(id)],
  };

  test.each(Object.entries(CALLS))(
    'for %s are at most 1.2 times the JSON of the change, and 300, whatever the store and the record weigh',
    async (_, [change, call]) => {
      const { store, file, journal } = await begun(40, 40_000);
      const [before, size] = [sizeOf(journal), sizeOf(file)];
      const { mtimeNs } = statSync(file, { bigint: true });
      await call(store, change);
      const written = sizeOf(journal) - before;
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThanOrEqual(1.2 * Buffer.byteLength(JSON.stringify(change)) + 300);
      expect(sizeOf(file)).toBe(size);
      expect(statSync(file, { bigint: true }).mtimeNs).toBe(mtimeNs);
    },
  );

  test('are one append for calls that are made at once', async () => {
    const { store, journal } = await begun(5, 100);
    const before = readFileSync(journal, 'utf8');
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.updateProcess(`p${n % 5}`, { n })));
    const added = readFileSync(journal, 'utf8').slice(before.length);
    expect(added.match(/"sum":/g)).toHaveLength(1);
  });
});

describe.each([true, false])('with journal: %s, what changes nothing', (journal) => {
  test('writes nothing, and is told like any other', async () => {
    const { store, dir, workspacesFile } = freshStore({ journal });
    await store.addProcess(sample('a', { result: 'r', metadata: { type: 't', n: [1, { b: 2 }] } }));
    await store.addProcess(sample('b'));
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expect(sizeOf(workspacesFile)).toBeGreaterThan(0);
    const events = [];
    store.onProcessChange = (event) => events.push(event);
    const before = dataState(dir);
    await store.updateProcess('a', {
      result: 'r',
      error: undefined,
      metadata: { type: 't', n: [1, { b: 2 }] },
    });
    await store.updateProcess('a', () => ({ status: 'running' }));
    await store.updateProcess('a', {});
    await store.updateProcess('missing', { result: 'r' });
    await store.removeProcess('missing');
    expect(await store.clearProcesses({ status: 'failed' })).toBe(0);
    await store.updateWorkspace('w', { name: 'W' });
    expect(dataState(dir)).toEqual(before);
    expect(events.map(({ type, process }) => [type, process?.id])).toEqual([
      ['process-updated', 'a'],
      ['process-updated', 'a'],
      ['process-updated', 'a'],
      ['processes-cleared', undefined],
    ]);
  });
});

describe('a journal that has outgrown its file', () => {
  test('is put into it behind the calls, and stays bounded under load', { timeout: 120_000 }, async () => {
    const { store, file, journal } = await begun(20, 1_000);
    const reader = new FileProcessStore({ dataDir: join(file, '..'), journal: false });
    const inode = () => statSync(file, { bigint: true }).ino;
    const LEAST = 1024 * 1024;
    let [checkpoints, last, largest] = [0, inode(), 0];
    const look = () => {
      largest = Math.max(largest, sizeOf(journal));
      if (inode() !== last) [checkpoints, last] = [checkpoints + 1, inode()];
    };
    // So many bytes make several checkpoints, even where a disk has to do with others.
    for (let n = 0; checkpoints < 4; n += 1) {
      const result = String(n).padEnd(40_000, '.');
      await Promise.all([0, 1].map((k) => store.updateProcess(`p${(2 * n + k) % 20}`, { result })));
      look();
      if (n % 50 === 0) expect((await reader.getProcess(`p${(2 * n) % 20}`)).result).toBe(result);
    }
    expect(largest).toBeGreaterThan(LEAST);
    // What was appended during the last one is put into the file by the next.
    for (let n = 0; sizeOf(journal) > LEAST; n += 1) {
      await store.updateProcess('p0', { n });
      look();
    }
    expect(await reader.getAllProcesses()).toEqual(await store.getAllProcesses());
    expect(idsOf(JSON.parse(readThroughJournal(file)))).toEqual(idsOf(await store.getAllProcesses()));
    await store.close();
    expect(existsSync(journal)).toBe(false);
    expect(JSON.parse(readFileSync(file, 'utf8')).map(({ process }) => process.result.slice(0, 3))).toEqual(
      (await reader.getAllProcesses()).map(({ result }) => result.slice(0, 3)),
    );
  });
});
