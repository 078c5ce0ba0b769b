// A writer that is stopped while it has the lock.

import { setTimeout as sleep } from 'node:timers/promises';
import { FileProcessStore } from '../../index.js';

/** Stops this writer (see `writer.mjs`) at a moment at which it has the lock of `dir`. */
export async function stopHolder(writer, dir) {
  const impatient = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 0 });
  await writer.acknowledges(5);
  for (let moment = 0; moment < 500; moment += 1) {
    await sleep(Math.random() * 10);
    writer.child.kill('SIGSTOP');
    // It does not stop at once. A write that finds the lock free changes nothing, and means: try again.
    await sleep(5);
    const refused = await impatient.removeProcess('nobody').catch(({ code }) => code);
    if (refused === 'ERR_STORE_LOCKED') return writer;
    writer.child.kill('SIGCONT');
  }
  throw new Error('the writer never held the lock when it was stopped');
}
