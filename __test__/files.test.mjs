// Files and folders: who makes them, what they are called on the way, their modes, and links.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isJournaled } from './mode.mjs';
import { FileProcessStore, ensureDataDir, getDefaultDataDir } from '../index.js';
import {
  dataNames,
  freshStore,
  idsOf,
  readEntries,
  rejection,
  runNode,
  sample,
  storedEntry,
  tempDir,
} from './support.mjs';

const isWindows = process.platform === 'win32';
const modeOf = (path) => statSync(path).mode & 0o777;
const workspace = { id: 'w', name: 'W', rootPath: '/' };

/** Rows of a mode as it is written and as it is. */
const octal = (...modes) => modes.map((mode) => [mode.toString(8).padStart(4, '0'), mode]);

/** The umask is the process's own: put back what was there. */
function withUmask(mask) {
  const before = process.umask(mask);
  onTestFinished(() => process.umask(before));
}

describe('the data directory', () => {
  test.each([
    ['addProcess', 'processes.json', (store) => store.addProcess(sample('a'))],
    ['registerWorkspace', 'workspaces.json', (store) => store.registerWorkspace(workspace)],
  ])('is made with its parents by %s', async (_, name, mutate) => {
    const dataDir = join(tempDir(), 'one', 'two', 'three');
    await mutate(new FileProcessStore({ dataDir }));
    expect(dataNames(dataDir)).toEqual([name]);
  });

  test.each([
    ['updateProcess', (store) => store.updateProcess('a', { status: 'failed' }), undefined],
    ['removeProcess', (store) => store.removeProcess('a'), undefined],
    ['clearProcesses', (store) => store.clearProcesses(), 0],
    ['clearProcesses with a filter', (store) => store.clearProcesses({ status: 'failed' }), 0],
  ])('is not made by %s, which resolves', async (_, mutate, value) => {
    const parent = tempDir();
    const store = new FileProcessStore({ dataDir: join(parent, 'missing') });
    expect(await mutate(store)).toBe(value);
    expect(readdirSync(parent)).toEqual([]);
  });

  test('clearing a missing directory resolves to 0', async () => {
    const store = new FileProcessStore({ dataDir: join(tempDir(), 'missing') });
    expect(await store.clearProcesses()).toBe(0);
  });

  test('a relative one is resolved when the store is made', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'elsewhere'));
    const source = `
      const { FileProcessStore } = await import(entry);
      const store = new FileProcessStore({ dataDir: 'data/../data/here' });
      process.chdir('elsewhere');
      await store.addProcess({ id: 'a', type: 'x', promptPreview: '', fullPrompt: '', status: 'queued', startTime: new Date(0) });
      console.log((await store.getAllProcesses()).length);`;
    expect(await runNode(source, [], { cwd: dir })).toMatchObject({ code: 0, stdout: '1\n' });
    expect(idsOf(readEntries(join(dir, 'data', 'here', 'processes.json')))).toEqual(['a']);
    expect(readdirSync(join(dir, 'elsewhere'))).toEqual([]);
  });

  test('the default one is .pipeline-server in the home folder, made by the first add', async () => {
    const home = tempDir();
    const source = `
      const { FileProcessStore, getDefaultDataDir } = await import(entry);
      const store = new FileProcessStore();
      console.log(getDefaultDataDir());
      await store.addProcess({ id: 'a', type: 'x', promptPreview: '', fullPrompt: '', status: 'queued', startTime: new Date(0) });`;
    const { code, stdout } = await runNode(source, [], { env: { HOME: home, USERPROFILE: home } });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(home, '.pipeline-server')}\n` });
    expect(idsOf(readEntries(join(home, '.pipeline-server', 'processes.json')))).toEqual(['a']);
  });

  test.skipIf(isWindows)(
    'a HOME that is no absolute path is not one, and one that JS can not say is refused',
    async () => {
      const dir = tempDir();
      const source = 'const { getDefaultDataDir } = await import(entry); console.log(getDefaultDataDir());';
      const relative = await runNode(source, [], { cwd: dir, env: { HOME: 'rel' } });
      // Some containers run as a user without a home.
      if (relative.code === 0) expect(relative.stdout).toMatch(/^\/.*\.pipeline-server\n$/);
      else expect(relative.stderr).toContain('the home directory is not known');
      const bytes = spawnSync(
        'sh',
        [
          '-c',
          `HOME="$(printf '/tmp/\\377')" exec "$0" --input-type=module -e "$1"`,
          process.execPath,
          source.replace('entry', JSON.stringify(new URL('../index.js', import.meta.url).href)),
        ],
        { encoding: 'utf8' },
      );
      expect(bytes.stderr).toContain('no UTF-8');
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'a relative one is found where the name of the working directory is no UTF-8',
    () => {
      const dir = tempDir();
      const entry = JSON.stringify(new URL('../index.js', import.meta.url).href);
      const source = `
      const { FileProcessStore, ensureDataDir } = await import(${entry});
      const store = new FileProcessStore({ dataDir: '../sub/data' });
      process.chdir('/');
      await store.addProcess({ id: 'a', type: 'x', promptPreview: '', fullPrompt: '', status: 'queued', startTime: new Date(0) });
      console.log((await store.getAllProcesses()).length);`;
      const script = `d="$1/$(printf 'caf\\351')"; mkdir -p "$d/sub" && cd "$d/sub" && "$0" --input-type=module -e "$2" && cd data && ls`;
      const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, dir, source], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(stdout.split('\n')).toEqual(['1', 'processes.json', 'processes.json.lock', '']);
      // No directory with another name was made for it.
      expect(readdirSync(dir, { encoding: 'buffer' })).toHaveLength(1);
    },
  );

  test('getDefaultDataDir creates nothing', async () => {
    const home = tempDir();
    const source = 'const { getDefaultDataDir } = await import(entry); getDefaultDataDir();';
    expect(await runNode(source, [], { env: { HOME: home, USERPROFILE: home } })).toMatchObject({ code: 0 });
    expect(existsSync(join(home, '.pipeline-server'))).toBe(false);
    expect(getDefaultDataDir()).toMatch(/\.pipeline-server$/);
  });

  test('ensureDataDir returns the resolved path of a relative one', async () => {
    const dir = tempDir();
    const path = relative(process.cwd(), join(dir, 'a', 'b'));
    expect(await ensureDataDir(path)).toBe(join(dir, 'a', 'b'));
    expect(statSync(join(dir, 'a', 'b')).isDirectory()).toBe(true);
  });
});

describe('temporary files', () => {
  // Only inotify reports every name that ever was in a folder.
  const onLinux = test.skipIf(process.platform !== 'linux');
  const inFile = test.skipIf(process.platform !== 'linux' || isJournaled);

  function watchNames(dir) {
    const names = new Set();
    const watcher = watch(dir, (_, name) => names.add(name));
    onTestFinished(() => watcher.close());
    return () => [...names].filter((name) => name.endsWith('.tmp'));
  }

  // A file anew for every write: not with a journal.
  inFile('are named {file}.<unique>.tmp, anew for every write', async () => {
    const { store, dir } = freshStore();
    const seen = watchNames(dir);
    for (let i = 0; i < 5; i++) await store.addProcess(sample(`p${i}`));
    for (let i = 0; i < 3; i++) await store.registerWorkspace({ ...workspace, id: `w${i}` });
    await vi.waitFor(() => expect(seen().length).toBeGreaterThanOrEqual(8), { timeout: 60_000 });
    const ofProcesses = seen().filter((name) => /^processes\.json\..+\.tmp$/.test(name));
    const ofWorkspaces = seen().filter((name) => /^workspaces\.json\..+\.tmp$/.test(name));
    expect([ofProcesses.length, ofWorkspaces.length, seen().length]).toEqual([5, 3, 8]);
  });

  onLinux('that a dead process left behind go with the next write', async () => {
    const { store, dir } = freshStore();
    const seen = watchNames(dir);
    await store.addProcess(sample('a'));
    await vi.waitFor(() => expect(seen()).toHaveLength(1), { timeout: 60_000 });
    writeFileSync(join(dir, seen()[0]), '[{"torn":');
    await store.addProcess(sample('b'));
    expect(dataNames(dir)).toEqual(['processes.json']);
  });

  test('none is left after a write', async () => {
    const { store, dir } = freshStore();
    await Promise.all([store.addProcess(sample('a')), store.registerWorkspace(workspace)]);
    await store.updateProcess('a', { result: 'r' });
    await store.removeProcess('a');
    expect(dataNames(dir)).toEqual(['processes.json', 'workspaces.json']);
  });

  test('the one of a plain store at work and files of other names are left alone', async () => {
    // the contract is silent here
    const { store, dir } = freshStore();
    const ofStores = ['processes.json.tmp', 'workspaces.json.tmp', 'processes.json.lock.tmp'];
    const ofPeople = [
      'processes.json.bak',
      'notes.tmp',
      'processes.json.backup.tmp',
      'processes.json.1-2.tmp',
    ];
    const names = [...ofStores, ...ofPeople];
    for (const name of names) writeFileSync(join(dir, name), name);
    await store.addProcess(sample('a'));
    await store.registerWorkspace(workspace);
    for (const name of names) expect(readFileSync(join(dir, name), 'utf8')).toBe(name);
  });
});

describe.skipIf(isWindows)('modes', () => {
  test.each(octal(0o000, 0o022, 0o077))(
    'new files are 0600 and new directories 0700, umask %s',
    async (_, mask) => {
      const top = tempDir();
      const dataDir = join(top, 'one', 'two');
      withUmask(mask);
      const store = new FileProcessStore({ dataDir });
      await store.addProcess(sample('a'));
      await store.registerWorkspace(workspace);
      await store.updateProcess('a', { result: 'r' });
      expect(modeOf(join(top, 'one'))).toBe(0o700);
      expect(modeOf(dataDir)).toBe(0o700);
      expect(readdirSync(dataDir)).toEqual(expect.arrayContaining(['processes.json', 'workspaces.json']));
      for (const name of readdirSync(dataDir)) expect(modeOf(join(dataDir, name)), name).toBe(0o600);
    },
  );

  test('ensureDataDir makes directories 0700', async () => {
    const top = tempDir();
    withUmask(0);
    await ensureDataDir(join(top, 'one', 'two'));
    expect([modeOf(join(top, 'one')), modeOf(join(top, 'one', 'two'))]).toEqual([0o700, 0o700]);
  });

  test.each(octal(0o644, 0o640, 0o606))('an existing file keeps its mode %s', async (_, mode) => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a'));
    withUmask(0o027);
    chmodSync(file, mode);
    await store.addProcess(sample('b'));
    await store.removeProcess('a');
    expect(modeOf(file)).toBe(mode);
  });

  test('an existing directory keeps its mode', async () => {
    const { store, dir } = freshStore();
    chmodSync(dir, 0o755);
    await store.addProcess(sample('a'));
    await ensureDataDir(dir);
    expect(modeOf(dir)).toBe(0o755);
  });
});

describe.skipIf(isWindows)('links', () => {
  test('a symlinked data file keeps its link, and the target is replaced', async () => {
    const { store, dir, file } = freshStore();
    mkdirSync(join(dir, 'real'));
    const target = join(dir, 'real', 'data.json');
    writeFileSync(target, JSON.stringify([storedEntry('old')]));
    chmodSync(target, 0o644);
    symlinkSync(join('real', 'data.json'), file);
    await store.addProcess(sample('new'));
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readlinkSync(file)).toBe(join('real', 'data.json'));
    expect(idsOf(readEntries(target))).toEqual(['old', 'new']);
    expect(modeOf(target)).toBe(0o644);
    expect(idsOf(await store.getAllProcesses())).toEqual(['old', 'new']);
    expect(dataNames(join(dir, 'real'))).toEqual(['data.json']);
  });

  test('a link to a file that is not there yet is an empty store, and the first add makes its target', async () => {
    const { store, dir, file } = freshStore();
    const target = join(tempDir(), 'data.json');
    symlinkSync(target, file);
    expect(await store.getAllProcesses()).toEqual([]);
    await store.addProcess(sample('a'));
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(idsOf(readEntries(target))).toEqual(['a']);
    expect(dataNames(dir)).toEqual(['processes.json']);
  });

  test('a target whose name is as long as names may be is written, and what is beside it fits', async () => {
    for (const name of ['x'.repeat(255), `${'é'.repeat(127)}x`, 'x'.repeat(212)]) {
      const { store, file } = freshStore();
      const dir = tempDir();
      symlinkSync(join(dir, name), file);
      await store.addProcess(sample('a'));
      await store.updateProcess('a', { result: 'r' });
      expect(idsOf(readEntries(join(dir, name)))).toEqual(['a']);
      const names = readdirSync(dir).filter((found) => found !== name);
      expect(names).toHaveLength(1);
      expect(names[0]).toMatch(/^[xé]+~[0-9a-f]{16}\.lock$/);
      // What a writer left that has died goes with the next write.
      writeFileSync(join(dir, names[0].replace(/lock$/, '1f-0123456789abcdef.tmp')), '[');
      await store.addProcess(sample('b'));
      expect(readdirSync(dir).sort()).toEqual([name, names[0]].sort());
    }
  });

  test.skipIf(process.platform !== 'linux')(
    'where a path is so long that none beside it would fit, the error says so and nothing changes',
    async () => {
      let dir = tempDir();
      const room = 4095 - '/processes.json'.length - 3;
      while (room - dir.length > 1) dir = join(dir, 'd'.repeat(Math.min(200, room - dir.length - 1)));
      mkdirSync(dir, { recursive: true });
      const error = await rejection(new FileProcessStore({ dataDir: dir }).addProcess(sample('a')));
      expect(error.code).toBe('ENAMETOOLONG');
      expect(error.message).toContain('have paths of up to 30 bytes more');
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test('two directories that link to one file share it', async () => {
    const target = join(tempDir(), 'shared.json');
    const stores = [freshStore(), freshStore()];
    for (const { file } of stores) symlinkSync(target, file);
    await Promise.all(Array.from({ length: 40 }, (_, i) => stores[i % 2].store.addProcess(sample(`p${i}`))));
    expect(idsOf(readEntries(target))).toHaveLength(40);
    for (const { store } of stores) expect(await store.getAllProcesses()).toHaveLength(40);
  });

  test('the data directory may itself be a link', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'link'));
    await new FileProcessStore({ dataDir: join(dir, 'link') }).addProcess(sample('a'));
    expect(lstatSync(join(dir, 'link')).isSymbolicLink()).toBe(true);
    expect(idsOf(readEntries(join(dir, 'real', 'processes.json')))).toEqual(['a']);
  });

  test('a planted link in the place of a temporary file leads nowhere', async () => {
    // the contract is silent here
    const { store, dir } = freshStore();
    const victim = join(tempDir(), 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(dir, 'processes.json.tmp'));
    symlinkSync(victim, join(dir, 'processes.json.1.tmp'));
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });
});
