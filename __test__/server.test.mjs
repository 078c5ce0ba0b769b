// examples/server.mjs: what its endpoints do. What it refuses is in server-refusals.test.mjs, its streams are in
// server-streams.test.mjs.

import { describe, expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { startServer } from './fixtures/server-process.mjs';
import { fullSample, idsOf, sample, tempDir } from './support.mjs';

const asSent = (process) => JSON.parse(JSON.stringify(process));

/** A server on a new folder, and a store on the same. */
async function fresh() {
  const dir = tempDir();
  const server = await startServer(dir);
  // Whatever the test did: nothing went wrong in it, and it can end.
  onTestFinished(async () => expect(await server.stop('SIGINT')).toMatchObject({ stderr: '' }));
  return { dir, ask: server.ask, server, store: new FileProcessStore({ dataDir: dir, durable: false }) };
}

describe('one process', () => {
  test('is created, read, changed and deleted, with all its fields', async () => {
    const { ask, store } = await fresh();
    const created = await ask('POST', '/processes', asSent(fullSample('a', { extra: { deep: [1] } })));
    expect(created).toMatchObject({ status: 201, body: asSent(fullSample('a', { extra: { deep: [1] } })) });
    expect(await store.getProcess('a')).toEqual(fullSample('a', { extra: { deep: [1] } }));
    expect(await ask('GET', '/processes/a')).toMatchObject({ status: 200, body: created.body });

    const turn = { role: 'user', content: 'x', timestamp: '2025-01-01T00:00:00.000Z', turnIndex: 0 };
    const changes = {
      endTime: '2025-01-01T00:00:00Z',
      error: null,
      extra: [null],
      conversationTurns: [turn],
    };
    const changed = await ask('PATCH', '/processes/a', changes);
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ endTime: turn.timestamp, extra: [null], conversationTurns: [turn] });
    expect(changed.body).not.toHaveProperty('error');
    const [{ timestamp }] = (await store.getProcess('a')).conversationTurns;
    expect(timestamp).toEqual(new Date(turn.timestamp));

    expect(await ask('DELETE', '/processes/a')).toMatchObject({ status: 204, body: undefined });
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', {}]]) {
      expect((await ask(method, '/processes/a', body)).status, method).toBe(404);
    }
    expect(await store.getProcessCount()).toBe(0);
  });

  test('gets an id and a start time where it has none, and keeps those that it has', async () => {
    const { ask } = await fresh();
    const before = Date.now();
    const ids = [];
    for (let n = 0; n < 2; n += 1) {
      const { status, body } = await ask('POST', '/processes', { status: 'queued', type: 'discovery' });
      expect(status).toBe(201);
      expect(new Date(body.startTime).getTime()).toBeGreaterThanOrEqual(before);
      ids.push(body.id);
    }
    expect(new Set(ids).size).toBe(2);
    expect((await ask('GET', `/processes/${ids[0]}`)).body.type).toBe('discovery');
  });

  test.each(['a/b', '%2e', 'ünï 🚀', 'a?b#c&d=e', '__proto__', ':id', 'cancel', '\n'])(
    'may have the id %j',
    async (id) => {
      const { ask, store } = await fresh();
      expect((await ask('POST', '/processes', asSent(sample(id)))).status).toBe(201);
      const path = `/processes/${encodeURIComponent(id)}`;
      expect((await ask('GET', path)).body).toEqual(asSent(sample(id)));
      expect((await ask('POST', `${path}/cancel`)).status).toBe(200);
      expect((await ask('DELETE', path)).status).toBe(204);
      expect(await store.getProcessCount()).toBe(0);
    },
  );

  test('is cancelled once, whoever else updates it, and not after its end', async () => {
    const { ask, store } = await fresh();
    await ask('POST', '/processes', asSent(sample('a', { n: 0 })));
    const increments = Array.from({ length: 20 }, () => store.updateProcess('a', ({ n }) => ({ n: n + 1 })));
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('POST', '/processes/a/cancel')));
    await Promise.all(increments);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused.body).toEqual({ error: "process 'a' is cancelled already", field: 'status' });
    expect(await store.getProcess('a')).toMatchObject({
      status: 'cancelled',
      n: 20,
      endTime: expect.any(Date),
    });
    expect((await ask('POST', '/processes/nobody/cancel')).status).toBe(404);
  });

  test('is not created twice', async () => {
    const { ask } = await fresh();
    await ask('POST', '/processes', asSent(sample('a', { result: 'first' })));
    const { status, body } = await ask('POST', '/processes', asSent(sample('a', { result: 'second' })));
    expect([status, body.field]).toEqual([409, 'id']);
    expect((await ask('GET', '/processes/a')).body.result).toBe('first');
  });
});

describe('lists and numbers', () => {
  const day = (number) => new Date(Date.UTC(2024, 0, number));

  test('filter and page through summaries', async () => {
    const { ask, store } = await fresh();
    for (let n = 0; n < 6; n += 1) {
      await store.addProcess(
        sample(`p${n}`, {
          status: ['queued', 'running', 'failed'][n % 3],
          type: n < 3 ? 'discovery' : 'code-review',
          startTime: day(n + 1),
          metadata: { type: 'm', workspaceId: n % 2 ? 'a & b' : 'w' },
          parentProcessId: n === 5 ? 'p0' : undefined,
        }),
      );
    }
    const lists = [
      ['', 'p0 p1 p2 p3 p4 p5', 6],
      ['?', 'p0 p1 p2 p3 p4 p5', 6],
      ['?workspaceId=a%20%26%20b', 'p1 p3 p5', 3],
      ['?status=failed', 'p2 p5', 2],
      ['?status=queued,failed', 'p0 p2 p3 p5', 4],
      ['?type=discovery&status=running', 'p1', 1],
      ['?parentProcessId=p0', 'p5', 1],
      ['?since=2024-01-05', 'p4 p5', 2],
      ['?until=2024-01-02T00:00:00Z', 'p0', 1],
      ['?limit=2', 'p0 p1', 6],
      ['?offset=4&limit=5', 'p4 p5', 6],
      ['?limit=0', '', 6],
      ['?workspaceId=&status=&since=&limit=', 'p0 p1 p2 p3 p4 p5', 6],
      ['?status=unknown', '', 0],
    ];
    for (const [query, ids, total] of lists) {
      const { status, body } = await ask('GET', `/processes${query}`);
      expect([status, idsOf(body.entries).join(' '), body.total], query).toEqual([200, ids, total]);
    }
    const { body } = await ask('GET', '/processes?limit=1');
    expect(body).toEqual(asSent(await store.getProcessSummaries({ limit: 1 })));
    expect(body.entries[0]).not.toHaveProperty('fullPrompt');
  });

  test('count what is stored', async () => {
    const { ask, store } = await fresh();
    await store.addProcess(sample('a'));
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expect(await ask('GET', '/stats')).toMatchObject({ status: 200, body: await store.getStorageStats() });
  });
});
