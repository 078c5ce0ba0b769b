// @ts-check
'use strict';

const log = require('node:util').debuglog('file-process-store');

/**
 * With `NODE_DEBUG=file-process-store`, tells what a commit took.
 * @param {string} file
 * @param {import('../native').Receipt} receipt
 */
function logCommit(file, receipt) {
  if (!log.enabled) return;
  const { operations, bytes, appended, took, lockWait, retries } = receipt.commit();
  log(
    '%s: %d operations, %d bytes%s in %s ms, waited %s ms for the lock, %d retries',
    file,
    operations,
    bytes,
    appended ? ' appended to the journal' : '',
    took.toFixed(2),
    lockWait.toFixed(2),
    retries,
  );
}

module.exports = { logCommit };
