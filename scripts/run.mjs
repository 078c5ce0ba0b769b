/**
 * The package's commands, complete on a fresh clone: they check the tools, install what is missing, build the
 * addon and do their work. Usage: `node scripts/run.mjs start|test|bench|build [arguments]`.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { npm, root, script } from './programs.mjs';

const OLDEST_NODE = 20;
const modules = join(root, 'node_modules');

/** Ends the run with one plain line. */
function stop(message, code = 1) {
  console.error(message);
  process.exit(code);
}

function run(command, args, options = {}) {
  const { status, error, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error || status !== 0) {
    const why = error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`;
    stop(`failed: ${command} ${args.join(' ')} (${why})`, status || 1);
  }
}

function step(title, command, args, options) {
  console.log(`\n== ${title}`);
  run(command, args, options);
}

/** What a development tool's command runs, for `run` and `step`. */
function tool(name, command) {
  return (...args) => [process.execPath, [script(modules, name, command), ...args]];
}

/** What of the suite runs a second time; all of it does in `npm run test:torture -- suite`. */
const WITH_JOURNAL = [
  ...[
    'coexistence',
    'concurrency',
    'conversation',
    'corrupt',
    'events',
    'filters',
    'format',
    'function',
    'preservation',
  ],
  ...['prune', 'reading', 'retention', 'summaries', 'update', 'watch.test', 'watch-processes', 'writing'],
  ...['safety/foreign', 'safety/kill', 'safety/model', 'safety/processes', 'safety/workers'],
].map((name) => `__test__/${name}`);

const napi = tool('@napi-rs/cli', 'napi');
const prettier = tool('prettier');
const tsc = tool('typescript', 'tsc');
const vitest = tool('vitest');

function checkTools() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) stop(`Node ${OLDEST_NODE} or later is needed; this is ${process.version}.`);
  const cargo = spawnSync('cargo', ['--version']);
  if (cargo.error || cargo.status !== 0) {
    stop('cargo was not found: a stable Rust toolchain is needed to build the addon (https://rustup.rs).');
  }
}

function install(folder, what) {
  const installed = join(folder, 'node_modules', '.package-lock.json');
  const lock = join(folder, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  // Not `npm ci`: it refuses a lock file that lacks optional packages which this system could not install anyway.
  const options = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  step(`installing ${what}`, ...npm('install', ...options), { cwd: folder });
}

/** cargo decides what is out of date; without changes this takes a second. */
function build() {
  const options = ['--platform', '--release', '--no-js', '--dts', 'native.d.ts'];
  step('building the addon', ...napi('build', ...options));
  run(process.execPath, [join('scripts', 'notices.mjs'), 'make']);
}

const commands = {
  build() {},

  start(args) {
    step('examples/quickstart.mjs', process.execPath, ['examples/quickstart.mjs', ...args]);
  },

  test() {
    step('formatting', ...prettier('--check', '.'));
    run('cargo', ['fmt', '--all', '--check']);
    step('clippy', 'cargo', ['clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings']);
    step('core tests', 'cargo', ['test', '--package', 'file-process-store-core', '--locked']);
    step('types', ...tsc('--project', 'tsconfig.json'));
    const callers = ['.', 'exact', 'disposal', 'es2015'].map((name) => join('__test__', 'types', name));
    for (const project of [...callers, 'examples/pipeline-core', 'examples/pipeline-core/test']) {
      run(...tsc('--project', join(project, 'tsconfig.json')));
    }
    step('package tests', ...vitest('run'));
    const env = { ...process.env, STORE_JOURNAL: '1' };
    step('the same with a journal in every store', ...vitest('run', ...WITH_JOURNAL), { env });
    step('the packed package', process.execPath, ['scripts/package-test.mjs', '--short']);
    step('pipeline-core integration', ...vitest('run', '--root', 'examples/pipeline-core'));
  },

  torture(args) {
    step('torture', process.execPath, ['scripts/torture/index.mjs', ...args]);
  },

  bench(args) {
    install(
      join(root, 'bench'),
      'what is measured beside the store (better-sqlite3 may take a minute to build)',
    );
    step('benchmark', process.execPath, ['bench/run.mjs', ...args]);
  },
};

const [name, ...args] = process.argv.slice(2);
if (!Object.hasOwn(commands, name)) {
  stop(`usage: node scripts/run.mjs ${Object.keys(commands).join('|')}`);
}
checkTools();
install(root, 'development tools');
build();
commands[name](args);
