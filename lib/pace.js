// @ts-check
'use strict';

/**
 * Reads that need not wait are answered at once. A chain of them never leaves the microtask queue, and would
 * starve timers and sockets: after a millisecond of such answers in one turn of the event loop, the next
 * one waits for the turn to end.
 */

const { setImmediate } = require('node:timers');

const LONGEST_MS = 1;
/** When the first answer of this turn was given. */
let began = 0;
let answering = false;

/** Whether an answer may be given in this turn of the event loop. */
function mayAnswerNow() {
  if (answering) return performance.now() - began < LONGEST_MS;
  answering = true;
  began = performance.now();
  setImmediate(() => (answering = false));
  return true;
}

/** Resolves in the next turn of the event loop. */
function nextTurn() {
  return new Promise((resolve) => setImmediate(resolve));
}

module.exports = { mayAnswerNow, nextTurn };
