/** The declarations need nothing that came after ES2015. */

import { FileProcessStore, type AIProcess } from 'file-process-store';

export function closeAfter(store: FileProcessStore, process: AIProcess): Promise<void> {
  return store.addProcess(process).then(() => store.close());
}
