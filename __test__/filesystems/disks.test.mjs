// File systems of the kernel, on disks in files and in memory.

import { testPromisesOn } from './promises.mjs';

for (const name of ['tmpfs', 'ext4', 'xfs', 'btrfs', 'overlay', 'vfat', 'exfat']) testPromisesOn(name);
