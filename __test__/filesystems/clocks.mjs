// A file system whose server has another clock: do we see what others change in place? Prints how often we did not.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { dataDirOn, makeKind } from './kinds.mjs';

const [name, top, clock] = process.argv.slice(2);
const it = await makeKind(name, top, { clock });
const data = dataDirOn(it);
mkdirSync(data, { recursive: true });
const file = join(data, 'processes.json');
const record = { id: 'a', type: 'x', status: 'running', startTime: new Date(0), promptPreview: '1000' };
writeFileSync(file, JSON.stringify([{ workspaceId: '', process: record }]));
const store = new FileProcessStore({ dataDir: data });
const report = { unseen: 0, lost: 0 };
for (let n = 1001; n <= 1040; n += 1) {
  await store.getProcess('a');
  const text = readFileSync(file, 'utf8').replace(/"promptPreview":( ?)"\d{4}"/, `"promptPreview":$1"${n}"`);
  const fd = openSync(file, 'r+');
  writeSync(fd, text, 0);
  closeSync(fd);
  if (n % 2 === 0) await store.updateProcess('a', { result: `${n}` });
  const seen = (await store.getProcess('a')).promptPreview === `${n}`;
  if (!seen && n % 2 === 0) report.lost += 1;
  else if (!seen) report.unseen += 1;
}
await store.close();
await it.unmount();
console.log(JSON.stringify(report));
