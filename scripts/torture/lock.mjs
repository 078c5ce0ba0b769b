// The lock file is deleted again and again while four processes write, and some of them are stopped and go on, or are
// killed, at any moment.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { newSeed } from '../../__test__/faults/history.mjs';
import { Ledger, judge } from '../../__test__/faults/ledger.mjs';
import { startWriter } from '../../__test__/faults/writer.mjs';
import { pause } from './tally.mjs';

export async function lock(tally, { journal = false } = {}) {
  if (process.platform === 'win32') return tally.skip('processes are not stopped on Windows');
  const did = { deletions: 0, stops: 0, kills: 0 };
  while (tally.goesOn()) {
    const dir = tally.newDir();
    const ledgers = ['a', 'b', 'c', 'd'].map((name) => new Ledger({ name, seed: newSeed() }));
    const start = (ledger) =>
      startWriter(ledger, { dir, burst: 3, options: { lockTimeoutMs: 60_000, journal } });
    const writers = ledgers.map(start);
    await Promise.all(writers.map((writer) => writer.acknowledges(1)));
    let faults = 0;
    const wrong = [];
    for (let step = 0; step < 300; step += 1) {
      await pause(15);
      const choice = Math.random();
      const place = Math.floor(Math.random() * writers.length);
      if (choice < 0.6) {
        rmSync(join(dir, 'processes.json.lock'), { force: true });
        did.deletions += 1;
      } else if (choice < 0.95) {
        // It may have the lock; others go on when the file is deleted, and it comes back behind them.
        const { child } = writers[place];
        child.kill('SIGSTOP');
        rmSync(join(dir, 'processes.json.lock'), { force: true });
        pause(100).then(() => child.kill('SIGCONT'));
        did.stops += 1;
      } else {
        const { stderr } = await writers[place].kill();
        if (stderr) wrong.push(stderr);
        const verdict = judge(dir, [ledgers[place]], { alone: false });
        tally.lost += verdict.lost;
        wrong.push(...verdict.wrong);
        writers[place] = start(ledgers[place]);
        did.kills += 1;
      }
      faults += 1;
    }
    await pause(200);
    for (const { child } of writers) child.kill('SIGCONT');
    await Promise.all(writers.map((writer) => writer.acknowledges(writer.ledger.acknowledged + 1)));
    await Promise.all(writers.map((writer) => writer.kill()));
    for (const { rejections, name } of ledgers) {
      for (const { message } of rejections) wrong.push(`${name} was refused: ${message}`);
    }
    const verdict = judge(dir, ledgers);
    tally.acknowledged += ledgers.reduce((sum, { settled }) => sum + settled, 0);
    tally.add(faults, { lost: verdict.lost, wrong: [...wrong, ...verdict.wrong] });
  }
  tally.remark = Object.entries(did)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
