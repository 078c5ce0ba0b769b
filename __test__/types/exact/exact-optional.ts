/**
 * Under `exactOptionalPropertyTypes` a field may be named with `undefined`: in an update it is removed by that,
 * in a filter and in the options it is no constraint, and a record that is read may be added as it is.
 */

import { FileProcessStore, type AIProcess, type ProcessFilter } from 'file-process-store';

export async function nameFieldsWithUndefined(workspaceId: string | undefined): Promise<void> {
  const store = new FileProcessStore({ dataDir: undefined, maxProcesses: undefined, durable: undefined });
  new FileProcessStore({ lockTimeoutMs: undefined, watch: undefined, onPrune: undefined });
  await store.updateProcess('a', { error: undefined, endTime: undefined, metadata: undefined });

  const filter: ProcessFilter = { workspaceId, status: undefined, limit: undefined };
  const [first] = await store.getAllProcesses(filter);
  if (first) await store.addProcess({ ...first, id: 'b', error: first.error, endTime: undefined });

  await store.registerWorkspace({ id: 'web', name: 'Web', rootPath: '/web', color: undefined });
  await store.updateWorkspace('web', { color: undefined, description: undefined });
  await store.updateWiki('docs', { repoPath: undefined });
  await store.updateProcess('a', () => ({ error: undefined }));
  store.onProcessChange = undefined;
  store.onPrune = undefined;
  store.emitProcessEvent('a', { type: 'chunk', content: undefined });

  // Fields that every record has can't be named with it.
  const process = {} as AIProcess;
  // @ts-expect-error: the id is always there
  process.id = undefined;
  // @ts-expect-error: an update can't take the status away
  await store.updateProcess('a', { status: undefined });
  // @ts-expect-error: an update can't take the start time away
  await store.updateProcess('a', { startTime: undefined });
}
