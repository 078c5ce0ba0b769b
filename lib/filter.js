// @ts-check
'use strict';

const { date, object, text, wholeNumber } = require('./checks');
const { invalidType, invalidValue } = require('./errors');

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

module.exports = { readFilter };
