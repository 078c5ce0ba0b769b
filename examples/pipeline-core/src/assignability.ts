/**
 * Proof for the compiler: the package's class is a store of pipeline-core's own interface, and records pass
 * between the two packages without a cast. Nothing here runs; it is right if it compiles.
 */

import type * as published from 'file-process-store';
import { FileProcessStore, type FileProcessStoreOptions } from './index';
import type * as core from './ai/process-types';
import type {
  ProcessChangeCallback,
  ProcessEvent,
  ProcessFilter,
  ProcessStore,
  WorkspaceInfo,
} from './process-store';

/** An error at the place of use, unless each type is assignable to the other. */
type Both<A extends B, B extends C, C = A> = [A, B, C];

/** The pairs of types that pass in both directions. */
export type SameTypes = [
  Both<published.AIProcess, core.AIProcess>,
  Both<published.AIProcessStatus, core.AIProcessStatus>,
  Both<published.AIProcessType, core.AIProcessType>,
  Both<published.SerializedAIProcess, core.SerializedAIProcess>,
  Both<published.ConversationTurn, core.ConversationTurn>,
  Both<published.SerializedConversationTurn, core.SerializedConversationTurn>,
  Both<published.ProcessMetadata, core.GenericProcessMetadata>,
  Both<published.GroupMetadata, core.GenericGroupMetadata>,
  Both<published.CodeReviewMetadata, core.CodeReviewProcessMetadata>,
  Both<published.CodeReviewGroupMetadata, core.CodeReviewGroupMetadata>,
  Both<published.DiscoveryMetadata, core.DiscoveryProcessMetadata>,
  Both<published.WorkspaceInfo, WorkspaceInfo>,
  Both<published.ProcessFilter, ProcessFilter>,
  Both<published.ProcessEvent, ProcessEvent>,
  Both<published.ProcessChangeCallback, ProcessChangeCallback>,
];

/** An error at the place of use, unless the first type is assignable to the second. */
type Passes<A extends B, B> = [A, B];

/** The package's interface has more methods, so a store passes from there to here. */
export type FullForSmall = Passes<published.ProcessStore, ProcessStore>;

/** The class where the interface is asked for, as the server does it. */
export function openStore(options?: FileProcessStoreOptions): ProcessStore {
  return new FileProcessStore(options);
}

type Method = Exclude<keyof ProcessStore, 'onProcessChange'>;

/** The methods of the class that refuse an argument which the interface lets through. */
type Choosy = {
  [M in Method]: Parameters<ProcessStore[M]> extends Parameters<FileProcessStore[M]> ? never : M;
}[Method];

/** There are none. It is asked apart, because a method may take less than its interface says and compile. */
export type NoneIsChoosy = Both<Choosy, never>;

/** A subclass that narrows and adds, as the server does it. */
export class CountingStore extends FileProcessStore implements ProcessStore {
  public added = 0;

  public constructor(dataDir: string) {
    super({ dataDir, maxProcesses: 1200 });
  }

  public override async addProcess(process: core.AIProcess): Promise<void> {
    await super.addProcess(process);
    this.added += 1;
  }
}

/** What `instanceof` narrows to. */
export function kindOf(store: ProcessStore): string {
  if (store instanceof CountingStore) return `counting, ${store.added} so far`;
  if (store instanceof FileProcessStore) return 'file';
  return 'other';
}

/** Late assignment, single methods replaced and bound, records spread and sent on: the server's ways. */
export async function useLikeTheServer(store: ProcessStore): Promise<string> {
  store.onProcessChange = (event: ProcessEvent): void => {
    if (event.type === 'processes-cleared') return;
    const changed: core.AIProcess | undefined = event.process;
    void changed?.startTime.getTime();
  };

  const registerWorkspace = store.registerWorkspace.bind(store);
  store.registerWorkspace = async (workspace: WorkspaceInfo): Promise<void> => {
    await registerWorkspace({ ...workspace, name: workspace.name.trim() });
  };

  const process = await store.getProcess('p1');
  if (process) await store.addProcess({ ...process, id: 'p2', status: 'queued', endTime: undefined });
  const running: core.AIProcess[] = await store.getAllProcesses({ status: ['queued', 'running'], limit: 20 });
  const count: number = await store.clearProcesses({ workspaceId: 'web', status: 'failed' });
  return JSON.stringify({ running, count });
}
