// Stores that are open and idle, while their disk is made read-only, and writable again. Prints what happened.

import { FileProcessStore } from '../../index.js';
import { dataDirOn, makeKind } from './kinds.mjs';

const [name, top] = process.argv.slice(2);
const it = await makeKind(name, top);
const stores = [0, 1].map(() => new FileProcessStore({ dataDir: dataDirOn(it) }));
const record = { type: 'x', status: 'running', startTime: new Date(0), promptPreview: '', fullPrompt: '' };
const outcome = (promise) =>
  promise.then(
    (value) => (Array.isArray(value) ? value.map(({ id }) => id) : 'done'),
    ({ code }) => code,
  );
for (const [place, store] of stores.entries()) await store.addProcess({ ...record, id: `${place}` });
const report = {};
it.readOnly(true);
report.readOnly = [];
for (const store of stores) {
  const add = outcome(store.addProcess({ ...record, id: 'refused' }));
  report.readOnly.push(await add, await outcome(store.getAllProcesses()));
}
it.readOnly(false);
report.writable = await outcome(stores[0].addProcess({ ...record, id: '2' }));
report.after = await outcome(stores[1].getAllProcesses());
for (const store of stores) await store.close();
await it.unmount();
console.log(JSON.stringify(report));
