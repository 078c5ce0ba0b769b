// A tmpfs of half a megabyte that becomes full, and gets room again. Run in a mount namespace; prints what happened.

import { readFileSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { mount, remount } from './mounts.mjs';

const dir = process.argv[2];
mount('-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', dir);
const sample = (id, fields) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  fullPrompt: id.padEnd(20_000, '.'),
  status: 'running',
  startTime: new Date(0),
  ...fields,
});
const file = join(dir, 'processes.json');
const idsIn = (text) => JSON.parse(text).map((entry) => entry.process.id);
const refusal = ({ code, errno, syscall, path }) => ({ code, errno, syscall, path });

const store = new FileProcessStore({ dataDir: dir });
const report = { acknowledged: [], refusals: [], untouched: [] };
for (let n = 0; report.refusals.length === 0; n += 1) {
  await store.addProcess(sample(`p${n}`)).then(
    () => report.acknowledged.push(`p${n}`),
    (error) => report.refusals.push(refusal(error)),
  );
}
const full = readFileSync(file, 'utf8');
// What the refused write would have needed, and what there was: the old file and the new one, in blocks.
const { bsize, blocks } = statfsSync(dir);
const blocksOf = (text) => Math.ceil(Buffer.byteLength(text) / bsize);
const added = { workspaceId: '', process: sample(`p${report.acknowledged.length}`) };
const next = JSON.stringify([...JSON.parse(full), added], null, 2);
report.room = { needed: blocksOf(full) + blocksOf(next), blocks };
// Many more calls, of which none may do harm, whatever room there is for each.
const calls = [
  () => store.addProcess(sample('more')),
  () => store.updateProcess('p0', { result: 'x'.repeat(100_000) }),
  () => Promise.all([1, 2, 3].map((n) => store.addProcess(sample(`more ${n}`)))),
  () => store.registerWorkspace({ id: 'w', name: 'x'.repeat(600_000), rootPath: '/' }),
];
for (const call of calls) {
  await call().then(
    () => report.refusals.push('none'),
    (error) => report.refusals.push(refusal(error)),
  );
  report.untouched.push(readFileSync(file, 'utf8') === full);
}
report.whileFull = (await store.getAllProcesses()).map(({ id }) => id);
report.inFile = idsIn(full);
report.leftWhileFull = readdirSync(dir).sort();

remount('size=4m', dir);
await store.addProcess(sample('with room'));
await store.updateProcess('p0', { result: 'x'.repeat(100_000) });
report.withRoom = idsIn(readFileSync(file, 'utf8'));
report.leftWithRoom = readdirSync(dir).sort();
console.log(JSON.stringify(report));
