// @ts-check
'use strict';

/** Calls of the native side whose answer comes later. */

const native = require('./addon');
const { fromFailure } = require('./errors');

/** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
const waiting = new Map();
let lastTicket = 0;

const channel = new native.Channel((ticket, failure, value) => {
  const call = waiting.get(ticket);
  waiting.delete(ticket);
  if (failure) call?.reject(fromFailure(failure));
  else call?.resolve(value);
});

/**
 * Starts a call and resolves to its answer, or rejects with the error that the native side reports.
 * @param {(channel: import('../native').Channel, ticket: number) => void} start
 * @returns {Promise<any>}
 */
function call(start) {
  return new Promise((resolve, reject) => {
    // The native side counts with 32 bits; nobody waits for that long.
    const ticket = (lastTicket = (lastTicket + 1) % 2 ** 32);
    waiting.set(ticket, { resolve, reject });
    try {
      start(channel, ticket);
    } catch (error) {
      waiting.delete(ticket);
      throw error;
    }
  });
}

module.exports = { call };
