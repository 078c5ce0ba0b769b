/**
 * The tests that the store's design document asks for, under the names that it gives them. They know nothing
 * but pipeline-core's own exports.
 */

import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileProcessStore, ensureDataDir, getDefaultDataDir } from '../src/index';
import type { AIProcess, WorkspaceInfo } from '../src/index';

let tempDir: string;
let store: FileProcessStore;

beforeEach(async () => {
  tempDir = await fs.mkdtemp(path.join(os.tmpdir(), 'file-process-store-'));
  store = new FileProcessStore({ dataDir: tempDir });
});

afterEach(async () => {
  await fs.rm(tempDir, { recursive: true, force: true });
});

function makeProcess(id: string, fields: Partial<AIProcess> = {}): AIProcess {
  return {
    id,
    type: 'clarification',
    promptPreview: `What about ${id}?`,
    fullPrompt: `What about ${id}? Please explain it in detail.`,
    status: 'completed',
    startTime: new Date('2026-01-15T10:00:00.000Z'),
    ...fields,
  };
}

function inWorkspace(id: string, workspaceId: string): AIProcess {
  return makeProcess(id, { metadata: { type: 'clarification', workspaceId } });
}

function ids(processes: AIProcess[]): string[] {
  return processes.map((process) => process.id);
}

/** What is in the file, past the store. It throws if the file is no JSON. */
async function idsInFile(): Promise<string[]> {
  const text = await fs.readFile(path.join(tempDir, 'processes.json'), 'utf8');
  const entries: { process: { id: string } }[] = JSON.parse(text);
  return entries.map((entry) => entry.process.id);
}

describe('FileProcessStore', () => {
  it('Empty store', async () => {
    expect(await store.getAllProcesses()).toEqual([]);
    expect(await store.getProcess('x')).toBeUndefined();
    expect(await store.getWorkspaces()).toEqual([]);
  });

  it('Add and get', async () => {
    const process = makeProcess('p1', {
      type: 'code-review',
      endTime: new Date('2026-01-15T10:05:00.250Z'),
      result: 'Two findings.\n',
      metadata: { type: 'code-review', workspaceId: 'web', attempt: 2, tags: ['a', 'b'] },
      codeReviewMetadata: {
        reviewType: 'commit',
        commitSha: 'abc123',
        rulesUsed: ['naming'],
        diffStats: { files: 2, additions: 10, deletions: 3 },
      },
      backend: 'copilot-sdk',
      conversationTurns: [
        { role: 'user', content: 'Review', timestamp: new Date('2026-01-15T10:00:01.000Z'), turnIndex: 0 },
        {
          role: 'assistant',
          content: 'Done',
          timestamp: new Date('2026-01-15T10:04:59.999Z'),
          turnIndex: 1,
          streaming: false,
        },
      ],
    });
    await store.addProcess(process);

    const found = await store.getProcess('p1');

    expect(found).toEqual(process);
    expect(found).not.toBe(process);
    expect(found?.startTime).toBeInstanceOf(Date);
    expect(found?.endTime).toBeInstanceOf(Date);
    expect(found?.conversationTurns?.[1]?.timestamp).toBeInstanceOf(Date);
  });

  it('Update', async () => {
    const process = makeProcess('p1', {
      status: 'running',
      metadata: { type: 'clarification', workspaceId: 'web' },
    });
    await store.addProcess(process);
    await store.addProcess(makeProcess('p2'));

    const endTime = new Date('2026-01-15T10:30:00.000Z');
    await store.updateProcess('p1', { status: 'completed', endTime, result: 'All good' });

    expect(await store.getProcess('p1')).toEqual({
      ...process,
      status: 'completed',
      endTime,
      result: 'All good',
    });
    expect(await store.getProcess('p2')).toEqual(makeProcess('p2'));
  });

  it('Remove', async () => {
    await store.addProcess(makeProcess('p1'));
    await store.addProcess(makeProcess('p2'));

    await store.removeProcess('p1');

    expect(await store.getProcess('p1')).toBeUndefined();
    expect(ids(await store.getAllProcesses())).toEqual(['p2']);
  });

  it('Multi-workspace filtering', async () => {
    await store.addProcess(inWorkspace('a1', 'a'));
    await store.addProcess(inWorkspace('b1', 'b'));
    await store.addProcess(inWorkspace('a2', 'a'));
    await store.addProcess(makeProcess('none'));

    expect(ids(await store.getAllProcesses({ workspaceId: 'a' }))).toEqual(['a1', 'a2']);
    expect(ids(await store.getAllProcesses({ workspaceId: 'b' }))).toEqual(['b1']);
    expect(ids(await store.getAllProcesses({ workspaceId: 'c' }))).toEqual([]);
    expect(ids(await store.getAllProcesses())).toEqual(['a1', 'b1', 'a2', 'none']);
  });

  it('Clear by workspace', async () => {
    await store.addProcess(inWorkspace('a1', 'a'));
    await store.addProcess(inWorkspace('b1', 'b'));
    await store.addProcess(inWorkspace('a2', 'a'));

    expect(await store.clearProcesses({ workspaceId: 'a' })).toBe(2);

    expect(ids(await store.getAllProcesses())).toEqual(['b1']);
    expect(await store.getProcess('a1')).toBeUndefined();
  });

  it('Clear all', async () => {
    await store.addProcess(inWorkspace('a1', 'a'));
    await store.addProcess(inWorkspace('b1', 'b'));
    await store.addProcess(makeProcess('none', { status: 'running' }));

    expect(await store.clearProcesses()).toBe(3);

    expect(await store.getAllProcesses()).toEqual([]);
    expect(await idsInFile()).toEqual([]);
  });

  it('Retention limit', async () => {
    store = new FileProcessStore({ dataDir: tempDir, maxProcesses: 500 });
    const start = Date.parse('2026-01-01T00:00:00.000Z');
    const minute = 60_000;

    // The two oldest are at work, so it is the third and the fourth that have to go.
    const adds: Promise<void>[] = [];
    for (let n = 0; n < 502; n += 1) {
      const status = n === 0 ? 'running' : n === 1 ? 'queued' : 'completed';
      adds.push(store.addProcess(makeProcess(`p${n}`, { status, startTime: new Date(start + n * minute) })));
    }
    await Promise.all(adds);

    const kept = ids(await store.getAllProcesses());
    expect(kept).toHaveLength(500);
    expect(kept.slice(0, 3)).toEqual(['p0', 'p1', 'p4']);
    expect(kept[499]).toBe('p501');

    // Where nothing is terminal there is nothing to prune.
    const small = new FileProcessStore({ dataDir: path.join(tempDir, 'small'), maxProcesses: 1 });
    await small.addProcess(makeProcess('r', { status: 'running' }));
    await small.addProcess(makeProcess('q', { status: 'queued' }));
    expect(ids(await small.getAllProcesses())).toEqual(['r', 'q']);
  });

  it('Persistence across instances', async () => {
    const process = inWorkspace('p1', 'web');
    await store.addProcess(process);

    const second = new FileProcessStore({ dataDir: tempDir });

    expect(await second.getProcess('p1')).toEqual(process);
    expect(ids(await second.getAllProcesses({ workspaceId: 'web' }))).toEqual(['p1']);
  });

  it('Atomic write safety', async () => {
    const names = Array.from({ length: 50 }, (_, n) => `p${n}`);

    await Promise.all(names.map((name) => store.addProcess(makeProcess(name))));

    expect(ids(await store.getAllProcesses())).toEqual(names);
    expect(await idsInFile()).toEqual(names);
  });

  it('Workspace registration', async () => {
    const web: WorkspaceInfo = { id: 'web', name: 'Web', rootPath: '/src/web', color: '#00f' };
    const api: WorkspaceInfo = { id: 'api', name: 'API', rootPath: '/src/api' };
    await store.registerWorkspace(web);
    await store.registerWorkspace(api);
    expect(await store.getWorkspaces()).toEqual([web, api]);

    const moved: WorkspaceInfo = { id: 'web', name: 'Web shop', rootPath: '/src/shop', color: '#0f0' };
    await store.registerWorkspace(moved);
    expect(await store.getWorkspaces()).toEqual([moved, api]);
  });

  it('getDefaultDataDir', () => {
    expect(getDefaultDataDir()).toBe(path.join(os.homedir(), '.pipeline-server'));
  });

  it('ensureDataDir', async () => {
    const nested = path.join(tempDir, 'some', 'where', 'deep');

    expect(await ensureDataDir(nested)).toBe(nested);
    expect((await fs.stat(nested)).isDirectory()).toBe(true);
    await fs.writeFile(path.join(nested, 'kept'), 'kept');

    expect(await ensureDataDir(nested)).toBe(nested);
    expect(await fs.readdir(nested)).toEqual(['kept']);
  });
});
