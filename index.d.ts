/**
 * A file-backed store for AI processes: plain JSON files, durable commits, safe between processes.
 *
 * A data directory holds `processes.json` (every process of every workspace), `workspaces.json` and
 * `wikis.json` (what is registered). Every read sees what any process finished writing before the call. Every
 * write replaces the whole file in one step, so that no reader and no crash ever meets half of it.
 *
 * Some rules hold for every method of {@link FileProcessStore} and are not repeated below:
 *
 * - A method that returns a promise never throws. Whatever is wrong, the promise rejects with an error of the
 *   shape of {@link StoreError}.
 * - The few methods that return no promise, those for live output and flush handlers, touch no file and are
 *   done when they return. They throw the same errors: `ERR_INVALID_ARG_TYPE` for an argument of the wrong
 *   type.
 * - A mutation that rejects has changed nothing, on disk or in memory, and the calls queued behind it go
 *   on. The exceptions are described at {@link StoreError.committed}, {@link ProcessChangeCallback},
 *   {@link PruneCallback} and {@link FileProcessStore.recover}.
 * - The system may refuse any read or write. The promise then rejects with Node's own error shape: `code`
 *   (`ENOSPC`, `EACCES`, `EROFS`, …), `errno`, `syscall` and `path`.
 * - After {@link FileProcessStore.close} every promise rejects with `ERR_STORE_CLOSED`.
 * - Calls may share a commit, and nobody notices. Each call that is refused rejects with an error of its own, and the
 *   stack names those who await the call, as with `fs.promises`. A function that is passed to a call runs in the
 *   `AsyncLocalStorage` context of that call, and a listener in that of the call that it is told of.
 *
 * Nothing here needs the types of Node.
 *
 * @packageDocumentation
 */

// Several types below admit any further key, with `any` as its type. `unknown` would be stricter, but an
// interface that lists its keys and has no index signature, as callers have them for these records, could
// then not be passed to the store without a cast.

declare global {
  // As in TypeScript's own lib, for callers that compile without it; every supported Node has the symbol.
  interface SymbolConstructor {
    /** The key of the method that ends the life of an object at the end of an `await using` block. */
    readonly asyncDispose: unique symbol;
  }
}

/**
 * What a process is about. The named ones are known to the store's callers; any other text is accepted and
 * returned as it is.
 */
export type AIProcessType =
  | 'clarification'
  | 'code-review'
  | 'discovery'
  | 'code-review-group'
  | 'pipeline-execution'
  | 'pipeline-item'
  | (string & {});

/**
 * Where a process stands.
 *
 * At run time the store takes any non-empty text, so that records of a later caller survive. Only
 * `'completed'`, `'failed'` and `'cancelled'` are final: no record with any other status is ever pruned.
 */
export type AIProcessStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** Facts about a process that its caller chooses. The store itself reads `workspaceId` alone. */
export interface ProcessMetadata {
  /** What kind of metadata this is, in the caller's words. */
  type: string;
  /** The workspace that the process belongs to. It becomes the record's tag, which filters match. */
  workspaceId?: string | undefined;
  /** The workspace's name, for display. */
  workspaceName?: string | undefined;
  /** Anything else that JSON can hold. */
  [key: string]: any;
}

/** Metadata of a process that stands for a group of others. */
export interface GroupMetadata extends ProcessMetadata {
  /** The ids of the processes in the group. */
  childProcessIds: string[];
}

/** What a code review looked at. */
export interface CodeReviewMetadata {
  /** Which changes were reviewed. */
  reviewType: 'commit' | 'pending' | 'staged' | 'range';
  /** The reviewed commit. */
  commitSha?: string | undefined;
  /** The reviewed commit's message. */
  commitMessage?: string | undefined;
  /** The names of the rules that were applied. */
  rulesUsed: string[];
  /** The size of the change. */
  diffStats?:
    | {
        /** Number of files changed. */
        files: number;
        /** Number of lines added. */
        additions: number;
        /** Number of lines deleted. */
        deletions: number;
      }
    | undefined;
}

/** What a group of code reviews looked at, and how it went. */
export interface CodeReviewGroupMetadata extends CodeReviewMetadata {
  /** The ids of the processes in the group, one for each rule. */
  childProcessIds: string[];
  /** How the group's processes ended. */
  executionStats?:
    | {
        /** Number of rules that were applied. */
        totalRules: number;
        /** Number of rules whose process succeeded. */
        successfulRules: number;
        /** Number of rules whose process failed. */
        failedRules: number;
        /** Time from the start of the first process to the end of the last, in milliseconds. */
        totalTimeMs: number;
      }
    | undefined;
}

/** What a discovery searched for. */
export interface DiscoveryMetadata {
  /** The feature to be found, in words. */
  featureDescription: string;
  /** Words to search for. */
  keywords?: string[] | undefined;
  /** The group that results are added to. */
  targetGroupPath?: string | undefined;
  /** Where to search. */
  scope?:
    | {
        /** Search source files. */
        includeSourceFiles: boolean;
        /** Search documentation. */
        includeDocs: boolean;
        /** Search configuration files. */
        includeConfigFiles: boolean;
        /** Search the history of the repository. */
        includeGitHistory: boolean;
      }
    | undefined;
  /** Number of results found. */
  resultCount?: number | undefined;
}

/** One message of a conversation. */
export interface ConversationTurn {
  /** Who speaks. */
  role: 'user' | 'assistant';
  /** What is said. */
  content: string;
  /** When it was said. A `Date` here, an ISO string on disk. */
  timestamp: Date;
  /** The turn's place in the conversation, counted from 0. */
  turnIndex: number;
  /** True while the message is still growing. */
  streaming?: boolean | undefined;
  /** Anything else that JSON can hold. It is kept. */
  [key: string]: any;
}

/**
 * One AI process, as callers see it.
 *
 * A record that the store returns has every field below as an own property, `undefined` where the file has
 * none. Keys that are not listed here are kept too, and appear only where the file has them. Text may hold
 * half of a surrogate pair; it comes back as it was.
 */
export interface AIProcess {
  /** The process's own name, unique in the store and not empty. */
  id: string;
  /** What the process is about. A record without it reads as `'clarification'`. */
  type: AIProcessType;
  /** The beginning of the prompt, for lists. */
  promptPreview: string;
  /** The whole prompt. */
  fullPrompt: string;
  /** Where the process stands. */
  status: AIProcessStatus;
  /** When the process started. Retention and the time filters go by it. */
  startTime: Date;
  /** When the process ended. */
  endTime?: Date | undefined;
  /** Why the process failed. */
  error?: string | undefined;
  /** What the process answered. */
  result?: string | undefined;
  /** Path of a file with the result. */
  resultFilePath?: string | undefined;
  /** Path of a file with the raw output. */
  rawStdoutFilePath?: string | undefined;
  /** Facts of the caller's choice; `metadata.workspaceId` is the workspace that the record is tagged with. */
  metadata?: ProcessMetadata | undefined;
  /** Set for a process that stands for a group. */
  groupMetadata?: GroupMetadata | undefined;
  /** Set for a code review. */
  codeReviewMetadata?: CodeReviewMetadata | undefined;
  /** Set for a discovery. */
  discoveryMetadata?: DiscoveryMetadata | undefined;
  /** Set for a group of code reviews. */
  codeReviewGroupMetadata?: CodeReviewGroupMetadata | undefined;
  /** The result as JSON text, for results that are data. */
  structuredResult?: string | undefined;
  /** The id of the process that this one belongs to. */
  parentProcessId?: string | undefined;
  /** The session of the SDK that ran the process. */
  sdkSessionId?: string | undefined;
  /** What ran the process. */
  backend?: 'copilot-sdk' | 'copilot-cli' | 'clipboard' | undefined;
  /** The directory that the process ran in. */
  workingDirectory?: string | undefined;
  /** The conversation so far. */
  conversationTurns?: ConversationTurn[] | undefined;
}

/** A {@link ConversationTurn} as it is on disk: the time is an ISO 8601 string with milliseconds. */
export interface SerializedConversationTurn {
  /** Who speaks. */
  role: 'user' | 'assistant';
  /** What is said. */
  content: string;
  /** When it was said, as `Date.prototype.toISOString` writes it. */
  timestamp: string;
  /** The turn's place in the conversation, counted from 0. */
  turnIndex: number;
  /** True while the message is still growing. */
  streaming?: boolean | undefined;
  /** Anything else. */
  [key: string]: any;
}

/** An {@link AIProcess} as it is on disk: times are ISO 8601 strings with milliseconds. */
export interface SerializedAIProcess extends Omit<AIProcess, 'startTime' | 'endTime' | 'conversationTurns'> {
  /** When the process started, as `Date.prototype.toISOString` writes it. */
  startTime: string;
  /** When the process ended, as `Date.prototype.toISOString` writes it. */
  endTime?: string | undefined;
  /** The conversation so far. */
  conversationTurns?: SerializedConversationTurn[] | undefined;
}

/** One entry of the array in `processes.json`. */
export interface StoredProcessEntry {
  /** The workspace that the record is tagged with, `''` for none. Filters match this tag. */
  workspaceId: string;
  /** The record itself. */
  process: SerializedAIProcess;
}

/** A workspace, in the API and in `workspaces.json` alike. */
export interface WorkspaceInfo {
  /** The workspace's own name, unique in the store and not empty. */
  id: string;
  /** The name for display. */
  name: string;
  /** The workspace's root directory. */
  rootPath: string;
  /** A colour for display. */
  color?: string | undefined;
  /** The address of the repository's remote. */
  remoteUrl?: string | undefined;
  /** What the workspace is about. */
  description?: string | undefined;
  /** Anything else that JSON can hold. It is kept. */
  [key: string]: any;
}

/** A wiki, in the API and in `wikis.json` alike. */
export interface WikiInfo {
  /** The wiki's own name, unique in the store and not empty. */
  id: string;
  /** The name for display. */
  name: string;
  /** The directory that the wiki's pages are in. */
  wikiDir: string;
  /** The repository that the wiki is about. */
  repoPath?: string | undefined;
  /** A colour for display. */
  color?: string | undefined;
  /** Whether questions about the wiki may be put to an AI. */
  aiEnabled: boolean;
  /** When the wiki was registered, as an ISO 8601 string. The store neither sets nor reads it. */
  registeredAt: string;
  /** Anything else that JSON can hold. It is kept. */
  [key: string]: any;
}

/**
 * What a list shows of a process: the fields that the store's index knows, so that a list costs the same
 * whether records are small or large. A field is there where the record has it.
 *
 * Nothing is judged here that a filter doesn't need: a file that others write may hold `null` or anything else
 * in the optional fields.
 */
export interface ProcessSummary {
  /** The process's own name. */
  id: string;
  /** The workspace that the record is tagged with, `''` for none. */
  workspaceId: string;
  /** Where the process stands. */
  status: AIProcessStatus;
  /** What the process is about; `'clarification'` for a record without it. */
  type: AIProcessType;
  /** When the process started, as `Date.prototype.toISOString` writes it. */
  startTime: string;
  /** When the process ended, as `Date.prototype.toISOString` writes it. */
  endTime?: string | undefined;
  /** Time from start to end in milliseconds. There for a process that has ended. */
  duration?: number | undefined;
  /** The beginning of the prompt. */
  promptPreview?: string | undefined;
  /** Why the process failed. */
  error?: string | undefined;
  /** The id of the process that this one belongs to. */
  parentProcessId?: string | undefined;
  /** The record's key `title`, if its caller has given it one. */
  title?: string | undefined;
  /** The record's key `customTitle`, if its caller has given it one. */
  customTitle?: string | undefined;
  /** The record's key `lastMessagePreview`, if its caller has given it one. */
  lastMessagePreview?: string | undefined;
  /** The record's key `lastEventAt`, if its caller has given it one; a `Date` there is an ISO string here. */
  lastEventAt?: string | undefined;
}

/** One page of a list. */
export interface ProcessSummaries {
  /** The summaries on this page, in the order of the file. */
  entries: ProcessSummary[];
  /** How many processes match in all: the count before `offset` and `limit`. */
  total: number;
}

/** How much a store holds. */
export interface StorageStats {
  /** Number of processes, of all workspaces. */
  totalProcesses: number;
  /** Number of registered workspaces. */
  totalWorkspaces: number;
  /** Number of registered wikis. */
  totalWikis: number;
  /** Size of the three data files and of the journal together, in bytes. */
  storageSize: number;
  /** Size of the journal in bytes, where there is one. */
  journalSize?: number;
}

/** What {@link FileProcessStore.recover} found in one data file, and did about it. */
export interface RecoveryReport {
  /** The data file; where it is a link, the file that the link leads to. */
  path: string;
  /**
   * The copy of the damaged file: `{file}.corrupt-<timestamp>`, beside it. Absent where nothing was damaged, and
   * so nothing was done.
   */
  backup?: string | undefined;
  /** Number of records in the file now. */
  kept: number;
  /** What could not be kept, in the order of the file. */
  lost: LostPart[];
}

/** A part of a damaged file that was no whole record. Its place is the one in the copy. */
export interface LostPart {
  /** The line where it begins, counted from 1. The fault itself may be further on. */
  line: number;
  /** The column where it begins, counted in bytes from 1. */
  column: number;
  /** How long it is, in bytes. */
  bytes: number;
  /** What was expected of it. */
  expected: string;
}

/**
 * Which processes a call is about: those that match every field given, in the order of the file, and of
 * those the part that `offset` and `limit` cut out. A field left out is no constraint.
 */
export interface ProcessFilter {
  /** Only processes tagged with this workspace. */
  workspaceId?: string | undefined;
  /** Only processes with this parent. */
  parentProcessId?: string | undefined;
  /** Only processes with this status, or with one of these. An empty array matches none. */
  status?: AIProcessStatus | AIProcessStatus[] | undefined;
  /** Only processes of this type. */
  type?: AIProcessType | undefined;
  /** Only processes with `startTime >= since`. */
  since?: Date | undefined;
  /** Only processes with `startTime < until`. */
  until?: Date | undefined;
  /** At most this many: an integer of 0 or more, or `Infinity`. 0 matches none. */
  limit?: number | undefined;
  /** Leave out this many of the first matches: an integer of 0 or more. It works without `limit` too. */
  offset?: number | undefined;
  /**
   * What to leave out of the records, for lists that don't show it: `'conversation'` leaves out
   * `conversationTurns`, `fullPrompt` and `result`; `'toolCalls'` leaves out the turns' `toolCalls`. It does
   * not change which processes match.
   */
  exclude?: ('conversation' | 'toolCalls')[] | undefined;
}

/** What {@link ProcessStore.onProcessChange} is called with. */
export interface ProcessEvent {
  /** What happened. An add that replaces a record is an add. */
  type: 'process-added' | 'process-updated' | 'process-removed' | 'processes-cleared';
  /**
   * The process it happened to: on add the very object that the caller passed, on update the merged record,
   * on remove the record as it was last. Absent when processes were cleared.
   */
  process?: AIProcess | undefined;
}

/**
 * Called once for each mutation of this store object, after the change is durable and before the
 * mutation's promise resolves. It may call the store.
 *
 * If it throws, the promise of that mutation rejects with what was thrown. The change stays written, and
 * later calls work.
 *
 * With {@link FileProcessStoreOptions.watch} it is also called for what others change. No promise of this store
 * belongs to such a change; what is thrown then is an uncaught exception. No call of this store belongs to it either:
 * it runs in the `AsyncLocalStorage` context in which the listener was assigned, or, where a class declares the
 * listener, in that of the store's construction.
 */
export type ProcessChangeCallback = (event: ProcessEvent) => void;

/**
 * Makes the changes of an update from the record as it is now: returns the fields to set, or `undefined` to leave
 * the record as it is. It must return at once, not a promise. It may call the store, and may be called more than
 * once; see {@link FileProcessStore.updateProcess}.
 *
 * Its argument is a fresh record: changing that, too, changes nothing in the store.
 */
export type ProcessChange = (current: AIProcess) => Partial<AIProcess> | undefined;

/**
 * Called with the entries that an add has pushed out of the store, as they were on disk, so that output files
 * that belong to them can be deleted. It is called when the write is durable, before the events and the promises
 * of the mutations that were written with it, once for all that went, and in the `AsyncLocalStorage` context of the
 * last addition among them. Entries that other processes or other store objects prune are
 * told to theirs.
 *
 * If it throws, the promise of the add rejects with what was thrown. The change stays written, and later calls
 * work.
 */
export type PruneCallback = (entries: StoredProcessEntry[]) => void;

/**
 * Live output of a process: `{ type: 'chunk', content }` for text, `{ type: 'complete', status, duration }` at
 * the end, or any other event of the caller's own.
 */
export interface ProcessOutputEvent {
  /** What it is. */
  type: 'chunk' | 'complete' | (string & {});
  /** The text of a chunk. */
  content?: string | undefined;
  /** Where the process stands, now that it is complete. */
  status?: AIProcessStatus | undefined;
  /** How long the process took: a number of milliseconds, or a text for display. */
  duration?: number | string | undefined;
  /** Anything else. It is passed on as it is, and never stored. */
  [key: string]: any;
}

/**
 * Called for each event of a process's live output. It may declare the narrower type of the events that its
 * program emits.
 */
// The parameter of a method, unlike that of a function type, may be narrowed.
export type ProcessOutputCallback = {
  /** Is called with the event. */
  call(event: ProcessOutputEvent): void;
}['call'];

/**
 * The store's interface, for code that is to work with any implementation of it. Errors, limits and
 * durability are those of the implementation; see {@link FileProcessStore}.
 */
export interface ProcessStore {
  /** Adds a process. Resolves when it is stored. */
  addProcess(process: AIProcess): Promise<void>;
  /**
   * Changes the named fields of a process, or those that a function of the current record returns. Resolves when
   * they are stored, or if the id is unknown.
   */
  updateProcess(id: string, updates: Partial<AIProcess> | ProcessChange): Promise<void>;
  /** Resolves to the process with this id (of this workspace, if one is named), or to `undefined`. */
  getProcess(id: string, workspaceId?: string): Promise<AIProcess | undefined>;
  /** Resolves to the processes that match the filter, or to all. */
  getAllProcesses(filter?: ProcessFilter): Promise<AIProcess[]>;
  /** Resolves to what a list shows of the processes that match the filter, or of all. */
  getProcessSummaries(filter?: ProcessFilter): Promise<ProcessSummaries>;
  /** Resolves to the ids of the processes that match the filter, or of all. */
  getProcessIds(filter?: ProcessFilter): Promise<string[]>;
  /** Resolves to the number of processes that match the filter, or of all. */
  getProcessCount(filter?: ProcessFilter): Promise<number>;
  /** Removes a process. Resolves when it is gone, or if the id is unknown. */
  removeProcess(id: string): Promise<void>;
  /** Removes the processes that match the filter, or all. Resolves to their number when they are gone. */
  clearProcesses(filter?: ProcessFilter): Promise<number>;
  /** Adds a workspace, or replaces the one with the same id. Resolves when it is stored. */
  registerWorkspace(info: WorkspaceInfo): Promise<void>;
  /** Resolves to the registered workspaces. */
  getWorkspaces(): Promise<WorkspaceInfo[]>;
  /** Changes the named fields of a workspace. Resolves to what it is then, or to `undefined`. */
  updateWorkspace(id: string, updates: Partial<WorkspaceInfo>): Promise<WorkspaceInfo | undefined>;
  /** Removes a workspace, not its processes. Resolves to whether it was there. */
  removeWorkspace(id: string): Promise<boolean>;
  /** Removes all workspaces, not their processes. Resolves to their number. */
  clearAllWorkspaces(): Promise<number>;
  /** Adds a wiki, or replaces the one with the same id. Resolves when it is stored. */
  registerWiki(info: WikiInfo): Promise<void>;
  /** Resolves to the registered wikis. */
  getWikis(): Promise<WikiInfo[]>;
  /** Changes the named fields of a wiki. Resolves to what it is then, or to `undefined`. */
  updateWiki(id: string, updates: Partial<WikiInfo>): Promise<WikiInfo | undefined>;
  /** Removes a wiki. Resolves to whether it was there. */
  removeWiki(id: string): Promise<boolean>;
  /** Removes all wikis. Resolves to their number. */
  clearAllWikis(): Promise<number>;
  /** Resolves to how much the store holds. */
  getStorageStats(): Promise<StorageStats>;
  /** Subscribes to the live output of a process. Returns what ends the subscription. */
  onProcessOutput(id: string, callback: ProcessOutputCallback): () => void;
  /** Tells the subscribers of a process of a chunk of its output. */
  emitProcessOutput(id: string, content: string): void;
  /** Tells the subscribers of a process of any event. */
  emitProcessEvent(id: string, event: ProcessOutputEvent): void;
  /** Tells the subscribers of a process that it is complete, and ends their subscriptions. */
  emitProcessComplete(id: string, status: AIProcessStatus, duration: number | string): void;
  /** Sets what writes out the buffered output of a process. */
  registerFlushHandler(id: string, handler: () => unknown): void;
  /** Takes away what writes out the buffered output of a process. */
  unregisterFlushHandler(id: string): void;
  /** Resolves when the buffered output of a process, if there is any, has been written out. */
  requestFlush(id: string): Promise<void>;
  /** Resolves when all mutations that were called before are stored. */
  flush(): Promise<void>;
  /** Does that, and then lets go of everything. Later calls are refused. */
  close(): Promise<void>;
  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Called for each change that this store makes. */
  onProcessChange?: ProcessChangeCallback | undefined;
  /** Called with what retention has removed. */
  onPrune?: PruneCallback | undefined;
}

/** Options of {@link FileProcessStore}. Each may be left out. */
export interface FileProcessStoreOptions {
  /**
   * The data directory. A relative path is resolved when the store is made. The directory need not exist:
   * the first add makes it, with its parents.
   *
   * @defaultValue the result of {@link getDefaultDataDir}
   */
  dataDir?: string | undefined;
  /**
   * How many processes to keep: an integer of 0 or more, or `Infinity`. While an add leaves more than that,
   * the oldest by `startTime` among the completed, failed and cancelled ones are removed. Others are kept
   * even if that leaves too many.
   *
   * @defaultValue 500
   */
  maxProcesses?: number | undefined;
  /**
   * Whether promises wait until a write would survive a power loss: the file and its directory are synced.
   * With `false` a write survives a crash of the process, but not always one of the machine.
   *
   * @defaultValue true
   */
  durable?: boolean | undefined;
  /**
   * How long a write waits for other processes that write to the same directory, in milliseconds: 0 or more,
   * or `Infinity`. After that it rejects with `ERR_STORE_LOCKED`. On Windows and on networks, it is also how long
   * a write waits for others to close a file that can't be replaced meanwhile; then it rejects with the system's error.
   *
   * @defaultValue 10000
   */
  lockTimeoutMs?: number | undefined;
  /**
   * Whether a write of processes appends what it changes to a journal, `processes.json.journal`, instead of replacing
   * `processes.json` as a whole. It then costs what it changes, whatever the store weighs, and is as durable. Every
   * store reads both files, with the option or without. A *checkpoint* puts the journal into `processes.json`: when the
   * journal has outgrown it, behind the calls; with {@link FileProcessStore.checkpoint} and
   * {@link FileProcessStore.close}; and before a write of a store without the option. Programs that read
   * `processes.json` alone, such as the plain store, see the state of the last checkpoint.
   *
   * @defaultValue false
   */
  journal?: boolean | undefined;
  /**
   * Whether {@link FileProcessStore.onProcessChange} is also told of what *others* change in `processes.json`:
   * other processes, and other store objects of this one. What happened is found by comparing the records before
   * and after, so each change is told once, changes that follow each other closely may be told as one, and this
   * store's own changes are not told twice. A record that was cleared or pruned by others is one that was removed.
   * What others change is told from the moment on at which the first call of this store object has resolved.
   *
   * It rests on the system's own notifications: nothing is polled, and the watch alone does not keep the process
   * alive. The data directory need not exist yet, and may be deleted and made again. Where the system refuses
   * the watch, every call that reads or writes the files rejects with its error, and tries again first. The watch
   * ends when the store is closed or collected as garbage.
   *
   * @defaultValue false
   */
  watch?: boolean | undefined;
  /**
   * The first value of {@link FileProcessStore.onPrune}.
   *
   * @defaultValue none
   */
  onPrune?: PruneCallback | undefined;
}

/**
 * A store over JSON files in one data directory.
 *
 * Any number of store objects, in any number of processes, may work on one directory at the same time.
 * Mutations of one object apply in the order in which they were called. Arguments are read at the call:
 * changing the object afterwards changes nothing. Every read returns fresh objects.
 *
 * @example
 * ```js
 * const store = new FileProcessStore({ dataDir: '/var/lib/pipeline' });
 * await store.addProcess({
 *   id: 'review-1',
 *   type: 'code-review',
 *   promptPreview: 'Review the last commit',
 *   fullPrompt: 'Review the last commit and list what is wrong with it.',
 *   status: 'running',
 *   startTime: new Date(),
 *   metadata: { type: 'code-review', workspaceId: 'web' },
 * });
 * await store.updateProcess('review-1', { status: 'completed', endTime: new Date() });
 * const done = await store.getAllProcesses({ workspaceId: 'web', status: 'completed' });
 * ```
 */
export class FileProcessStore implements ProcessStore {
  /**
   * Makes a store. It touches no file; a directory that doesn't exist is an empty store.
   *
   * @param options - where the files are, and how they are written
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if an option is of the wrong type
   * @throws TypeError or RangeError with code `ERR_INVALID_ARG_VALUE` if an option is of the right type and
   *   has a bad value, such as an empty `dataDir` or a negative `maxProcesses`
   */
  constructor(options?: FileProcessStoreOptions);

  /**
   * Called for each change that this store object makes and, with {@link FileProcessStoreOptions.watch}, for what
   * others change. It can be set and changed at any time; a mutation calls the one that is set when its write is
   * done. Pruning is no change of its own and fires nothing here.
   */
  onProcessChange?: ProcessChangeCallback | undefined;

  /**
   * Called with the entries that an add of this store object has pushed out; see
   * {@link FileProcessStoreOptions.maxProcesses}. It can be set and changed at any time, as `onProcessChange` can.
   */
  onPrune?: PruneCallback | undefined;

  /**
   * Adds a process at the end of the file, or replaces the one with the same id in its place. It is tagged
   * with `process.metadata.workspaceId`, or with `''`. Then the retention limit is applied; see
   * {@link FileProcessStoreOptions.maxProcesses}. Makes the data directory if it is missing.
   *
   * Fires `'process-added'` with the object that was passed.
   *
   * @param process - the process; keys that {@link AIProcess} doesn't list are kept
   * @returns a promise that resolves when the write is durable
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the process or one of its fields is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if the id or the status is empty, a date is invalid, or a value can't be JSON
   *   (a BigInt, a cycle)
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  addProcess(process: AIProcess): Promise<void>;

  /**
   * Sets the named fields of a process and leaves the others as they are. A field named with `undefined` is
   * removed; nested objects are replaced as a whole. If the merged `metadata` names a workspace, the record
   * is tagged with it.
   *
   * Fires `'process-updated'` with the merged record. An id that is not in the store writes nothing and
   * fires nothing.
   *
   * What is to be set may depend on what is there: two writers that each read a conversation, append a turn and
   * write it back would lose a turn. Pass a function for that. It is called with the current record, and what
   * it returns is applied only if the record is still the very one that it saw. If another writer came in
   * between, of this process or of any other, the function is called again with the newer record. So it may run
   * more than once, and should do nothing but compute. No lock is held while it runs. Calls for one record that
   * are made at the same time are chained, each function with the result of the one before, and share a commit.
   *
   * A function that returns `undefined` leaves the record alone: nothing is written, nothing fires. If it throws,
   * this call rejects with what was thrown, and nothing is changed. For an unknown id it isn't called.
   *
   * @example
   * ```js
   * await store.updateProcess('review-1', (current) => ({
   *   conversationTurns: [...(current.conversationTurns ?? []), turn],
   * }));
   * ```
   *
   * @param id - the id of the process
   * @param updates - the fields to set, or a function of the current record that returns them; an `id` among them
   *   must be the same id
   * @returns a promise that resolves when the write is durable, or once the id is known to be missing
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if an argument or a field is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if the updates change the id, remove the status or the start time, set either
   *   to an empty text or an invalid date, or hold a value that can't be JSON; also if the function returns a
   *   promise
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  updateProcess(id: string, updates: Partial<AIProcess> | ProcessChange): Promise<void>;

  /**
   * Reads one process.
   *
   * @param id - the id of the process; an empty one finds nothing
   * @param workspaceId - if given, and not empty, only a record that is tagged with this workspace is found
   * @returns a promise of a fresh record, or of `undefined` if the store has none with this id
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the id or the workspace is no string
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getProcess(id: string, workspaceId?: string): Promise<AIProcess | undefined>;

  /**
   * Reads the processes that match a filter, or all of them.
   *
   * @param filter - which processes; a field that is `undefined`, `null` or `''` is no constraint
   * @returns a promise of fresh records in the order of the file, which is the order in which they were added
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the filter or one of its fields is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if a date is invalid, or `limit` or `offset` is negative or no integer
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getAllProcesses(filter?: ProcessFilter): Promise<AIProcess[]>;

  /**
   * Lists what is needed to show the processes that match a filter, or all of them, without their prompts, results
   * and conversations. It takes no longer for large records than for small ones.
   *
   * @param filter - which processes, as for {@link FileProcessStore.getAllProcesses}; `exclude` changes nothing
   * @returns a promise of one page in the order of the file, and of the number of matches on all pages
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the filter or one of its fields is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if a date is invalid, or `limit` or `offset` is negative or no integer
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getProcessSummaries(filter?: ProcessFilter): Promise<ProcessSummaries>;

  /**
   * Lists the ids of the processes that match a filter, or of all of them.
   *
   * @param filter - which processes, as for {@link FileProcessStore.getAllProcesses}
   * @returns a promise of the ids in the order of the file
   *
   * Rejects as {@link FileProcessStore.getProcessSummaries} does.
   */
  getProcessIds(filter?: ProcessFilter): Promise<string[]>;

  /**
   * Counts the processes that {@link FileProcessStore.getAllProcesses} lists for the same filter, `limit` and
   * `offset` included.
   *
   * @param filter - which processes
   * @returns a promise of their number
   *
   * Rejects as {@link FileProcessStore.getProcessSummaries} does.
   */
  getProcessCount(filter?: ProcessFilter): Promise<number>;

  /**
   * Removes a process.
   *
   * Fires `'process-removed'` with the record as it was last. An id that is not in the store writes nothing
   * and fires nothing.
   *
   * @param id - the id of the process
   * @returns a promise that resolves when the write is durable, or once the id is known to be missing
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the id is no string
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  removeProcess(id: string): Promise<void>;

  /**
   * Removes exactly the processes that {@link FileProcessStore.getAllProcesses} lists for the same filter,
   * `since`, `limit` and `offset` included. Without a filter it removes all.
   *
   * A lost value must not clear everything. So this call takes neither `null` nor an empty text, as a filter
   * or as a field of one; `undefined` is no constraint.
   *
   * Fires `'processes-cleared'`, for a number of 0 too.
   *
   * @param filter - which processes
   * @returns a promise of the number of removed processes, when the write is durable
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the filter or one of its fields is `null` or of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if a text is empty, a date is invalid, or `limit` or `offset` is negative or no
   *   integer
   * - `ERR_STORE_CORRUPT` if `processes.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  clearProcesses(filter?: ProcessFilter): Promise<number>;

  /**
   * Adds a workspace at the end of the file, or replaces the one with the same id in its place. Makes the
   * data directory if it is missing. Fires nothing.
   *
   * @param info - the workspace; keys that {@link WorkspaceInfo} doesn't list are kept
   * @returns a promise that resolves when the write is durable
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the workspace or one of its fields is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if the id is empty, or a value can't be JSON (a BigInt, a cycle)
   * - `ERR_STORE_CORRUPT` if `workspaces.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  registerWorkspace(info: WorkspaceInfo): Promise<void>;

  /**
   * Reads the registered workspaces.
   *
   * @returns a promise of fresh objects in the order of the file, each with just the keys that the file has
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if `workspaces.json` is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getWorkspaces(): Promise<WorkspaceInfo[]>;

  /**
   * Sets the named fields of a workspace and leaves the others as they are. An optional field named with
   * `undefined` is removed. An id that is not registered writes nothing.
   *
   * @param id - the id of the workspace
   * @param updates - the fields to set; an `id` among them must be the same id
   * @returns a promise of the workspace as it is then, when the write is durable, or of `undefined` if there is none
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if an argument or a field is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if the updates change the id, or hold a value that can't be JSON
   * - `ERR_STORE_CORRUPT` if `workspaces.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  updateWorkspace(id: string, updates: Partial<WorkspaceInfo>): Promise<WorkspaceInfo | undefined>;

  /**
   * Removes a workspace. Its processes stay.
   *
   * @param id - the id of the workspace
   * @returns a promise of whether it was there, when the write is durable
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the id is no string
   * - `ERR_STORE_CORRUPT` if `workspaces.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  removeWorkspace(id: string): Promise<boolean>;

  /**
   * Removes all workspaces. Their processes stay. Where there is none, nothing is written.
   *
   * @returns a promise of the number of removed workspaces, when the write is durable
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if `workspaces.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  clearAllWorkspaces(): Promise<number>;

  /**
   * Adds a wiki at the end of the file, or replaces the one with the same id in its place. Makes the data
   * directory if it is missing. Fires nothing.
   *
   * @param info - the wiki; keys that {@link WikiInfo} doesn't list are kept
   * @returns a promise that resolves when the write is durable
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the wiki or one of its fields is of the wrong type
   * - `ERR_INVALID_ARG_VALUE` if the id is empty, or a value can't be JSON (a BigInt, a cycle)
   * - `ERR_STORE_CORRUPT` if `wikis.json` is not what a store writes
   * - `ERR_STORE_LOCKED` if other processes keep the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  registerWiki(info: WikiInfo): Promise<void>;

  /**
   * Reads the registered wikis.
   *
   * @returns a promise of fresh objects in the order of the file, each with just the keys that the file has
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if `wikis.json` is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getWikis(): Promise<WikiInfo[]>;

  /**
   * Sets the named fields of a wiki and leaves the others as they are. An optional field named with `undefined`
   * is removed. An id that is not registered writes nothing.
   *
   * @param id - the id of the wiki
   * @param updates - the fields to set; an `id` among them must be the same id
   * @returns a promise of the wiki as it is then, when the write is durable, or of `undefined` if there is none
   *
   * Rejects as {@link FileProcessStore.updateWorkspace} does, for `wikis.json`.
   */
  updateWiki(id: string, updates: Partial<WikiInfo>): Promise<WikiInfo | undefined>;

  /**
   * Removes a wiki.
   *
   * @param id - the id of the wiki
   * @returns a promise of whether it was there, when the write is durable
   *
   * Rejects as {@link FileProcessStore.removeWorkspace} does, for `wikis.json`.
   */
  removeWiki(id: string): Promise<boolean>;

  /**
   * Removes all wikis. Where there is none, nothing is written.
   *
   * @returns a promise of the number of removed wikis, when the write is durable
   *
   * Rejects as {@link FileProcessStore.clearAllWorkspaces} does, for `wikis.json`.
   */
  clearAllWikis(): Promise<number>;

  /**
   * Counts what the store holds. No record is decoded for it.
   *
   * @returns a promise of the numbers, as of now
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if one of the data files is not what a store writes
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  getStorageStats(): Promise<StorageStats>;

  /**
   * Mends damaged data files. Each one that is refused with `ERR_STORE_CORRUPT` is copied to
   * `{file}.corrupt-<timestamp>`, beside it, and then replaced by one with every record that is still whole. A file
   * that is whole, or missing, is left alone. Fires nothing of its own; a store that watches is told of the
   * records that are gone.
   *
   * Where a file can't be mended the call rejects, and the others are mended all the same.
   *
   * @returns a promise of one report a file, when all is durable: processes, workspaces, wikis
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if a data file is no regular file
   * - `ERR_STORE_LOCKED` if other processes keep a lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  recover(): Promise<RecoveryReport[]>;

  /**
   * Subscribes to the live output of a process: what is emitted for its id from now on, at this store object. Output
   * is in memory only; nothing is kept for ids that nobody listens to. There may be any number of subscriptions,
   * each of its own, also with the same callback.
   *
   * @param id - the id of the process; it need not be in the store
   * @param callback - called at once with each event, in the order of the subscriptions. What it throws comes out
   *   of the call that has emitted the event, and the callbacks behind it are not called
   * @returns a function that ends the subscription; calling it again does nothing
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if the id is no string or the callback no function
   * @throws Error with code `ERR_STORE_CLOSED` if the store was closed
   */
  onProcessOutput(id: string, callback: ProcessOutputCallback): () => void;

  /**
   * Tells those who listen to a process of a chunk of its output: `{ type: 'chunk', content }`.
   *
   * @param id - the id of the process
   * @param content - the text
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if an argument is no string
   */
  emitProcessOutput(id: string, content: string): void;

  /**
   * Tells those who listen to a process of any event. They get the very object.
   *
   * @param id - the id of the process
   * @param event - the event
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if the id is no string or the event no object
   */
  emitProcessEvent(id: string, event: ProcessOutputEvent): void;

  /**
   * Tells those who listen to a process that it is complete: `{ type: 'complete', status, duration }`. This ends all
   * subscriptions for this id that were made before. Nothing is written; that is what
   * {@link FileProcessStore.updateProcess} is for.
   *
   * @param id - the id of the process
   * @param status - where the process stands now
   * @param duration - how long it took: a number of milliseconds, or a text for display
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if an argument is of the wrong type
   */
  emitProcessComplete(id: string, status: AIProcessStatus, duration: number | string): void;

  /**
   * Sets what {@link FileProcessStore.requestFlush} calls for a process. There is one handler a process; a new one
   * replaces the old one.
   *
   * @param id - the id of the process
   * @param handler - writes out what is buffered of the process's output, and may return a promise of that
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if the id is no string or the handler no function
   * @throws Error with code `ERR_STORE_CLOSED` if the store was closed
   */
  registerFlushHandler(id: string, handler: () => unknown): void;

  /**
   * Takes away the handler of a process, if it has one.
   *
   * @param id - the id of the process
   * @throws TypeError with code `ERR_INVALID_ARG_TYPE` if the id is no string
   */
  unregisterFlushHandler(id: string): void;

  /**
   * Calls the handler that was registered for a process, so that its buffered output is written out.
   *
   * @param id - the id of the process
   * @returns a promise that resolves when the handler is done, or at once if there is none
   *
   * Rejects with
   * - `ERR_INVALID_ARG_TYPE` if the id is no string
   * - what the handler throws or rejects with
   * - `ERR_STORE_CLOSED` if the store was closed
   */
  requestFlush(id: string): Promise<void>;

  /**
   * Makes `processes.json` exactly what a store without a journal would have written, and removes the journal. It comes
   * after all mutations that were called before. Where there is no journal nothing is done. See
   * {@link FileProcessStoreOptions.journal}.
   *
   * @returns a promise that resolves when the file is durable
   *
   * Rejects with
   * - `ERR_STORE_CORRUPT` if the file or its journal is damaged
   * - `ERR_STORE_LOCKED` if other processes kept the lock for too long
   * - `ERR_STORE_CLOSED` if the store was closed
   * - the system's error if it refused; nothing is lost by that
   */
  checkpoint(): Promise<void>;

  /**
   * Waits for all mutations that were called before, whether they succeed or not. It calls no flush handler.
   *
   * @returns a promise that resolves when what they have written is durable
   *
   * Rejects with `ERR_STORE_CLOSED` if the store was closed.
   */
  flush(): Promise<void>;

  /**
   * Finishes all calls that were made before, makes a checkpoint if the store has a journal, and then ends the watch and all subscriptions, and lets go of the
   * files. From this call on, other calls are refused with `ERR_STORE_CLOSED`; what is emitted is heard by nobody.
   * Closing twice is fine. Other stores on the directory are not affected.
   *
   * A program that just ends need not close its stores.
   *
   * @returns a promise that resolves when all that is done; it never rejects
   */
  close(): Promise<void>;

  /**
   * The same as {@link FileProcessStore.close}, for `await using store = new FileProcessStore(…)`.
   *
   * @returns a promise that resolves when the store is closed
   */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * What the store is, for people: its directory, its cap, and how many processes the last snapshot had. It reads
   * nothing for that. The console shows the same.
   *
   * @returns one line, such as `FileProcessStore { dataDir: '/data', maxProcesses: 500, processes: 12 }`
   */
  toString(): string;
}

/**
 * The data directory of a store that is given none: `.pipeline-server` in the user's home directory. Where `HOME` is no
 * absolute path, that of the system's list of users counts.
 *
 * @returns its absolute path; the directory need not exist
 * @throws Error if the system knows no home directory for the user, or one whose name is no UTF-8
 */
export function getDefaultDataDir(): string;

/**
 * Makes a directory, with its parents, if it doesn't exist.
 *
 * @param path - the directory; a relative path is resolved at the call
 * @returns a promise of the directory's absolute path, when the directory is there
 *
 * Rejects with
 * - `ERR_INVALID_ARG_TYPE` if the path is no string
 * - `ERR_INVALID_ARG_VALUE` if the path is empty or holds a null character
 * - Node's own error shape if the system refuses, for instance because there is a file in the way
 */
export function ensureDataDir(path: string): Promise<string>;

/**
 * The codes of the store's own errors.
 *
 * - `ERR_INVALID_ARG_TYPE`: an argument is of the wrong type. A `TypeError`; the message names the argument
 *   and the field.
 * - `ERR_INVALID_ARG_VALUE`: an argument is of the right type and has a bad value. A `TypeError` or a
 *   `RangeError`; the message names the argument and the field.
 * - `ERR_STORE_CORRUPT`: a data file is not what a store writes. It is never touched; once it is mended, the
 *   next call works. The error says where the fault is, what was expected there, and how to recover.
 * - `ERR_STORE_LOCKED`: other processes kept the lock for longer than `lockTimeoutMs`. The message has the
 *   lock's path and the time waited.
 * - `ERR_STORE_CLOSED`: the store was closed.
 * - `ERR_STORE_INTERNAL`: a bug in the store. Nothing was changed.
 * - `ERR_STORE_NO_BINARY`: thrown when the package is loaded, where its binary is missing or can't be used. The
 *   message names the system and what is wrong, and says what to do where that is known; `cause` is what the runtime
 *   said.
 */
export type StoreErrorCode =
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_STORE_LOCKED'
  | 'ERR_STORE_CLOSED'
  | 'ERR_STORE_INTERNAL'
  | 'ERR_STORE_NO_BINARY';

/**
 * The shape of what the store rejects with. It is a type only: test for `code`.
 *
 * @example
 * ```ts
 * try {
 *   await store.getAllProcesses();
 * } catch (error) {
 *   if ((error as StoreError).code === 'ERR_STORE_CORRUPT') console.error((error as StoreError).message);
 *   else throw error;
 * }
 * ```
 */
export interface StoreError extends Error {
  /** A code of the store's own, or the system's (`ENOSPC`, `EACCES`, …). */
  code: StoreErrorCode | (string & {});
  /** The file, lock or directory that it is about. Set for a corrupt file, a lock and for system errors. */
  path?: string | undefined;
  /** The line of the fault, counted from 1. Set for a corrupt file. */
  line?: number | undefined;
  /** The column of the fault, counted in bytes from 1. Set for a corrupt file. */
  column?: number | undefined;
  /** The system's error number, negative as in Node. Set for system errors. */
  errno?: number | undefined;
  /** The system call that failed. Set for system errors. */
  syscall?: string | undefined;
  /**
   * True in one case alone: the file was replaced, and then the sync of its directory failed. The new state
   * is visible to every reader, but may not survive a power loss. No event was fired.
   */
  committed?: boolean | undefined;
}
