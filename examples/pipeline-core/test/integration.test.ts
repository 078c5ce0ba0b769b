/**
 * What the compiler can't tell about the switch: the class that is loaded is the class that was imported, and
 * the files are those that pipeline-core's own functions read and write.
 */

import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CountingStore, openStore, kindOf, useLikeTheServer } from '../src/assignability';
import { FileProcessStore, deserializeProcess, serializeProcess } from '../src/index';
import type { AIProcess, ProcessEvent, SerializedAIProcess, WorkspaceInfo } from '../src/index';

let tempDir: string;

beforeEach(async () => {
  tempDir = await fs.mkdtemp(path.join(os.tmpdir(), 'file-process-store-'));
});

afterEach(async () => {
  await fs.rm(tempDir, { recursive: true, force: true });
});

const review: AIProcess = {
  id: 'p1',
  type: 'code-review',
  promptPreview: 'Review',
  fullPrompt: 'Review the last commit',
  status: 'running',
  startTime: new Date('2026-01-15T10:00:00.000Z'),
  metadata: { type: 'code-review', workspaceId: 'web' },
};

describe('pipeline-core over the package', () => {
  it('a store is an instance of the exported class', () => {
    const store = openStore({ dataDir: tempDir });
    expect(store).toBeInstanceOf(FileProcessStore);
    expect(kindOf(store)).toBe('file');
  });

  it('a subclass is an instance of both classes, and its overrides are used', async () => {
    const store = new CountingStore(tempDir);
    expect(store).toBeInstanceOf(CountingStore);
    expect(store).toBeInstanceOf(FileProcessStore);

    await store.addProcess(review);

    expect(store.added).toBe(1);
    expect(kindOf(store)).toBe('counting, 1 so far');
    expect(await store.getProcess('p1')).toEqual(review);
  });

  it('a listener that is set late, a replaced method and spread records work', async () => {
    const store = openStore({ dataDir: tempDir });
    await store.addProcess(review);

    const sent: unknown = JSON.parse(await useLikeTheServer(store));
    const expected = { running: [review, { ...review, id: 'p2', status: 'queued' }], count: 0 };
    expect(sent).toEqual(JSON.parse(JSON.stringify(expected)));

    const events: ProcessEvent['type'][] = [];
    store.onProcessChange = (event) => events.push(event.type);
    const untrimmed: WorkspaceInfo = { id: 'web', name: '  Web  ', rootPath: '/src/web' };
    await store.registerWorkspace(untrimmed);
    await store.removeProcess('p1');
    expect(await store.getWorkspaces()).toEqual([{ ...untrimmed, name: 'Web' }]);
    expect(events).toEqual(['process-removed']);
  });

  it('an entry on disk is what serializeProcess makes and deserializeProcess reads', async () => {
    await openStore({ dataDir: tempDir }).addProcess(review);

    const text = await fs.readFile(path.join(tempDir, 'processes.json'), 'utf8');
    const entries: { workspaceId: string; process: SerializedAIProcess }[] = JSON.parse(text);

    expect(text).toBe(JSON.stringify([{ workspaceId: 'web', process: serializeProcess(review) }], null, 2));
    expect(entries.map((entry) => deserializeProcess(entry.process))).toEqual([review]);
  });
});
