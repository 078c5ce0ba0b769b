import { availableParallelism } from 'node:os';
import { ROWS } from '../rows.mjs';
import { significant } from '../statistics.mjs';
import { Participant } from './participant.mjs';

/** Numbers for what one of these processes adds. */
const NUMBERS = 1_000_000;

/**
 * Adds to each figure the peak memory of a process that does nothing but open the store and make a few calls of
 * that row. Memory takes no notice of who else is at work, so several of them run at a time.
 */
export async function measureMemory(rows, { plan, set, peers, folders }) {
  const peersLeft = [...peers];
  // All peers get bursts of one size.
  const isShort = Object.values(rows).some((cells) => peers.some((peer) => cells[peer]?.scaled));
  const lane = async () => {
    const neighbour = new Participant('neighbour');
    for (let peer = peersLeft.shift(); peer; peer = peersLeft.shift()) {
      const names = Object.keys(rows).filter((name) => rows[name][peer]);
      for (const [place, name] of names.entries()) {
        const first = (place + 1) * NUMBERS;
        const store = new Participant('store', { peer, dir: folders.get(peer), set, first });
        const { outside, burst } = ROWS[name];
        for (let call = 0; call < (burst ? 1 : plan.memoryCalls); call += 1) {
          if (outside) await neighbour.ask('change', { peer, dir: folders.get(peer), set });
          await store.ask('sample', { row: name, calls: 1, isShort });
        }
        rows[name][peer].peak = significant(await store.ask('peak'));
        await store.stop();
      }
    }
    await neighbour.stop();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
}
