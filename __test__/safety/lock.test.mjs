// The lock when things go wrong around it: its holder is stopped, its file is deleted, something is planted in its
// place. That it is waited for, and freed when its holder dies, is in system.test.mjs.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileProcessStore } from '../../index.js';
import { newSeed } from '../faults/history.mjs';
import { stopHolder as stop } from '../faults/holder.mjs';
import { Ledger, judge } from '../faults/ledger.mjs';
import { startWriter } from '../faults/writer.mjs';
import { isJournaled } from '../mode.mjs';
import { idsOf, rejection, runNode, sample, storedEntry, tempDir, withStore } from '../support.mjs';

const isWindows = process.platform === 'win32';

function running(ledger, task) {
  const writer = startWriter(ledger, task);
  onTestFinished(() => writer.kill());
  return writer;
}

describe.skipIf(isWindows)('a holder of the lock that is stopped', () => {
  /** A writer that was stopped at a moment at which it has the lock. */
  function stopHolder(dir) {
    return stop(running(new Ledger({ name: 'holder', seed: newSeed() }), { dir }), dir);
  }

  test('makes others reject with ERR_STORE_LOCKED, and when it is killed they work again', async () => {
    const dir = tempDir();
    const holder = await stopHolder(dir);
    const store = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 200 });
    const before = readFileSync(join(dir, 'processes.json'), 'hex');
    const began = performance.now();
    const errors = await Promise.all(['x', 'y', 'z'].map((id) => rejection(store.addProcess(sample(id)))));
    expect(performance.now() - began).toBeGreaterThan(190);
    for (const { code, message } of errors) {
      expect(code).toBe('ERR_STORE_LOCKED');
      expect(message).toContain(join(dir, 'processes.json.lock'));
    }
    const elsewhere = `
      const impatient = new FileProcessStore({ dataDir: args[0], lockTimeoutMs: 100 });
      await impatient.addProcess(sample('other')).catch(({ code }) => console.log(code));`;
    expect((await runNode(withStore(elsewhere), [dir])).stdout).toBe('ERR_STORE_LOCKED\n');
    // The other file, and reads, don't wait for anybody; nothing was changed.
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expect(await store.getProcessCount()).toBe(
      await new FileProcessStore({ dataDir: dir }).getProcessCount(),
    );
    expect(readFileSync(join(dir, 'processes.json'), 'hex')).toBe(before);

    await holder.kill();
    expect(judge(dir, [holder.ledger])).toEqual({ lost: 0, wrong: [] });
    await store.addProcess(sample('x'));
    expect((await runNode(withStore(elsewhere), [dir])).stdout).toBe('');
    expect(judge(dir, [holder.ledger], { alone: false })).toEqual({ lost: 0, wrong: [] });
    expect(idsOf(await store.getAllProcesses())).toEqual(expect.arrayContaining(['x', 'other']));
  });

  test('keeps those who want the lock waiting, however many they are, and nobody else', async () => {
    const dir = tempDir();
    const holder = await stopHolder(dir);
    // Each is a file of its own in name, and leads to the one that is locked.
    const waiting = Array.from({ length: 60 }, (_, index) => {
      const link = tempDir();
      symlinkSync(join(dir, 'processes.json'), join(link, 'processes.json'));
      const store = new FileProcessStore({ dataDir: link, lockTimeoutMs: Infinity, maxProcesses: Infinity });
      return store.addProcess(sample(`patient-${index}`));
    });
    const elsewhere = tempDir();
    writeFileSync(join(elsewhere, 'processes.json'), JSON.stringify([storedEntry('a')]));
    const store = new FileProcessStore({ dataDir: elsewhere });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
    await store.addProcess(sample('b'));
    await holder.kill();
    await Promise.all(waiting);
    const ids = idsOf(await new FileProcessStore({ dataDir: dir }).getAllProcesses());
    expect(ids.filter((id) => id.startsWith('patient-'))).toHaveLength(60);
  });

  test('is waited for ten seconds by those who have asked for nothing else', async () => {
    const dir = tempDir();
    const holder = await stopHolder(dir);
    const began = performance.now();
    const { code, message } = await rejection(new FileProcessStore({ dataDir: dir }).addProcess(sample('x')));
    expect(code).toBe('ERR_STORE_LOCKED');
    expect(performance.now() - began).toBeGreaterThan(9_900);
    // What it says is what it waited, and not many times what it was to wait, however busy the machine is.
    const [, waited] = /gave up after (\d+) ms/.exec(message);
    expect(Number(waited)).toBeGreaterThanOrEqual(10_000);
    expect(Number(waited)).toBeLessThan(60_000);
    await holder.kill();
    await new FileProcessStore({ dataDir: dir }).addProcess(sample('x'));
    expect(judge(dir, [holder.ledger], { alone: false })).toEqual({ lost: 0, wrong: [] });
  });

  test('goes on where it was when it may, and those who waited come after it', async () => {
    const dir = tempDir();
    const holder = await stopHolder(dir);
    const store = new FileProcessStore({ dataDir: dir });
    const waiting = store.addProcess(sample('patient'));
    await sleep(100);
    const { acknowledged } = holder.ledger;
    holder.child.kill('SIGCONT');
    await waiting;
    await holder.acknowledges(acknowledged + 5);
    await holder.kill();
    expect(holder.ledger.rejections).toEqual([]);
    expect(judge(dir, [holder.ledger], { alone: false })).toEqual({ lost: 0, wrong: [] });
    expect(idsOf(await store.getAllProcesses())).toContain('patient');
  });

  // A journal: see journal.test.mjs.
  test.skipIf(isJournaled)(
    'and whose lock file is deleted meanwhile overwrites nothing when it goes on',
    async () => {
      const dir = tempDir();
      for (let round = 0; round < 5; round += 1) {
        const holder = await stopHolder(dir);
        rmSync(join(dir, 'processes.json.lock'));
        // The lock is free for all who come now.
        const own = new Ledger({ name: 'own', seed: newSeed() });
        const other = running(own, { dir, count: 5 });
        expect(await other.ended).toMatchObject({ code: 0, stderr: '' });
        const { acknowledged } = holder.ledger;
        holder.child.kill('SIGCONT');
        await holder.acknowledges(acknowledged + 3);
        await holder.kill();
        expect([...holder.ledger.rejections, ...own.rejections]).toEqual([]);
        expect(judge(dir, [holder.ledger, own])).toEqual({ lost: 0, wrong: [] });
        for (const file of ['processes.json', 'processes.json.lock'])
          rmSync(join(dir, file), { force: true });
      }
    },
  );
});

describe('a lock file that is deleted again and again', () => {
  test('does not split the lock: four processes that write meanwhile lose nothing', async () => {
    const dir = tempDir();
    const ledgers = ['a', 'b', 'c', 'd'].map((name) => new Ledger({ name, seed: newSeed() }));
    const writers = ledgers.map((ledger) => running(ledger, { dir, count: 60, burst: 3 }));
    let deleted = 0;
    let writing = true;
    const deleting = (async () => {
      while (writing) {
        const path = join(dir, 'processes.json.lock');
        if (existsSync(path)) deleted += 1;
        // Windows deletes no file that is open.
        try {
          rmSync(path, { force: true });
        } catch {}
        await sleep(Math.random() * 5);
      }
    })();
    for (const { ended } of writers) expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
    writing = false;
    await deleting;
    for (const { acknowledged, rejections } of ledgers) {
      expect(rejections).toEqual([]);
      expect(acknowledged).toBe(60);
    }
    expect(judge(dir, ledgers)).toEqual({ lost: 0, wrong: [] });
    expect(deleted).toBeGreaterThan(10);
  });
});

describe.skipIf(isWindows)('what is planted in the place of the lock file', () => {
  test('if it is a link, is not followed: mutations are refused until it is gone', async () => {
    const dir = tempDir();
    const victim = join(tempDir(), 'victim');
    writeFileSync(victim, 'precious', { mode: 0o644 });
    for (const target of [victim, join(dir, 'not there')]) {
      const lock = join(dir, 'processes.json.lock');
      symlinkSync(target, lock);
      const store = new FileProcessStore({ dataDir: dir });
      expect(await rejection(store.addProcess(sample('a')))).toMatchObject({ code: 'ELOOP', path: lock });
      expect(existsSync(join(dir, 'not there'))).toBe(false);
      expect(existsSync(join(dir, 'processes.json'))).toBe(false);
      rmSync(lock);
    }
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(statSync(victim).mode & 0o777).toBe(0o644);
    const store = new FileProcessStore({ dataDir: dir });
    await store.addProcess(sample('a'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });

  test('if it is a directory, is left alone, and mutations are refused until it is gone', async () => {
    const dir = tempDir();
    const lock = join(dir, 'processes.json.lock');
    mkdirSync(lock);
    const store = new FileProcessStore({ dataDir: dir });
    expect(await rejection(store.addProcess(sample('a')))).toMatchObject({ code: 'EISDIR', path: lock });
    rmSync(lock, { recursive: true });
    await store.addProcess(sample('a'));
    expect(idsOf(await store.getAllProcesses())).toEqual(['a']);
  });

  test('if it is a FIFO that nobody reads, does not make a mutation hang', async () => {
    const dir = tempDir();
    execFileSync('mkfifo', [join(dir, 'processes.json.lock')]);
    const store = new FileProcessStore({ dataDir: dir, lockTimeoutMs: 500 });
    // Refused or done, but settled.
    await store.addProcess(sample('a')).catch((error) => expect(error.path).toContain('.lock'));
    expect(await store.getProcessCount()).toBeLessThan(2);
  });
});
