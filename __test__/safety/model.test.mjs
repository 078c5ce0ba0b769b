// Random histories of all calls, against a store in memory that is simple enough to be right. To repeat a failure:
// STORE_SEED=<the seed that it printed>. The core has the same for its own calls; wide ones are `npm run test:torture
// -- model`.

import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newSeed } from '../faults/history.mjs';
import { runModelHistory } from '../faults/model-history.mjs';
import { tempDir } from '../support.mjs';

const given = process.env.STORE_SEED;

test('stores do what three simple lists do, in every history', async () => {
  const seeds = given ? [Number(given)] : Array.from({ length: 40 }, newSeed);
  for (const seed of seeds) {
    const dir = tempDir();
    expect(await runModelHistory(seed, dir, 60)).toBeUndefined();
    rmSync(dir, { recursive: true });
  }
});
