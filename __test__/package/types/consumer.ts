/**
 * A caller in TypeScript. It is compiled as it stands, as a CommonJS and as an ES module, without Node's types,
 * and then run with the path of a data directory.
 */

import { FileProcessStore, ensureDataDir, getDefaultDataDir } from 'file-process-store';
import type { AIProcess, FileProcessStoreOptions, ProcessEvent, ProcessFilter } from 'file-process-store';
import type { ProcessStore, StoreError, StoredProcessEntry, WorkspaceInfo } from 'file-process-store';

declare const process: { argv: string[] };

function same(found: string | number | undefined, expected: string | number): void {
  if (found !== expected) throw new Error(`expected ${expected}, got ${found}`);
}

class Counting extends FileProcessStore {
  added = 0;

  override async addProcess(process: AIProcess): Promise<void> {
    await super.addProcess(process);
    this.added++;
  }
}

async function main(dataDir: string): Promise<void> {
  const options: FileProcessStoreOptions = { dataDir: await ensureDataDir(dataDir), maxProcesses: 10 };
  const counting = new Counting(options);
  const store: ProcessStore = counting;
  const events: ProcessEvent['type'][] = [];
  store.onProcessChange = (event: ProcessEvent) => void events.push(event.type);
  const startTime = new Date();
  await store.addProcess({
    id: 'typed',
    type: 'code-review',
    promptPreview: 'p',
    fullPrompt: 'prompt',
    status: 'running',
    startTime,
    metadata: { type: 'code-review', workspaceId: 'web', anything: [1, 2] },
  });
  await store.updateProcess('typed', { status: 'completed', endTime: startTime, error: undefined });
  const filter: ProcessFilter = { status: ['completed'], since: startTime, limit: 5 };
  const [found]: (AIProcess | undefined)[] = await store.getAllProcesses(filter);
  same(found?.startTime.getTime(), startTime.getTime());
  same(found?.metadata?.workspaceId, 'web');
  const workspace: WorkspaceInfo = { id: 'web', name: 'Web', rootPath: '/web' };
  await store.registerWorkspace(workspace);
  same((await store.getWorkspaces()).length, 1);
  same(events.join(' '), 'process-added process-updated');
  same(counting.added, 1);
  const wrong = { id: 'wrong', startTime: 'now' };
  // @ts-expect-error: a process needs more than an id, and its start is a Date.
  const refused: unknown = await store.addProcess(wrong).catch((error: unknown) => error);
  same((refused as StoreError).code, 'ERR_INVALID_ARG_TYPE');
  same(typeof getDefaultDataDir(), 'string');
}

/** What a reader of the file itself gets. */
export function idOf(entry: StoredProcessEntry): string {
  return entry.process.id;
}

void main(process.argv[2] ?? '');
