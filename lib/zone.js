// @ts-check
'use strict';

/**
 * The local time zone of hand-written dates. Everywhere the native side asks the system, but on Windows the system
 * knows nothing of the variable `TZ`, which JavaScript heeds: there it is told what JavaScript makes of it.
 */

const native = require('./addon');

const WEEK = 7 * 24 * 60 * 60 * 1000;
/** The calendar repeats after 400 years; the native side asks for no instant beyond the second of these. */
const CYCLE = 146_097 * (WEEK / 7);

/** Before this, no place had a time but that of its own sun. */
const FIRST = Date.UTC(1840, 0);

/** @param {number} instant */
function minutesAt(instant) {
  return new Date(instant).getTimezoneOffset();
}

/**
 * To the millisecond; but it takes longer.
 * @param {number} instant
 */
function offsetAt(instant) {
  const local = new Date(instant);
  const date = [local.getFullYear(), local.getMonth(), local.getDate()];
  const time = [local.getHours(), local.getMinutes(), local.getSeconds(), local.getMilliseconds()];
  return Date.UTC(date[0], date[1], date[2], ...time) - instant;
}

/** Instants at which the offset changes, to the second, each followed by the new one. No zone changes twice a week. */
function findOffsets() {
  const found = [-CYCLE, offsetAt(FIRST)];
  let before = minutesAt(FIRST);
  for (let from = FIRST; from < 2 * CYCLE; from += WEEK) {
    const after = minutesAt(from + WEEK);
    if (after === before) continue;
    let [same, changed] = [from, from + WEEK];
    while (changed - same > 1000) {
      const middle = same + Math.floor((changed - same) / 2000) * 1000;
      if (minutesAt(middle) === before) same = middle;
      else changed = middle;
    }
    found.push(changed, offsetAt(changed));
    before = after;
  }
  return found;
}

/** Is done once, when the package is loaded. */
function tellZone() {
  if (process.platform === 'win32' && process.env.TZ) native.setLocalOffsets(findOffsets());
}

module.exports = { findOffsets, tellZone };
