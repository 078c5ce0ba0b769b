// File systems that programs serve.

import { testPromisesOn } from './promises.mjs';

for (const name of ['bindfs', 'sshfs', 'exfat-fuse']) testPromisesOn(name);
testPromisesOn('fuse2fs', { replaces: false });
