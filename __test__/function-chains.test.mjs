// Function updates at the same time: chained in one process, repeated between processes, never lost.

import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, idsOf, runNode, sample, withStore } from './support.mjs';

const increment = (current) => ({ n: (current.n ?? 0) + 1 });
const times = (count, call) => Promise.all(Array.from({ length: count }, (_, index) => call(index)));
const ended = { code: 0, signal: null };

describe('concurrent calls on one record', () => {
  test('100 of them all take effect, and each event shows the record after its own update', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const seen = [];
    store.onProcessChange = ({ process }) => seen.push(process.n);
    await times(100, () => store.updateProcess('a', increment));
    expect(await store.getProcess('a')).toMatchObject({ n: 100 });
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  test('100 of them cost a handful of commits', async () => {
    const { dir } = freshStore();
    const body = `
      await store.addProcess(sample('a'));
      await Promise.all(Array.from({ length: 100 }, () => store.updateProcess('a', ({ n = 0 }) => ({ n: n + 1 }))));
      console.log((await store.getProcess('a')).n);`;
    const options = { env: { NODE_DEBUG: 'file-process-store' } };
    const { stderr, stdout, ...rest } = await runNode(withStore(body), [dir], options);
    expect(rest).toEqual(ended);
    expect(stdout).toBe('100\n');
    const commits = stderr.split('\n').filter((line) => line.includes('processes.json:'));
    expect(commits.length).toBeGreaterThanOrEqual(2);
    expect(commits.length).toBeLessThanOrEqual(6);
  });

  test('calls on several records are all there', async () => {
    const { store } = freshStore();
    const ids = Array.from({ length: 10 }, (_, index) => `p${index}`);
    await Promise.all(ids.map((id) => store.addProcess(sample(id))));
    await times(100, (index) => store.updateProcess(ids[index % 10], increment));
    expect((await store.getAllProcesses()).map(({ n }) => n)).toEqual(Array(10).fill(10));
  });

  test('one that throws or is refused rejects alone; those before and behind it take effect', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const changes = [
      increment,
      () => {
        throw new Error('mine');
      },
      increment,
      () => ({ status: '' }),
      async () => ({ n: 0 }),
      () => undefined,
      increment,
    ];
    const outcomes = await Promise.allSettled(changes.map((change) => store.updateProcess('a', change)));
    expect(outcomes.map(({ status }) => status[0]).join('')).toBe('frfrrff');
    expect(await store.getProcess('a')).toMatchObject({ n: 3, status: 'running' });
  });

  test('two store objects on one directory lose nothing', async () => {
    const { store, dir } = freshStore();
    const other = new FileProcessStore({ dataDir: dir });
    await store.addProcess(sample('a'));
    await times(60, (index) => (index % 2 ? store : other).updateProcess('a', increment));
    for (const reader of [store, other]) expect(await reader.getProcess('a')).toMatchObject({ n: 60 });
  });

  test('a result that changes nothing is told as an update, writes nothing and costs no second call', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { n: 1 }));
    const { ino } = statSync(file);
    const told = [];
    store.onProcessChange = ({ type, process }) => told.push([type, process.n]);
    let calls = 0;
    await store.updateProcess('a', ({ n }) => {
      calls += 1;
      return { n };
    });
    expect(calls).toBe(1);
    expect(told).toEqual([['process-updated', 1]]);
    expect(statSync(file).ino).toBe(ino);
  });
});

describe('function updates and other mutations apply in the order of the calls', () => {
  test('an add that is not awaited is there for the function behind it', async () => {
    const { store } = freshStore();
    const added = store.addProcess(sample('a', { n: 5 }));
    await store.updateProcess('a', increment);
    await added;
    expect(await store.getProcess('a')).toMatchObject({ n: 6 });
  });

  test('a function that leaves the record alone has seen the plain update before it', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { n: 1 }));
    const seen = [];
    const plain = store.updateProcess('a', { n: 2 });
    await store.updateProcess('a', ({ n }) => void seen.push(n));
    await plain;
    expect(seen).toEqual([2]);
  });

  test('functions before and behind a plain update stay before and behind it', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { n: 1 }));
    await Promise.all([
      store.updateProcess('a', increment),
      store.updateProcess('a', { n: 10 }),
      store.updateProcess('a', increment),
      store.updateProcess('a', ({ n }) => ({ n: n * 2 })),
      store.updateProcess('a', { m: 'plain' }),
      store.updateProcess('a', ({ n, m }) => ({ n: n + 1, m: `${m} seen` })),
    ]);
    expect(await store.getProcess('a')).toMatchObject({ n: 23, m: 'plain seen' });
  });

  test('a function behind a remove finds nothing; one behind the next add finds the new record', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { n: 1 }));
    const seen = [];
    const note = (name) => (current) => void seen.push(`${name} ${current.n}`);
    await Promise.all([
      store.updateProcess('a', note('first')),
      store.removeProcess('a'),
      store.updateProcess('a', note('second')),
      store.addProcess(sample('a', { n: 2 })),
      store.updateProcess('a', note('third')),
    ]);
    expect(seen).toEqual(['first 1', 'third 2']);
  });

  test('clearing comes behind the functions before it and in front of those behind it', async () => {
    const { store } = freshStore();
    for (const id of ['a', 'b']) await store.addProcess(sample(id));
    const [first, cleared, late, , fresh] = await Promise.all([
      store.updateProcess('a', () => ({ status: 'failed' })),
      store.clearProcesses({ status: 'failed' }),
      store.updateProcess('a', () => expect.unreachable()),
      store.addProcess(sample('a', { n: 7 })),
      store.updateProcess('a', increment),
    ]);
    expect([first, cleared, late, fresh]).toEqual([undefined, 1, undefined, undefined]);
    expect(idsOf(await store.getAllProcesses())).toEqual(['b', 'a']);
    expect(await store.getProcess('a')).toMatchObject({ n: 8 });
  });

  test('a record that is added behind a clear that waits for a function is not cleared', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const [, cleared] = await Promise.all([
      store.updateProcess('a', increment),
      store.clearProcesses(),
      store.addProcess(sample('b')),
      store.updateProcess('b', { n: 1 }),
    ]);
    expect(cleared).toBe(1);
    expect(await store.getAllProcesses()).toMatchObject([{ id: 'b', n: 1 }]);
  });

  test('a change that is called when the function is done, but not yet what waits for it, comes last', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    const updated = store.updateProcess('a', increment);
    const cleared = store.clearProcesses();
    await updated;
    const added = store.addProcess(sample('b'));
    await Promise.all([cleared, added]);
    expect(idsOf(await store.getAllProcesses())).toEqual(['b']);
  });

  test('records are added in the order of the calls, one of them after a function for its id or not', async () => {
    const { store } = freshStore();
    await Promise.all([
      store.updateProcess('a', () => expect.unreachable()),
      store.addProcess(sample('a')),
      store.addProcess(sample('b')),
    ]);
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b']);
  });

  test('a record that a function has set running again is not pruned by the add behind it', async () => {
    const { store } = freshStore({ maxProcesses: 1 });
    await store.addProcess(sample('parent', { status: 'completed' }));
    await Promise.all([
      store.updateProcess('parent', () => ({ status: 'running' })),
      store.addProcess(sample('child')),
    ]);
    expect(idsOf(await store.getAllProcesses())).toEqual(['parent', 'child']);
  });

  test('the events come in the order of the calls', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a', { n: 0 }));
    const events = [];
    store.onProcessChange = ({ type, process }) => events.push(`${type} ${process.n}`);
    await Promise.all([
      store.updateProcess('a', increment),
      store.updateProcess('a', { n: 10 }),
      store.updateProcess('a', increment),
      store.removeProcess('a'),
    ]);
    const [first, second, third] = [1, 10, 11].map((n) => `process-updated ${n}`);
    expect(events).toEqual([first, second, third, 'process-removed 11']);
  });

  test('an update behind functions that never stop coming is not kept waiting', async () => {
    const { store } = freshStore({ durable: false });
    await store.addProcess(sample('a'));
    let plainIsDone = false;
    let functions = 0;
    const keepComing = () => {
      functions += 1;
      return plainIsDone || functions >= 1000
        ? undefined
        : store.updateProcess('a', increment).then(keepComing);
    };
    const chain = Promise.all([keepComing(), keepComing(), keepComing()]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.updateProcess('a', { m: 1 });
    plainIsDone = true;
    await chain;
    expect(functions).toBeLessThan(1000);
  });
});

describe('several operating-system processes', () => {
  const count = withStore(`
    for (let i = 0; i < 50; i += 5) {
      await Promise.all(Array.from({ length: i % 2 ? 5 : 1 }, () => 0).map(() => store.updateProcess('a', step)));
      for (let rest = i % 2 ? 0 : 4; rest > 0; rest--) await store.updateProcess('a', step);
    }
    function step({ n }) { return { n: n + 1 }; }`);

  test('four that each increment one counter 50 times end at 200', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a', { n: 0 }));
    for (const outcome of await times(4, () => runNode(count, [dir]))) {
      expect(outcome).toMatchObject({ ...ended, stderr: '' });
    }
    expect(await store.getProcess('a')).toMatchObject({ n: 200 });
  });

  test('two that append turns to one conversation lose none', async () => {
    const { store, dir } = freshStore();
    await store.addProcess(sample('a', { conversationTurns: [] }));
    const append = withStore(`
      for (let i = 0; i < 20; i++) {
        await store.updateProcess('a', ({ conversationTurns }) => ({
          conversationTurns: [...conversationTurns, {
            role: 'user', content: args[1] + i, timestamp: new Date(), turnIndex: conversationTurns.length,
          }],
        }));
      }`);
    for (const outcome of await times(2, (index) => runNode(append, [dir, 'xy'[index]]))) {
      expect(outcome).toMatchObject({ ...ended, stderr: '' });
    }
    const { conversationTurns } = await store.getProcess('a');
    expect(conversationTurns.map(({ turnIndex }) => turnIndex)).toEqual([...Array(40).keys()]);
    for (const name of ['x', 'y']) {
      const contents = conversationTurns.map(({ content }) => content).filter((text) => text[0] === name);
      expect(contents).toEqual(Array.from({ length: 20 }, (_, index) => name + index));
    }
  });
});
