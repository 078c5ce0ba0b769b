// @ts-check
'use strict';

/**
 * Reads that need not wait are answered at once. A chain of them never leaves the microtask queue, and would
 * starve timers and sockets: after a millisecond of such answers in one turn of the event loop, the next
 * one waits for the turn to end.
 */

const { performance } = require('node:perf_hooks');
const { scheduler } = require('node:timers/promises');

const LONGEST_MS = 1;
/** When the first answer of this turn was given. */
let began = 0;
let answering = false;

/** Whether an answer may be given in this turn of the event loop. */
function mayAnswerNow() {
  if (answering) return performance.now() - began < LONGEST_MS;
  answering = true;
  began = performance.now();
  nextTurn().then(() => (answering = false));
  return true;
}

/**
 * Resolves in the next turn of the event loop. Not by setImmediate: mock timers replace it, in the modules too, and
 * whoever loads the package while they are on would wait for ever. Nobody replaces this one.
 * @type {() => Promise<void>}
 */
function nextTurn() {
  return /** @type {any} */ (scheduler).yield();
}

module.exports = { mayAnswerNow, nextTurn };
