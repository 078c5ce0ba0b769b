// A file system that goes while stores are open on it, and comes back. Prints what they say of it.
// `node gone.mjs {kind} {folder} {how}`: it is `unmounted`, or its server is `killed`.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileProcessStore } from '../../index.js';
import { unmount } from '../faults/mounts.mjs';
import { dataDirOn, makeKind } from './kinds.mjs';
import { until } from './servers.mjs';

const [name, top, how] = process.argv.slice(2);
const it = await makeKind(name, top);
const data = dataDirOn(it);
mkdirSync(dirname(data));
const sample = (id) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  fullPrompt: '',
  status: 'running',
  startTime: new Date(0),
});
const outcome = (promise) =>
  promise.then(
    (value) => (Array.isArray(value) ? value.map(({ id }) => id) : 'done'),
    ({ code }) => code,
  );
/** By another process, as the kernel counts what this one has open. */
const addByOther = (id) =>
  execFileSync(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { FileProcessStore } from ${JSON.stringify(new URL('../../index.js', import.meta.url).href)};
     const startTime = new Date(0);
     await new FileProcessStore({ dataDir: ${JSON.stringify(data)} }).addProcess(
       { id: '${id}', type: 'x', promptPreview: '', fullPrompt: '', status: 'running', startTime });`,
  ]);

const store = new FileProcessStore({ dataDir: data });
await store.addProcess(sample('a'));
await store.addProcess(sample('b'));
await store.getAllProcesses();
const report = {};
if (how === 'killed') {
  await it.kill();
} else {
  await it.unmount();
}
report.reads = [await outcome(store.getAllProcesses()), await outcome(store.getProcess('a'))];
report.add = await outcome(store.addProcess(sample('c')));
if (how === 'killed') {
  const fresh = new FileProcessStore({ dataDir: data });
  report.fresh = [await outcome(fresh.getAllProcesses()), await outcome(fresh.addProcess(sample('c')))];
  unmount(it.dir);
}
await it.mount();
report.back = await outcome(store.getAllProcesses());
report.addAgain = await outcome(store.addProcess(sample('d')));
addByOther('e');
await until(async () => (await store.getProcessCount()) === 4, 'the other process');
report.after = await outcome(store.getAllProcesses());
await store.close();
await it.unmount();
console.log(JSON.stringify(report));
