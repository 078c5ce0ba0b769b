// File systems of a server, where the kernel has the client.

import { testPromisesOn } from './promises.mjs';

for (const name of ['smb', 'nfs3', 'nfs4']) testPromisesOn(name);
