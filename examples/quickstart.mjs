/**
 * The main job, start to end: `npm start`, or `node examples/quickstart.mjs [folder]`.
 *
 * Two workspaces share one store. Concurrent calls add processes of every status, a second operating-system
 * process adds its own while we update ours, and everything is asked, pruned and shown as it stands on disk.
 */

import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileProcessStore, ensureDataDir } from '../index.js';

const WORKSPACES = [
  { id: 'ws-shop', name: 'Shop', rootPath: '/home/ada/shop', color: '#0a7' },
  { id: 'ws-docs', name: 'Docs', rootPath: '/home/ada/docs' },
];
const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'];
const TYPES = ['clarification', 'code-review', 'discovery', 'pipeline-execution'];
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 5, 9);

function sample(name, number) {
  const status = STATUSES[number % STATUSES.length];
  const ended = !['queued', 'running'].includes(status);
  const workspace = WORKSPACES[number % WORKSPACES.length];
  const startTime = new Date(START + number * MINUTE);
  return {
    id: `${name}-${String(number).padStart(2, '0')}`,
    type: TYPES[number % TYPES.length],
    promptPreview: `Prompt ${number} of ${name}`,
    fullPrompt: `Prompt ${number} of ${name}: please look at the change and say what it breaks.`,
    status,
    startTime,
    endTime: ended ? new Date(startTime.getTime() + 2 * MINUTE) : undefined,
    error: status === 'failed' ? 'the model did not answer' : undefined,
    metadata: { type: 'example', workspaceId: workspace.id, workspaceName: workspace.name },
  };
}

/** What the second process does: the same file, started with `--second folder`. */
async function second(folder) {
  const store = new FileProcessStore({ dataDir: folder });
  await Promise.all(Array.from({ length: 12 }, (_, number) => store.addProcess(sample('second', number))));
}

function heading(text) {
  console.log(`\n${text}\n${'-'.repeat(text.length)}`);
}

async function countByStatus(store) {
  const rows = {};
  for (const { id, name } of WORKSPACES) {
    const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
    for (const { status } of await store.getAllProcesses({ workspaceId: id })) counts[status] += 1;
    rows[name] = counts;
  }
  console.table(rows);
}

async function main(folder) {
  await ensureDataDir(folder);
  const store = new FileProcessStore({ dataDir: folder });
  let events = 0;
  store.onProcessChange = () => (events += 1);
  console.log(`data directory: ${folder}`);

  await Promise.all(WORKSPACES.map((workspace) => store.registerWorkspace(workspace)));
  heading('Workspaces');
  console.table(await store.getWorkspaces());

  await Promise.all(Array.from({ length: 40 }, (_, number) => store.addProcess(sample('first', number))));
  heading('40 processes, added by concurrent calls');
  await countByStatus(store);

  heading('Updates here, while a second operating-system process adds 12 more');
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--second', folder], {
    stdio: 'inherit',
  });
  const exit = once(child, 'exit');
  let updates = 0;
  while (child.exitCode === null && child.signalCode === null) {
    const queued = await store.getAllProcesses({ status: 'queued', limit: 3 });
    const some = queued.length > 0 ? queued : await store.getAllProcesses({ status: 'running', limit: 3 });
    await Promise.all(some.map(({ id }) => store.updateProcess(id, { status: 'running' })));
    updates += some.length;
  }
  const [code] = await exit;
  if (code !== 0) throw new Error(`the second process ended with ${code}`);
  console.log(`${updates} updates here, 12 additions there`);
  await countByStatus(store);

  heading('What is running now, in all workspaces?');
  const running = await store.getAllProcesses({ status: 'running', limit: 8 });
  console.table(
    running.map(({ id, type, startTime, metadata }) => ({
      id,
      type,
      workspace: metadata.workspaceName,
      since: startTime.toISOString(),
    })),
  );

  heading('Retention: one more, with a cap of 45');
  const capped = new FileProcessStore({ dataDir: folder, maxProcesses: 45 });
  const before = (await store.getAllProcesses()).length;
  await capped.addProcess({ ...sample('late', 41), status: 'running' });
  const kept = await store.getAllProcesses();
  const open = kept.filter(({ status }) => status === 'running' || status === 'queued').length;
  console.log(
    `${before} processes before, ${kept.length} after; all ${open} that are running or queued are kept`,
  );

  heading('The first lines of processes.json');
  const text = readFileSync(join(folder, 'processes.json'), 'utf8');
  console.log(text.split('\n').slice(0, 18).join('\n'));
  console.log(`\n${events} change events were delivered.`);
}

const [first, folder] = process.argv.slice(2);
if (first === '--second') await second(folder);
else await main(first === undefined ? mkdtempSync(join(tmpdir(), 'file-process-store-')) : resolve(first));
