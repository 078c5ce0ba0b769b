/** With a lib that knows disposal, a store is disposable, and so is every implementation of the interface. */

import { FileProcessStore, type ProcessStore } from 'file-process-store';

export async function countProcesses(dataDir: string): Promise<number> {
  await using store = new FileProcessStore({ dataDir });
  return store.getProcessCount();
}

export async function useAny(open: () => ProcessStore): Promise<void> {
  await using store: ProcessStore = open();
  const disposable: AsyncDisposable = store;
  await disposable[Symbol.asyncDispose]();
  // @ts-expect-error: it can't be closed without waiting
  using waiting = store;
}
