// Requests as the store wants them. What is wrong with them is said with the name of the field; what the store itself
// judges is left to the store, whose errors name the field, too.

const LARGEST_BODY = 10 * 1024 * 1024;

/** An answer that is no success. */
export class Refusal extends Error {
  constructor(status, message, field) {
    super(message);
    Object.assign(this, { status, field });
  }
}

/** The object that the body of a request is as JSON. */
export async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Read to the end, or the client would find its connection closed and no answer.
    if (size <= LARGEST_BODY) chunks.push(chunk);
  }
  if (size > LARGEST_BODY) throw new Refusal(413, `the body is larger than ${LARGEST_BODY} bytes`, 'body');
  let body;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw new Refusal(400, `the body must be JSON: ${error.message}`, 'body');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'the body must be an object', 'body');
  }
  return body;
}

/** JSON has no dates. What is no date here is for the store to refuse by name. */
export function withDates({ ...fields }) {
  const toDate = (target, key) => {
    if (typeof target?.[key] === 'string') target[key] = new Date(target[key]);
  };
  for (const key of ['startTime', 'endTime']) toDate(fields, key);
  if (Array.isArray(fields.conversationTurns)) {
    for (const turn of fields.conversationTurns) toDate(turn, 'timestamp');
  }
  return fields;
}

const toDate = (text) => new Date(text);
const FILTERS = {
  workspaceId: String,
  parentProcessId: String,
  status: (text) => text.split(','),
  type: String,
  since: toDate,
  until: toDate,
  limit: Number,
  offset: Number,
};

/** The filter of a list, from the query of its URL. */
export function readFilter(query) {
  const filter = {};
  for (const [key, text] of query) {
    if (!Object.hasOwn(FILTERS, key)) {
      throw new Refusal(400, `${key} is no filter; there are ${Object.keys(FILTERS).join(', ')}`, key);
    }
    if (Object.hasOwn(filter, key)) throw new Refusal(400, `${key} is given twice`, key);
    // An empty field of a form is no constraint, to the store neither.
    filter[key] = text && FILTERS[key](text);
  }
  return filter;
}

/** Status and field of an error. The store's messages begin with the argument and the field. */
export function explain(error) {
  if (error instanceof Refusal) return error;
  if (['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'].includes(error.code)) {
    const [, argument, field] = /^(\w+)(?:\.([^ ]+))?/.exec(error.message);
    return { status: 400, field: field ?? argument };
  }
  if (['ERR_STORE_LOCKED', 'ERR_STORE_CLOSED'].includes(error.code)) return { status: 503 };
  console.error(error);
  return { status: 500 };
}
