// @ts-check
'use strict';

/**
 * Arguments as callers give them, turned into what the native side takes.
 *
 * Everything is read before the first `await` of the call, each property once, so that later changes of the
 * caller's objects change nothing. `JSON.stringify` has exactly the semantics that the file needs; which
 * fields come first, and the layout, is the native side's business.
 */

const { isoDate, object, text } = require('./checks');
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

/** @typedef {import('./checks').Fields} Fields */

/** Fields that a process can't be without. */
const REQUIRED = ['id', 'status', 'startTime'];

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
  // As a field, a function is dropped like any other; but JSON.stringify would call this one, and write what it
  // returns in the place of all that was checked.
  if (typeof fields.toJSON === 'function') delete fields.toJSON;
  try {
    return JSON.stringify(fields);
  } catch (error) {
    for (const key of Object.keys(fields)) {
      try {
        JSON.stringify(fields[key]);
      } catch (cause) {
        throw unwritable(`${argument}.${key}`, cause);
      }
    }
    // Each field alone can be written; all of them are longer than a string can be.
    throw unwritable(argument, error);
  }
}

/**
 * @param {string} name
 * @param {unknown} cause
 */
function unwritable(name, cause) {
  if (!(cause instanceof TypeError || cause instanceof RangeError)) return cause;
  const [reason] = cause.message.split('\n');
  const type = cause instanceof TypeError ? TypeError : RangeError;
  return invalidValue(`${name} can't be written as JSON: ${reason}`, { type, cause });
}

/**
 * JSON text of a process to add.
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
  return stringify('process', fields);
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

module.exports = { readProcess, readUpdates, readId, readWorkspaceId, mustKeepId, stringify };
