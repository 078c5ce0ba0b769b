// examples/server.mjs: bad requests, each with the field that is wrong, and what the store refuses.

import { mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from './fixtures/server-process.mjs';
import { sample, tempDir } from './support.mjs';

const asSent = (process) => JSON.parse(JSON.stringify(process));

describe('a bad request', () => {
  let dir;
  let server;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'file-process-store-'));
    server = await startServer(dir);
    await server.ask('POST', '/processes', asSent(sample('a')));
  });
  afterAll(async () => {
    expect(await server.stop('SIGINT')).toMatchObject({ stderr: '' });
    rmSync(dir, { recursive: true });
  });

  const create = (fields) => ['POST', '/processes', { ...asSent(sample('new')), ...fields }];
  const update = (fields) => ['PATCH', '/processes/a', fields];
  const turn = { role: 'user', content: '', timestamp: 'yesterday', turnIndex: 0 };
  const BAD = [
    ['body', 'POST', '/processes', Buffer.from('{"id":')],
    ['body', 'POST', '/processes', Buffer.from('')],
    ['body', 'POST', '/processes', []],
    ['body', 'POST', '/processes', 'text'],
    ['body', 'PATCH', '/processes/a', null],
    [
      'body',
      'POST',
      '/processes',
      Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xff), Buffer.from('"}')]),
    ],
    ['body', 'POST', '/processes/a/output', Buffer.from('hello')],
    ['id', ...create({ id: '' })],
    ['id', ...create({ id: 5 })],
    ['id', ...create({ id: null })],
    ['status', ...create({ status: undefined })],
    ['status', ...create({ status: '' })],
    ['status', ...create({ status: ['running'] })],
    ['startTime', ...create({ startTime: 'yesterday' })],
    ['startTime', ...create({ startTime: 1714557600000 })],
    ['startTime', ...create({ startTime: null })],
    ['endTime', ...create({ endTime: '' })],
    ['type', ...create({ type: 5 })],
    ['promptPreview', ...create({ promptPreview: {} })],
    ['metadata', ...create({ metadata: 'w' })],
    ['metadata.workspaceId', ...create({ metadata: { workspaceId: 5 } })],
    ['conversationTurns', ...create({ conversationTurns: {} })],
    ['conversationTurns[0]', ...create({ conversationTurns: ['hello'] })],
    ['conversationTurns[1].timestamp', ...create({ conversationTurns: [{}, turn] })],
    ['id', ...update({ id: 'b' })],
    ['status', ...update({ status: null })],
    ['startTime', ...update({ startTime: null })],
    ['startTime', ...update({ startTime: '2024-13-45' })],
    ['endTime', ...update({ endTime: true })],
    ['result', ...update({ result: 5 })],
    ['content', 'POST', '/processes/a/output', {}],
    ['content', 'POST', '/processes/a/output', { content: 5 }],
    ['content', 'POST', '/processes/a/output', { content: null }],
    ['since', 'GET', '/processes?since=yesterday'],
    ['until', 'GET', '/processes?until=1714557600000'],
    ['limit', 'GET', '/processes?limit=abc'],
    ['limit', 'GET', '/processes?limit=-1'],
    ['limit', 'GET', '/processes?limit=1.5'],
    ['offset', 'GET', '/processes?offset=1e'],
    ['status', 'GET', '/processes?status=running&status=failed'],
    ['workspace', 'GET', '/processes?workspace=w'],
    ['__proto__', 'GET', '/processes?__proto__=1'],
    ['id', 'GET', '/processes/%ff'],
    ['id', 'GET', '/processes/%/events'],
  ];

  test.each(BAD)('gets a 400 that names %s: %s %s %j', async (field, method, path, body) => {
    const answer = await server.ask(method, path, body);
    expect(answer).toMatchObject({ status: 400, body: { error: expect.any(String), field } });
    expect((await server.ask('GET', '/processes')).body.entries).toMatchObject([
      { id: 'a', status: 'running' },
    ]);
    expect((await server.ask('GET', '/processes/a')).body).toEqual(asSent(sample('a')));
  });

  test('to what is not there, or does not take it, gets a 404 or a 405', async () => {
    for (const path of [
      '/',
      '/nothing',
      '/processes/',
      '/processes/a/',
      '/processes/a/b',
      '//',
      '/stats/x',
      '/:id',
    ]) {
      expect((await server.ask('GET', path)).status, path).toBe(404);
    }
    for (const path of ['/processes/nobody', '/processes/nobody/events']) {
      const { status, body } = await server.ask('GET', path);
      expect([status, body.error]).toEqual([404, "there is no process 'nobody'"]);
    }
    expect((await server.ask('POST', '/processes/nobody/output', { content: 'x' })).status).toBe(404);
    for (const [method, path, allow] of [
      ['PUT', '/processes/a', 'GET, PATCH, DELETE'],
      ['DELETE', '/processes', 'GET, POST'],
      ['GET', '/processes/a/cancel', 'POST'],
      ['POST', '/stats', 'GET'],
    ]) {
      const { status, headers } = await server.ask(method, path, method === 'GET' ? undefined : {});
      expect([status, headers.get('allow')]).toEqual([405, allow]);
    }
  });

  test('with a body that is too large gets a 413, also while it is still being sent', async () => {
    const body = Buffer.alloc(11 * 1024 * 1024, ' ');
    for (const path of ['/processes', '/processes/a/output']) {
      expect(await server.ask('POST', path, body)).toMatchObject({ status: 413, body: { field: 'body' } });
    }
    expect((await server.ask('POST', '/processes/a/output', { content: '' })).status).toBe(202);
  });

  test('that is broken off, or is no HTTP, harms nobody', async () => {
    const { port } = new URL(server.url);
    const broken = connect(port, '127.0.0.1');
    broken.write('POST /processes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"id":"broken",');
    await new Promise((resolve) => setTimeout(resolve, 50));
    broken.destroy();
    const other = connect(port, '127.0.0.1').end('hello?\r\n\r\n');
    expect(await text(other)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await server.ask('GET', '/processes')).body.total).toBe(1);
  });
});

describe('what goes wrong in the store', () => {
  async function started() {
    const dir = tempDir();
    const server = await startServer(dir);
    onTestFinished(() => server.stop());
    return { dir, ask: server.ask };
  }

  test('is a 500 with its message for a damaged file, and works again when it is mended', async () => {
    const { dir, ask } = await started();
    const file = join(dir, 'processes.json');
    writeFileSync(file, '[');
    for (const [method, path, body] of [
      ['GET', '/processes'],
      ['POST', '/processes', asSent(sample('a'))],
      ['GET', '/processes/a/events'],
      ['GET', '/stats'],
    ]) {
      const answer = await ask(method, path, body);
      expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_STORE_CORRUPT' } });
      expect(answer.body.error).toContain(file);
    }
    writeFileSync(file, '[]');
    expect((await ask('POST', '/processes', asSent(sample('a')))).status).toBe(201);
  });

  test('loses no output: what could not be written is written later, once and in order', async () => {
    const { dir, ask } = await started();
    await ask('POST', '/processes', asSent(sample('a', { result: 'so far, ' })));
    // With a folder in the place of the lock, nothing can be written.
    const lock = join(dir, 'processes.json.lock');
    rmSync(lock);
    mkdirSync(lock);
    for (const content of ['one, ', 'two, ']) {
      expect((await ask('POST', '/processes/a/output', { content })).status).toBe(202);
      expect((await ask('GET', '/processes/a')).status).toBe(500);
    }
    rmdirSync(lock);
    await ask('POST', '/processes/a/output', { content: 'three' });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('GET', '/processes/a')));
    for (const { body } of answers) expect(body.result).toBe('so far, one, two, three');
  });
});
