// examples/server.mjs: its streams of changes and of output, two servers on one folder, and its end.

import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileProcessStore } from '../index.js';
import { canReport, startServer } from './fixtures/server-process.mjs';
import { readEntries, sample, tempDir } from './support.mjs';

const asSent = (process) => JSON.parse(JSON.stringify(process));
const short = ({ type, data }) => `${type} ${data.id}`;
const isWindows = process.platform === 'win32';

/** A server on the folder, which ends with the test, and without a word of complaint. */
async function serverOn(dir) {
  const server = await startServer(dir);
  onTestFinished(async () => expect(await server.stop()).toMatchObject({ stderr: '' }));
  return server;
}

/** A server with the running process `a`. */
async function serverWithProcess() {
  const dir = tempDir();
  const server = await serverOn(dir);
  await server.ask('POST', '/processes', asSent(sample('a')));
  return { dir, server, ask: server.ask, store: new FileProcessStore({ dataDir: dir, durable: false }) };
}

describe('the stream of changes', () => {
  test('tells every client once of each change, in order, and in short', async () => {
    const server = await serverOn(tempDir());
    const streams = [await server.stream('/events'), await server.stream('/events')];
    const process = sample('a', { metadata: { type: 'm', workspaceId: 'w' }, result: 'SECRET' });
    await server.ask('POST', '/processes', asSent(process));
    await server.ask('PATCH', '/processes/a', { error: 'why' });
    await server.ask('POST', '/processes/a/cancel');
    await server.ask('POST', '/processes/a/cancel');
    await server.ask('DELETE', '/processes/a');
    for (const stream of streams) {
      await stream.hears(4);
      expect(stream.events.map(short)).toEqual([
        'process-added a',
        'process-updated a',
        'process-updated a',
        'process-removed a',
      ]);
      const { id, type, status, promptPreview, startTime } = asSent(process);
      expect(stream.events[0].data).toEqual({
        ...{ id, type, status, promptPreview, startTime },
        workspaceId: 'w',
      });
      expect(stream.events[2].data).toMatchObject({ status: 'cancelled', endTime: expect.any(String) });
    }
  });

  test('of each of two servers on one folder shows what the other one changes, and no change twice', async () => {
    const dir = tempDir();
    const servers = [await serverOn(dir), await serverOn(dir)];
    const streams = await Promise.all(servers.map((server) => server.stream('/events')));
    const both = async (count, ...last) => {
      for (const { events, hears } of streams) {
        await hears(count);
        expect(events.slice(-last.length).map(short)).toEqual(last);
        expect(events).toHaveLength(count);
      }
    };
    await servers[0].ask('POST', '/processes', asSent(sample('a')));
    await both(1, 'process-added a');
    await servers[1].ask('PATCH', '/processes/a', { promptPreview: 'by the other' });
    await both(2, 'process-updated a');
    expect(streams[0].events[1].data.promptPreview).toBe('by the other');
    await servers[0].ask('POST', '/processes/a/cancel');
    await both(3, 'process-updated a');
    await servers[1].ask('DELETE', '/processes/a');
    await both(4, 'process-removed a');

    const ids = Array.from({ length: 20 }, (_, index) => `p${index}`);
    const posts = ids.map((id, index) => servers[index % 2].ask('POST', '/processes', asSent(sample(id))));
    for (const { status } of await Promise.all(posts)) expect(status).toBe(201);
    for (const { events, hears } of streams) {
      await hears(24);
      expect(events.slice(4).map(short).sort()).toEqual(ids.map((id) => `process-added ${id}`).sort());
    }
  });

  test('shows what a program changes that is no server', async () => {
    const { server, store } = await serverWithProcess();
    const { events, hears } = await server.stream('/events');
    await store.addProcess(sample('b'));
    await hears(1);
    await store.clearProcesses();
    await hears(3);
    expect(events.map(short)).toEqual(['process-added b', 'process-removed a', 'process-removed b']);
  });
});

describe('the stream of output', () => {
  test('tells of chunks at once, and of the end, which ends it; the result has all of it', async () => {
    const { ask, server } = await serverWithProcess();
    const streams = [await server.stream('/processes/a/events'), await server.stream('/processes/a/events')];
    const contents = ['Hello, ', 'wörld 🚀\n', '', 'data: x\n\nevent: y', '\ud83d'];
    for (const content of contents) {
      expect((await ask('POST', '/processes/a/output', { content })).status).toBe(202);
    }
    for (const { hears } of streams) await hears(contents.length);
    await ask('PATCH', '/processes/a', { status: 'completed', endTime: '2024-05-01T10:00:02.500Z' });
    const chunks = contents.map((content) => ({ type: 'chunk', data: { type: 'chunk', content } }));
    const end = { type: 'complete', status: 'completed', duration: 2500 };
    for (const { ended, events } of streams) {
      expect(await ended).toBe('ended');
      expect(events).toEqual([...chunks, { type: 'complete', data: end }]);
    }
    expect((await ask('GET', '/processes/a')).body.result).toBe(contents.join(''));
    expect((await ask('POST', '/processes/a/output', { content: 'late' })).status).toBe(409);
  });

  test('ends with the process, whoever has ended or removed it', async () => {
    const { dir, server, store } = await serverWithProcess();
    const other = await serverOn(dir);
    for (const id of ['b', 'c', 'd']) await store.addProcess(sample(id));
    const streams = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) => server.stream(`/processes/${id}/events`)),
    );
    await other.ask('POST', '/processes/a/cancel');
    await other.ask('DELETE', '/processes/b');
    await store.updateProcess('c', { status: 'failed' });
    await store.clearProcesses({ status: 'running' });
    for (const { ended } of streams) expect(await ended).toBe('ended');
    expect(streams.map(({ events }) => events.map(({ type }) => type).join())).toEqual([
      'complete',
      'removed',
      'complete',
      'removed',
    ]);
  });

  test('of a process that has ended says so at once', async () => {
    const { ask, server } = await serverWithProcess();
    await ask('POST', '/processes/a/cancel');
    const { ended, events } = await server.stream('/processes/a/events');
    expect(await ended).toBe('ended');
    expect(events).toMatchObject([{ type: 'complete', data: { status: 'cancelled' } }]);
  });

  test('keeps what many clients send at once, each in its order', async () => {
    const { ask, server, store } = await serverWithProcess();
    const { events, hears } = await server.stream('/processes/a/events');
    const say = async (name) => {
      for (let n = 0; n < 10; n += 1) {
        await ask('POST', '/processes/a/output', { content: `${name}${n} ` });
        // Whoever asks is told of all of it, as far as it was answered.
        expect((await ask('GET', '/processes/a')).body.result).toContain(`${name}${n} `);
      }
    };
    await Promise.all([...'wxyz'].map(say));
    await hears(40);
    const { result } = await store.getProcess('a');
    expect(result).toBe(events.map(({ data }) => data.content).join(''));
    for (const name of 'wxyz') {
      const said = result.match(RegExp(`${name}\\d`, 'g'));
      expect(said).toEqual(Array.from({ length: 10 }, (_, n) => name + n));
    }
  });

  test('is in the store a moment later, though nobody asks', async () => {
    const { ask, store } = await serverWithProcess();
    await ask('POST', '/processes/a/output', { content: 'unasked' });
    await vi.waitFor(async () => expect((await store.getProcess('a')).result).toBe('unasked'), 60_000);
  });
});

describe('clients that go away', () => {
  test.skipIf(!canReport)('leave nothing behind', async () => {
    const { server, ask } = await serverWithProcess();
    const before = await server.heldResponses();
    const paths = ['/events', '/processes/a/events'];
    const opened = Array.from({ length: 40 }, (_, index) => server.stream(paths[index % 2]));
    const streams = await Promise.all(opened);
    expect(await server.heldResponses()).toBeGreaterThanOrEqual(before + 40);
    for (const stream of streams) stream.close();
    await ask('POST', '/processes/a/output', { content: 'x' });
    await vi.waitFor(async () => expect(await server.heldResponses()).toBeLessThan(before + 5), 60_000);
  });

  test('or do not read are cut off, and the others go on', async () => {
    const { server, ask } = await serverWithProcess();
    const reader = await server.stream('/events');
    const { port } = new URL(server.url);
    const idle = connect(port, '127.0.0.1');
    onTestFinished(() => idle.destroy());
    idle.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => idle.once('readable', resolve));
    // More than the system's own buffers hold.
    const promptPreview = 'x'.repeat(1024 * 1024);
    for (let n = 0; n < 30; n += 1) {
      await ask('PATCH', '/processes/a', { promptPreview, error: `${n}` });
    }
    await reader.hears(30);
    let size = 0;
    const gone = new Promise((resolve) => idle.once('close', resolve).once('error', () => {}));
    idle.on('data', (chunk) => (size += chunk.length));
    await gone;
    expect(size).toBeLessThan(30 * promptPreview.length);
    expect(reader.events.at(-1).data.error).toBe('29');
  });
});

describe.skipIf(isWindows)('a server that is told to end', () => {
  test.each(['SIGTERM', 'SIGINT'])(
    'at %s ends its streams and writes the output that it has',
    async (signal) => {
      const dir = tempDir();
      const server = await startServer(dir);
      await server.ask('POST', '/processes', asSent(sample('a')));
      const streams = [await server.stream('/events'), await server.stream('/processes/a/events')];
      await server.ask('POST', '/processes/a/output', { content: 'the last words' });
      expect(await server.stop(signal)).toEqual({ code: 0, signal: null, stderr: '' });
      for (const { ended } of streams) expect(await ended).toBe('ended');
      expect(readEntries(join(dir, 'processes.json'))[0].process.result).toBe('the last words');
    },
  );

  test('answers first what it was asked before', async () => {
    const dir = tempDir();
    const server = await startServer(dir);
    // What it tells of them, it may tell a stream that it has ended already.
    const { ended } = await server.stream('/events');
    const posts = Array.from({ length: 10 }, (_, n) =>
      server.ask('POST', '/processes', asSent(sample(`p${n}`))),
    );
    await vi.waitFor(async () =>
      expect(await new FileProcessStore({ dataDir: dir }).getProcessCount()).not.toBe(0),
    );
    const stopped = server.stop();
    const answers = await Promise.allSettled(posts);
    expect(await stopped).toMatchObject({ code: 0, stderr: '' });
    expect(await ended).toBe('ended');
    const ids = await new FileProcessStore({ dataDir: dir }).getProcessIds();
    for (const [n, { value }] of answers.entries()) {
      if (value) expect([value.status, ids]).toEqual([201, expect.arrayContaining([`p${n}`])]);
    }
  });
});

test('a server that can not have its port, or its folder, says so and ends', async () => {
  const dir = tempDir();
  const server = await serverOn(dir);
  const { port } = new URL(server.url);
  await expect(startServer(dir, ['--port', port])).rejects.toThrow('EADDRINUSE');
  const file = join(dir, 'processes.json', 'below a file');
  await server.ask('POST', '/processes', asSent(sample('a')));
  await expect(startServer(file)).rejects.toThrow('ENOTDIR');
});
