// onProcessChange: what it is told, when, and what happens when it misbehaves.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshStore, fullSample, idsOf, readEntries, rejection, sample } from './support.mjs';

/** A store that writes down what happens, in order. */
function recordingStore(options) {
  const fresh = freshStore(options);
  const log = [];
  fresh.store.onProcessChange = (event) => log.push(event);
  return { ...fresh, log };
}

const short = ({ type, process }) => (process ? `${type} ${process.id}` : type);

describe('what an event carries', () => {
  test("'process-added' carries the caller's own object", async () => {
    const { store, log } = recordingStore();
    const process = sample('a');
    await store.addProcess(process);
    expect(log).toHaveLength(1);
    expect(log[0].type).toBe('process-added');
    expect(log[0].process).toBe(process);
  });

  test("'process-added' is the one event of a replacing add", async () => {
    const { store, log } = recordingStore();
    await store.addProcess(sample('a'));
    const replacement = sample('a', { status: 'failed' });
    await store.addProcess(replacement);
    expect(log.map(short)).toEqual(['process-added a', 'process-added a']);
    expect(log[1].process).toBe(replacement);
  });

  test("'process-updated' carries the merged record", async () => {
    const { store, log } = recordingStore();
    await store.addProcess(fullSample('a'));
    await store.updateProcess('a', { status: 'failed', result: undefined, extra: [1] });
    const expected = fullSample('a', { status: 'failed', result: undefined, extra: [1] });
    expect(log[1]).toStrictEqual({ type: 'process-updated', process: expected });
    expect(log[1].process).toStrictEqual(await store.getProcess('a'));
  });

  test("'process-removed' carries the removed record", async () => {
    const { store, log } = recordingStore();
    await store.addProcess(fullSample('a'));
    await store.removeProcess('a');
    expect(log[1]).toStrictEqual({ type: 'process-removed', process: fullSample('a') });
  });

  test("'processes-cleared' carries nothing, and fires for a count of 0 too", async () => {
    const { store, log } = recordingStore();
    await store.addProcess(sample('a'));
    await store.clearProcesses({ status: 'failed' });
    await store.clearProcesses();
    await store.clearProcesses();
    expect(log.slice(1)).toEqual(Array(3).fill({ type: 'processes-cleared' }));
  });

  test('changing the record of an event changes nothing in the store', async () => {
    const { store } = freshStore();
    await store.addProcess(fullSample('a'));
    store.onProcessChange = ({ process }) => {
      process.startTime.setTime(0);
      process.metadata.workspaceId = 'changed';
    };
    await store.updateProcess('a', { result: 'r' });
    expect(await store.getProcess('a')).toStrictEqual(fullSample('a', { result: 'r' }));
  });

  test('reads, workspaces, pruning and calls that change nothing fire no event', async () => {
    const { store, log } = recordingStore({ maxProcesses: 1 });
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    await store.getAllProcesses();
    await store.updateProcess('nobody', { status: 'failed' });
    await store.removeProcess('nobody');
    await rejection(store.addProcess({}));
    await store.addProcess(sample('old', { status: 'completed', startTime: new Date(1) }));
    await store.addProcess(sample('new', { status: 'completed', startTime: new Date(2) }));
    expect(idsOf(await store.getAllProcesses())).toEqual(['new']);
    expect(log.map(short)).toEqual(['process-added old', 'process-added new']);
  });
});

describe('the order of one mutation: on disk, event, promise', () => {
  test('when the event fires, the file has the new state', async () => {
    const { store, file } = freshStore();
    const onDisk = [];
    store.onProcessChange = ({ type }) => onDisk.push([type, idsOf(readEntries(file))]);
    await store.addProcess(sample('a'));
    await store.addProcess(sample('b'));
    await store.updateProcess('a', { result: 'r' });
    await store.removeProcess('a');
    await store.clearProcesses();
    expect(onDisk).toEqual([
      ['process-added', ['a']],
      ['process-added', ['a', 'b']],
      ['process-updated', ['a', 'b']],
      ['process-removed', ['b']],
      ['processes-cleared', []],
    ]);
  });

  test('the event fires after the call has returned and before its promise resolves', async () => {
    const { store } = freshStore();
    const order = [];
    store.onProcessChange = ({ type }) => order.push(type);
    const calls = [
      ['added', () => store.addProcess(sample('a')), 'process-added'],
      ['updated', () => store.updateProcess('a', { result: 'r' }), 'process-updated'],
      ['removed', () => store.removeProcess('a'), 'process-removed'],
      ['cleared', () => store.clearProcesses(), 'processes-cleared'],
    ];
    for (const [name, call, type] of calls) {
      order.length = 0;
      const done = call().then(() => order.push(`${name} resolved`));
      order.push(`${name} returned`);
      await done;
      expect(order).toEqual([`${name} returned`, type, `${name} resolved`]);
    }
  });

  test('the events of concurrent calls come in the order of the calls, each before its promise', async () => {
    const { store } = freshStore();
    const order = [];
    const seen = (name) => () => order.push(`${name} resolved`);
    store.onProcessChange = (event) => order.push(short(event));
    await Promise.all([
      store.addProcess(sample('a')).then(seen('add a')),
      store.addProcess(sample('b')).then(seen('add b')),
      store.updateProcess('a', { result: 'r' }).then(seen('update a')),
      store.removeProcess('a').then(seen('remove a')),
      store.clearProcesses().then(seen('clear')),
    ]);
    const events = ['process-added a', 'process-added b', 'process-updated a', 'process-removed a'];
    const promises = ['add a', 'add b', 'update a', 'remove a', 'clear'].map((name) => `${name} resolved`);
    expect(order.filter((step) => !step.endsWith('resolved'))).toEqual([...events, 'processes-cleared']);
    expect(order.filter((step) => step.endsWith('resolved'))).toEqual(promises);
    const each = [...events, 'processes-cleared'];
    each.forEach((event, i) => expect(order.indexOf(event)).toBeLessThan(order.indexOf(promises[i])));
  });

  test('in a batch, each updated record is as it was after its own update', async () => {
    const { store, log } = recordingStore();
    await store.addProcess(sample('a'));
    await Promise.all([1, 2, 3].map((n) => store.updateProcess('a', { result: `r${n}`, [`key${n}`]: n })));
    const results = log
      .slice(1)
      .map(({ process }) => [process.result, process.key1, process.key2, process.key3]);
    expect(results).toEqual([
      ['r1', 1, undefined, undefined],
      ['r2', 1, 2, undefined],
      ['r3', 1, 2, 3],
    ]);
  });
});

describe('the listener', () => {
  test('is read from the object at the moment of the event', async () => {
    const { store } = freshStore();
    const events = [];
    store.onProcessChange = () => events.push('the listener at the call');
    const added = store.addProcess(sample('a'));
    store.onProcessChange = (event) => events.push(short(event));
    await added;
    expect(events).toEqual(['process-added a']);
  });

  test('may be taken away, or never be there', async () => {
    const { store, log } = recordingStore();
    for (const nothing of [undefined, null]) {
      store.onProcessChange = nothing;
      await store.addProcess(sample('a'));
    }
    delete store.onProcessChange;
    await store.removeProcess('a');
    expect(log).toEqual([]);
  });

  test('may be a method of a subclass', async () => {
    const { store } = freshStore();
    const events = [];
    class Listening extends store.constructor {
      onProcessChange(event) {
        events.push(short(event));
      }
    }
    const { dir } = freshStore();
    await new Listening({ dataDir: dir }).addProcess(sample('a'));
    expect(events).toEqual(['process-added a']);
  });

  test('hears nothing of what another store object does', async () => {
    const { store, dir, log } = recordingStore();
    await new store.constructor({ dataDir: dir }).addProcess(sample('a'));
    expect(await store.getAllProcesses()).toHaveLength(1);
    expect(log).toEqual([]);
  });

  test.each([
    ['an error', new RangeError('from the listener')],
    ['something that is no error', 'just a string'],
    ['undefined', undefined],
  ])('that throws %s rejects the promise of that call with it', async (_, thrown) => {
    const { store, file } = freshStore();
    store.onProcessChange = () => {
      throw thrown;
    };
    expect(await rejection(store.addProcess(sample('a')))).toBe(thrown);
    expect(await rejection(store.updateProcess('a', { result: 'r' }))).toBe(thrown);
    expect(readEntries(file)[0].process).toMatchObject({ id: 'a', result: 'r' });
    expect(await rejection(store.removeProcess('a'))).toBe(thrown);
    expect(await rejection(store.clearProcesses())).toBe(thrown);
    expect(readEntries(file)).toEqual([]);
  });

  test('that throws leaves the data written, and the calls beside and after it work', async () => {
    const { store, file } = freshStore();
    const heard = [];
    store.onProcessChange = (event) => {
      heard.push(short(event));
      if (event.process?.id === 'b') throw new Error('not b');
    };
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => store.addProcess(sample(id))));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1].reason.message).toBe('not b');
    expect(heard).toEqual(['process-added a', 'process-added b', 'process-added c']);
    expect(idsOf(readEntries(file))).toEqual(['a', 'b', 'c']);
    await store.addProcess(sample('d'));
    expect(await store.getAllProcesses()).toHaveLength(4);
  });

  test('may call the store', async () => {
    const { store } = freshStore();
    const inner = [];
    store.onProcessChange = ({ type, process }) => {
      if (type !== 'process-added' || process.id === 'log') return;
      inner.push(
        store.getProcess(process.id).then((found) => found.id),
        store.updateProcess(process.id, { result: 'seen' }).then(() => 'updated'),
        store.addProcess(sample('log')).then(() => 'logged'),
      );
    };
    await Promise.all([store.addProcess(sample('a')), store.addProcess(sample('b'))]);
    expect(await Promise.all(inner)).toEqual(['a', 'updated', 'logged', 'b', 'updated', 'logged']);
    expect(await store.getProcess('a')).toMatchObject({ result: 'seen' });
    expect(idsOf(await store.getAllProcesses())).toEqual(['a', 'b', 'log']);
  });

  test('may replace itself while it is called', async () => {
    const { store } = freshStore();
    const heard = [];
    store.onProcessChange = () => {
      heard.push('first');
      store.onProcessChange = () => heard.push('second');
    };
    await Promise.all([store.addProcess(sample('a')), store.addProcess(sample('b'))]);
    expect(heard).toEqual(['first', 'second']);
  });

  test('is told nothing of a call that was refused by the file', async () => {
    const { store, file, log } = recordingStore();
    writeFileSync(file, '{}');
    await rejection(store.addProcess(sample('a')));
    await rejection(store.clearProcesses());
    expect(log).toEqual([]);
  });
});
