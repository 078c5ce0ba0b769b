// kill -9 at random moments, of four writers on both files.

import { readdirSync } from 'node:fs';
import { FileProcessStore } from '../../index.js';
import { newSeed } from '../../__test__/faults/history.mjs';
import { Ledger, judge } from '../../__test__/faults/ledger.mjs';
import { startWriter } from '../../__test__/faults/writer.mjs';
import { pause } from './tally.mjs';

export async function kill(tally, { journal = false } = {}) {
  while (tally.goesOn()) {
    const dir = tally.newDir();
    const ledgers = ['a', 'b', 'c'].map((name) => new Ledger({ name, seed: newSeed() }));
    ledgers.push(new Ledger({ name: 'w', seed: newSeed(), file: 'workspaces.json' }));
    const own = new Ledger({ name: 'own', seed: newSeed() });
    const ownWorkspaces = new Ledger({ name: 'own', seed: newSeed(), file: 'workspaces.json' });
    const all = [...ledgers, own, ownWorkspaces];
    // The first moments of a directory count as well: a new one every now and then.
    for (let round = 0; round < 25 && tally.goesOn(); round += 1) {
      const burst = 1 + Math.floor(Math.random() * 8);
      const durable = Math.random() < 0.7;
      const writers = ledgers.map((ledger) => {
        // Some are beside them that have none.
        const options = { durable, journal: journal && Math.random() < 0.85 };
        return startWriter(ledger, { dir, burst, options });
      });
      if (Math.random() < 0.3) await pause(400);
      else await writers[round % 4].acknowledges(writers[round % 4].ledger.settled + 1);
      for (const { child } of writers.toSorted(() => Math.random() - 0.5)) {
        await pause(25);
        child.kill('SIGKILL');
      }
      const said = (await Promise.all(writers.map(({ ended }) => ended))).map(({ stderr }) => stderr);
      const wrong = said.filter((stderr) => stderr !== '');
      for (const { rejections, name } of ledgers) {
        for (const { message } of rejections) wrong.push(`${name} was refused: ${message}`);
      }
      const before = ledgers.map(({ settled }) => settled);
      const verdict = judge(dir, all);
      tally.acknowledged += ledgers.reduce((sum, { settled }, place) => sum + settled - before[place], 0);
      wrong.push(...verdict.wrong, ...(await goOn(dir, [own, ownWorkspaces], all)));
      tally.add(writers.length, { lost: verdict.lost, wrong });
      if (wrong.length > 0) break;
    }
  }
}

/** The next writes work, lose nothing and leave nothing behind. */
async function goOn(dir, own, all) {
  const store = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 1_000 });
  for (const ledger of own) {
    // One that creates a file, or changes it, takes everything with it that is stale.
    const { method, args } = ledger.history.next();
    await store[method](...args);
    ledger.started = ledger.acknowledged += 1;
  }
  const { lost, wrong } = judge(dir, all);
  if (lost > 0) wrong.push(`the next write lost ${lost}`);
  const files = new Set(
    own.filter(({ history }) => history.state.size > 0).map(({ history }) => history.file),
  );
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.tmp') && [...files].some((file) => name.startsWith(file)))
      wrong.push(`left: ${name}`);
  }
  return wrong;
}
