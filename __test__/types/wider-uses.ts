/**
 * What callers of the wider interface may write. It is right if it compiles; wider-misuses.ts has what they may
 * not.
 */

import {
  FileProcessStore,
  type AIProcess,
  type AIProcessStatus,
  type FileProcessStoreOptions,
  type LostPart,
  type ProcessChange,
  type ProcessOutputCallback,
  type ProcessOutputEvent,
  type ProcessStore,
  type ProcessSummaries,
  type ProcessSummary,
  type PruneCallback,
  type RecoveryReport,
  type StorageStats,
  type StoredProcessEntry,
  type WikiInfo,
  type WorkspaceInfo,
} from 'file-process-store';

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

// The exact results, so that none of them becomes `any` unnoticed.
declare const store: FileProcessStore;
same<ReturnType<typeof store.getProcessSummaries>, Promise<ProcessSummaries>>(true);
same<ProcessSummaries['entries'][number]['startTime'], string>(true);
same<ProcessSummary['duration'], number | undefined>(true);
same<ReturnType<typeof store.getProcessIds>, Promise<string[]>>(true);
same<ReturnType<typeof store.getProcessCount>, Promise<number>>(true);
same<ReturnType<typeof store.updateWorkspace>, Promise<WorkspaceInfo | undefined>>(true);
same<ReturnType<typeof store.removeWorkspace>, Promise<boolean>>(true);
same<ReturnType<typeof store.clearAllWorkspaces>, Promise<number>>(true);
same<ReturnType<typeof store.registerWiki>, Promise<void>>(true);
same<ReturnType<typeof store.getWikis>, Promise<WikiInfo[]>>(true);
same<ReturnType<typeof store.updateWiki>, Promise<WikiInfo | undefined>>(true);
same<ReturnType<typeof store.removeWiki>, Promise<boolean>>(true);
same<ReturnType<typeof store.clearAllWikis>, Promise<number>>(true);
same<ReturnType<typeof store.getStorageStats>, Promise<StorageStats>>(true);
same<ReturnType<typeof store.recover>, Promise<RecoveryReport[]>>(true);
same<RecoveryReport['backup'], string | undefined>(true);
same<RecoveryReport['lost'], LostPart[]>(true);
same<ReturnType<typeof store.onProcessOutput>, () => void>(true);
same<ReturnType<typeof store.emitProcessOutput>, void>(true);
same<ReturnType<typeof store.requestFlush>, Promise<void>>(true);
same<ReturnType<typeof store.flush>, Promise<void>>(true);
same<ReturnType<typeof store.close>, Promise<void>>(true);
same<typeof store.onPrune, PruneCallback | undefined>(true);

export const options: FileProcessStoreOptions = {
  watch: true,
  onPrune: (entries) =>
    entries.forEach(({ workspaceId, process }) => `${workspaceId} ${process.resultFilePath}`),
};

/** Updates from the current record. */
export async function update(turn: NonNullable<AIProcess['conversationTurns']>[number]): Promise<void> {
  await store.updateProcess('a', (current) => ({
    conversationTurns: [...(current.conversationTurns ?? []), turn],
  }));
  await store.updateProcess('a', ({ status }) =>
    status === 'running' ? { status: 'cancelled' } : undefined,
  );
  await store.updateProcess('a', () => undefined);
  await store.updateProcess('a', () => ({}));
  const change: ProcessChange = (current) => ({ error: undefined, endTime: current.endTime ?? new Date() });
  const either: Partial<AIProcess> | ProcessChange = Math.random() < 0.5 ? change : { status: 'failed' };
  await store.updateProcess('a', either);
}

export async function list(): Promise<string[]> {
  await store.getProcess('a', 'web');
  await store.getProcess('a', undefined);
  const { entries, total } = await store.getProcessSummaries({ workspaceId: 'web', limit: 20, offset: 40 });
  const count = await store.getProcessCount({ status: ['queued', 'running'] });
  const ids = await store.getProcessIds();
  return [
    `${total - count} of ${ids.length}`,
    ...entries.map(({ title, customTitle, promptPreview, endTime }) =>
      [customTitle ?? title ?? promptPreview ?? '', endTime?.slice(0, 10) ?? ''].join(),
    ),
  ];
}

export async function register(): Promise<void> {
  const wiki: WikiInfo = {
    id: 'docs',
    name: 'Docs',
    wikiDir: '/docs/.wiki',
    repoPath: '/docs',
    color: '#fff',
    aiEnabled: true,
    registeredAt: new Date().toISOString(),
    pinned: true,
  };
  await store.registerWiki(wiki);
  const updated = await store.updateWiki('docs', { color: undefined, aiEnabled: false, pinned: undefined });
  updated?.wikiDir.trim();
  const renamed = await store.updateWorkspace('web', { name: 'Web', description: undefined, anything: [1] });
  renamed?.rootPath.trim();
  if (await store.removeWiki('docs')) await store.clearAllWikis();
  if (await store.removeWorkspace('web')) await store.clearAllWorkspaces();
  const { totalProcesses, totalWorkspaces, totalWikis, storageSize } = await store.getStorageStats();
  for (const { path, backup, kept, lost } of await store.recover()) {
    lost.map(({ line, column, bytes, expected }) => `${path}:${line}:${column} ${bytes} ${expected}`);
    void [backup?.length, kept + totalProcesses + totalWorkspaces + totalWikis + storageSize];
  }
}

/** Live output, with our event type and with a caller's narrower one. */
export function output(): () => void {
  const end = store.onProcessOutput('a', ({ type, content, status, duration, ...rest }) => {
    const known: AIProcessStatus | undefined = status;
    void [type === 'chunk' && content?.length, known, duration, rest['toolName']];
  });
  interface ToolEvent {
    type: 'chunk' | 'complete' | 'tool-start';
    content?: string;
    duration?: string;
    toolName?: string;
  }
  store.onProcessOutput('a', (event: ToolEvent) => event.toolName);
  const listener: ProcessOutputCallback = async (event: ProcessOutputEvent) => void event;
  store.onProcessOutput('a', listener);
  const event: ToolEvent = { type: 'tool-start', toolName: 'read' };
  store.emitProcessOutput('a', 'text');
  store.emitProcessEvent('a', event);
  store.emitProcessComplete('a', 'completed', 1200);
  store.emitProcessComplete('a', 'failed', '1.2 s');
  return end;
}

export async function finish(): Promise<void> {
  store.registerFlushHandler('a', () => {});
  store.registerFlushHandler('a', async () => store.flush());
  store.unregisterFlushHandler('a');
  await store.requestFlush('a');
  store.onPrune = (entries: StoredProcessEntry[]) => void entries[0]?.process.startTime.slice(0, 10);
  store.onPrune = undefined;
  await store.flush();
  await store.close();
  // Without ESNext.Disposable among the libs, too.
  await store[Symbol.asyncDispose]();
}

// Methods that were replaced by callers of the smaller interface, which knows no function updates.
store.updateProcess = async (id: string, updates: Partial<AIProcess>) => void [id, updates.status];
export class OlderStore extends FileProcessStore {
  override async updateProcess(id: string, updates: Partial<AIProcess>): Promise<void> {
    await super.updateProcess(id, { ...updates, checked: true } as Partial<AIProcess>);
  }
  override async getProcess(id: string): Promise<AIProcess | undefined> {
    return super.getProcess(id);
  }
  override onPrune = (entries: StoredProcessEntry[]): void => void entries;
  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
  }
}

// The full interface, for code that works with any store.
const full: ProcessStore = new OlderStore(options);
export const ids: Promise<string[]> = full.getProcessIds();
interface ClosedWiki {
  id: string;
  name: string;
  wikiDir: string;
  aiEnabled: boolean;
  registeredAt: string;
}
export async function passThrough(wiki: ClosedWiki): Promise<ClosedWiki | undefined> {
  await full.registerWiki(wiki);
  const [first]: ClosedWiki[] = await full.getWikis();
  return first && full.updateWiki(first.id, { name: wiki.name });
}
