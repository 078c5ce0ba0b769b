// Conversations: turns with their dates and unknown keys, what `exclude` leaves out, and one record of one
// workspace.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import { freshStore, fullSample, idsOf, PROCESS_KEYS, readEntries, sample, storedEntry } from './support.mjs';

const time = (second) => new Date(Date.UTC(2024, 4, 1, 10, 0, second));
const turn = (turnIndex, fields = {}) => ({
  role: turnIndex % 2 ? 'assistant' : 'user',
  content: `turn ${turnIndex}`,
  timestamp: time(turnIndex),
  turnIndex,
  ...fields,
});
const toolCalls = [{ id: 't', name: 'read', args: { path: 'a.txt' } }];

describe('turns', () => {
  test('have Dates in the API and ISO strings on disk', async () => {
    const { store, file } = freshStore();
    await store.addProcess(sample('a', { conversationTurns: [turn(0)] }));
    await store.updateProcess('a', ({ conversationTurns }) => ({
      conversationTurns: [...conversationTurns, turn(1)],
    }));
    expect(readEntries(file)[0].process.conversationTurns.map(({ timestamp }) => timestamp)).toEqual([
      '2024-05-01T10:00:00.000Z',
      '2024-05-01T10:00:01.000Z',
    ]);
    const { conversationTurns } = await store.getProcess('a');
    expect(conversationTurns).toStrictEqual([turn(0), turn(1)]);
  });

  test('keep unknown keys, odd ones included, in every reader', async () => {
    const { store, dir } = freshStore();
    const odd = JSON.parse('{"__proto__":{"x":1},"2":"two","text":"\\ud83d"}');
    const turns = [turn(0, { ...odd, toolCalls, timeline: [{ type: 'x', timestamp: 'as it was' }] })];
    await store.addProcess(sample('a', { conversationTurns: turns }));
    for (const reader of [store, new FileProcessStore({ dataDir: dir })]) {
      const [found] = (await reader.getProcess('a')).conversationTurns;
      expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
      expect(JSON.stringify(found)).toBe(JSON.stringify(turns[0]));
      expect(found.timestamp).toEqual(time(0));
      expect(found.timeline[0].timestamp).toBe('as it was');
    }
  });

  test('are not changed by a store that changes something else', async () => {
    const { store, file } = freshStore();
    const entry = storedEntry('a');
    entry.process.conversationTurns = [{ role: 'user', timestamp: '2024-05-01', n: '1e2' }, 'no turn', null];
    writeFileSync(file, JSON.stringify([entry]).replace('"1e2"', '1e2'));
    await store.updateProcess('a', { status: 'completed' });
    const { conversationTurns } = await store.getProcess('a');
    expect(conversationTurns).toEqual([
      { role: 'user', timestamp: new Date('2024-05-01'), n: 100 },
      'no turn',
      null,
    ]);
    expect(readEntries(file)[0].process.conversationTurns[0].timestamp).toBe('2024-05-01');
  });

  test('may be none, an empty list, or without a timestamp', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('none'));
    await store.addProcess(sample('empty', { conversationTurns: [] }));
    await store.addProcess(
      sample('bare', { conversationTurns: [{ role: 'user', content: 'x', turnIndex: 0 }] }),
    );
    const found = (await store.getAllProcesses()).map(({ conversationTurns }) => conversationTurns);
    expect(found).toEqual([undefined, [], [{ role: 'user', content: 'x', turnIndex: 0 }]]);
  });

  test('are read at the call: changing the array or a turn afterwards changes nothing', async () => {
    const { store } = freshStore();
    const turns = [turn(0)];
    const added = store.addProcess(sample('a', { conversationTurns: turns }));
    turns[0].timestamp.setTime(0);
    turns[0].content = 'changed';
    turns.push(turn(1));
    await added;
    expect((await store.getProcess('a')).conversationTurns).toStrictEqual([turn(0)]);
  });
});

describe('exclude', () => {
  async function storeWithTurns() {
    const { store } = freshStore();
    const conversationTurns = [turn(0), turn(1, { toolCalls, extra: 1 })];
    await store.addProcess(fullSample('a', { conversationTurns, extra: 'kept' }));
    await store.addProcess(sample('b'));
    return store;
  }

  test("'conversation' leaves out turns, fullPrompt and result, and nothing else", async () => {
    const store = await storeWithTurns();
    const [a, b] = await store.getAllProcesses({ exclude: ['conversation'] });
    const [whole] = await store.getAllProcesses();
    expect(a).toStrictEqual({
      ...whole,
      conversationTurns: undefined,
      fullPrompt: undefined,
      result: undefined,
    });
    expect(Object.keys(a)).toEqual([...PROCESS_KEYS, 'extra']);
    expect(b).toMatchObject({ id: 'b', fullPrompt: undefined });
  });

  test("'toolCalls' leaves the turns, without their toolCalls", async () => {
    const store = await storeWithTurns();
    const [a, b] = await store.getAllProcesses({ exclude: ['toolCalls'] });
    expect(a).toStrictEqual(
      fullSample('a', { conversationTurns: [turn(0), turn(1, { extra: 1 })], extra: 'kept' }),
    );
    expect(a.conversationTurns[1]).not.toHaveProperty('toolCalls');
    expect(b).toEqual(sample('b'));
  });

  test('of both leaves out both, and of nothing nothing', async () => {
    const store = await storeWithTurns();
    const conversation = await store.getAllProcesses({ exclude: ['conversation'] });
    expect(await store.getAllProcesses({ exclude: ['toolCalls', 'conversation'] })).toStrictEqual(
      conversation,
    );
    const all = await store.getAllProcesses();
    for (const exclude of [[], undefined, null, '']) {
      expect(await store.getAllProcesses({ exclude })).toStrictEqual(all);
    }
  });

  test('changes neither the matches nor later reads', async () => {
    const store = await storeWithTurns();
    const whole = await store.getProcess('a');
    const filter = { exclude: ['conversation', 'toolCalls'], status: 'completed', limit: 5 };
    expect(idsOf(await store.getAllProcesses(filter))).toEqual(['a']);
    expect(await store.getProcess('a')).toStrictEqual(whole);
    expect(await store.clearProcesses(filter)).toBe(1);
    expect(await store.getProcessIds()).toEqual(['b']);
  });

  test('works the same where records are large and many', async () => {
    const { store, dir } = freshStore({ durable: false });
    const conversationTurns = [turn(0, { toolCalls, content: 'x'.repeat(50_000) })];
    const ids = Array.from({ length: 20 }, (_, index) => `p${index}`);
    await Promise.all(ids.map((id) => store.addProcess(sample(id, { conversationTurns, result: 'r' }))));
    // The first reads decode on another thread, the second ones have it at hand.
    for (const reader of [store, new FileProcessStore({ dataDir: dir })]) {
      for (let round = 0; round < 2; round++) {
        const light = await reader.getAllProcesses({ exclude: ['conversation'] });
        expect(light.every(({ conversationTurns, result }) => !conversationTurns && !result)).toBe(true);
        const withoutCalls = await reader.getAllProcesses({ exclude: ['toolCalls'] });
        const contents = withoutCalls.map((found) => found.conversationTurns[0]);
        expect(contents.every(({ toolCalls, content }) => !toolCalls && content.length === 50_000)).toBe(
          true,
        );
        expect([light.length, contents.length]).toEqual([20, 20]);
      }
    }
  });
});

describe('getProcess with a workspace', () => {
  async function storeOfTwo() {
    const fresh = freshStore();
    await fresh.store.addProcess(sample('a', { metadata: { type: 'm', workspaceId: 'one' } }));
    await fresh.store.addProcess(sample('b'));
    return fresh;
  }

  test('finds only a record of that workspace', async () => {
    const { store } = await storeOfTwo();
    expect(await store.getProcess('a', 'one')).toMatchObject({ id: 'a' });
    expect(await store.getProcess('a', 'two')).toBeUndefined();
    expect(await store.getProcess('b', 'one')).toBeUndefined();
    expect(await store.getProcess('nobody', 'one')).toBeUndefined();
  });

  test('with none, undefined or an empty text finds it in any', async () => {
    const { store } = await storeOfTwo();
    for (const workspace of [[], [undefined], [null], ['']]) {
      expect(await store.getProcess('a', ...workspace)).toMatchObject({ id: 'a' });
      expect(await store.getProcess('b', ...workspace)).toMatchObject({ id: 'b' });
    }
  });

  test('follows a record that moves to another workspace', async () => {
    const { store } = await storeOfTwo();
    await store.updateProcess('a', () => ({ metadata: { type: 'm', workspaceId: 'two' } }));
    expect(await store.getProcess('a', 'one')).toBeUndefined();
    expect(await store.getProcess('a', 'two')).toMatchObject({ id: 'a' });
  });

  test('finds the twin of that workspace where a file has an id twice', async () => {
    const { store, file } = freshStore();
    const twins = ['one', 'two', 'three'].map((workspace) =>
      storedEntry('a', { result: workspace }, workspace),
    );
    writeFileSync(file, JSON.stringify(twins));
    expect(await store.getProcess('a')).toMatchObject({ result: 'one' });
    expect(await store.getProcess('a', 'three')).toMatchObject({ result: 'three' });
    expect(await store.getProcess('a', 'four')).toBeUndefined();
  });
});
