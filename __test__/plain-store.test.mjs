/**
 * The fixture that stands for the plain TypeScript store has the traps of the original. Where one of these
 * tests fails, the comparisons in coexistence.test.mjs compare with something else.
 */

import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { PlainStore, ensureDataDir, getDefaultDataDir } from './fixtures/plain-store.mjs';
import { sample, tempDir } from './support.mjs';

let dataDir;
let store;

beforeEach(() => {
  dataDir = tempDir();
  store = new PlainStore({ dataDir });
});

async function ids(filter) {
  return (await store.getAllProcesses(filter)).map((process) => process.id);
}

describe('the plain store', () => {
  it('keeps processes between store objects, with dates as dates', async () => {
    const process = sample('a', { endTime: new Date('2026-01-15T11:00:00.000Z') });
    await store.addProcess(process);
    expect(await new PlainStore({ dataDir }).getProcess('a')).toEqual(process);
  });

  it('keeps all of many concurrent adds of one object', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `p${n}`);
    await Promise.all(names.map((name) => store.addProcess(sample(name))));
    expect(await ids()).toEqual(names);
  });

  it('takes a damaged file for an empty one, and the next add overwrites it', async () => {
    await store.addProcess(sample('a'));
    await fs.truncate(path.join(dataDir, 'processes.json'), 20);
    expect(await ids()).toEqual([]);
    await store.addProcess(sample('b'));
    expect(await ids()).toEqual(['b']);
  });

  it('makes a twin when it adds a known id', async () => {
    await store.addProcess(sample('a', { result: 'first' }));
    await store.addProcess(sample('a', { result: 'second' }));
    expect(await ids()).toEqual(['a', 'a']);
    expect((await store.getProcess('a')).result).toBe('first');
  });

  it('makes a twin when an update changes the id', async () => {
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    await store.updateProcess('b', { id: 'a' });
    expect(await ids()).toEqual(['a', 'a']);
  });

  it('drops fields that it does not know from the record that it writes', async () => {
    await store.addProcess({ ...sample('a'), pinned: true });
    expect(await fs.readFile(path.join(dataDir, 'processes.json'), 'utf8')).not.toContain('pinned');
  });

  it('clears without looking at times, limit and offset', async () => {
    for (const id of ['a', 'b', 'c']) await store.addProcess(sample(id));
    expect(await store.clearProcesses({ since: new Date(), limit: 1, offset: 1 })).toBe(3);
  });

  it('clears everything for a lost workspace', async () => {
    await store.addProcess(sample('a', { metadata: { type: 'x', workspaceId: 'web' } }));
    expect(await store.clearProcesses({ workspaceId: '' })).toBe(1);
    await store.addProcess(sample('a'));
    expect(await store.clearProcesses(null)).toBe(1);
  });

  it('ignores an offset without a limit', async () => {
    for (const id of ['a', 'b', 'c']) await store.addProcess(sample(id));
    expect(await ids({ offset: 1 })).toEqual(['a', 'b', 'c']);
    expect(await ids({ offset: 1, limit: 1 })).toEqual(['b']);
  });

  it('cannot clear a directory that is missing', async () => {
    const missing = new PlainStore({ dataDir: path.join(dataDir, 'missing') });
    await expect(missing.clearProcesses()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('sorts the file by start time when it prunes, and never prunes what is not terminal', async () => {
    store = new PlainStore({ dataDir, maxProcesses: 3 });
    const at = (hour) => new Date(`2026-01-15T${hour}:00:00.000Z`);
    await store.addProcess(sample('late', { status: 'completed', startTime: at('12') }));
    await store.addProcess(sample('oldest', { status: 'running', startTime: at('08') }));
    await store.addProcess(sample('old', { status: 'completed', startTime: at('09') }));
    await store.addProcess(sample('middle', { status: 'completed', startTime: at('10') }));
    expect(await ids()).toEqual(['oldest', 'middle', 'late']);
  });

  it('reads its argument only when the queue gets to it', async () => {
    const process = sample('a');
    const added = store.addProcess(process);
    process.result = 'changed after the call';
    await added;
    expect((await store.getProcess('a')).result).toBe('changed after the call');
  });

  it('writes to {file}.tmp and replaces a linked file', async () => {
    const target = path.join(dataDir, 'elsewhere.json');
    const file = path.join(dataDir, 'processes.json');
    await fs.writeFile(target, '[]');
    await fs.symlink(target, file);
    await store.addProcess(sample('a'));
    expect((await fs.lstat(file)).isSymbolicLink()).toBe(false);
    expect(await fs.readFile(target, 'utf8')).toBe('[]');
    expect(await fs.readdir(dataDir)).not.toContain('processes.json.tmp');

    // A directory in the temporary file's place shows that this very name is used.
    await fs.mkdir(`${file}.tmp`);
    await expect(store.addProcess(sample('b'))).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('replaces a workspace that is registered again', async () => {
    await store.registerWorkspace({ id: 'web', name: 'Web', rootPath: '/web', color: 'red' });
    await store.registerWorkspace({ id: 'api', name: 'API', rootPath: '/api' });
    await store.registerWorkspace({ id: 'web', name: 'Shop', rootPath: '/shop' });
    expect(await store.getWorkspaces()).toEqual([
      { id: 'web', name: 'Shop', rootPath: '/shop' },
      { id: 'api', name: 'API', rootPath: '/api' },
    ]);
  });

  it('tells its listener after each write', async () => {
    const events = [];
    store.onProcessChange = (event) => events.push([event.type, event.process?.status]);
    await store.addProcess(sample('a', { status: 'running' }));
    await store.updateProcess('a', { status: 'failed' });
    await store.updateProcess('unknown', { status: 'failed' });
    await store.removeProcess('a');
    await store.removeProcess('a');
    await store.clearProcesses();
    expect(events).toEqual([
      ['process-added', 'running'],
      ['process-updated', 'failed'],
      ['process-removed', 'failed'],
      ['processes-cleared', undefined],
    ]);
  });

  it('lies in the home directory by default, and makes its directory with parents', async () => {
    expect(getDefaultDataDir()).toBe(path.join(os.homedir(), '.pipeline-server'));
    const nested = path.join(dataDir, 'a', 'b');
    expect(await ensureDataDir(nested)).toBe(nested);
    expect(await ensureDataDir(nested)).toBe(nested);
  });
});
