'use strict';

/** Loads the package as CommonJS. */

const store = require('file-process-store');
const { smoke } = require('./smoke.cjs');

smoke(store);
