/**
 * The benchmark: measures everything that `plan.mjs` names, prints the tables, and writes the report. Usage, from the
 * root: `npm run bench` or `npm run bench -- --quick`.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureChecks } from './measure/checks.mjs';
import { measureSet } from './measure/dataset.mjs';
import { PEERS, findPeers } from './peers/index.mjs';
import { FULL, QUICK } from './plan.mjs';
import { describeMachine } from './report/machine.mjs';
import * as tables from './report/tables.mjs';
import { holdAgainstTargets } from './report/targets.mjs';
import { writeReport } from './report/write.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
const plan = values.quick ? QUICK : FULL;
const began = performance.now();
const log = (line) =>
  console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`);

// Beside the sources, and so on a real disk: a folder for temporary files is often in memory, where syncs are free.
const dir = mkdtempSync(fileURLToPath(new URL('data-', import.meta.url)));
const cleanUp = () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const { names, versions, missing } = await findPeers();
const results = {
  mode: plan.mode,
  date: new Date().toISOString(),
  machine: describeMachine(dir),
  versions,
  missing,
  peers: Object.fromEntries(names.map((name) => [name, describe(PEERS[name])])),
  tables: await measureSets(plan.tables),
  growth: await measureSets([...plan.growth.records, ...plan.growth.sizes]),
  checks: await measureChecks({ plan, dir, log }),
};
const labels = Object.fromEntries(Object.entries(PEERS).map(([name, { label }]) => [name, label]));
results.targets = holdAgainstTargets(results, labels);

console.log(`\n${tables.machine(results)}`);
for (const [name, set] of Object.entries(results.tables)) {
  console.log(`\n${set.records} records of ${name}, ms a call on the clock: median (p99)\n`);
  console.log(tables.clockTable(results, set));
  console.log(`\n${set.records} records of ${name}, ms a call that the event loop is busy\n`);
  console.log(tables.loopTable(results, set));
}
console.log('\nTargets\n');
for (const { target, measured, verdict } of results.targets) {
  console.log(`${verdict.padEnd(13)} ${target}: ${measured}`);
}
console.log('');
for (const file of writeReport(results)) console.log(`written: ${file}`);
log('done');

async function measureSets(sets) {
  const measured = {};
  for (const set of sets) measured[set.name] = await measureSet(set, { plan, peers: names, dir, log });
  return measured;
}

function describe({ label, synced, durability }) {
  return { label, synced, durability };
}
