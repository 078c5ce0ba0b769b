// @ts-check
'use strict';

/**
 * Arguments as callers give them, turned into what the native side takes.
 *
 * Everything is read before the first `await` of the call, each property once, so that later changes of the
 * caller's objects change nothing. `JSON.stringify` has exactly the semantics that the file needs; which
 * fields come first, and the layout, is the native side's business.
 */

const path = require('node:path');
const { isDate } = require('node:util').types;
const { invalidType, invalidValue } = require('./errors');

/**
 * What the known fields of a process hold.
 * @type {ReadonlyMap<string, 'text' | 'date' | 'object' | 'turns'>}
 */
const FIELDS = new Map([
  ['id', 'text'],
  ['type', 'text'],
  ['promptPreview', 'text'],
  ['fullPrompt', 'text'],
  ['status', 'text'],
  ['startTime', 'date'],
  ['endTime', 'date'],
  ['error', 'text'],
  ['result', 'text'],
  ['resultFilePath', 'text'],
  ['rawStdoutFilePath', 'text'],
  ['metadata', 'object'],
  ['groupMetadata', 'object'],
  ['codeReviewMetadata', 'object'],
  ['discoveryMetadata', 'object'],
  ['codeReviewGroupMetadata', 'object'],
  ['structuredResult', 'text'],
  ['parentProcessId', 'text'],
  ['sdkSessionId', 'text'],
  ['backend', 'text'],
  ['workingDirectory', 'text'],
  ['conversationTurns', 'turns'],
]);

/** Fields that a process can't be without. */
const REQUIRED = ['id', 'status', 'startTime'];

/** @typedef {Record<string, unknown>} Fields */

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {Fields}
 */
function object(name, value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidType(name, 'an object', value);
  }
  return /** @type {Fields} */ (value);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function text(name, value) {
  if (typeof value !== 'string') throw invalidType(name, 'a string', value);
  return value;
}

/**
 * Milliseconds of a date. Dates of another realm are dates.
 * @param {string} name
 * @param {unknown} value
 */
function date(name, value) {
  if (!isDate(value)) throw invalidType(name, 'a Date', value);
  const ms = Date.prototype.getTime.call(value);
  if (Number.isNaN(ms)) throw invalidValue(`${name} must be a valid Date, got Invalid Date`);
  return ms;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function isoDate(name, value) {
  return new Date(date(name, value)).toISOString();
}

/**
 * The value of a known field in the form in which it is stored.
 * @param {string} argument
 * @param {string} key
 * @param {unknown} value
 */
function field(argument, key, value) {
  const name = `${argument}.${key}`;
  if (value === null && !REQUIRED.includes(key)) return null;
  switch (FIELDS.get(key)) {
    case 'text':
      if (REQUIRED.includes(key) && value === '') throw invalidValue(`${name} must not be empty`);
      return text(name, value);
    case 'date':
      return isoDate(name, value);
    case 'turns':
      return turns(name, value);
    default: {
      const found = object(name, value);
      const tag = key === 'metadata' ? found.workspaceId : undefined;
      if (tag !== undefined && tag !== null) text(`${name}.workspaceId`, tag);
      return found;
    }
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function turns(name, value) {
  if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
  return Array.from(value, (turn, index) => {
    const copy = { ...object(`${name}[${index}]`, turn) };
    const { timestamp } = copy;
    if (timestamp !== undefined && timestamp !== null) {
      copy.timestamp = isoDate(`${name}[${index}].timestamp`, timestamp);
    }
    return copy;
  });
}

/**
 * @param {string} argument
 * @param {Fields} fields
 */
function stringify(argument, fields) {
  try {
    return JSON.stringify(fields);
  } catch (error) {
    for (const key of Object.keys(fields)) {
      try {
        JSON.stringify(fields[key]);
      } catch (cause) {
        if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
        const [reason] = cause.message.split('\n');
        const type = cause instanceof TypeError ? TypeError : RangeError;
        throw invalidValue(`${argument}.${key} can't be written as JSON: ${reason}`, { type, cause });
      }
    }
    throw error;
  }
}

/**
 * The id of a process to add, and its JSON text.
 * @param {unknown} process
 */
function readProcess(process) {
  const given = object('process', process);
  // Without a prototype, so that a key named `__proto__` is data.
  const fields = Object.create(null);
  for (const key of FIELDS.keys()) {
    const value = given[key];
    if (value !== undefined || REQUIRED.includes(key)) fields[key] = field('process', key, value);
  }
  for (const key of Object.keys(given)) if (!FIELDS.has(key)) fields[key] = given[key];
  return { id: /** @type {string} */ (fields.id), text: stringify('process', fields) };
}

/**
 * JSON text of the fields to change, and the names of all that were named: those that are not in the text
 * are to be removed.
 * @param {string} id
 * @param {unknown} updates
 */
function readUpdates(id, updates) {
  const given = object('updates', updates);
  const names = Object.keys(given);
  const fields = Object.create(null);
  for (const key of names) {
    const value = given[key];
    const judged = FIELDS.has(key) && (value !== undefined || REQUIRED.includes(key));
    fields[key] = judged ? field('updates', key, value) : value;
  }
  mustKeepId(id, names, fields);
  return { text: stringify('updates', fields), names };
}

/**
 * What the known fields of registered items hold; `?` marks those that may be absent or null.
 * @type {Record<'workspaces' | 'wikis', Record<string, 'string' | 'string?' | 'boolean'>>}
 */
const ITEM_FIELDS = {
  workspaces: {
    id: 'string',
    name: 'string',
    rootPath: 'string',
    color: 'string?',
    remoteUrl: 'string?',
    description: 'string?',
  },
  wikis: {
    id: 'string',
    name: 'string',
    wikiDir: 'string',
    repoPath: 'string?',
    color: 'string?',
    aiEnabled: 'boolean',
    registeredAt: 'string',
  },
};

/**
 * JSON text of a workspace or wiki.
 * @param {'workspaces' | 'wikis'} registry
 * @param {unknown} info
 */
function readItem(registry, info) {
  const given = object('info', info);
  const fields = Object.create(null);
  for (const key of Object.keys(given)) fields[key] = given[key];
  for (const key of Object.keys(ITEM_FIELDS[registry])) {
    if (!(key in fields) && given[key] !== undefined) fields[key] = given[key];
    itemField(registry, 'info', key, fields[key]);
  }
  if (fields.id === '') throw invalidValue('info.id must not be empty');
  return stringify('info', fields);
}

/**
 * @param {'workspaces' | 'wikis'} registry
 * @param {string} argument
 * @param {string} key
 * @param {unknown} value
 */
function itemField(registry, argument, key, value) {
  const shape = ITEM_FIELDS[registry][key];
  if (shape === undefined || (shape === 'string?' && (value === undefined || value === null))) return;
  if (shape !== 'boolean') text(`${argument}.${key}`, value);
  else if (typeof value !== 'boolean') throw invalidType(`${argument}.${key}`, 'a boolean', value);
}

/**
 * @param {'workspaces' | 'wikis'} registry
 * @param {string} id
 * @param {unknown} updates
 */
function readItemUpdates(registry, id, updates) {
  const given = object('updates', updates);
  const names = Object.keys(given);
  const fields = Object.create(null);
  for (const key of names) itemField(registry, 'updates', key, (fields[key] = given[key]));
  mustKeepId(id, names, fields);
  return { text: stringify('updates', fields), names };
}

/**
 * @param {string} id
 * @param {string[]} names
 * @param {Fields} fields
 */
function mustKeepId(id, names, fields) {
  if (names.includes('id') && fields.id !== id) {
    throw invalidValue(`updates.id must not differ from '${id}', the id of what is updated`);
  }
}

/** @param {unknown} id */
function readId(id) {
  return text('id', id);
}

/**
 * A workspace to look in; what is lost on the way is no constraint, as in filters.
 * @param {unknown} workspaceId
 */
function readWorkspaceId(workspaceId) {
  if (workspaceId === undefined || workspaceId === null || workspaceId === '') return undefined;
  return text('workspaceId', workspaceId);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {any}
 */
function readFunction(name, value) {
  if (typeof value !== 'function') throw invalidType(name, 'a function', value);
  return value;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} expected
 */
function wholeNumber(name, value, expected = 'a whole number from 0 on, or Infinity') {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value === Infinity || (Number.isInteger(value) && value >= 0))) {
    throw invalidValue(`${name} must be ${expected}, got ${value}`);
  }
  return value;
}

/**
 * A filter as a native query. When listing, a lost value is no constraint; when clearing it must not
 * clear everything, so there it is refused.
 * @param {unknown} filter
 * @param {'list' | 'clear'} purpose
 * @returns {{ query: import('../native').Query, exclude?: import('../native').Exclude }}
 */
function readFilter(filter, purpose) {
  const lost = (/** @type {unknown} */ value) => purpose === 'list' && (value === null || value === '');
  if (filter === undefined || lost(filter)) return { query: {} };
  const given = object('filter', filter);
  /**
   * @template T
   * @param {string} key
   * @param {(name: string, value: unknown) => T} read
   * @returns {T | undefined}
   */
  const optional = (key, read) => {
    const value = given[key];
    return value === undefined || lost(value) ? undefined : read(`filter.${key}`, value);
  };
  const filled = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (text(name, value) === '') throw invalidValue(`${name} must not be empty`);
    return /** @type {string} */ (value);
  };
  const query = {
    workspaceId: optional('workspaceId', filled),
    parentProcessId: optional('parentProcessId', filled),
    statuses: optional('status', (name, value) => {
      if (!Array.isArray(value)) return [filled(name, value)];
      const read = purpose === 'clear' ? filled : text;
      return Array.from(value, (status, index) => read(`${name}[${index}]`, status));
    }),
    type: optional('type', filled),
    since: optional('since', date),
    until: optional('until', date),
    limit: optional('limit', wholeNumber),
    offset: optional('offset', wholeNumber),
  };
  return { query, exclude: optional('exclude', readExclude) };
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function readExclude(name, value) {
  if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
  const exclude = { conversation: false, toolCalls: false };
  for (const [index, part] of Array.from(value).entries()) {
    const known = text(`${name}[${index}]`, part);
    if (known !== 'conversation' && known !== 'toolCalls') {
      throw invalidValue(`${name}[${index}] must be 'conversation' or 'toolCalls', got '${known}'`);
    }
    exclude[known] = true;
  }
  return exclude;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function readPath(name, value) {
  const given = text(name, value);
  if (given === '') throw invalidValue(`${name} must not be empty`);
  if (given.includes('\0')) throw invalidValue(`${name} must not contain null characters`);
  return path.resolve(given);
}

/**
 * @param {unknown} options
 * @param {() => string} defaultDataDir
 */
function readOptions(options, defaultDataDir) {
  const given = options === undefined ? {} : object('options', options);
  const {
    dataDir,
    maxProcesses = 500,
    durable = true,
    lockTimeoutMs = 10_000,
    watch = false,
    onPrune,
  } = given;
  for (const [name, value] of Object.entries({ durable, watch })) {
    if (typeof value !== 'boolean') throw invalidType(`options.${name}`, 'a boolean', value);
  }
  if (typeof lockTimeoutMs !== 'number')
    throw invalidType('options.lockTimeoutMs', 'a number', lockTimeoutMs);
  if (!(lockTimeoutMs >= 0)) {
    throw invalidValue(`options.lockTimeoutMs must be at least 0 ms, got ${lockTimeoutMs}`);
  }
  return {
    native: {
      dataDir: dataDir === undefined ? path.resolve(defaultDataDir()) : readPath('options.dataDir', dataDir),
      maxProcesses: wholeNumber('options.maxProcesses', maxProcesses),
      durable: durable === true,
      lockTimeoutMs,
    },
    watch: watch === true,
    onPrune: onPrune === undefined ? undefined : readFunction('options.onPrune', onPrune),
  };
}

module.exports = {
  readProcess,
  readUpdates,
  readItem,
  readItemUpdates,
  readId,
  readWorkspaceId,
  readFunction,
  readFilter,
  readPath,
  readOptions,
};
