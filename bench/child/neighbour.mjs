import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PEERS } from '../peers/index.mjs';
import { OUTSIDE_ID, makePreview } from '../records.mjs';

const PREVIEW = Buffer.from('"promptPreview": "');

/** Another process that writes to the stores' data. */
export function neighbourTasks() {
  const stores = new Map();
  let number = 0;

  return {
    /** Changes the preview of one record, and returns the new one. */
    async change({ peer, dir, set }) {
      number += 1;
      const preview = makePreview('outside', number);
      const { file, appends } = PEERS[peer];
      if (file && !appends) await replaceFile(join(dir, 'processes.json'), preview);
      else {
        if (!stores.has(dir)) stores.set(dir, await PEERS[peer].open(dir, { cap: set.records }));
        await stores.get(dir).updateProcess(OUTSIDE_ID, { promptPreview: preview });
      }
      return preview;
    },

    async close() {
      for (const store of stores.values()) await store.close?.();
      stores.clear();
    },
  };
}

/** Replaces the file as the plain store does: a temporary file, and a rename. */
async function replaceFile(path, preview) {
  const bytes = await readFile(path);
  const record = bytes.indexOf(`"id": "${OUTSIDE_ID}"`);
  bytes.write(preview, bytes.indexOf(PREVIEW, record) + PREVIEW.length);
  const temporary = `${path}.neighbour.tmp`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}
