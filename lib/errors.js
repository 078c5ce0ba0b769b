// @ts-check
'use strict';

/** Errors as callers meet them: a class, a stable `code`, and a message that names what is wrong. */

const os = require('node:os');
const util = require('node:util');

/** What file systems of Linux answer as well, and Node has no name for: damaged ones, locked ones, lost disks. */
const LINUX_ERRORS = new Map([
  [117, 'EUCLEAN'],
  [123, 'ENOMEDIUM'],
  [124, 'EMEDIUMTYPE'],
  [126, 'ENOKEY'],
  [127, 'EKEYEXPIRED'],
  [128, 'EKEYREVOKED'],
  [129, 'EKEYREJECTED'],
  [133, 'EHWPOISON'],
]);

/**
 * What a value is, in the words of a message.
 * @param {unknown} value
 */
function describe(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/**
 * @param {string} name the argument and field: `process.startTime`
 * @param {string} expected what belongs there: `a Date`
 * @param {unknown} value what was found
 */
function invalidType(name, expected, value) {
  const error = new TypeError(`${name} must be ${expected}, got ${describe(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/**
 * @param {string} message begins with the argument and field
 * @param {ErrorOptions & { type?: ErrorConstructor }} [options]
 */
function invalidValue(message, { type = RangeError, cause } = {}) {
  const error = cause === undefined ? new type(message) : new type(message, { cause });
  return Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}

/**
 * The error for what the native side reports.
 * @param {import('../native').Failure} failure
 */
function fromFailure({ code, message, path, line, column, syscall, os: number, committed }) {
  if (code === 'ERR_INVALID_ARG_VALUE') return invalidValue(message);
  if (syscall === undefined) {
    return Object.assign(new Error(message), defined({ code, path, line, column }));
  }
  const [name, errno] = systemError(code, number);
  const error = new Error(`${name}: ${message}`);
  return Object.assign(error, defined({ errno, code: name, syscall, path, committed }));
}

/**
 * Name and number of a system error as Node gives them. The system's own number decides: there are more of them than
 * portable kinds. On Windows the system's numbers are not those of libuv, so there the name decides.
 * @param {string} name
 * @param {number} [number]
 * @returns {[string, number | undefined]}
 */
function systemError(name, number) {
  if (number !== undefined && process.platform !== 'win32') return [nameOf(number), -number];
  for (const [errno, [code]] of util.getSystemErrorMap()) if (code === name) return [name, errno];
  return [name, undefined];
}

/**
 * libuv's name for a number, else that of Node's constants, which has more of them.
 * @param {number} number
 */
function nameOf(number) {
  const known = util.getSystemErrorMap().get(-number);
  if (known) return known[0];
  const [name] = Object.entries(os.constants.errno).find(([, value]) => value === number) ?? [];
  const linux = process.platform === 'linux' ? LINUX_ERRORS.get(number) : undefined;
  return name ?? linux ?? util.getSystemErrorName(-number);
}

/** @param {Record<string, unknown>} properties */
function defined(properties) {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}

/** The store was closed before the call. */
function closed() {
  return Object.assign(new Error('the store was closed'), { code: 'ERR_STORE_CLOSED' });
}

/**
 * Why a call is refused, on its way to the caller. It is no error yet: one reason may refuse many calls, and each
 * caller gets an error of their own.
 */
class Refusal {
  /** @param {() => Error} make */
  constructor(make) {
    this.make = make;
  }
}

/**
 * What refuses all calls that were done together.
 * @param {unknown} reason
 */
function shared(reason) {
  if (reason instanceof Refusal) return reason;
  const message = reason instanceof Error ? reason.message : String(reason);
  return new Refusal(() => {
    return Object.assign(new Error(message, { cause: reason }), { code: 'ERR_STORE_INTERNAL' });
  });
}

/**
 * The outcome of work for one call. Its error is made here, behind the `await`, so that the stack goes on to the
 * callers that wait for it; and it costs nothing where nothing fails.
 * @template T
 * @param {T | Promise<T>} work
 * @returns {Promise<T>}
 */
async function outcome(work) {
  try {
    return await work;
  } catch (reason) {
    if (!(reason instanceof Refusal)) throw reason;
    const error = reason.make();
    Error.captureStackTrace?.(error, outcome);
    throw error;
  }
}

module.exports = { Refusal, closed, fromFailure, invalidType, invalidValue, outcome, shared };
