/**
 * The types of an AI process, and how a process becomes JSON and back.
 */

export type AIProcessType =
  | 'clarification'
  | 'code-review'
  | 'discovery'
  | 'code-review-group'
  | 'pipeline-execution'
  | 'pipeline-item'
  | string;

export type AIProcessStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

export type AIBackend = 'copilot-sdk' | 'copilot-cli' | 'clipboard';

export interface GenericProcessMetadata {
  type: string;
  workspaceId?: string;
  workspaceName?: string;
  [key: string]: unknown;
}

export interface GenericGroupMetadata extends GenericProcessMetadata {
  childProcessIds: string[];
}

export interface DiffStats {
  files: number;
  additions: number;
  deletions: number;
}

export interface CodeReviewProcessMetadata {
  reviewType: 'commit' | 'pending' | 'staged' | 'range';
  commitSha?: string;
  commitMessage?: string;
  rulesUsed: string[];
  diffStats?: DiffStats;
}

export interface CodeReviewGroupMetadata extends CodeReviewProcessMetadata {
  childProcessIds: string[];
  executionStats?: {
    totalRules: number;
    successfulRules: number;
    failedRules: number;
    totalTimeMs: number;
  };
}

export interface DiscoveryProcessMetadata {
  featureDescription: string;
  keywords?: string[];
  targetGroupPath?: string;
  scope?: {
    includeSourceFiles: boolean;
    includeDocs: boolean;
    includeConfigFiles: boolean;
    includeGitHistory: boolean;
  };
  resultCount?: number;
}

export interface ConversationTurn {
  role: 'user' | 'assistant';
  content: string;
  timestamp: Date;
  turnIndex: number;
  streaming?: boolean;
  [key: string]: unknown;
}

export interface SerializedConversationTurn {
  role: 'user' | 'assistant';
  content: string;
  timestamp: string;
  turnIndex: number;
  streaming?: boolean;
  [key: string]: unknown;
}

export interface AIProcess {
  id: string;
  type: AIProcessType;
  promptPreview: string;
  fullPrompt: string;
  status: AIProcessStatus;
  startTime: Date;
  endTime?: Date;
  error?: string;
  result?: string;
  resultFilePath?: string;
  rawStdoutFilePath?: string;
  metadata?: GenericProcessMetadata;
  groupMetadata?: GenericGroupMetadata;
  codeReviewMetadata?: CodeReviewProcessMetadata;
  discoveryMetadata?: DiscoveryProcessMetadata;
  codeReviewGroupMetadata?: CodeReviewGroupMetadata;
  structuredResult?: string;
  parentProcessId?: string;
  sdkSessionId?: string;
  backend?: AIBackend;
  workingDirectory?: string;
  conversationTurns?: ConversationTurn[];
}

export interface SerializedAIProcess {
  id: string;
  type: AIProcessType;
  promptPreview: string;
  fullPrompt: string;
  status: AIProcessStatus;
  startTime: string;
  endTime?: string;
  error?: string;
  result?: string;
  resultFilePath?: string;
  rawStdoutFilePath?: string;
  metadata?: GenericProcessMetadata;
  groupMetadata?: GenericGroupMetadata;
  codeReviewMetadata?: CodeReviewProcessMetadata;
  discoveryMetadata?: DiscoveryProcessMetadata;
  codeReviewGroupMetadata?: CodeReviewGroupMetadata;
  structuredResult?: string;
  parentProcessId?: string;
  sdkSessionId?: string;
  backend?: AIBackend;
  workingDirectory?: string;
  conversationTurns?: SerializedConversationTurn[];
}

/** The process as JSON can hold it: dates as ISO strings, and no field that this version doesn't know. */
export function serializeProcess(process: AIProcess): SerializedAIProcess {
  return {
    id: process.id,
    type: process.type,
    promptPreview: process.promptPreview,
    fullPrompt: process.fullPrompt,
    status: process.status,
    startTime: process.startTime.toISOString(),
    endTime: process.endTime?.toISOString(),
    error: process.error,
    result: process.result,
    resultFilePath: process.resultFilePath,
    rawStdoutFilePath: process.rawStdoutFilePath,
    metadata: process.metadata,
    groupMetadata: process.groupMetadata,
    codeReviewMetadata: process.codeReviewMetadata,
    discoveryMetadata: process.discoveryMetadata,
    codeReviewGroupMetadata: process.codeReviewGroupMetadata,
    structuredResult: process.structuredResult,
    parentProcessId: process.parentProcessId,
    sdkSessionId: process.sdkSessionId,
    backend: process.backend,
    workingDirectory: process.workingDirectory,
    conversationTurns: process.conversationTurns?.map((turn) => ({
      ...turn,
      timestamp: turn.timestamp.toISOString(),
    })),
  };
}

/** The process that `serializeProcess` was given. */
export function deserializeProcess(stored: SerializedAIProcess): AIProcess {
  return {
    id: stored.id,
    type: stored.type || 'clarification',
    promptPreview: stored.promptPreview,
    fullPrompt: stored.fullPrompt,
    status: stored.status,
    startTime: new Date(stored.startTime),
    endTime: stored.endTime ? new Date(stored.endTime) : undefined,
    error: stored.error,
    result: stored.result,
    resultFilePath: stored.resultFilePath,
    rawStdoutFilePath: stored.rawStdoutFilePath,
    metadata: stored.metadata,
    groupMetadata: stored.groupMetadata,
    codeReviewMetadata: stored.codeReviewMetadata,
    discoveryMetadata: stored.discoveryMetadata,
    codeReviewGroupMetadata: stored.codeReviewGroupMetadata,
    structuredResult: stored.structuredResult,
    parentProcessId: stored.parentProcessId,
    sdkSessionId: stored.sdkSessionId,
    backend: stored.backend,
    workingDirectory: stored.workingDirectory,
    conversationTurns: stored.conversationTurns?.map((turn) => ({
      ...turn,
      timestamp: new Date(turn.timestamp),
    })),
  };
}
