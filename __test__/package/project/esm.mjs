/** Loads the package as an ES module, by its names. */

import { FileProcessStore, ensureDataDir, getDefaultDataDir } from 'file-process-store';
import { smoke } from './smoke.cjs';

await smoke({ FileProcessStore, ensureDataDir, getDefaultDataDir });
