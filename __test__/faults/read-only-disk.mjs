// A tmpfs that becomes read-only, and writable again. Run in a mount namespace; prints what happened.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';
import { mount, remount } from './mounts.mjs';

const [dir, fill] = process.argv.slice(2);
const sample = (id) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  fullPrompt: '',
  status: 'running',
  startTime: new Date(0),
});
const refusal = ({ code, errno, syscall, path }) => ({ code, errno, syscall, path });
const idsOf = async (store) => (await store.getAllProcesses()).map(({ id }) => id);

const store = new FileProcessStore({ dataDir: dir });
if (fill) {
  await store.addProcess(sample('a'));
  await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
  process.exit();
}
mount('-t', 'tmpfs', 'tmpfs', dir);
// By another process: the kernel makes no file system read-only while one has a file open that it wrote.
execFileSync(process.execPath, [fileURLToPath(import.meta.url), dir, 'fill']);
await store.getAllProcesses();
remount('ro', dir);

const fresh = new FileProcessStore({ dataDir: dir });
const report = { reads: [], refusals: [] };
for (const reader of [store, fresh]) {
  report.reads.push(await idsOf(reader), (await reader.getProcess('a')).id, await reader.getProcessCount());
  report.reads.push((await reader.getWorkspaces()).map(({ id }) => id));
}
const calls = [
  () => store.addProcess(sample('b')),
  () => store.updateProcess('a', { status: 'failed' }),
  () => fresh.removeProcess('a'),
  () => fresh.clearProcesses(),
  () => store.registerWorkspace({ id: 'v', name: 'V', rootPath: '/' }),
  () => new FileProcessStore({ dataDir: join(dir, 'new') }).addProcess(sample('c')),
];
for (const call of calls) {
  await call().then(
    () => report.refusals.push('none'),
    (error) => report.refusals.push(refusal(error)),
  );
}
report.unchanged = await idsOf(store);
// Together with one that is refused, in one batch.
const nothing = await Promise.allSettled([
  store.updateProcess('unknown', { status: 'failed' }),
  store.updateProcess('a', { status: 'failed' }),
  store.removeProcess('unknown'),
  store.updateProcess('a', { status: 'running' }),
  store.clearProcesses({ status: 'failed' }),
  new FileProcessStore({ dataDir: join(dir, 'new') }).updateProcess('a', { status: 'failed' }),
]);
report.nothing = nothing.map(({ reason, value }) => reason?.code ?? value ?? 'done');
report.recovered = (await fresh.recover()).map(({ kept, backup }) => [kept, backup ?? null]);

remount('rw', dir);
await store.addProcess(sample('b'));
report.writable = await idsOf(fresh);
console.log(JSON.stringify(report));
