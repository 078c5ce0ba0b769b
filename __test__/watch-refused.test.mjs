// Where the system has no watch left: a clear error on the first call, and a watch as soon as there is one to be had.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { childEnv } from './mode.mjs';
import { freshStore, withStore } from './support.mjs';
import { skipIf } from './safety/needs.mjs';

const onLinux = process.platform === 'linux';

/** Runs `body` in a Node process behind a line of shell, which sets the limits; what it prints. */
function runLimited(limit, body, dir, command = ['sh']) {
  const entry = new URL('../index.js', import.meta.url).href;
  const told = `
    const told = (promise) =>
      promise.then(() => 'done', ({ code, syscall, path, message }) => [code, syscall, path, message].join('|'));`;
  const source = `const entry = ${JSON.stringify(entry)}; const args = ${JSON.stringify([dir])};
    ${withStore(told + body)}`;
  const node = [process.execPath, '--input-type=module', '--eval', source];
  const [program, ...before] = command;
  const env = childEnv;
  const run = spawnSync(program, [...before, '-c', `${limit}; exec "$0" "$@"`, ...node], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(run.stderr).toBe('');
  return run.stdout.trimEnd().split('\n');
}

/** A user namespace has limits of its own, which its root may lower. Nobody else notices. */
const OWN_LIMITS = ['unshare', '--user', '--map-root-user', 'sh'];

function whyNoLimits() {
  if (!onLinux) return 'only Linux has these limits';
  const lowered = 'echo 1 > /proc/sys/user/max_inotify_watches';
  const [command, ...args] = OWN_LIMITS;
  const { error, status } = spawnSync(command, [...args, '-c', lowered], { stdio: 'ignore' });
  return error || status !== 0 ? 'a user namespace with limits of its own is needed' : undefined;
}

describe('a store that watches, where there is no watch left', () => {
  test('rejects every kind of call with a clear error, and the store beside it works', async (context) => {
    skipIf(whyNoLimits(), context);
    const { dir, file } = freshStore();
    const body = `
      const watched = new FileProcessStore({ dataDir: args[0], watch: true });
      watched.onProcessChange = () => console.log('heard');
      const calls = [
        () => watched.addProcess(sample('a')),
        () => watched.updateProcess('a', { result: 'r' }),
        () => watched.updateProcess('a', () => ({ result: 'r' })),
        () => watched.getProcess('a'),
        () => watched.getProcessSummaries(),
        () => watched.getWorkspaces(),
        () => watched.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' }),
        () => watched.getStorageStats(),
        () => watched.recover(),
      ];
      for (const call of calls) console.log(await told(call()));
      console.log(await told(store.addProcess(sample('b'))), await store.getProcessIds());
      console.log(await told(watched.close()));`;
    for (const [limit, code, path, hint] of [
      ['max_inotify_watches', 'ENOSPC', dir, 'fs.inotify.max_user_watches'],
      ['max_inotify_instances', 'EMFILE', file, 'fs.inotify.max_user_instances'],
    ]) {
      const lines = runLimited(`echo 0 > /proc/sys/user/${limit}`, body, dir, OWN_LIMITS);
      expect(lines.splice(-2)).toEqual(["done [ 'b' ]", 'done']);
      expect(lines).toHaveLength(9);
      for (const line of lines) {
        expect(line.split('|').slice(0, 3)).toEqual([code, 'watch', path]);
        expect(line).toContain(hint);
        expect(line).not.toContain('os error');
      }
    }
  });

  test.skipIf(!onLinux)(
    'has it as soon as there is one to be had, and what was refused has not been done',
    () => {
      const { dir, file } = freshStore();
      const body = `
      const { closeSync, openSync } = await import('node:fs');
      await store.addProcess(sample('a'));
      const opened = [];
      try { for (;;) opened.push(openSync('/dev/null')); } catch {}
      // Enough for files, but not for all that a watch needs.
      closeSync(opened.pop());
      const watched = new FileProcessStore({ dataDir: args[0], watch: true });
      console.log(await told(watched.addProcess(sample('b'))));
      console.log(await told(watched.updateProcess('a', () => ({ result: 'r' }))));
      console.log(await told(watched.getAllProcesses()));
      opened.forEach((fd) => closeSync(fd));
      console.log(await told(watched.addProcess(sample('c'))), await watched.getProcessIds());
      const heard = new Promise((resolve) => (watched.onProcessChange = ({ process }) => resolve(process.id)));
      await store.addProcess(sample('d'));
      // The watch alone would not keep the process alive.
      const alive = setTimeout(() => {}, 10_000);
      console.log('heard', await heard);
      clearTimeout(alive);`;
      // Node raises its limit of open files to the hard one, so it has to be set before.
      const lines = runLimited('ulimit -n 256', body, dir);
      expect(lines.splice(3)).toEqual(["done [ 'a', 'c' ]", 'heard d']);
      for (const line of lines) expect(line).toMatch(RegExp(`^EMFILE\\|watch\\|${file}\\|.*ulimit -n`));
    },
  );
});
