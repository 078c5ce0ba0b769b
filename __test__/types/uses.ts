/**
 * What callers may write. It is right if it compiles; misuses.ts has what they may not.
 */

import {
  FileProcessStore,
  ensureDataDir,
  getDefaultDataDir,
  type AIProcess,
  type AIProcessStatus,
  type AIProcessType,
  type CodeReviewGroupMetadata,
  type CodeReviewMetadata,
  type ConversationTurn,
  type DiscoveryMetadata,
  type FileProcessStoreOptions,
  type GroupMetadata,
  type ProcessChangeCallback,
  type ProcessEvent,
  type ProcessFilter,
  type ProcessMetadata,
  type ProcessStore,
  type SerializedAIProcess,
  type SerializedConversationTurn,
  type StoreError,
  type StoreErrorCode,
  type StoredProcessEntry,
  type WorkspaceInfo,
} from 'file-process-store';

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

// The exact results, so that none of them becomes `any` unnoticed.
declare const store: FileProcessStore;
same<ReturnType<typeof store.addProcess>, Promise<void>>(true);
same<ReturnType<typeof store.updateProcess>, Promise<void>>(true);
same<ReturnType<typeof store.getProcess>, Promise<AIProcess | undefined>>(true);
same<ReturnType<typeof store.getAllProcesses>, Promise<AIProcess[]>>(true);
same<ReturnType<typeof store.removeProcess>, Promise<void>>(true);
same<ReturnType<typeof store.clearProcesses>, Promise<number>>(true);
same<ReturnType<typeof store.registerWorkspace>, Promise<void>>(true);
same<ReturnType<typeof store.getWorkspaces>, Promise<WorkspaceInfo[]>>(true);
same<typeof store.onProcessChange, ProcessChangeCallback | undefined>(true);
same<ReturnType<typeof getDefaultDataDir>, string>(true);
same<ReturnType<typeof ensureDataDir>, Promise<string>>(true);
same<AIProcessStatus, 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'>(true);
same<AIProcess['startTime'], Date>(true);
same<AIProcess['endTime'], Date | undefined>(true);
same<SerializedAIProcess['startTime'], string>(true);
same<SerializedAIProcess['endTime'], string | undefined>(true);
same<ProcessMetadata['workspaceId'], string | undefined>(true);
same<StoredProcessEntry['process'], SerializedAIProcess>(true);

// Options.
new FileProcessStore();
new FileProcessStore({});
const options: FileProcessStoreOptions = {
  dataDir: '/data',
  maxProcesses: Infinity,
  durable: false,
  lockTimeoutMs: 0,
};
const asInterface: ProcessStore = new FileProcessStore(options);

// Records of every kind.
const metadata: ProcessMetadata = {
  type: 'x',
  workspaceId: 'web',
  workspaceName: 'Web',
  anything: [1, { deep: null }],
};
const groupMetadata: GroupMetadata = { type: 'group', childProcessIds: ['a'], anything: true };
const codeReviewMetadata: CodeReviewMetadata = {
  reviewType: 'range',
  commitSha: 'abc',
  commitMessage: 'Fix it',
  rulesUsed: ['naming'],
  diffStats: { files: 1, additions: 2, deletions: 3 },
};
const codeReviewGroupMetadata: CodeReviewGroupMetadata = {
  ...codeReviewMetadata,
  childProcessIds: [],
  executionStats: { totalRules: 2, successfulRules: 1, failedRules: 1, totalTimeMs: 10.5 },
};
const discoveryMetadata: DiscoveryMetadata = {
  featureDescription: 'login',
  keywords: ['login'],
  targetGroupPath: 'features',
  scope: { includeSourceFiles: true, includeDocs: true, includeConfigFiles: false, includeGitHistory: false },
  resultCount: 3,
};
const turn: ConversationTurn = {
  role: 'assistant',
  content: 'Hello',
  timestamp: new Date(),
  turnIndex: 0,
  streaming: true,
  toolCalls: [{ name: 'read' }],
};
const serializedTurn: SerializedConversationTurn = { ...turn, timestamp: turn.timestamp.toISOString() };

const smallest: AIProcess = {
  id: 'a',
  type: 'clarification',
  promptPreview: '',
  fullPrompt: '',
  status: 'queued',
  startTime: new Date(),
};
const largest: Required<AIProcess> = {
  ...smallest,
  type: 'a type that is not known yet',
  endTime: new Date(),
  error: '',
  result: '',
  resultFilePath: '',
  rawStdoutFilePath: '',
  metadata,
  groupMetadata,
  codeReviewMetadata,
  discoveryMetadata,
  codeReviewGroupMetadata,
  structuredResult: '{}',
  parentProcessId: 'b',
  sdkSessionId: '',
  backend: 'copilot-cli',
  workingDirectory: '/',
  conversationTurns: [turn],
};
const type: AIProcessType = 'pipeline-item';
const entry: StoredProcessEntry = {
  workspaceId: '',
  process: {
    ...smallest,
    startTime: '2024-05-01T10:00:00.000Z',
    endTime: undefined,
    conversationTurns: [serializedTurn],
  },
};

export async function callEverything(): Promise<void> {
  await store.addProcess(smallest);
  await store.addProcess({ ...largest, status: 'cancelled' });
  await store.updateProcess('a', {});
  await store.updateProcess('a', { status: 'completed', endTime: new Date(), error: undefined });

  const found = await store.getProcess('a');
  if (found) {
    found.startTime.getTime();
    const workspaceId: string | undefined = found.metadata?.workspaceId;
    const custom: { depth: number } = found.metadata?.['custom'];
    await store.addProcess({
      ...found,
      id: 'b',
      status: 'running',
      metadata: { type: 'copy', workspaceId, custom },
    });
  }

  const filters: ProcessFilter[] = [
    {},
    { workspaceId: 'web', parentProcessId: 'a', type: 'discovery' },
    { type, status: 'running' },
    {
      status: ['queued', 'running'],
      since: new Date(0),
      until: new Date(),
      limit: 10,
      offset: 20,
      exclude: ['toolCalls'],
    },
    { limit: Infinity, workspaceId: undefined },
  ];
  for (const filter of filters) {
    const list = await store.getAllProcesses(filter);
    list.map((process) => process.id);
    const count: number = await store.clearProcesses(filter);
    count.toFixed();
  }
  await store.getAllProcesses();
  await store.clearProcesses();
  await store.removeProcess('a');

  const workspace: WorkspaceInfo = { id: 'web', name: 'Web', rootPath: '/web', color: '#fff', pinned: true };
  await store.registerWorkspace(workspace);
  const [first] = await store.getWorkspaces();
  first?.remoteUrl?.trim();
}

// Events.
export function listen(): void {
  store.onProcessChange = ({ type: happened, process }) => `${happened} ${process?.id}`;
  store.onProcessChange = () => {};
  store.onProcessChange = async (event: ProcessEvent): Promise<void> => {
    await store.getProcess(event.process?.id ?? '');
  };
  store.onProcessChange = undefined;
  asInterface.onProcessChange?.({ type: 'processes-cleared' });
}

// Errors.
const codes: Record<StoreErrorCode, string> = {
  ERR_INVALID_ARG_TYPE: 'type',
  ERR_INVALID_ARG_VALUE: 'value',
  ERR_STORE_CORRUPT: 'corrupt',
  ERR_STORE_LOCKED: 'locked',
  ERR_STORE_CLOSED: 'closed',
  ERR_STORE_INTERNAL: 'internal',
  ERR_STORE_NO_BINARY: 'no binary',
};
export function explain(error: StoreError): string {
  const asError: Error = error;
  if (error.code === 'ERR_STORE_CORRUPT') return `${error.path}:${error.line}:${error.column}`;
  if (error.code === 'ENOSPC') return `${error.syscall} ${error.errno} ${error.path}`;
  if (error.committed === true) return 'visible, but perhaps not safe';
  return codes[error.code as StoreErrorCode] ?? asError.message;
}

// A subclass that adds, overrides and keeps its own listener; instanceof narrows to it.
export class AuditedStore extends FileProcessStore {
  readonly log: string[] = [];
  override onProcessChange = (event: ProcessEvent): void => {
    this.log.push(event.type);
  };

  override async removeProcess(id: string): Promise<void> {
    this.log.push(`remove ${id}`);
    await super.removeProcess(id);
  }
}
export function logOf(any: ProcessStore): string[] {
  return any instanceof AuditedStore ? any.log : [];
}

// Single methods bound, passed on and replaced.
const bound: (id: string) => Promise<AIProcess | undefined> = store.getProcess.bind(store);
store.registerWorkspace = async (info) => void (await bound(info.id));

// Callers whose own interfaces list every key and admit no other pass their records in, and get them out.
interface ClosedMetadata {
  type: string;
  workspaceId?: string;
  queueTaskId?: string;
}
interface ClosedTurn {
  role: 'user' | 'assistant';
  content: string;
  timestamp: Date;
  turnIndex: number;
  streaming?: boolean;
  toolCalls?: { id: string; name: string }[];
}
interface ClosedWorkspace {
  id: string;
  name: string;
  rootPath: string;
  color?: string;
}
interface ClosedProcess {
  id: string;
  type: string;
  promptPreview: string;
  fullPrompt: string;
  status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
  startTime: Date;
  endTime?: Date;
  metadata?: ClosedMetadata;
  conversationTurns?: ClosedTurn[];
}
export async function passThrough(process: ClosedProcess, workspace: ClosedWorkspace): Promise<void> {
  await store.addProcess(process);
  await store.registerWorkspace(workspace);
  const processes: ClosedProcess[] = await store.getAllProcesses();
  const workspaces: ClosedWorkspace[] = await store.getWorkspaces();
  const updates: Partial<ClosedProcess> = { conversationTurns: process.conversationTurns };
  await store.updateProcess(process.id, updates);
  void [processes, workspaces, entry];
}
