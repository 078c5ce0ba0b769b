// Where a watch looks: a directory that isn't there yet, goes away or is another one, and files that come
// about in every way.

import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { sample, storedEntry, tempDir } from './support.mjs';

const isWindows = process.platform === 'win32';
const text = (...ids) =>
  JSON.stringify(
    ids.map((id) => storedEntry(id)),
    null,
    2,
  );

/** A store that watches `dir`, and what it hears, in short. */
async function watching(dir) {
  const store = new FileProcessStore({ dataDir: dir, watch: true });
  onTestFinished(() => store.close());
  const heard = [];
  store.onProcessChange = ({ type, process }) => heard.push(`${type.replace('process-', '')} ${process.id}`);
  await store.getProcessCount();
  return { store, heard, file: join(dir, 'processes.json') };
}

/** Resolves when exactly these have been heard, in any order; then it forgets them. */
async function hears(heard, ...expected) {
  await vi.waitFor(() => expect([...heard].sort()).toEqual([...expected].sort()), {
    timeout: 60_000,
    interval: 5,
  });
  heard.length = 0;
}

/** A store that works on `dir` without a watch. */
const worker = (dir) => new FileProcessStore({ dataDir: dir, durable: false });

describe('a data directory that is not there yet', () => {
  test('is watched as soon as another store has made it', async () => {
    const dir = join(tempDir(), 'data');
    const { heard } = await watching(dir);
    await worker(dir).addProcess(sample('a'));
    await hears(heard, 'added a');
    await worker(dir).updateProcess('a', { result: 'r' });
    await hears(heard, 'updated a');
  });

  test('may be several levels deep, each made by itself', async () => {
    const top = tempDir();
    const dir = join(top, 'one', 'two', 'three');
    const { heard } = await watching(dir);
    for (const path of [join(top, 'one'), join(top, 'one', 'two'), dir]) {
      mkdirSync(path);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await worker(dir).addProcess(sample('a'));
    await hears(heard, 'added a');
  });

  test('is not made by watching, nor is anything in it', async () => {
    const dir = join(tempDir(), 'data');
    const { store } = await watching(dir);
    await store.getAllProcesses();
    expect(() => statSync(dir)).toThrow(/ENOENT/);
  });

  test('may be made by the store that watches, whose own changes are not told again', async () => {
    const dir = join(tempDir(), 'one', 'two');
    const { store, heard } = await watching(dir);
    await store.addProcess(sample('mine'));
    await worker(dir).addProcess(sample('theirs'));
    await hears(heard, 'added mine', 'added theirs');
  });
});

describe('a data directory that goes away', () => {
  test('takes its records with it, and is watched again when it is made again', async () => {
    const dir = join(tempDir(), 'data');
    await worker(dir).addProcess(sample('a'));
    const { heard } = await watching(dir);
    for (const id of ['b', 'c', 'd']) {
      rmSync(dir, { recursive: true });
      await hears(heard, `removed ${id === 'b' ? 'a' : String.fromCharCode(id.charCodeAt(0) - 1)}`);
      await worker(dir).addProcess(sample(id));
      await hears(heard, `added ${id}`);
    }
  });

  test('may be made again at once, even under the number of the old one', async () => {
    const dir = join(tempDir(), 'data');
    mkdirSync(dir);
    const { heard, file } = await watching(dir);
    for (let i = 0; i < 60; i++) {
      writeFileSync(file, text(`p${i}`));
      await hears(heard, `added p${i}`);
      unlinkSync(file);
      await hears(heard, `removed p${i}`);
      // File systems give the number of what was just deleted to what is made next.
      rmdirSync(dir);
      mkdirSync(dir);
    }
  });

  test('may be moved, and another one moved into its place', async () => {
    const top = tempDir();
    const [dir, old, fresh] = ['data', 'old', 'fresh'].map((name) => join(top, name));
    await worker(dir).addProcess(sample('a'));
    await worker(fresh).addProcess(sample('b'));
    const { heard } = await watching(dir);
    renameSync(dir, old);
    renameSync(fresh, dir);
    await hears(heard, 'removed a', 'added b');
    await worker(old).addProcess(sample('elsewhere'));
    await worker(dir).addProcess(sample('c'));
    await hears(heard, 'added c');
  });
});

describe('a data file', () => {
  test('may come, be replaced by rename, be written in place and be deleted', async () => {
    const dir = tempDir();
    const { heard, file } = await watching(dir);
    writeFileSync(file, text('a'));
    await hears(heard, 'added a');
    writeFileSync(join(dir, 'other'), text('a', 'b'));
    renameSync(join(dir, 'other'), file);
    await hears(heard, 'added b');
    writeFileSync(file, readFileSync(file, 'utf8').replace('preview of a', 'PREVIEW OF A'));
    await hears(heard, 'updated a');
    unlinkSync(file);
    await hears(heard, 'removed a', 'removed b');
    renameSync(tempFile(dir, text('c')), file);
    await hears(heard, 'added c');
  });

  test('may be half written for a while: nothing is told until it is whole', async () => {
    const dir = tempDir();
    const { heard, file } = await watching(dir);
    writeFileSync(file, text('a', 'b'));
    await hears(heard, 'added a', 'added b');
    const whole = text('a', 'b', 'c');
    writeFileSync(file, whole.slice(0, -20));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toEqual([]);
    writeFileSync(file, whole);
    await hears(heard, 'added c');
  });

  test('that is damaged when the watch begins is compared once it is mended', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'processes.json'), '[');
    const store = new FileProcessStore({ dataDir: dir, watch: true });
    onTestFinished(() => store.close());
    const heard = [];
    store.onProcessChange = ({ type, process }) =>
      heard.push(`${type.replace('process-', '')} ${process.id}`);
    await store.flush();
    await store.getProcessCount().catch(() => {});
    writeFileSync(join(dir, 'processes.json'), text('a'));
    await vi.waitFor(async () => expect(await store.getProcessIds()).toEqual(['a']), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    heard.length = 0;
    await worker(dir).addProcess(sample('b'));
    await hears(heard, 'added b');
  });

  test('that is only touched tells of no change', async () => {
    const dir = tempDir();
    await worker(dir).addProcess(sample('a'));
    const { heard, file } = await watching(dir);
    utimesSync(file, new Date(), new Date());
    await worker(dir).addProcess(sample('b'));
    await hears(heard, 'added b');
  });

  test('with an id twice tells of the first one', async () => {
    const { heard, file } = await watching(tempDir());
    const twins = [
      storedEntry('a', { result: 'first' }),
      storedEntry('b'),
      storedEntry('a', { result: 'second' }),
    ];
    writeFileSync(file, JSON.stringify(twins));
    await hears(heard, 'added a', 'added b');
    twins[2].process.result = 'changed';
    writeFileSync(file, JSON.stringify([...twins, storedEntry('c')]));
    await hears(heard, 'added c');
  });
});

describe.skipIf(isWindows)('links', () => {
  test('a data file that is a link is watched where it leads to', async () => {
    const [dir, elsewhere] = [tempDir(), tempDir()];
    symlinkSync(join(elsewhere, 'processes.json'), join(dir, 'processes.json'));
    const { heard } = await watching(dir);
    await worker(elsewhere).addProcess(sample('a'));
    await hears(heard, 'added a');
    await worker(dir).addProcess(sample('b'));
    await hears(heard, 'added b');
  });
});

function tempFile(dir, content) {
  const path = join(dir, 'temporary');
  writeFileSync(path, content);
  return path;
}

describe('a place that becomes another one without a word of the system', () => {
  test.skipIf(isWindows)('is followed when the link to the directory is put elsewhere', async () => {
    const above = tempDir();
    for (const name of ['one', 'other']) {
      mkdirSync(join(above, name));
      writeFileSync(join(above, name, 'processes.json'), text(`in ${name}`));
    }
    symlinkSync('one', join(above, 'data'));
    const { heard } = await watching(join(above, 'data'));
    symlinkSync('other', join(above, 'next'));
    renameSync(join(above, 'next'), join(above, 'data'));
    await hears(heard, 'removed in one', 'added in other');
    await worker(join(above, 'other')).addProcess(sample('b'));
    await hears(heard, 'added b');
  });
});
