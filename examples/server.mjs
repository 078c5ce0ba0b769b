/**
 * A dashboard's server over the store, on `node:http` alone:
 *
 *   node examples/server.mjs [--port 4040] [--data folder]     (or PORT and DATA_DIR; port 0 takes any free one)
 *
 *   GET    /processes                a page of summaries, and the total; filters and paging in the query:
 *                                    workspaceId, parentProcessId, status (a,b), type, since, until, limit, offset
 *   POST   /processes                create; without `id` and `startTime` it gets new ones
 *   GET    /processes/:id            one process, with all of its output so far
 *   PATCH  /processes/:id            change the named fields; `null` removes one
 *   POST   /processes/:id/cancel     cancel it, if it has not ended yet
 *   DELETE /processes/:id
 *   POST   /processes/:id/output     { "content": … }: live output, which becomes a part of the result
 *   GET    /processes/:id/events     server-sent events: the output from now on, until the process has ended
 *   GET    /events                   server-sent events: what changes, whoever has changed it
 *   GET    /stats
 *
 * A request that can't be understood gets a 400 with `{ "error": …, "field": … }`.
 *
 * Any number of such servers, and of other programs, may work on one folder: each one's `/events` tells what
 * the others change. Live output is that of the server it is sent to. There is no access control: it listens on
 * this machine alone.
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { FileProcessStore } from '../index.js';
import { OutputBuffer } from './server/output.mjs';
import { Refusal, explain, readBody, readFilter, withDates } from './server/requests.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: process.env.PORT ?? '4040' },
    data: { type: 'string', default: process.env.DATA_DIR },
  },
});
/** A client that lets so many bytes of its stream pile up is cut off; it will come again. */
const LARGEST_BACKLOG = 8 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;

const store = new FileProcessStore({ dataDir: options.data, watch: true });
const output = new OutputBuffer(store);
const hasEnded = ({ status }) => ['completed', 'failed', 'cancelled'].includes(status);

/** The process as it is now, all output included. */
async function find(id) {
  await store.requestFlush(id);
  const found = await store.getProcess(id);
  if (!found) throw new Refusal(404, `there is no process '${id}'`);
  return found;
}

// Streams.

/** Open responses: all of them, and those that want every change. */
const streams = new Set();
const listeners = new Set();

function openStream(response, onClose) {
  // Its client may have gone while the answer was looked for; then there is no event any more.
  if (response.destroyed) return onClose();
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'close',
  });
  write(response, ': open\n\n');
  streams.add(response);
  response.on('close', () => {
    streams.delete(response);
    onClose();
  });
}

function write(response, text) {
  if (response.writableLength > LARGEST_BACKLOG) response.destroy();
  if (!response.writableEnded && !response.destroyed) response.write(text);
}

function send(response, type, data) {
  write(response, `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

// So that connections that nobody needs any more are found out.
setInterval(() => {
  for (const response of streams) write(response, ':\n\n');
}, HEARTBEAT_MS).unref();

/** What a list shows of a process; who wants more asks for it. */
function brief({ id, type, status, promptPreview, startTime, endTime, error, metadata }) {
  const workspaceId = metadata?.workspaceId ?? '';
  return { id, workspaceId, type, status, promptPreview, startTime, endTime, error };
}

/** The last event of a process that has ended, or is gone. */
function ending(process) {
  if (!process) return { type: 'removed' };
  const { status, startTime, endTime } = process;
  return { type: 'complete', status, duration: (endTime ?? new Date()) - startTime };
}

store.onProcessChange = ({ type, process }) => {
  for (const response of listeners) send(response, type, process ? brief(process) : {});
  if (!process) return;
  if (type === 'process-removed') store.emitProcessEvent(process.id, ending());
  else if (hasEnded(process)) {
    const { status, duration } = ending(process);
    store.emitProcessComplete(process.id, status, duration);
  }
};

// Endpoints: each resolves to a status and what is sent as JSON, or to nothing where it answers itself.

const routes = {
  'GET /processes': async ({ query }) => [200, await store.getProcessSummaries(readFilter(query))],

  'POST /processes': async ({ request }) => {
    const body = withDates(await readBody(request));
    const process = { id: randomUUID(), promptPreview: '', fullPrompt: '', startTime: new Date(), ...body };
    if (typeof process.id === 'string' && (await store.getProcess(process.id))) {
      throw new Refusal(409, `there is a process '${process.id}' already`, 'id');
    }
    await store.addProcess(process);
    return [201, process];
  },

  'GET /processes/:id': async ({ id }) => [200, await find(id)],

  'PATCH /processes/:id': async ({ id, request }) => {
    const updates = withDates(await readBody(request));
    for (const key of Object.keys(updates)) updates[key] ??= undefined;
    await find(id);
    await store.updateProcess(id, updates);
    return [200, await find(id)];
  },

  'POST /processes/:id/cancel': async ({ id }) => {
    let cancelled = false;
    // Whatever happens to it at this moment, it is cancelled only if it has not ended.
    await store.updateProcess(id, (current) => {
      cancelled = !hasEnded(current);
      return cancelled ? { status: 'cancelled', endTime: new Date() } : undefined;
    });
    const process = await find(id);
    if (!cancelled) throw new Refusal(409, `process '${id}' is ${process.status} already`, 'status');
    return [200, process];
  },

  'DELETE /processes/:id': async ({ id }) => {
    await find(id);
    await store.removeProcess(id);
    return [204];
  },

  'POST /processes/:id/output': async ({ id, request }) => {
    const { content } = await readBody(request);
    const process = await store.getProcess(id);
    if (!process) throw new Refusal(404, `there is no process '${id}'`);
    if (hasEnded(process)) {
      throw new Refusal(409, `process '${id}' is ${process.status} already`, 'status');
    }
    store.emitProcessOutput(id, content);
    output.add(id, content);
    return [202];
  },

  'GET /processes/:id/events': async ({ id, response }) => {
    await find(id);
    const listener = (event) => {
      send(response, event.type, event);
      if (['complete', 'removed'].includes(event.type)) response.end();
    };
    openStream(response, store.onProcessOutput(id, listener));
    // What has ended since it was found, or before, tells nothing any more.
    const process = await store.getProcess(id);
    if (!process || hasEnded(process)) listener(ending(process));
  },

  'GET /events': ({ response }) => {
    listeners.add(response);
    openStream(response, () => listeners.delete(response));
  },

  'GET /stats': async () => [200, await store.getStorageStats()],
};

/** The endpoint for a path, and the id in it. */
function route(method, path) {
  const [, collection, id, ...rest] = path.split('/');
  const pattern = ['', collection, ...(id === undefined ? [] : [id && ':id']), ...rest].join('/');
  const methods = ['GET', 'POST', 'PATCH', 'DELETE'].filter((name) => routes[`${name} ${pattern}`]);
  if (methods.length === 0) throw new Refusal(404, `there is nothing at ${path}`);
  if (!methods.includes(method)) {
    throw Object.assign(new Refusal(405, `${path} takes ${methods.join(', ')}`), { allow: methods });
  }
  try {
    return { answer: routes[`${method} ${pattern}`], id: decodeURIComponent(id ?? '') };
  } catch {
    throw new Refusal(400, 'the id in the path is no URL text', 'id');
  }
}

function reply(response, status, body, headers = {}) {
  if (body !== undefined) headers['content-type'] = 'application/json';
  // A server that is about to end waits for connections, also for those that are idle.
  if (!server.listening) headers.connection = 'close';
  response.writeHead(status, headers).end(body && JSON.stringify(body));
}

const server = createServer(async (request, response) => {
  try {
    const [path, search] = request.url.split(/\?(.*)/s);
    const { answer, id } = route(request.method, path);
    const answered = await answer({ id, query: new URLSearchParams(search), request, response });
    if (answered) reply(response, ...answered);
  } catch (error) {
    // A client that has hung up in the middle of its request gets no answer.
    if (response.destroyed) return;
    const { status, field, allow } = explain(error);
    if (response.headersSent) response.destroy();
    else reply(response, status, { error: error.message, code: error.code, field }, allow && { allow });
  }
});

/** Answers what was asked, writes what is buffered, and lets the process end. */
async function shutDown() {
  const answered = new Promise((resolve) => server.close(resolve));
  for (const response of streams) response.end();
  setTimeout(() => server.closeAllConnections(), 2000).unref();
  await answered;
  await output.flush().catch((error) => {
    console.error(`output was lost: ${error.message}`);
    process.exitCode = 1;
  });
  await store.close();
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, shutDown);
// The first call tells whether the folder can be read and watched.
await store.getProcessCount();
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
