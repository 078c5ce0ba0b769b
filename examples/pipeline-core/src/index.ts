export { serializeProcess, deserializeProcess } from './ai/process-types';
export type {
  AIBackend,
  AIProcess,
  AIProcessStatus,
  AIProcessType,
  CodeReviewGroupMetadata,
  CodeReviewProcessMetadata,
  ConversationTurn,
  DiffStats,
  DiscoveryProcessMetadata,
  GenericGroupMetadata,
  GenericProcessMetadata,
  SerializedAIProcess,
  SerializedConversationTurn,
} from './ai/process-types';
export type {
  ProcessChangeCallback,
  ProcessEvent,
  ProcessFilter,
  ProcessStore,
  WorkspaceInfo,
} from './process-store';

// The whole switch: these names used to come from './file-process-store'. `type` is there because every
// file is compiled on its own, and a compiler that sees one file can't tell which name is a type.
export {
  FileProcessStore,
  type FileProcessStoreOptions,
  getDefaultDataDir,
  ensureDataDir,
} from 'file-process-store';
