// @ts-check
'use strict';

const { mustKeepId, stringify } = require('./arguments');
const { object, text } = require('./checks');
const { invalidType, invalidValue } = require('./errors');

/** @typedef {import('./checks').Fields} Fields */

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
  const shapes = ITEM_FIELDS[registry];
  const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
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

module.exports = { readItem, readItemUpdates };
