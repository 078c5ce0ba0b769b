// @ts-nocheck None of these packages is installed where the types are checked.
'use strict';

/**
 * What loads the binary of each system's package. Each is a call of its own with a plain text, so that bundlers and
 * tracers of files see which packages there are.
 * @type {Record<string, () => any>}
 */
module.exports = {
  'linux-x64-gnu': () => require('file-process-store-linux-x64-gnu'),
  'linux-x64-musl': () => require('file-process-store-linux-x64-musl'),
  'linux-arm64-gnu': () => require('file-process-store-linux-arm64-gnu'),
  'linux-arm64-musl': () => require('file-process-store-linux-arm64-musl'),
  'darwin-x64': () => require('file-process-store-darwin-x64'),
  'darwin-arm64': () => require('file-process-store-darwin-arm64'),
  'win32-x64-msvc': () => require('file-process-store-win32-x64-msvc'),
  'win32-arm64-msvc': () => require('file-process-store-win32-arm64-msvc'),
};
