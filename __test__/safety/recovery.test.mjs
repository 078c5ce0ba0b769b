// Recovery, which is an explicit call: it keeps a copy of the damaged file and every record that is still whole, and says
// what it could not keep. That it survives faults and power loss of its own is in the core's tests.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import {
  dataState,
  freshStore,
  fullSample,
  idsOf,
  readEntries,
  rejection,
  runNode,
  sample,
  tempDir,
  withStore,
} from '../support.mjs';

const isWindows = process.platform === 'win32';
const entry = (id) => ({ workspaceId: 'w', process: JSON.parse(JSON.stringify(fullSample(id))) });
const item = (id) => ({ id, name: `name of ${id}`, list: [1, { deep: null }] });

/** The store's three files: their place in the reports, four records for each, and how to read and add. */
const FILES = [
  {
    name: 'processes.json',
    place: 0,
    records: ['a', 'b', 'c', 'd'].map(entry),
    read: (store) => store.getAllProcesses(),
    add: (store) => store.addProcess(sample('new')),
  },
  {
    name: 'workspaces.json',
    place: 1,
    records: ['a', 'b', 'c', 'd'].map(item),
    read: (store) => store.getWorkspaces(),
    add: (store) => store.registerWorkspace({ id: 'new', name: 'New', rootPath: '/' }),
  },
  {
    name: 'wikis.json',
    place: 2,
    records: ['a', 'b', 'c', 'd'].map(item),
    read: (store) => store.getWikis(),
    add: (store) =>
      store.registerWiki({ id: 'new', name: 'New', wikiDir: '/', aiEnabled: true, registeredAt: '' }),
  },
];

const textOf = (records) => JSON.stringify(records, null, 2);
const copiesIn = (dir) => readdirSync(dir).filter((name) => name.includes('.corrupt-'));

/** Line and column, counted from 1, at an offset in bytes. */
function placeOf(text, offset) {
  const before = Buffer.from(text).subarray(0, offset).toString('latin1').split('\n');
  return { line: before.length, column: before.at(-1).length + 1 };
}

/** Damages a file and recovers it; returns the report of this file, the damaged text, and what there is then. */
async function recover({ name, place, read, add }, damaged, before = []) {
  const { store, dir } = freshStore();
  const file = join(dir, name);
  for (const other of before) writeFileSync(join(dir, other.name), textOf(other.records));
  writeFileSync(file, damaged);
  expect((await rejection(read(store))).code).toBe('ERR_STORE_CORRUPT');
  expect((await rejection(add(store))).code).toBe('ERR_STORE_CORRUPT');
  const reports = await store.recover();
  expect(reports).toHaveLength(3);
  const report = reports[place];
  expect(report.path).toBe(file);
  expect(dirname(report.backup)).toBe(dir);
  expect(report.backup.slice(file.length)).toMatch(/^\.corrupt-\d{8}T\d{9}Z$/);
  expect(readFileSync(report.backup).equals(Buffer.from(damaged))).toBe(true);
  expect(copiesIn(dir)).toHaveLength(1);
  const kept = readEntries(file);
  expect(readFileSync(file, 'utf8')).toBe(textOf(kept));
  expect(report.kept).toBe(kept.length);
  // It works again, for the same store too.
  await add(store);
  expect(idsOf(await read(store))).toEqual([...idsOf(kept), 'new']);
  return { dir, reports, report, kept };
}

describe.each(FILES)('$name', (file) => {
  const { name, place, records } = file;
  const text = textOf(records);
  const startOf = (n) => text.indexOf(textOf([records[n]]).slice('[\n  '.length, -'\n]'.length));

  test('that was cut at its end keeps all records but the last', async () => {
    const start = startOf(3);
    const cut = text.slice(0, start + 50);
    const { report, kept } = await recover(file, cut);
    expect(kept).toEqual(records.slice(0, 3));
    expect(report.lost).toHaveLength(1);
    const [{ expected, bytes, ...at }] = report.lost;
    expect(at).toEqual(placeOf(cut, Buffer.byteLength(cut.slice(0, start))));
    expect(bytes).toBe(50);
    expect(expected).toMatch(/^expected /);
  });

  test('of which a piece in the middle is gone keeps the records before and behind it', async () => {
    const [from, to] = [startOf(1) + 30, startOf(2) + 12];
    const cut = text.slice(0, from) + text.slice(to);
    const { report, kept } = await recover(file, cut);
    expect(kept).toEqual([records[0], records[3]]);
    expect(report.lost).toHaveLength(1);
    const [{ line, column, bytes }] = report.lost;
    const start = Buffer.byteLength(cut.slice(0, startOf(1)));
    expect({ line, column }).toEqual(placeOf(cut, start));
    const end = Buffer.from(cut).subarray(start + bytes);
    expect(end.toString().replace(/^[\s,]+/, '')).toBe(text.slice(startOf(3)));
  });

  test('of which a block is full of NULs keeps every record that the block has not touched', async () => {
    const bytes = Buffer.from(text);
    const start = Buffer.byteLength(text.slice(0, startOf(2)));
    bytes.fill(0, start - 20, start + 20);
    const { report, kept } = await recover(file, bytes);
    expect(kept).toEqual([records[0], records[3]]);
    expect(report.lost.length).toBeGreaterThan(0);
  });

  test('in which nothing is whole becomes an empty one', async () => {
    for (const nothing of ['', '\0'.repeat(4096), '{"a":', '<<<<<<< ours\n=======\n>>>>>>> theirs\n']) {
      const { report, kept } = await recover(file, nothing);
      expect(kept).toEqual([]);
      const lost = report.lost.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(lost).toBe(nothing.trimEnd().length);
    }
  });

  test('is recovered without a change of the other files', async () => {
    const others = FILES.filter((other) => other !== file);
    const { dir, reports } = await recover(file, text.slice(0, -3), others);
    for (const other of others) {
      expect(reports[other.place]).toEqual({ path: join(dir, other.name), kept: 4, lost: [] });
      expect(readFileSync(join(dir, other.name), 'utf8')).toBe(textOf(other.records));
    }
    expect(reports[place].kept).toBe(3);
  });
});

test('files that are whole, or not there, are left alone, and no directory is made', async () => {
  const { store, dir, file } = freshStore();
  writeFileSync(file, `\n${JSON.stringify(FILES[0].records)}  `);
  const before = dataState(dir);
  const [processes, ...others] = await store.recover();
  expect(processes).toEqual({ path: file, kept: 4, lost: [] });
  for (const report of others) expect(report).toMatchObject({ kept: 0, lost: [] });
  expect(dataState(dir)).toEqual(before);
  const missing = join(tempDir(), 'missing');
  expect(await new FileProcessStore({ dataDir: missing }).recover()).toHaveLength(3);
  expect(existsSync(missing)).toBe(false);
});

test('every recovery has a copy of its own, and overwrites no older one', async () => {
  const { store, dir, file } = freshStore({ durable: false });
  const copies = new Map();
  for (let round = 0; round < 50; round += 1) {
    const damaged = `${textOf([entry('a')]).slice(0, -1)} ${round}`;
    writeFileSync(file, damaged);
    const [{ backup, kept }] = await store.recover();
    expect(kept).toBe(1);
    copies.set(backup, damaged);
  }
  expect(copies.size).toBe(50);
  expect(copiesIn(dir)).toHaveLength(50);
  for (const [backup, damaged] of copies) expect(readFileSync(backup, 'utf8')).toBe(damaged);
});

test('of four processes that recover one file at once, one does it and loses nothing of the others', async () => {
  const { dir, file } = freshStore();
  const damaged = textOf(FILES[0].records).slice(0, -20);
  for (let round = 0; round < 3; round += 1) {
    rmSync(`${file}.journal`, { force: true });
    writeFileSync(file, damaged);
    const source = `
      const [{ backup }] = await store.recover();
      await store.addProcess(sample(args[1]));
      console.log(backup ? 1 : 0);`;
    const runs = await Promise.all([1, 2, 3, 4].map((n) => runNode(withStore(source), [dir, `new ${n}`])));
    expect(runs.map(({ stdout }) => stdout.trim()).sort()).toEqual(['0', '0', '0', '1']);
    expect(copiesIn(dir)).toHaveLength(round + 1);
    const ids = idsOf(readEntries(file));
    expect(ids.slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(ids.slice(3).sort()).toEqual(['new 1', 'new 2', 'new 3', 'new 4']);
  }
});

test('mutations before a recovery are refused, and those after it work', async () => {
  const { store, file } = freshStore();
  writeFileSync(file, textOf(FILES[0].records).slice(0, -20));
  expect((await rejection(store.addProcess(sample('early')))).code).toBe('ERR_STORE_CORRUPT');
  await store.recover();
  await store.addProcess(sample('late'));
  expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'c', 'late']);
});

describe.skipIf(isWindows)('on Unix', () => {
  test('the mode is kept, and the copy has the same', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, textOf([entry('a')]).slice(0, -1));
    chmodSync(file, 0o640);
    const [{ backup }] = await store.recover();
    for (const path of [file, backup]) expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test('a file that is a link keeps its link, and copy and mended file lie where it leads', async () => {
    const { store, dir, file } = freshStore();
    const there = join(dir, 'there');
    mkdirSync(there);
    symlinkSync(join('there', 'all.json'), file);
    const damaged = textOf([entry('a')]).slice(0, -1);
    writeFileSync(file, damaged);
    const [{ path, backup, kept }] = await store.recover();
    expect([path, dirname(backup), kept]).toEqual([join(there, 'all.json'), there, 1]);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(backup, 'utf8')).toBe(damaged);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });
});
