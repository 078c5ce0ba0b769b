/**
 * What the compiler must refuse. Each expectation is an error itself if the line below it compiles.
 */

import {
  FileProcessStore,
  ensureDataDir,
  getDefaultDataDir,
  type AIProcess,
  type AIProcessStatus,
  type ConversationTurn,
  type ProcessEvent,
  type ProcessFilter,
  type SerializedAIProcess,
  type StoreErrorCode,
  type WorkspaceInfo,
} from 'file-process-store';

declare const store: FileProcessStore;
declare const process: AIProcess;

// Options.
// @ts-expect-error: a path is a string
new FileProcessStore({ dataDir: 1 });
// @ts-expect-error: options are an object, not a path
new FileProcessStore('/data');
// @ts-expect-error: the cap is a number
new FileProcessStore({ maxProcesses: '500' });
// @ts-expect-error: durable is a boolean
new FileProcessStore({ durable: 'yes' });
// @ts-expect-error: the time is a number
new FileProcessStore({ lockTimeoutMs: '10s' });
// @ts-expect-error: no such option
new FileProcessStore({ datadir: '/data' });

// Ids.
// @ts-expect-error: an id is a string
store.getProcess(1);
// @ts-expect-error: an id is needed
store.getProcess();
// @ts-expect-error: an id is a string
store.getProcess(undefined);
// @ts-expect-error: an id is a string
store.removeProcess(1);
// @ts-expect-error: an id is a string
store.updateProcess(1, {});
// @ts-expect-error: an id is a string
store.addProcess({ ...process, id: 1 });
// @ts-expect-error: an id is a string
store.registerWorkspace({ id: 1, name: '', rootPath: '' });

// Records.
// @ts-expect-error: most fields are missing
store.addProcess({ id: 'a' });
// @ts-expect-error: a process is needed
store.addProcess();
// @ts-expect-error: the status is missing
export const noStatus: AIProcess = {
  id: 'a',
  type: 'x',
  promptPreview: '',
  fullPrompt: '',
  startTime: new Date(),
};
// @ts-expect-error: the start time is missing
export const noStart: AIProcess = { id: 'a', type: 'x', promptPreview: '', fullPrompt: '', status: 'queued' };
// @ts-expect-error: no known status
store.addProcess({ ...process, status: 'paused' });
// @ts-expect-error: no known status
export const status: AIProcessStatus = 'done';
// @ts-expect-error: a string may be any string
export const anyStatus: AIProcessStatus = String(process.status);
// @ts-expect-error: a start time is a Date
store.addProcess({ ...process, startTime: '2024-05-01T10:00:00.000Z' });
// @ts-expect-error: an end time is a Date
store.addProcess({ ...process, endTime: 1714557600000 });
// @ts-expect-error: a type is a string
store.addProcess({ ...process, type: 1 });
// @ts-expect-error: no such backend
store.addProcess({ ...process, backend: 'telepathy' });
// @ts-expect-error: no such field
store.addProcess({ ...process, promtPreview: 'a typing error' });
// @ts-expect-error: a result is text
store.addProcess({ ...process, result: { ok: true } });
// @ts-expect-error: metadata has a type
store.addProcess({ ...process, metadata: { workspaceId: 'web' } });
// @ts-expect-error: a workspace id is a string
store.addProcess({ ...process, metadata: { type: 'x', workspaceId: 1 } });
// @ts-expect-error: a group has children
store.addProcess({ ...process, groupMetadata: { type: 'group' } });
// @ts-expect-error: no such review
store.addProcess({ ...process, codeReviewMetadata: { reviewType: 'all', rulesUsed: [] } });
// @ts-expect-error: a discovery is of something
store.addProcess({ ...process, discoveryMetadata: { keywords: [] } });
// @ts-expect-error: the time of a turn is a Date
export const turn: ConversationTurn = { role: 'user', content: '', timestamp: '2024-05-01', turnIndex: 0 };
// @ts-expect-error: nobody else speaks
export const speaker: ConversationTurn['role'] = 'system';
// @ts-expect-error: on disk a date is a string
export const serialized: SerializedAIProcess = { ...process };
// @ts-expect-error: a record that was not found is undefined
store.getProcess('a').then((found) => found.id);

// Updates.
// @ts-expect-error: updates are needed
store.updateProcess('a');
// @ts-expect-error: no known status
store.updateProcess('a', { status: 'paused' });
// @ts-expect-error: an end time is a Date
store.updateProcess('a', { endTime: '2024-05-01' });
// @ts-expect-error: no such field
store.updateProcess('a', { statsu: 'failed' });
// @ts-expect-error: null is no end time
store.updateProcess('a', { endTime: null });

// Filters.
// @ts-expect-error: a filter is an object, not a workspace
store.getAllProcesses('web');
// @ts-expect-error: null would be a lost filter
store.clearProcesses(null);
// @ts-expect-error: a lost workspace must not clear everything
store.clearProcesses({ workspaceId: null });
// @ts-expect-error: a filter is an object, not a workspace
store.clearProcesses('web');
// @ts-expect-error: no known status
store.getAllProcesses({ status: 'paused' });
// @ts-expect-error: no known status
store.getAllProcesses({ status: ['running', 'paused'] });
// @ts-expect-error: times are Dates
store.getAllProcesses({ since: '2024-05-01' });
// @ts-expect-error: times are Dates
store.getAllProcesses({ until: 0 });
// @ts-expect-error: a limit is a number
store.getAllProcesses({ limit: '10' });
// @ts-expect-error: no such part of a record
store.getAllProcesses({ exclude: ['metadata'] });
// @ts-expect-error: a workspace id is a string
store.getAllProcesses({ workspaceId: 7 });
// @ts-expect-error: no such field
export const filter: ProcessFilter = { workspace: 'web' };

// Workspaces.
// @ts-expect-error: name and root are missing
store.registerWorkspace({ id: 'web' });
// @ts-expect-error: a name is a string
export const workspace: WorkspaceInfo = { id: 'web', name: 1, rootPath: '/' };

// Events.
// @ts-expect-error: no such event
export const event: ProcessEvent = { type: 'process-pruned' };
// @ts-expect-error: a listener gets an event
store.onProcessChange = (id: string) => id;
// @ts-expect-error: a listener is a function
store.onProcessChange = 'listener';

// Functions and errors.
// @ts-expect-error: a path is needed
ensureDataDir();
// @ts-expect-error: a path is a string
ensureDataDir(1);
// @ts-expect-error: there is nothing to say
getDefaultDataDir('home');
// @ts-expect-error: no code of the store's own
export const code: StoreErrorCode = 'ENOSPC';
