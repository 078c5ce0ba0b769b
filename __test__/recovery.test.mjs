// recover(): a copy of the damaged file first, then every record that is still whole, and a report of the rest.

import { mkdirSync, readFileSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import {
  dataState,
  freshStore,
  fullSample,
  idsOf,
  readEntries,
  rejection,
  runNode,
  sample,
  storedEntry,
  tempDir,
  withStore,
} from './support.mjs';

const workspace = (id, fields = {}) => ({ id, name: `name of ${id}`, rootPath: `/${id}`, ...fields });
const wiki = (id) => ({ id, name: id, wikiDir: `/${id}`, aiEnabled: true, registeredAt: '2024-05-01' });

/** A store with `a`, `b` and `c` in each of its files. */
async function filledStore() {
  const { store, dir } = freshStore();
  for (const id of ['a', 'b', 'c']) {
    await store.addProcess(fullSample(id));
    await store.registerWorkspace(workspace(id, { tags: [{ id: `tag of ${id}` }], more: { id } }));
    await store.registerWiki(wiki(id));
  }
  // What is damaged by hand is the file.
  await store.checkpoint();
  const files = ['processes', 'workspaces', 'wikis'].map((name) => join(dir, `${name}.json`));
  return { store, dir, files };
}

/** Rewrites a file; the line (from 1) of a text in it, as it is then. */
function damage(file, change) {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  const damaged = readFileSync(file);
  const lineOf = (text) => damaged.toString().split(text)[0].split('\n').length;
  return { damaged, lineOf };
}

/** What cuts a piece out of the record of this id: from the middle of it to its end. */
const withoutEndOf = (id) => (text) => {
  const begin = text.indexOf(`"id": "${id}"`);
  const end = text.indexOf('\n  }', begin);
  return text.slice(0, (begin + end) >> 1) + text.slice(end + '\n  }'.length);
};
const cutInTheEndOf = (id) => (text) => text.slice(0, text.indexOf(`"id": "${id}"`) + 40);

/** What was lost, as line, column and length find it in the copy. */
function lostText(copy, { line, column, bytes }) {
  let begin = column - 1;
  for (let at = 0, passed = 1; passed < line; passed += 1) {
    const next = copy.indexOf('\n', at) + 1;
    begin += next - at;
    at = next;
  }
  return copy.toString('utf8', begin, begin + bytes);
}

const copiesIn = (dir) => readdirSync(dir).filter((name) => name.includes('.corrupt-'));

describe('recover', () => {
  test('mends files that were cut at the end and in the middle, and says what it kept and what not', async () => {
    const { store, dir, files } = await filledStore();
    const middle = damage(files[0], withoutEndOf('b'));
    const end = damage(files[1], cutInTheEndOf('c'));
    const [processes, workspaces, wikis] = await store.recover();

    expect(processes).toMatchObject({ path: files[0], kept: 2, backup: expect.any(String) });
    expect(workspaces).toMatchObject({ path: files[1], kept: 2, backup: expect.any(String) });
    expect(wikis).toStrictEqual({ path: files[2], kept: 3, lost: [] });
    // A record begins with its brace: three lines above the id of an entry, one above that of a workspace.
    const lost = { column: 3, bytes: expect.any(Number), expected: expect.stringContaining('expected') };
    expect(processes.lost).toEqual([{ ...lost, line: middle.lineOf('"id": "b"') - 3 }]);
    expect(workspaces.lost).toEqual([{ ...lost, line: end.lineOf('"id": "c"') - 1 }]);

    expect(readFileSync(processes.backup)).toEqual(middle.damaged);
    expect(readFileSync(workspaces.backup)).toEqual(end.damaged);
    expect(copiesIn(dir)).toHaveLength(2);
    for (const reader of [store, new FileProcessStore({ dataDir: dir })]) {
      expect(await reader.getAllProcesses()).toEqual([fullSample('a'), fullSample('c')]);
      expect(idsOf(await reader.getWorkspaces())).toEqual(['a', 'b']);
      expect(idsOf(await reader.getWikis())).toEqual(['a', 'b', 'c']);
    }
  });

  test.each([0, 1, 2])(
    'keeps the very bytes of what is whole, and tells where the rest is: file %i',
    async (index) => {
      const { store, files } = await filledStore();
      const whole = readFileSync(files[index], 'utf8');
      damage(files[index], withoutEndOf('b'));
      const report = (await store.recover())[index];
      const records = whole.slice('[\n  '.length, -'\n]'.length).split(',\n  {');
      expect(readFileSync(files[index], 'utf8')).toBe(`[\n  ${records[0]},\n  {${records[2]}\n]`);
      const part = lostText(readFileSync(report.backup), report.lost[0]);
      expect(part).toMatch(/^\{[^]*"id": "b"/);
      expect(`{${records[1]}`.startsWith(part)).toBe(true);
    },
  );

  test('does nothing where nothing is damaged or nothing is there, and makes no directory', async () => {
    const { store, dir, files } = await filledStore();
    const before = dataState(dir);
    const whole = files.map((path) => ({ path, kept: 3, lost: [] }));
    expect(await store.recover()).toStrictEqual(whole);
    expect(dataState(dir)).toEqual(before);
    const missing = new FileProcessStore({ dataDir: join(dir, 'missing') });
    expect((await missing.recover()).map(({ kept, lost }) => [kept, lost])).toEqual(Array(3).fill([0, []]));
    expect(readdirSync(dir)).not.toContain('missing');
  });

  test.each([
    ['an empty file', '', []],
    ['NULs', '\0'.repeat(4096), ['1:1 4096']],
    ['something else', 'no store has written this', ['1:1 25']],
    ['an array without its end', '[', []],
  ])('makes an empty store of %s, which is kept aside', async (_, content, lost) => {
    const { store, file } = freshStore();
    writeFileSync(file, content);
    const [report] = await store.recover();
    expect(report).toMatchObject({ path: file, kept: 0 });
    expect(report.lost.map(({ line, column, bytes }) => `${line}:${column} ${bytes}`)).toEqual(lost);
    expect(readFileSync(report.backup, 'utf8')).toBe(content);
    expect(readFileSync(file, 'utf8')).toBe('[]');
    await store.addProcess(sample('a'));
    expect(await store.getProcessIds()).toEqual(['a']);
  });

  test('loses nothing where only what stands around the records is damaged', async () => {
    const { store, file } = freshStore();
    const entries = ['a', 'b'].map((id) => JSON.stringify(storedEntry(id)));
    for (const text of [`[${entries}`, `${entries}]`, entries.join('\n'), `[${entries},]`, `[${entries}]]`]) {
      writeFileSync(file, text);
      const [report] = await store.recover();
      expect(report, text).toMatchObject({ kept: 2, lost: [], backup: expect.any(String) });
      expect(await store.getProcessIds()).toEqual(['a', 'b']);
    }
  });
});

describe('what a damaged record holds', () => {
  test('are no workspaces, though parts of it have ids', async () => {
    const { store, files } = await filledStore();
    for (const odd of ['"name": "name\n', '"rootPath": /', '"more": {{']) {
      const [key] = odd.split(': ');
      const whole = readFileSync(files[1], 'utf8');
      writeFileSync(
        files[1],
        whole.replace(/"id": "b"[^]*?"c"/, (b) => b.replace(RegExp(`${key}: .`), odd)),
      );
      const [, { kept, lost }] = await store.recover();
      expect([kept, lost.length], odd).toEqual([2, 1]);
      expect(idsOf(await store.getWorkspaces()), odd).toEqual(['a', 'c']);
      writeFileSync(files[1], whole);
    }
  });

  test('are no processes, though the output of a tool quotes them', async () => {
    const { store, file } = freshStore();
    const quoted = ['a', 'old'].map((id) => storedEntry(id, { result: 'of another day' }));
    const turn = { role: 'assistant', content: '', timestamp: new Date(0), turnIndex: 0, toolCalls: quoted };
    await store.addProcess(sample('b', { conversationTurns: [turn], extra: quoted }));
    await store.addProcess(sample('a', { result: 'of today' }));
    damage(file, (text) => text.replace('preview of b', 'preview\nof b'));
    const [{ kept, lost }] = await store.recover();
    expect([kept, lost.length]).toEqual([1, 1]);
    expect(await store.getAllProcesses()).toEqual([sample('a', { result: 'of today' })]);
  });
});

describe('copies', () => {
  test('have names of their own: none is overwritten, however fast one follows another', async () => {
    const { store, dir, file } = freshStore();
    const contents = Array.from({ length: 8 }, (_, index) => `[damage ${index}`);
    const backups = [];
    for (const content of contents) {
      writeFileSync(file, content);
      backups.push((await store.recover())[0].backup);
    }
    expect(backups.map((path) => readFileSync(path, 'utf8'))).toEqual(contents);
    for (const name of copiesIn(dir)) expect(name).toMatch(/^processes\.json\.corrupt-\d{8}T\d{9}Z$/);
    expect(new Set(backups).size).toBe(8);
  });

  test('are one, if several processes recover at the same time, and nothing is lost meanwhile', async () => {
    const { store, dir, files } = await filledStore();
    damage(files[0], withoutEndOf('b'));
    const body = `
      const [{ kept, lost, backup }] = await store.recover();
      await store.addProcess(sample(args[1]));
      console.log(kept, lost.length, typeof backup);`;
    const outcomes = await Promise.all(['x', 'y', 'z'].map((id) => runNode(withStore(body), [dir, id])));
    for (const { code, stderr } of outcomes) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const mended = outcomes.filter(({ stdout }) => stdout === '2 1 string\n');
    const found = outcomes.filter(({ stdout }) => /^[2-4] 0 undefined\n$/.test(stdout));
    expect([mended.length, found.length]).toEqual([1, 2]);
    expect(copiesIn(dir)).toHaveLength(1);
    expect((await store.getProcessIds()).sort()).toEqual(['a', 'c', 'x', 'y', 'z']);
  });

  test.skipIf(process.platform === 'win32')('stand beside the file that a link leads to', async () => {
    const { store, dir, file } = freshStore();
    const elsewhere = tempDir();
    writeFileSync(join(elsewhere, 'all.json'), '[');
    symlinkSync(join(elsewhere, 'all.json'), file);
    const [{ path, backup }] = await store.recover();
    expect(path).toBe(join(elsewhere, 'all.json'));
    expect(copiesIn(elsewhere).map((name) => join(elsewhere, name))).toEqual([backup]);
    expect(copiesIn(dir)).toEqual([]);
    expect(readEntries(file)).toEqual([]);
  });
});

describe('around a recovery', () => {
  test('calls before it are refused and those behind it work; only a store that watches hears of it', async () => {
    const { store, dir, files } = await filledStore();
    const watched = new FileProcessStore({ dataDir: dir, watch: true });
    onTestFinished(() => watched.close());
    await watched.getProcessCount();
    const heard = { store: [], watched: [] };
    for (const [name, listener] of Object.entries({ store, watched })) {
      listener.onProcessChange = ({ type, process }) => heard[name].push(`${type} ${process.id}`);
    }
    damage(files[0], withoutEndOf('b'));
    expect(await rejection(store.addProcess(sample('d')))).toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    await store.recover();
    await vi.waitFor(() => expect(heard.watched).toEqual(['process-removed b']), 60_000);
    await store.addProcess(sample('d'));
    await vi.waitFor(() => expect(heard.watched).toHaveLength(2), 60_000);
    expect(heard).toEqual({ store: ['process-added d'], watched: ['process-removed b', 'process-added d'] });
  });

  test('where one file can not be mended it rejects, and the others are mended', async () => {
    const { store, dir, workspacesFile } = freshStore();
    mkdirSync(workspacesFile);
    writeFileSync(join(dir, 'wikis.json'), `[${JSON.stringify(wiki('k'))}`);
    const error = await rejection(store.recover());
    expect(error).toMatchObject({ code: 'ERR_STORE_CORRUPT', path: workspacesFile });
    expect(readEntries(join(dir, 'wikis.json'))).toEqual([wiki('k')]);
    rmdirSync(workspacesFile);
    expect((await store.recover()).map(({ kept }) => kept)).toEqual([0, 0, 1]);
  });

  test('flush and close wait for it', async () => {
    const { store, dir, files } = await filledStore();
    for (const file of files) damage(file, withoutEndOf('b'));
    const recovered = store.recover();
    await store.close();
    for (const file of files) expect(readEntries(file)).toHaveLength(2);
    expect(copiesIn(dir)).toHaveLength(3);
    expect((await recovered).map(({ kept }) => kept)).toEqual([2, 2, 2]);
  });
});
