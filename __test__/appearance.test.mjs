// What people see of the store: in the console, in an error, in the log.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatWithOptions, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { isJournaled } from './mode.mjs';
import { freshStore, rejection, runNode, sample, tempDir, withStore } from './support.mjs';

// With a journal they show that, too: see journal.test.mjs.
describe.skipIf(isJournaled)('a store in the console', () => {
  test('shows its directory, its cap and the number of records in the last snapshot, on one line', async () => {
    const { store, dir } = freshStore({ maxProcesses: 7 });
    const line = (processes) =>
      `FileProcessStore { dataDir: ${inspect(dir)}, maxProcesses: 7, processes: ${processes} }`;
    expect(String(store)).toBe(line(0));
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    expect(String(store)).toBe(line(2));
    expect(inspect(store, { breakLength: Infinity })).toBe(line(2));
    expect(formatWithOptions({ breakLength: Infinity }, '%O', store)).toContain('processes: 2');
  });

  test('reads nothing for that: the number is the one of the last snapshot', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const other = new FileProcessStore({ dataDir: join(dir, '.') });
    expect(String(other)).toBe(String(store));
    const dataDir = join(dir, 'missing');
    expect(String(new FileProcessStore({ dataDir }))).toContain('processes: 0');
  });

  test('shows no internals, nested in other objects and with everything shown neither', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a'));
    const shown = inspect({ deep: { deeper: store } }, { depth: 9, showHidden: true, breakLength: Infinity });
    expect(shown).toBe(
      `{ deep: { deeper: FileProcessStore { dataDir: ${inspect(dir)}, maxProcesses: 500, processes: 1 } } }`,
    );
    expect(JSON.stringify(store)).toBe('{}');
    expect(Object.keys(store)).toEqual([]);
  });

  test('a subclass shows its own name, and a closed store that it is closed', async () => {
    class Ours extends FileProcessStore {}
    const dir = tempDir();
    const store = new Ours({ dataDir: dir, maxProcesses: Infinity });
    await store.close();
    expect(String(store)).toBe(`Ours { dataDir: ${inspect(dir)}, maxProcesses: Infinity, closed: true }`);
  });
});

describe('an error in the console shows its code, and the path that it is about', () => {
  /** What is printed of an error that nobody catches. */
  const shownOf = async (promise) => inspect(await rejection(promise));

  test('of a damaged file', async () => {
    const { store, file } = freshStore();
    writeFileSync(file, '[\n  {');
    const shown = await shownOf(store.getAllProcesses());
    expect(shown).toContain("code: 'ERR_STORE_CORRUPT'");
    expect(shown).toContain(`path: ${inspect(file)}`);
    expect(shown).toContain(`${file} is damaged at line 2, column 4`);
    expect(shown).toContain('line: 2');
  });

  test('of a data file that is a directory', async () => {
    const { store, file } = freshStore();
    mkdirSync(file);
    const shown = await shownOf(store.addProcess(sample('a')));
    expect(shown).toContain("code: 'ERR_STORE_CORRUPT'");
    expect(shown).toContain(`path: ${inspect(file)}`);
  });

  test('of what the system refuses', async () => {
    const dir = tempDir();
    const dataDir = join(dir, 'file', 'below');
    writeFileSync(join(dir, 'file'), '');
    const shown = await shownOf(new FileProcessStore({ dataDir }).addProcess(sample('a')));
    expect(shown).toMatch(/code: 'E[A-Z]+'/);
    expect(shown).toMatch(/errno: -\d+/);
    expect(shown).toMatch(/syscall: '[a-z]+'/);
    expect(shown).toContain(`path: ${inspect(dir).slice(0, -1)}`);
    expect(shown).toMatch(/^Error: E[A-Z]+: .+, [a-z]+ '.+'/);
  });

  test('of an argument, and of a closed store', async () => {
    const { store } = freshStore();
    expect(await shownOf(store.addProcess({ id: 1 }))).toContain("code: 'ERR_INVALID_ARG_TYPE'");
    expect(await shownOf(store.addProcess(sample('')))).toContain("code: 'ERR_INVALID_ARG_VALUE'");
    await store.close();
    expect(await shownOf(store.getWorkspaces())).toContain("code: 'ERR_STORE_CLOSED'");
  });
});

describe.skipIf(isJournaled)('NODE_DEBUG=file-process-store', () => {
  const SOURCE = withStore(`
    await Promise.all([store.addProcess(sample('a')), store.addProcess(sample('a secret'))]);
    await store.updateProcess('a', (current) => ({ result: current.id + ' secret' }));
    await store.updateProcess('missing', {});
    await store.registerWorkspace({ id: 'w', name: 'a secret', rootPath: '/' });
    await store.getAllProcesses();`);
  const run = (debug) => runNode(SOURCE, [tempDir()], { env: { NODE_DEBUG: debug } });

  test('logs each commit to stderr: operations, bytes, milliseconds, the wait for the lock, retries', async () => {
    const { code, stdout, stderr } = await run('file-process-store');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const line = (file, operations, bytes) =>
      new RegExp(
        `^FILE-PROCESS-STORE \\d+: ${file}: ${operations} operations, ${bytes} bytes in \\d+\\.\\d\\d ms, ` +
          'waited \\d+\\.\\d\\d ms for the lock, 0 retries$',
      );
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(line('processes\\.json', 2, '[1-9]\\d+')),
      expect.stringMatching(line('processes\\.json', 1, '[1-9]\\d+')),
      expect.stringMatching(line('processes\\.json', 1, 0)),
      expect.stringMatching(line('workspaces\\.json', 1, '[1-9]\\d+')),
    ]);
    expect(stderr).not.toContain('secret');
  });

  test('is silent for other names, and without it', async () => {
    for (const debug of ['fs', '']) {
      expect(await run(debug)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    }
  });
});
