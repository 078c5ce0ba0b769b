// `npm run test:torture -- [names…] [--minutes N]`: the tests of __test__/safety for as long as you like, wide fuzzing,
// real power loss, and the whole suite with a journal in every store. Prints how many faults were tried, how many survived,
// and how many records were lost.

import { away } from './away.mjs';
import { connections } from './connections.mjs';
import { core } from './core.mjs';
import { crowd } from './crowd.mjs';
import { damage } from './damage.mjs';
import { kill } from './kill.mjs';
import { lock } from './lock.mjs';
import { model } from './model.mjs';
import { plain } from './plain.mjs';
import { power } from './power.mjs';
import { suite } from './suite.mjs';
import { syscalls } from './syscalls.mjs';
import { Tally } from './tally.mjs';
import { workers } from './workers.mjs';

/** Those that write take whether the stores have a journal. */
const withJournal = (scenario) => (tally) => scenario(tally, { journal: true });
const WRITING = { kill, syscalls, lock, workers, model, power };
const SCENARIOS = { core, crowd, plain, away, connections, damage };
for (const [name, scenario] of Object.entries(WRITING)) {
  SCENARIOS[name] = scenario;
  SCENARIOS[`${name}-journal`] = withJournal(scenario);
}
SCENARIOS.suite = suite;

function readArguments(args) {
  const names = [];
  let minutes = 1;
  for (let place = 0; place < args.length; place += 1) {
    if (args[place] === '--minutes') minutes = Number(args[(place += 1)]);
    else names.push(args[place]);
  }
  const unknown = names.filter((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown.length > 0 || !(minutes > 0)) {
    console.error(
      `usage: npm run test:torture -- [${Object.keys(SCENARIOS).join(' | ')}]… [--minutes N for each]`,
    );
    process.exit(2);
  }
  return { names: names.length > 0 ? names : Object.keys(SCENARIOS), minutes };
}

const { names, minutes } = readArguments(process.argv.slice(2));
const tallies = [];
for (const name of names) {
  console.log(`\n== ${name}`);
  const tally = new Tally(name, minutes);
  const before = performance.now();
  await SCENARIOS[name](tally);
  tally.seconds = Math.round((performance.now() - before) / 1000);
  tally.close();
  tallies.push(tally);
}

console.log('\n| scenario | faults tried | survived | acknowledged writes | records lost | seconds | |');
console.log('|---|--:|--:|--:|--:|--:|---|');
for (const tally of tallies) console.log(tally.row());
const failed = tallies.filter((tally) => tally.failed());
for (const { name, wrong } of failed) {
  console.error(`\n${name} FAILED`);
  for (const what of wrong.slice(0, 20)) console.error(`  ${what}`);
}
process.exit(failed.length > 0 ? 1 : 0);
