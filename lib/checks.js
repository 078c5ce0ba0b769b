// @ts-check
'use strict';

/** Checks of single values. Each returns what it was given, typed, or throws an error that names it. */

const { isDate } = require('node:util').types;
const { invalidType, invalidValue } = require('./errors');

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
 * @param {string} name
 * @param {unknown} value
 * @returns {any}
 */
function callable(name, value) {
  if (typeof value !== 'function') throw invalidType(name, 'a function', value);
  return value;
}

module.exports = { object, text, date, isoDate, wholeNumber, callable };
