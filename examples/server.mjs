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
 *   GET    /processes/:id/events     server-sent events: the output from now on, until the process is complete
 *   GET    /events                   server-sent events: what changes, whoever has changed it
 *   GET    /stats
 *
 * Any number of such servers, and of other programs, may work on one folder: each one's `/events` tells what
 * the others change. Live output is that of the server it is sent to. There is no access control: it listens on
 * this machine alone.
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { FileProcessStore, getDefaultDataDir } from '../index.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: process.env.PORT ?? '4040' },
    data: { type: 'string', default: process.env.DATA_DIR ?? getDefaultDataDir() },
  },
});
const FILTERS = ['workspaceId', 'parentProcessId', 'status', 'type', 'since', 'until', 'limit', 'offset'];
const LARGEST_BODY = 10 * 1024 * 1024;
/** A client that lets this much of its stream pile up is cut off; it will come again. */
const LARGEST_BACKLOG = 1024 * 1024;

const store = new FileProcessStore({ dataDir: options.data, watch: true });

/** An answer that is no success. */
class Refusal extends Error {
  constructor(status, message, field) {
    super(message);
    Object.assign(this, { status, field });
  }
}

const notFound = (id) => new Refusal(404, `there is no process '${id}'`);

// Requests.

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new Refusal(413, `the body is larger than ${LARGEST_BODY} bytes`, 'body');
    chunks.push(chunk);
  }
  let body;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw new Refusal(400, `the body must be JSON: ${error.message}`, 'body');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'the body must be an object', 'body');
  }
  return body;
}

/** JSON has no dates. What is no text either is for the store to refuse by name. */
function withDates({ ...fields }) {
  const toDate = (target, key) => {
    if (typeof target?.[key] === 'string') target[key] = new Date(target[key]);
  };
  for (const key of ['startTime', 'endTime']) toDate(fields, key);
  if (Array.isArray(fields.conversationTurns)) {
    for (const turn of fields.conversationTurns) toDate(turn, 'timestamp');
  }
  return fields;
}

function readFilter(query) {
  for (const key of query.keys()) {
    if (!FILTERS.includes(key))
      throw new Refusal(400, `${key} is no filter; there are ${FILTERS.join(', ')}`, key);
  }
  const filter = Object.fromEntries(query);
  if (filter.status) filter.status = filter.status.split(',');
  for (const key of ['since', 'until']) if (filter[key]) filter[key] = new Date(filter[key]);
  for (const key of ['limit', 'offset']) if (filter[key]) filter[key] = Number(filter[key]);
  return filter;
}

// Output that has been sent, but is not in the store yet. It is written when somebody asks, and at the end.

const buffers = new Map();

function buffer(id, content) {
  if (!buffers.has(id)) {
    buffers.set(id, '');
    store.registerFlushHandler(id, () => writeOutput(id));
  }
  buffers.set(id, buffers.get(id) + content);
}

async function writeOutput(id) {
  const output = buffers.get(id);
  buffers.delete(id);
  store.unregisterFlushHandler(id);
  await store.updateProcess(id, (current) => ({ result: (current.result ?? '') + output }));
}

/** The process as it is now, all output included. */
async function find(id) {
  await store.requestFlush(id);
  const found = await store.getProcess(id);
  if (!found) throw new Refusal(404, `there is no process '${id}'`);
  return found;
}

const hasEnded = ({ status }) => ['completed', 'failed', 'cancelled'].includes(status);

// Streams.

const streams = new Set();
const listeners = new Set();

function openStream(response, onClose) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': open\n\n');
  streams.add(response);
  response.on('close', () => {
    streams.delete(response);
    onClose();
  });
}

function send(response, type, data) {
  response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  if (response.writableLength > LARGEST_BACKLOG) response.destroy();
}

/** Tells those who listen to the output of a process that has ended. */
function tellEnd({ id, status, startTime, endTime }) {
  store.emitProcessComplete(id, status, (endTime ?? new Date()) - startTime);
}

/** What a list shows of a process; who wants more asks for it. */
function brief({ id, type, status, promptPreview, startTime, endTime, error, metadata }) {
  return {
    id,
    type,
    status,
    promptPreview,
    startTime,
    endTime,
    error,
    workspaceId: metadata?.workspaceId ?? '',
  };
}

store.onProcessChange = ({ type, process }) => {
  for (const response of listeners) send(response, type, process ? brief(process) : {});
  if (process && hasEnded(process)) tellEnd(process);
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
    return [201, await find(process.id)];
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
    await find(id);
    let cancelled = false;
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
    if (!(await store.getProcess(id))) throw new Refusal(404, `there is no process '${id}'`);
    store.emitProcessOutput(id, content);
    buffer(id, content);
    return [202, {}];
  },

  'GET /processes/:id/events': async ({ id, response }) => {
    const process = await find(id);
    const unsubscribe = store.onProcessOutput(id, (event) => {
      send(response, event.type, event);
      if (event.type === 'complete') response.end();
    });
    openStream(response, unsubscribe);
    if (hasEnded(process)) tellEnd(process);
  },

  'GET /events': ({ response }) => {
    openStream(response, () => listeners.delete(response));
    listeners.add(response);
  },

  'GET /stats': async () => [200, await store.getStorageStats()],
};

/** The endpoint for a path, and the id in it. */
function route(method, path) {
  const [, collection, id, action, ...rest] = path.split('/');
  const pattern = ['', collection, id && ':id', action, ...rest]
    .filter((part) => part !== undefined)
    .join('/');
  const methods = ['GET', 'POST', 'PATCH', 'DELETE'].filter((method) => routes[`${method} ${pattern}`]);
  if (methods.length === 0) throw new Refusal(404, `there is nothing at ${path}`);
  if (!methods.includes(method)) throw new Refusal(405, `${path} takes ${methods.join(' or ')}`);
  try {
    return { answer: routes[`${method} ${pattern}`], id: decodeURIComponent(id ?? '') };
  } catch {
    throw new Refusal(400, 'the id in the path is no URL text', 'id');
  }
}

/** Status and field of an error. The store's messages begin with the argument and the field. */
function explain(error) {
  if (error instanceof Refusal) return error;
  if (['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'].includes(error.code)) {
    const [, argument, field] = /^(\w+)(?:\.([^ ]+))?/.exec(error.message);
    return { status: 400, field: field ?? argument };
  }
  return { status: ['ERR_STORE_LOCKED', 'ERR_STORE_CLOSED'].includes(error.code) ? 503 : 500 };
}

function reply(response, status, body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  response.writeHead(status, headers).end(body && JSON.stringify(body));
}

const server = createServer(async (request, response) => {
  try {
    const { pathname, searchParams: query } = new URL(request.url, 'http://localhost');
    const { answer, id } = route(request.method, pathname);
    const answered = await answer({ id, query, request, response });
    if (answered) reply(response, ...answered);
  } catch (error) {
    const { status, field } = explain(error);
    if (status === 500) console.error(error);
    if (response.headersSent) response.destroy();
    else reply(response, status, { error: error.message, code: error.code, field });
  }
});

/** Answers what was asked, writes what is buffered, and lets the process end. */
async function shutDown() {
  const answered = new Promise((resolve) => server.close(resolve));
  for (const response of streams) response.end();
  setTimeout(() => server.closeAllConnections(), 2000).unref();
  await answered;
  await Promise.allSettled(Array.from(buffers.keys(), (id) => store.requestFlush(id)));
  await store.close();
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, shutDown);
// The first call tells whether the folder can be read and watched.
await store.getProcessCount();
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
