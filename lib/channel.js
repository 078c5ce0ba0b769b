// @ts-check
'use strict';

/** Calls of the native side whose answer comes later, and what it tells without being asked. */

const native = require('./addon');
const { Refusal, fromFailure } = require('./errors');

/** @type {Map<number, { resolve: (value: any) => void, reject: (reason: Refusal) => void }>} */
const waiting = new Map();
/** @type {Map<number, (value: any) => void>} */
const listeners = new Map();
let lastTicket = 0;

/** @type {import('../native').Channel | undefined} */
let made;

/**
 * The channel of this thread. It is made when the module has been loaded, or with the first call if that comes before:
 * Jest's --detectOpenHandles counts what is made while a test file is being loaded, though nothing is held open.
 */
function channel() {
  return (made ??= new native.Channel(answer));
}
Promise.resolve().then(channel);

/** @type {ConstructorParameters<typeof import('../native').Channel>[0]} */
function answer(ticket, failure, value) {
  const listener = listeners.get(ticket);
  if (listener) return listener(value);
  const call = waiting.get(ticket);
  waiting.delete(ticket);
  if (failure) call?.reject(new Refusal(() => fromFailure(failure)));
  else call?.resolve(value);
}

/** The native side counts with 32 bits. No call waits for that long, but listeners may. */
function nextTicket() {
  do lastTicket = (lastTicket + 1) % 2 ** 32;
  while (listeners.has(lastTicket));
  return lastTicket;
}

/**
 * Starts a call and resolves to its answer, or rejects with a `Refusal` where the native side reports a failure.
 * @param {(channel: import('../native').Channel, ticket: number) => void} start
 * @returns {Promise<any>}
 */
function call(start) {
  return new Promise((resolve, reject) => {
    const ticket = nextTicket();
    waiting.set(ticket, { resolve, reject });
    try {
      start(channel(), ticket);
    } catch (error) {
      waiting.delete(ticket);
      throw error;
    }
  });
}

/**
 * Gives a listener a ticket, under which the native side tells it what comes up, in order with the answers of calls.
 * It is kept until `unlisten`.
 * @param {(value: any) => void} listener
 */
function listen(listener) {
  const ticket = nextTicket();
  listeners.set(ticket, listener);
  return ticket;
}

/** @param {number} ticket */
function unlisten(ticket) {
  listeners.delete(ticket);
}

module.exports = { call, listen, unlisten };
