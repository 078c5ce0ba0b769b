'use strict';

/** The core contract in one pass, on any runtime. It takes what the package exports, and rejects if it fails. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const started = new Date('2024-02-29T12:34:56.789Z');

function makeProcess(id, more) {
  return {
    id,
    type: 'clarification',
    promptPreview: 'What is',
    fullPrompt: 'What is a “process”? \ud83d',
    status: 'running',
    startTime: started,
    ...more,
  };
}

async function smoke(exports) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'file-process-store-smoke-'));
  try {
    assert.ok(path.isAbsolute(exports.getDefaultDataDir()));
    const made = await exports.ensureDataDir(path.join(root, 'made'));
    assert.ok(fs.statSync(made).isDirectory());
    await writesAndReads(exports, path.join(root, 'data'));
    await refuses(exports, path.join(root, 'refusals'));
    console.log('smoke test passed');
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

async function writesAndReads({ FileProcessStore }, dataDir) {
  const store = new FileProcessStore({ dataDir, maxProcesses: 50 });
  assert.deepEqual(await store.getAllProcesses(), []);
  assert.equal(fs.existsSync(dataDir), false);
  const events = [];
  store.onProcessChange = (event) => events.push(event.type);

  // Long texts of either width go another way than short ones.
  const result = `é${'latin '.repeat(1000)}`;
  const error = `\ud83d${'wide ✓ '.repeat(1000)}\udca9`;
  const metadata = { type: 'chat', workspaceId: 'web', extra: { deep: [1, null, 'ü'] } };
  const turn = { role: 'user', content: 'hi', timestamp: started, turnIndex: 0 };
  const first = makeProcess('first', { metadata, error, result, conversationTurns: [turn] });
  await Promise.all([
    store.addProcess(first),
    store.addProcess(makeProcess('second', { status: 'queued' })),
    store.addProcess(makeProcess('third', { parentProcessId: 'first' })),
  ]);
  const read = await store.getProcess('first');
  // Every known key is an own property, so drop the ones without a value.
  for (const key of Object.keys(read)) if (read[key] === undefined) delete read[key];
  assert.deepEqual(read, first);
  await store.updateProcess('second', { status: 'completed', endTime: started, result: 'done' });
  assert.equal(await store.getProcess('missing'), undefined);
  const ids = async (filter) => (await store.getAllProcesses(filter)).map(({ id }) => id);
  assert.deepEqual(await ids(), ['first', 'second', 'third']);
  assert.deepEqual(await ids({ workspaceId: 'web' }), ['first']);
  assert.deepEqual(await ids({ status: ['completed', 'failed'], since: started }), ['second']);
  assert.deepEqual(await ids({ limit: 1, offset: 1 }), ['second']);
  await store.removeProcess('third');

  await store.registerWorkspace({ id: 'web', name: 'Web', rootPath: '/web' });
  assert.deepEqual(await store.getWorkspaces(), [{ id: 'web', name: 'Web', rootPath: '/web' }]);

  const text = fs.readFileSync(path.join(dataDir, 'processes.json'), 'utf8');
  const entries = JSON.parse(text);
  assert.equal(text, JSON.stringify(entries, null, 2));
  assert.equal(entries[0].process.startTime, started.toISOString());
  const other = new FileProcessStore({ dataDir });
  assert.equal(await other.clearProcesses({ status: 'completed' }), 1);
  assert.deepEqual(await ids(), ['first']);
  const [added, updated, removed] = ['process-added', 'process-updated', 'process-removed'];
  assert.deepEqual(events, [added, added, added, updated, removed]);
  await store.close();
  await assert.rejects(store.getProcess('first'), (error) => error.code === 'ERR_STORE_CLOSED');
}

async function refuses({ FileProcessStore }, dataDir) {
  const store = new FileProcessStore({ dataDir, durable: false });
  const rejects = (promise, code) => assert.rejects(promise, (error) => error.code === code);
  await rejects(store.addProcess(makeProcess('x', { startTime: 'now' })), 'ERR_INVALID_ARG_TYPE');
  await rejects(store.addProcess(makeProcess('')), 'ERR_INVALID_ARG_VALUE');
  assert.throws(() => new FileProcessStore({ dataDir: 1 }), { code: 'ERR_INVALID_ARG_TYPE' });
  fs.mkdirSync(dataDir);
  fs.writeFileSync(path.join(dataDir, 'processes.json'), '[{');
  await rejects(store.getAllProcesses(), 'ERR_STORE_CORRUPT');
  await rejects(store.addProcess(makeProcess('x')), 'ERR_STORE_CORRUPT');
  assert.equal(fs.readFileSync(path.join(dataDir, 'processes.json'), 'utf8'), '[{');
}

module.exports = { smoke, makeProcess };
