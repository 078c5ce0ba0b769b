/**
 * What the compiler must refuse in calls of the wider interface. Each expectation is an error itself if the line
 * below it compiles.
 */

import {
  FileProcessStore,
  type ProcessOutputEvent,
  type ProcessStore,
  type ProcessSummary,
  type WikiInfo,
} from 'file-process-store';

declare const store: FileProcessStore;
declare const summary: ProcessSummary;
declare const wiki: WikiInfo;

// Options.
// @ts-expect-error: watch is a boolean
new FileProcessStore({ watch: 'processes' });
// @ts-expect-error: onPrune is a function
new FileProcessStore({ onPrune: true });
// @ts-expect-error: onPrune gets entries
new FileProcessStore({ onPrune: (id: string) => id });

// Function updates.
// @ts-expect-error: a promise is no update
store.updateProcess('a', async (current) => ({ error: current.error }));
// @ts-expect-error: null is not "leave it"
store.updateProcess('a', () => null);
// @ts-expect-error: no known status
store.updateProcess('a', () => ({ status: 'paused' }));
// @ts-expect-error: an end time is a Date
store.updateProcess('a', (current) => ({ endTime: current.startTime.toISOString() }));
// @ts-expect-error: the function gets a record
store.updateProcess('a', (id: string) => ({ error: id }));

// Lists.
// @ts-expect-error: a workspace id is a string
store.getProcess('a', 5);
// @ts-expect-error: a filter is an object
store.getProcessSummaries('web');
// @ts-expect-error: no known status
store.getProcessIds({ status: 'paused' });
// @ts-expect-error: a limit is a number
store.getProcessCount({ limit: '10' });
// @ts-expect-error: a summary has no prompt
void summary.fullPrompt;
// @ts-expect-error: a summary has no result
void summary.result;
// @ts-expect-error: times of a summary are strings
void summary.startTime.getTime();

// Workspaces and wikis.
// @ts-expect-error: updates are needed
store.updateWorkspace('web');
// @ts-expect-error: a name is a string
store.updateWorkspace('web', { name: 5 });
// @ts-expect-error: an id is needed
store.removeWorkspace();
// @ts-expect-error: there is nothing to choose
store.clearAllWorkspaces({ id: 'web' });
// @ts-expect-error: most fields are missing
store.registerWiki({ id: 'docs' });
// @ts-expect-error: aiEnabled is a boolean
store.registerWiki({ ...wiki, aiEnabled: 'yes' });
// @ts-expect-error: registeredAt is a string
store.updateWiki('docs', { registeredAt: new Date() });
// @ts-expect-error: an unknown wiki is undefined
store.updateWiki('docs', {}).then((updated) => updated.id);

// Live output.
// @ts-expect-error: a callback is needed
store.onProcessOutput('a');
// @ts-expect-error: a callback gets an event
store.onProcessOutput('a', (content: string) => content);
// @ts-expect-error: a chunk is text
store.emitProcessOutput('a', new Uint8Array());
// @ts-expect-error: an event has a type
store.emitProcessEvent('a', { content: 'text' });
// @ts-expect-error: no known status
store.emitProcessComplete('a', 'done', 5);
// @ts-expect-error: how long it took is needed
store.emitProcessComplete('a', 'completed');
// @ts-expect-error: a text is a string
export const event: ProcessOutputEvent = { type: 'chunk', content: 5 };

// Flushing and closing.
// @ts-expect-error: a handler is needed
store.registerFlushHandler('a');
// @ts-expect-error: a handler gets nothing
store.registerFlushHandler('a', (id: string) => id);
// @ts-expect-error: an id is needed
store.requestFlush();
// @ts-expect-error: all is flushed
store.flush('a');

// @ts-expect-error: a store has more than this
export const half: ProcessStore = { addProcess: store.addProcess, getProcess: store.getProcess };
