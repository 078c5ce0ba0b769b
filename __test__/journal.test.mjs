// The journal as callers and people see it: what it looks like, the checkpoint, and stores of each kind beside each other.
// The core's tests prove the same on a disk that fails and forgets.

import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { PlainStore } from './fixtures/plain-store.mjs';
import { readJournal, readThroughJournal } from './journal-reader.mjs';
import { freshStore, fullSample, idsOf, rejection, runNode, sample, tempDir, withStore } from './support.mjs';

/** A store with a journal, and one without that is told to do the same. */
function pair(options) {
  const one = freshStore({ journal: true, ...options });
  return { ...one, journal: `${one.file}.journal`, other: freshStore({ journal: false, ...options }) };
}

/** All kinds of changes, as calls. */
const CHANGES = [
  (store) => store.addProcess(fullSample('a')),
  (store) => store.addProcess(sample('b', { metadata: { type: 't', workspaceId: 'ws-1' } })),
  (store) => store.updateProcess('a', { status: 'failed', result: 'ünïcödé\n🚀', error: undefined }),
  (store) => store.addProcess(sample('c', { extra: [1e21, -0, { deep: [] }] })),
  (store) => store.updateProcess('b', (current) => ({ result: current.id, more: { 7: null } })),
  (store) => store.addProcess(sample('b', { fullPrompt: 'another' })),
  (store) => store.removeProcess('c'),
  (store) => Promise.all(['d', 'e', 'f'].map((id) => store.addProcess(sample(id)))),
  (store) => store.clearProcesses({ status: 'failed' }),
];

const linesOf = (journal) =>
  readFileSync(journal, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the journal', () => {
  test('is JSON Lines that name the file and say what has changed, with a checksum that ends each commit', async () => {
    const { store, file, journal } = pair();
    await store.addProcess(sample('a'));
    expect(existsSync(journal)).toBe(false);
    const base = readFileSync(file);
    await store.updateProcess('a', { status: 'completed', result: 'ü', error: undefined });
    await store.updateProcess('a', { result: undefined });
    await Promise.all([store.addProcess(sample('b')), store.removeProcess('a')]);
    const sum = expect.stringMatching(/^[0-9a-f]{16}$/);
    const { sum: _, ...put } = linesOf(journal)[3];
    expect(put).toEqual({ put: { workspaceId: '', process: JSON.parse(JSON.stringify(sample('b'))) } });
    expect(linesOf(journal)).toEqual([
      {
        journal: 1,
        name: sum,
        base: { size: base.length, hash: expect.stringMatching(/^[0-9a-f]{32}$/) },
        sum,
      },
      { set: 'a', fields: { status: 'completed', result: 'ü' }, gone: ['error'], sum },
      { set: 'a', fields: {}, gone: ['result'], sum },
      put,
      { remove: 'a', sum },
    ]);
    expect(readFileSync(journal, 'utf8')).toMatch(/\n$/);
    // The other reader compares the checksums.
    expect(readJournal(readFileSync(journal), { data: base }).groups).toHaveLength(3);
    expect(readFileSync(file)).toEqual(base);
  });

  test('can be followed by another reader, after each kind of change', async () => {
    const { store, file, other } = pair();
    for (const change of CHANGES) {
      await change(store);
      await change(other.store);
      expect(readThroughJournal(file)).toBe(readFileSync(other.file, 'utf8'));
    }
  });

  test('makes no difference for reads, events, pruning and what calls resolve to', async () => {
    const { store, other } = pair({ maxProcesses: 3 });
    const hear = (from) => {
      const heard = [];
      from.onProcessChange = (event) => heard.push(event);
      from.onPrune = (entries) => heard.push({ pruned: entries });
      return heard;
    };
    const [heard, expected] = [hear(store), hear(other.store)];
    for (const change of CHANGES) {
      expect(await change(store)).toEqual(await change(other.store));
      expect(await store.getAllProcesses()).toEqual(await other.store.getAllProcesses());
    }
    for (let n = 0; n < 6; n += 1) {
      const done = sample(`p${n}`, { status: 'completed' });
      await Promise.all([store.addProcess(done), other.store.addProcess(done)]);
    }
    expect(heard).toEqual(expected);
    expect(heard.filter(({ pruned }) => pruned).length).toBeGreaterThan(2);
    expect(idsOf(await store.getAllProcesses())).toEqual(idsOf(await other.store.getAllProcesses()));
  });

  test('is of the processes alone: a registry is replaced as a whole, as it is small', async () => {
    const { store, dir, workspacesFile } = pair();
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    await store.updateWorkspace('w', { name: 'V' });
    expect(JSON.parse(readFileSync(workspacesFile, 'utf8'))[0].name).toBe('V');
    expect(existsSync(join(dir, 'workspaces.json.journal'))).toBe(false);
  });
});

describe('a checkpoint', () => {
  test.each(['checkpoint', 'close'])(
    'by %s() makes the file that there would be without a journal',
    async (method) => {
      const { store, file, journal, other } = pair();
      for (const change of CHANGES) {
        await change(store);
        await change(other.store);
      }
      expect(existsSync(journal)).toBe(true);
      await store[method]();
      expect(readFileSync(file, 'utf8')).toBe(readFileSync(other.file, 'utf8'));
      expect(existsSync(journal)).toBe(false);
    },
  );

  test('comes after the calls that were made before it, and before those that are made later', async () => {
    const { store, file, journal } = pair();
    await store.addProcess(sample('a'));
    const calls = [store.addProcess(sample('b')), store.updateProcess('a', () => ({ result: 'r' }))];
    await store.checkpoint();
    expect(existsSync(journal)).toBe(false);
    expect(JSON.parse(readFileSync(file, 'utf8')).map(({ process }) => process.result)).toEqual([
      'r',
      undefined,
    ]);
    await Promise.all(calls);
    await store.addProcess(sample('c'));
    expect(linesOf(journal)).toHaveLength(2);
  });

  test('where there is no journal writes nothing', async () => {
    for (const { store, file } of [freshStore({ journal: true }), freshStore({ journal: false })]) {
      await store.checkpoint();
      expect(existsSync(file)).toBe(false);
      await store.addProcess(sample('a'));
      const text = readFileSync(file, 'utf8');
      await store.checkpoint();
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });

  test('can be made by a store without the option, and is refused by one that is closed', async () => {
    const { store, file, journal, dir } = pair();
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    const other = new FileProcessStore({ dataDir: dir, journal: false });
    await other.checkpoint();
    expect(existsSync(journal)).toBe(false);
    expect(idsOf(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['a', 'b']);
    await other.close();
    expect(await rejection(other.checkpoint())).toMatchObject({ code: 'ERR_STORE_CLOSED' });
  });

  test('is not made by a store that just ends: leaving without close() costs nothing', async () => {
    const dir = tempDir();
    const source = withStore(`await store.addProcess(sample('a')); await store.addProcess(sample('b'));`);
    const journaled = source.replace('dataDir: args[0] }', 'dataDir: args[0], journal: true }');
    expect(await runNode(journaled, [dir])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(dir, 'processes.json.journal'))).toBe(true);
    const store = new FileProcessStore({ dataDir: dir, journal: false });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });
});

describe('stores beside each other', () => {
  test('without the option see all, and make a checkpoint when they write', async () => {
    const { store, file, journal, dir } = pair();
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    const other = new FileProcessStore({ dataDir: dir, journal: false });
    expect(idsOf(await other.getAllProcesses())).toEqual(['a', 'b']);
    expect(existsSync(journal)).toBe(true);
    await other.updateProcess('a', { result: 'r' });
    expect(existsSync(journal)).toBe(false);
    const entries = JSON.parse(readFileSync(file, 'utf8'));
    expect(idsOf(entries)).toEqual(['a', 'b']);
    expect((await store.getProcess('a')).result).toBe('r');
    await store.removeProcess('a');
    expect(idsOf(await other.getAllProcesses())).toEqual(['b']);
  });

  test('a plain store sees the last checkpoint, and what it writes then stays beside the journal', async () => {
    const { store, dir, journal } = pair();
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    const plain = new PlainStore({ dataDir: dir });
    expect(idsOf(await plain.getAllProcesses())).toEqual(['a']);
    await store.checkpoint();
    expect(idsOf(await plain.getAllProcesses())).toEqual(['a', 'b']);

    await store.updateProcess('a', { result: 'of the journal' });
    await plain.updateProcess('b', { result: 'of the plain store' });
    await plain.addProcess(sample('c'));
    const resultsOf = async () => (await store.getAllProcesses()).map(({ id, result }) => [id, result]);
    const expected = [
      ['a', 'of the journal'],
      ['b', 'of the plain store'],
      ['c', undefined],
    ];
    expect(await resultsOf()).toEqual(expected);
    await store.updateProcess('c', { status: 'completed' });
    expect(existsSync(journal)).toBe(false);
    expect(await resultsOf()).toEqual(expected);
  });

  const EDITS = {
    'in place': writeFileSync,
    'by a rename': (file, text) => {
      writeFileSync(`${file}.edited`, text);
      renameSync(`${file}.edited`, file);
    },
  };

  test.each(Object.entries(EDITS))(
    'an editor that saves %s between two writes changes all records that the journal has not touched',
    async (_, save) => {
      const { store, file, dir } = pair();
      const other = new FileProcessStore({ dataDir: dir, journal: false });
      for (const id of ['a', 'b', 'c', 'd']) await store.addProcess(sample(id));
      await store.checkpoint();
      for (let round = 0; round < 10; round += 1) {
        await store.updateProcess('a', { result: `journal ${round}` });
        await store.removeProcess('d');
        const entries = JSON.parse(readFileSync(file, 'utf8'));
        for (const { process } of entries) process.result = `edited ${round}`;
        save(file, JSON.stringify(entries));
        const expected = [`journal ${round}`, `edited ${round}`, `edited ${round}`];
        const results = async (from) => (await from.getAllProcesses()).map(({ result }) => result);
        expect(await results(other)).toEqual(expected);
        expect(await results(store)).toEqual(expected);
        await store.addProcess(sample('d'));
        expect(await results(other)).toEqual([...expected, undefined]);
      }
    },
  );

  test('a copy of the directory is whole, whatever its inodes and times', async () => {
    const { store, dir, file } = pair();
    for (const change of CHANGES) await change(store);
    const copy = join(dirname(dir), `${dir}-copy`);
    cpSync(dir, copy, { recursive: true });
    const copied = new FileProcessStore({ dataDir: copy, journal: true });
    expect(await copied.getAllProcesses()).toEqual(await store.getAllProcesses());
    await copied.addProcess(sample('new'));
    await copied.close();
    await store.addProcess(sample('new'));
    await store.close();
    expect(readFileSync(join(copy, 'processes.json'), 'utf8')).toBe(readFileSync(file, 'utf8'));
  });
});

describe('the option', () => {
  test.each([null, 1, 'true', {}])('is refused as %j at once', (journal) => {
    const make = () => new FileProcessStore({ dataDir: '/nowhere', journal });
    expect(make).toThrow(TypeError);
    expect(make).toThrow('options.journal');
  });

  test('shows in the console', () => {
    const { store, dir } = pair();
    expect(String(store)).toBe(
      `FileProcessStore { dataDir: ${inspect(dir)}, maxProcesses: 500, journal: true, processes: 0 }`,
    );
  });

  test('shows in the log that NODE_DEBUG asks for', async () => {
    const source = withStore(`await store.addProcess(sample('a')); await store.addProcess(sample('b'));`);
    const journaled = source.replace('dataDir: args[0] }', 'dataDir: args[0], journal: true }');
    const { stderr } = await runNode(journaled, [tempDir()], { env: { NODE_DEBUG: 'file-process-store' } });
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/processes\.json: 1 operations, \d+ bytes in /),
      expect.stringMatching(/processes\.json: 1 operations, \d+ bytes appended to the journal in /),
    ]);
  });

  test('shows in the storage stats, with the size of the journal', async () => {
    const { store, file, journal } = pair();
    await store.addProcess(sample('a'));
    expect(await store.getStorageStats()).not.toHaveProperty('journalSize');
    await store.addProcess(sample('b'));
    const [size, journalSize] = [file, journal].map((path) => readFileSync(path).length);
    expect(await store.getStorageStats()).toEqual({
      totalProcesses: 2,
      totalWorkspaces: 0,
      totalWikis: 0,
      storageSize: size + journalSize,
      journalSize,
    });
  });
});
