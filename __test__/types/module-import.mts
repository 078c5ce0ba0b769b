/** The named exports, as an ES module imports them. */

import { FileProcessStore, ensureDataDir, getDefaultDataDir } from 'file-process-store';
import type { FileProcessStoreOptions } from 'file-process-store';

export async function open(options: FileProcessStoreOptions): Promise<FileProcessStore> {
  const dataDir: string = await ensureDataDir(options.dataDir ?? getDefaultDataDir());
  return new FileProcessStore({ ...options, dataDir });
}
