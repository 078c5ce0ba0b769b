/**
 * What pipeline-core asks of a store. The server and the command line know this interface alone.
 */

import type { AIProcess, AIProcessStatus, AIProcessType } from './ai/process-types';

export interface WorkspaceInfo {
  id: string;
  name: string;
  rootPath: string;
  color?: string;
  remoteUrl?: string;
  description?: string;
}

export interface ProcessFilter {
  workspaceId?: string;
  parentProcessId?: string;
  status?: AIProcessStatus | AIProcessStatus[];
  type?: AIProcessType;
  since?: Date;
  until?: Date;
  limit?: number;
  offset?: number;
  exclude?: ('conversation' | 'toolCalls')[];
}

export interface ProcessEvent {
  type: 'process-added' | 'process-updated' | 'process-removed' | 'processes-cleared';
  process?: AIProcess;
}

export type ProcessChangeCallback = (event: ProcessEvent) => void;

export interface ProcessStore {
  addProcess(process: AIProcess): Promise<void>;
  updateProcess(id: string, updates: Partial<AIProcess>): Promise<void>;
  getProcess(id: string): Promise<AIProcess | undefined>;
  getAllProcesses(filter?: ProcessFilter): Promise<AIProcess[]>;
  removeProcess(id: string): Promise<void>;
  clearProcesses(filter?: ProcessFilter): Promise<number>;
  registerWorkspace(workspace: WorkspaceInfo): Promise<void>;
  getWorkspaces(): Promise<WorkspaceInfo[]>;
  onProcessChange?: ProcessChangeCallback;
}
