// The plain store and ours on the same files: what each makes of what the other wrote, that the bytes are the
// same for the same calls, and that turn by turn nothing is lost. What the plain store does wrong on its own is
// in plain-store.test.mjs.

import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileProcessStore } from '../index.js';
import { startPlainStore } from './fixtures/plain-store-process.mjs';
import { PlainStore } from './fixtures/plain-store.mjs';
import { isJournaled } from './mode.mjs';
import {
  dataNames,
  dataState,
  fullSample,
  idsOf,
  rejection,
  sample,
  storedEntry,
  storedText,
  tempDir,
} from './support.mjs';

/** Both stores on one new directory. */
function bothStores(options = {}) {
  const dir = tempDir();
  return {
    dir,
    file: join(dir, 'processes.json'),
    ours: new FileProcessStore({ dataDir: dir, ...options }),
    plain: new PlainStore({ dataDir: dir, ...options }),
  };
}

/** Our store here, and the plain store in a process of its own, on one new directory. */
function twoProcesses() {
  const dir = tempDir();
  const plain = startPlainStore(dir);
  onTestFinished(() => plain.stop());
  return { dir, file: join(dir, 'processes.json'), ours: new FileProcessStore({ dataDir: dir }), plain };
}

/** A data file's text, or undefined if it is missing. */
function textOf(file) {
  return existsSync(file) ? storedText(file) : undefined;
}

/** A plain store sees the file alone: with a journal, the state of the last checkpoint. */
const asOfEachCall = it.skipIf(isJournaled);

function inWorkspace(workspaceId, more = {}) {
  return { metadata: { type: 'test', workspaceId, ...more } };
}

/** A moment on the samples' day, a given number of minutes in. */
function minute(n) {
  return new Date(Date.UTC(2024, 4, 1, 0, n));
}

/** Text of a fixed length, so that files that differ by it have the same size. */
function sameSize(n) {
  return `result ${String(n).padStart(6, '0')}`;
}

/** Metadata with everything that JSON.stringify treats in a way of its own. */
function oddMetadata() {
  return {
    type: 'odd',
    text: 'quote " backslash \\ slash / tab \t nul \u0000 delete \u007f line \u2028 paragraph \u2029 café 漢字 🚀',
    cutHigh: 'cut \ud83d',
    cutLow: '\ude80 cut',
    ['key \ud83d']: 'half a pair in a key',
    ['__proto__']: { plain: 'data' },
    b: 1,
    10: 'ten',
    2: 'two',
    '': 'the empty key',
    numbers: [0, -0, 0.1, 1e21, 1e-7, 5e-324, 123456789012345680000, NaN, Infinity],
    gone: undefined,
    alsoGone: () => {},
    holes: [undefined, () => {}, Symbol('none')],
    when: new Date('2024-05-01T00:00:00.000Z'),
    custom: { toJSON: (key) => `made for ${key}` },
    empty: [{}, [], [[]], ''],
    deep: { deeper: { deepest: [null, true, false] } },
  };
}

describe('the same calls', () => {
  /** Makes the same calls on both stores, each on a directory of its own, and compares all that can be seen. */
  async function expectSame(calls, options = {}) {
    const sides = [FileProcessStore, PlainStore].map((Store) => {
      const dir = tempDir();
      const store = new Store({ dataDir: dir, ...options });
      const events = [];
      // As text, because the plain store hands on what it was given, and ours what is in the file.
      store.onProcessChange = (event) => events.push(JSON.stringify(event));
      return { dir, store, events };
    });

    for (const [method, ...args] of calls) {
      const seen = [];
      for (const { dir, store, events } of sides) {
        const result = await store[method](...args);
        seen.push({
          result,
          processes: textOf(join(dir, 'processes.json')),
          workspaces: textOf(join(dir, 'workspaces.json')),
          events: events.splice(0),
        });
      }
      const call = `after ${method}(${typeof args[0] === 'string' ? args[0] : (args[0]?.id ?? '')})`;
      expect(seen[0], call).toStrictEqual(seen[1]);
    }
  }

  it('leave the same bytes, results and events for processes of every shape', async () => {
    const full = fullSample('full');
    await expectSame([
      ['addProcess', sample('small')],
      ['addProcess', full],
      // Keys in the caller's order, which is not the order on disk.
      ['addProcess', Object.fromEntries(Object.entries(fullSample('reversed')).reverse())],
      [
        'addProcess',
        sample('odd', { metadata: oddMetadata(), groupMetadata: { type: 'g', childProcessIds: [] } }),
      ],
      [
        'addProcess',
        sample('half', { promptPreview: 'cut \ud83d', fullPrompt: '\ude80 cut', result: '\ud83d\ude80' }),
      ],
      [
        'addProcess',
        sample('empty', { promptPreview: '', fullPrompt: '', result: '', conversationTurns: [] }),
      ],
      ['addProcess', sample('absent', { endTime: undefined, error: undefined, metadata: undefined })],
      ['addProcess', sample('first day', { startTime: new Date(-8.64e15), endTime: new Date(8.64e15) })],
      ['addProcess', sample('before the era', { startTime: new Date(Date.UTC(-1, 0, 1)) })],
      ['addProcess', sample('far', { startTime: new Date(Date.UTC(10000, 0, 1)), status: 'completed' })],
      [
        'addProcess',
        sample('turns', {
          conversationTurns: [
            {
              turnIndex: 0,
              timestamp: minute(0),
              extra: { b: 1, a: [1, { c: undefined }] },
              content: '\ud83d',
              role: 'user',
            },
            {
              role: 'assistant',
              content: '',
              timestamp: minute(1),
              turnIndex: 1,
              streaming: true,
              gone: undefined,
            },
          ],
        }),
      ],
      ['getAllProcesses'],
      ['getProcess', 'full'],
      ['getProcess', 'odd'],
      ['getProcess', 'turns'],
      ['getProcess', 'unknown'],
    ]);
  });

  it('leave the same bytes, results and events for updates, removes and clears', async () => {
    await expectSame([
      ['updateProcess', 'a', { status: 'failed' }],
      ['removeProcess', 'a'],
      ['getAllProcesses'],
      ['addProcess', sample('a', inWorkspace('web'))],
      ['addProcess', fullSample('b')],
      ['addProcess', sample('c', { metadata: oddMetadata() })],
      ['addProcess', sample('d', { type: 'discovery', status: 'queued' })],
      ['addProcess', sample('e', { parentProcessId: 'b', ...inWorkspace('web') })],
      ['updateProcess', 'a', { status: 'completed', endTime: minute(700), result: 'done \ud83d' }],
      ['updateProcess', 'a', { id: 'a', promptPreview: 'the id may be repeated' }],
      // The tag follows the metadata, and stays where the metadata names no workspace.
      ['updateProcess', 'a', inWorkspace('api', { note: 'moved' })],
      ['updateProcess', 'a', { metadata: { type: 'no workspace named' } }],
      ['updateProcess', 'a', { metadata: undefined }],
      ['getAllProcesses', { workspaceId: 'api' }],
      ['updateProcess', 'b', { error: undefined, groupMetadata: undefined, endTime: undefined }],
      [
        'updateProcess',
        'b',
        { conversationTurns: [{ role: 'user', content: 'x', timestamp: minute(2), turnIndex: 0 }] },
      ],
      ['updateProcess', 'c', { startTime: minute(1), backend: 'clipboard' }],
      ['updateProcess', 'd', { metadata: oddMetadata(), structuredResult: '{"a": 1}' }],
      ['updateProcess', 'unknown', { status: 'failed' }],
      ['removeProcess', 'c'],
      ['removeProcess', 'unknown'],
      ['clearProcesses', { workspaceId: 'nowhere' }],
      ['clearProcesses', { parentProcessId: 'b' }],
      ['clearProcesses', { workspaceId: 'api' }],
      ['clearProcesses', { status: ['queued', 'failed'], type: 'discovery' }],
      ['addProcess', sample('f', { status: 'cancelled' })],
      ['clearProcesses', { status: 'cancelled' }],
      ['clearProcesses'],
      ['clearProcesses', undefined],
      ['addProcess', sample('g')],
      ['getAllProcesses'],
    ]);
  });

  it('leave the same bytes and results for workspaces', async () => {
    await expectSame([
      ['getWorkspaces'],
      ['registerWorkspace', { id: 'web', name: 'Web', rootPath: '/src/web' }],
      [
        'registerWorkspace',
        {
          id: 'api',
          name: 'API "2"',
          rootPath: 'C:\\src\\api',
          color: '#0f0',
          remoteUrl: 'git@host:api.git',
          description: 'cut \ud83d',
          pinned: true,
          tags: ['a', { b: null }],
        },
      ],
      ['registerWorkspace', { id: 'docs', name: 'Docs', rootPath: '/src/docs', color: undefined }],
      ['registerWorkspace', { id: 'web', name: 'Shop', rootPath: '/src/shop' }],
      ['getWorkspaces'],
    ]);
  });

  it('leave the same bytes where retention prunes a file that is in the order of time', async () => {
    const statuses = ['running', 'completed', 'queued', 'failed', 'cancelled'];
    const adds = Array.from({ length: 25 }, (_, n) => [
      'addProcess',
      sample(`p${n}`, { status: statuses[n % statuses.length], startTime: minute(n) }),
    ]);
    await expectSame([...adds, ['getAllProcesses']], { maxProcesses: 8 });
    await expectSame([...adds, ['getAllProcesses']], { maxProcesses: 0 });
    await expectSame([...adds, ['getAllProcesses']], { maxProcesses: Infinity });
  });
});

describe('reading', () => {
  asOfEachCall('each store reads what the other wrote', async () => {
    const { ours, plain } = bothStores();
    await ours.addProcess(fullSample('ours'));
    await plain.addProcess(fullSample('plain'));
    await ours.addProcess(sample('ours, odd', { metadata: oddMetadata() }));
    await plain.addProcess(sample('plain, odd', { metadata: oddMetadata() }));
    await ours.registerWorkspace({ id: 'web', name: 'Web', rootPath: '/web' });
    await plain.registerWorkspace({ id: 'api', name: 'API', rootPath: '/api' });

    expect(await ours.getProcess('plain')).toStrictEqual(fullSample('plain'));
    expect(await plain.getProcess('ours')).toStrictEqual(fullSample('ours'));
    for (const id of ['ours, odd', 'plain, odd']) {
      expect(await ours.getProcess(id)).toStrictEqual(await plain.getProcess(id));
    }
    expect(await ours.getAllProcesses()).toStrictEqual(await plain.getAllProcesses());
    expect(await ours.getWorkspaces()).toStrictEqual(await plain.getWorkspaces());
  });

  it('both stores list the same for the same filter', async () => {
    const { ours, plain } = bothStores();
    const statuses = ['queued', 'running', 'completed', 'failed', 'cancelled'];
    const types = ['clarification', 'code-review', 'pipeline-item'];
    for (let n = 0; n < 30; n += 1) {
      await plain.addProcess(
        sample(`p${n}`, {
          status: statuses[n % 5],
          type: types[n % 3],
          startTime: minute(n * 10),
          parentProcessId: n % 4 === 0 ? 'parent' : undefined,
          ...inWorkspace(['web', 'api', ''][n % 3]),
        }),
      );
    }
    const filters = [
      undefined,
      null,
      {},
      { workspaceId: 'web' },
      { workspaceId: '' },
      { workspaceId: null },
      { workspaceId: 'nowhere' },
      { parentProcessId: 'parent' },
      { status: 'running' },
      { status: ['completed', 'failed'] },
      { status: [] },
      { status: undefined, type: '' },
      { type: 'clarification' },
      { type: 'unheard of' },
      { since: minute(100) },
      { until: minute(100) },
      { since: minute(100), until: minute(200) },
      { since: minute(101), limit: 3 },
      { limit: 0 },
      { limit: 7 },
      { limit: Infinity },
      { limit: null },
      { limit: 5, offset: 3 },
      { limit: 5, offset: 28 },
      { limit: 5, offset: 100 },
      {
        workspaceId: 'web',
        status: ['running', 'queued'],
        type: 'clarification',
        since: minute(50),
        limit: 2,
        offset: 1,
      },
    ];
    for (const filter of filters) {
      expect(await ours.getAllProcesses(filter), JSON.stringify(filter)).toStrictEqual(
        await plain.getAllProcesses(filter),
      );
    }
  });

  it('both stores read a file made by hand in the same way', async () => {
    const { file, ours, plain } = bothStores();
    await fs.writeFile(
      file,
      `
      [ {"process":{"status":"paused","id":"no type","startTime":"2024-05-01","fullPrompt":"x"},"workspaceId":"web"},
        {"workspaceId":"","process":{"id":"no date","type":"discovery","status":"completed","startTime":"soon"}},
        {"workspaceId":"","process":{"id":"offset","type":"x","status":"failed","startTime":"2024-05-01T12:00:00+02:00"}},
        {"workspaceId":"","process":{"id":"words","type":"x","status":"failed","startTime":"May 1, 2024 10:00 UTC",
          "metadata":{"type":"m","n":[1e400,-1E-2,12345678901234567890,1.50],"twice":1,"twice":{"last":"wins"},
            "__proto__":{"plain":"data"},"\\u0061\\/":"\\ud83d"}}} ]
      `,
    );
    for (const id of ['no type', 'no date', 'offset', 'words']) {
      expect(await ours.getProcess(id), id).toStrictEqual(await plain.getProcess(id));
    }
    for (const filter of [{}, { type: 'clarification' }, { status: 'paused' }, { workspaceId: 'web' }]) {
      expect(await ours.getAllProcesses(filter)).toStrictEqual(await plain.getAllProcesses(filter));
    }
  });
});

describe('turn by turn', () => {
  it('a write of the plain store is seen by the very next read, even where the size stays the same', async () => {
    const { ours, plain } = bothStores();
    await ours.addProcess(sample('a', { result: sameSize(0) }));
    for (let n = 1; n <= 100; n += 1) {
      await plain.updateProcess('a', { result: sameSize(n) });
      if (n % 2 === 0) {
        expect((await ours.getProcess('a')).result).toBe(sameSize(n));
        expect((await ours.getAllProcesses())[0].result).toBe(sameSize(n));
      } else {
        expect((await ours.getAllProcesses({ status: 'running' }))[0].result).toBe(sameSize(n));
        expect((await ours.getProcess('a')).result).toBe(sameSize(n));
      }
    }
  });

  it('a workspace that the plain store registers is seen by the very next read', async () => {
    const { ours, plain } = bothStores();
    for (let n = 0; n < 50; n += 1) {
      await plain.registerWorkspace({ id: 'web', name: sameSize(n), rootPath: '/web' });
      expect(await ours.getWorkspaces()).toEqual([{ id: 'web', name: sameSize(n), rootPath: '/web' }]);
    }
  });

  it('an edit in place is seen by the very next read, even where the size stays the same', async () => {
    const { file, ours } = bothStores();
    await ours.addProcess(sample('a', { result: sameSize(0) }));
    const text = await fs.readFile(file, 'utf8');
    for (let n = 1; n <= 100; n += 1) {
      await fs.writeFile(file, text.replace(sameSize(0), sameSize(n)));
      expect((await ours.getProcess('a')).result).toBe(sameSize(n));
      expect((await ours.getAllProcesses())[0].result).toBe(sameSize(n));
    }
  });

  asOfEachCall('a write of ours is seen by the next read of the plain store', async () => {
    const { ours, plain } = bothStores();
    await plain.addProcess(sample('a'));
    for (let n = 0; n < 50; n += 1) {
      await ours.updateProcess('a', { result: sameSize(n) });
      expect((await plain.getProcess('a')).result).toBe(sameSize(n));
    }
  });

  asOfEachCall('adds that alternate are all kept, in the order of the calls', async () => {
    const { file, ours, plain } = bothStores();
    const names = Array.from({ length: 80 }, (_, n) => `p${n}`);
    for (const [n, name] of names.entries()) {
      await (n % 2 === 0 ? ours : plain).addProcess(sample(name));
      await (n % 2 === 0 ? plain : ours).registerWorkspace({ id: name, name, rootPath: '/' });
    }
    expect(idsOf(await ours.getAllProcesses())).toEqual(names);
    expect(idsOf(await plain.getAllProcesses())).toEqual(names);
    expect(idsOf(await ours.getWorkspaces())).toEqual(names);
    expect(textOf(file)).toBe(JSON.stringify(JSON.parse(textOf(file)), null, 2));
  });

  asOfEachCall('conversation turns that are added alternately are all kept', async () => {
    const { ours, plain } = bothStores();
    await plain.addProcess(sample('a', { conversationTurns: [] }));
    for (let n = 0; n < 40; n += 1) {
      const store = n % 2 === 0 ? ours : plain;
      const { conversationTurns } = await store.getProcess('a');
      const turn = { role: 'user', content: `turn ${n}`, timestamp: minute(n), turnIndex: n };
      await store.updateProcess('a', { conversationTurns: [...conversationTurns, turn] });
    }
    const { conversationTurns } = await ours.getProcess('a');
    expect(conversationTurns.map((turn) => turn.turnIndex)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(conversationTurns.at(-1).timestamp).toEqual(minute(39));
  });

  asOfEachCall('our mutations start from what the plain store wrote last, with no read between', async () => {
    const { ours, plain } = bothStores();
    await ours.addProcess(sample('a'));
    await ours.addProcess(sample('b'));

    await plain.removeProcess('a');
    await ours.updateProcess('a', { result: 'must not come back' });
    await ours.updateProcess('b', { result: 'ours' });
    expect(idsOf(await plain.getAllProcesses())).toEqual(['b']);

    await plain.updateProcess('b', { error: 'plain' });
    await ours.updateProcess('b', { status: 'failed' });
    expect(await plain.getProcess('b')).toMatchObject({ result: 'ours', error: 'plain', status: 'failed' });

    await plain.addProcess(sample('c', inWorkspace('web')));
    expect(await ours.clearProcesses({ workspaceId: 'web' })).toBe(1);
    expect(idsOf(await plain.getAllProcesses())).toEqual(['b']);

    await plain.clearProcesses();
    await ours.removeProcess('b');
    expect(await ours.getAllProcesses()).toEqual([]);
  });

  asOfEachCall(
    'pruning keeps the order of a file that the plain store wrote, and takes the same records',
    async () => {
      const { dir, plain } = bothStores();
      const apart = bothStores();
      const starts = [5, 1, 4, 2, 3, 0];
      for (const n of starts) {
        const process = sample(`p${n}`, { startTime: minute(n), status: n === 0 ? 'running' : 'completed' });
        await plain.addProcess(process);
        await apart.plain.addProcess(process);
      }

      await new FileProcessStore({ dataDir: dir, maxProcesses: 4 }).addProcess(sample('new'));
      await new PlainStore({ dataDir: apart.dir, maxProcesses: 4 }).addProcess(sample('new'));

      expect(idsOf(await plain.getAllProcesses())).toEqual(['p5', 'p4', 'p0', 'new']);
      expect(idsOf(await apart.plain.getAllProcesses())).toEqual(['p0', 'p4', 'p5', 'new']);
    },
  );
});

describe('fields that the plain store does not know', () => {
  it('our update keeps them, and gives them back', async () => {
    const { file, ours } = bothStores();
    await ours.addProcess({ ...sample('a'), pinned: true, customTitle: 'cut \ud83d', tags: [{ b: 1 }] });
    await ours.updateProcess('a', { status: 'completed' });

    const expected = {
      ...sample('a', { status: 'completed' }),
      pinned: true,
      customTitle: 'cut \ud83d',
      tags: [{ b: 1 }],
    };
    expect(await ours.getProcess('a')).toEqual(expected);
    expect(textOf(file)).toBe(JSON.stringify([{ workspaceId: '', process: expected }], null, 2));
  });

  it('our update keeps the spelling of fields that it does not name', async () => {
    const { file, ours } = bothStores();
    const entry = JSON.stringify(storedEntry('a'));
    await fs.writeFile(
      file,
      `[${entry.slice(0, -2)},"score":1.50,"big":12345678901234567890,"text":"\\u0041\\/"}}]`,
    );

    await ours.updateProcess('a', { result: 'done' });

    const text = textOf(file);
    for (const token of ['1.50', '12345678901234567890', '"\\u0041\\/"']) expect(text).toContain(token);
    expect(await ours.getProcess('a')).toMatchObject({ result: 'done', score: 1.5, text: 'A/' });
  });

  asOfEachCall(
    'records that our mutations do not touch keep their bytes, hand formatting included',
    async () => {
      const { file, ours, plain } = bothStores();
      const byHand = `{ "process":{"id" :"hand", "status":"running",\n\n\t"startTime":"2024-05-01", "later":[ 1.0,2 ]},
      "note": "on the entry", "workspaceId":"web" }`;
      await fs.writeFile(file, `[${byHand}]`);

      await ours.addProcess(sample('a'));
      await ours.updateProcess('a', { result: 'done' });
      expect(textOf(file)).toContain(byHand);
      await ours.removeProcess('a');
      expect(textOf(file)).toContain(byHand);
      await ours.addProcess(sample('b'));
      expect(textOf(file)).toContain(byHand);
      expect(await plain.getAllProcesses()).toMatchObject([
        { id: 'hand', type: 'clarification' },
        { id: 'b' },
      ]);
    },
  );

  it('the plain store drops them from the record that it updates, and from no other', async () => {
    const { ours, plain } = bothStores();
    await ours.addProcess({ ...sample('a'), pinned: true });
    await ours.addProcess({ ...sample('b'), pinned: true });

    await plain.updateProcess('a', { result: 'done' });
    await ours.updateProcess('b', { result: 'done' });

    expect(await ours.getProcess('a')).not.toHaveProperty('pinned');
    expect(await ours.getProcess('b')).toHaveProperty('pinned', true);
  });
});

describe('twins that the plain store made', () => {
  /** A file with one id twice, at its ends. */
  async function withTwins() {
    const stores = bothStores();
    await stores.plain.addProcess(sample('twin', { result: 'first', ...inWorkspace('web') }));
    await stores.plain.addProcess(sample('other', inWorkspace('web')));
    await stores.plain.addProcess(sample('twin', { result: 'second', ...inWorkspace('web') }));
    const events = [];
    stores.ours.onProcessChange = ({ type, process }) => events.push([type, process?.id, process?.result]);
    return { ...stores, events };
  }

  async function results(store) {
    return (await store.getAllProcesses()).map(({ id, result }) => [id, result]);
  }

  it('are both listed, and get takes the first', async () => {
    const { ours } = await withTwins();
    expect(await results(ours)).toEqual([
      ['twin', 'first'],
      ['other', undefined],
      ['twin', 'second'],
    ]);
    expect((await ours.getProcess('twin')).result).toBe('first');
  });

  it('an update takes the first and leaves the second as it is', async () => {
    const { ours, events } = await withTwins();
    await ours.updateProcess('twin', { result: 'updated' });
    expect(await results(ours)).toEqual([
      ['twin', 'updated'],
      ['other', undefined],
      ['twin', 'second'],
    ]);
    expect(events).toEqual([['process-updated', 'twin', 'updated']]);
  });

  it('an add replaces the first in its place and drops the others', async () => {
    const { ours, plain, events } = await withTwins();
    await plain.addProcess(sample('twin', { result: 'third' }));
    await ours.addProcess(sample('twin', { result: 'added' }));
    expect(await results(ours)).toEqual([
      ['twin', 'added'],
      ['other', undefined],
    ]);
    expect(await results(plain)).toEqual(await results(ours));
    expect(events).toEqual([['process-added', 'twin', 'added']]);
  });

  it('a remove drops all of them with one event', async () => {
    const { ours, plain, events } = await withTwins();
    await ours.removeProcess('twin');
    expect(await results(plain)).toEqual([['other', undefined]]);
    expect(await ours.getProcess('twin')).toBeUndefined();
    expect(events.map(([type, id]) => [type, id])).toEqual([['process-removed', 'twin']]);
  });

  it('a clear drops all of them and counts each', async () => {
    const filtered = await withTwins();
    expect(await filtered.ours.clearProcesses({ workspaceId: 'web' })).toBe(3);
    expect(await results(filtered.plain)).toEqual([]);

    const all = await withTwins();
    expect(await all.ours.clearProcesses()).toBe(3);
    expect(await results(all.plain)).toEqual([]);
  });

  it('that an update of the plain store made by changing an id are handled alike', async () => {
    const { ours, plain } = bothStores();
    await plain.addProcess(sample('a', { result: 'first' }));
    await plain.addProcess(sample('b', { result: 'second' }));
    await plain.updateProcess('b', { id: 'a' });
    expect(await results(ours)).toEqual([
      ['a', 'first'],
      ['a', 'second'],
    ]);
    expect(await ours.getProcess('b')).toBeUndefined();
    await ours.removeProcess('a');
    expect(await results(ours)).toEqual([]);
  });
});

describe('damage', () => {
  it('a file that the plain store would take for empty is refused and not touched, until it is mended', async () => {
    const { dir, file, ours } = bothStores();
    await ours.addProcess(sample('a'));
    const text = textOf(file);
    await fs.writeFile(file, text.slice(0, -10));
    const before = dataState(dir);

    expect(await rejection(ours.getAllProcesses())).toMatchObject({ code: 'ERR_STORE_CORRUPT', path: file });
    expect(await rejection(ours.getProcess('a'))).toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    expect(await rejection(ours.addProcess(sample('b')))).toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    expect(await rejection(ours.clearProcesses())).toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    expect(dataState(dir)).toEqual(before);

    await fs.writeFile(file, text);
    expect(await ours.getProcess('a')).toEqual(sample('a'));
    await ours.addProcess(sample('b'));
    expect(idsOf(await ours.getAllProcesses())).toEqual(['a', 'b']);
  });

  asOfEachCall(
    'the temporary file of a plain store that is at work, or died at it, is left alone',
    async () => {
      const { dir, file, ours, plain } = bothStores();
      await plain.addProcess(sample('a'));
      await fs.writeFile(`${file}.tmp`, '[{"workspaceId": "", "proc');

      await ours.addProcess(sample('b'));
      await ours.updateProcess('a', { result: 'done' });
      expect(textOf(`${file}.tmp`)).toBe('[{"workspaceId": "", "proc');
      expect(idsOf(await ours.getAllProcesses())).toEqual(['a', 'b']);

      await plain.addProcess(sample('c'));
      expect(idsOf(await ours.getAllProcesses())).toEqual(['a', 'b', 'c']);
      expect(dataNames(dir)).toEqual(['processes.json']);
    },
  );

  it.skipIf(process.platform === 'win32')('a file that the plain store made keeps its mode', async () => {
    const { file, ours, plain } = bothStores();
    await plain.addProcess(sample('a'));
    await fs.chmod(file, 0o664);
    await ours.addProcess(sample('b'));
    expect((await fs.stat(file)).mode & 0o777).toBe(0o664);
  });
});

describe('a plain store in another process', () => {
  asOfEachCall('turn by turn, each store sees every call of the other at once', async () => {
    const { ours, plain } = twoProcesses();
    for (let n = 0; n < 40; n += 1) {
      await ours.addProcess(sample(`ours ${n}`, { result: sameSize(n) }));
      expect((await plain.call('getProcess', `ours ${n}`)).result).toBe(sameSize(n));
      await plain.call('addProcess', sample(`plain ${n}`, { result: sameSize(n) }));
      expect((await ours.getProcess(`plain ${n}`)).result).toBe(sameSize(n));
      await plain.call('updateProcess', `ours ${n}`, { status: 'completed' });
      await ours.updateProcess(`plain ${n}`, { status: 'completed' });
    }
    const listed = await ours.getAllProcesses({ status: 'completed' });
    expect(listed).toHaveLength(80);
    expect(await plain.call('getAllProcesses')).toEqual(listed);
  });

  asOfEachCall(
    'while it writes, our reads always find a whole file, and never an older one than before',
    async () => {
      const { ours, plain } = twoProcesses();
      // Enough text that a write takes its time.
      for (let n = 0; n < 50; n += 1)
        await ours.addProcess(sample(`p${n}`, { fullPrompt: 'x'.repeat(5_000) }));

      let writing = true;
      const writes = [];
      for (let n = 1; n <= 150; n += 1)
        writes.push(plain.call('updateProcess', 'p7', { result: sameSize(n) }));
      const written = Promise.all(writes).finally(() => (writing = false));

      const seen = [];
      while (writing) {
        // The other process's answers come in between turns of the loop.
        await nextTurn();
        const list = await ours.getAllProcesses();
        expect(list).toHaveLength(50);
        seen.push(list[7].result ?? '');
        seen.push((await ours.getProcess('p7')).result ?? '');
      }
      await written;

      expect(seen).toEqual([...seen].sort());
      expect(new Set(seen).size).toBeGreaterThan(3);
      expect((await ours.getProcess('p7')).result).toBe(sameSize(150));
    },
  );

  asOfEachCall(
    'while ours writes, its reads always find a whole file, and never an older one than before',
    async () => {
      const { ours, plain } = twoProcesses();
      for (let n = 0; n < 50; n += 1)
        await ours.addProcess(sample(`p${n}`, { fullPrompt: 'x'.repeat(5_000) }));

      let writing = true;
      const written = (async () => {
        for (let n = 1; writing; n += 1) {
          await ours.updateProcess('p7', { result: sameSize(n) });
          await nextTurn();
        }
      })();

      // The plain store takes what it can't read for an empty store: a torn file would show as no record at all.
      const seen = [];
      for (let n = 0; n < 150; n += 1) {
        const list = await plain.call('getAllProcesses');
        expect(list).toHaveLength(50);
        seen.push(list[7].result ?? '');
      }
      writing = false;
      await written;

      expect(seen).toEqual([...seen].sort());
      expect(new Set(seen).size).toBeGreaterThan(3);
    },
  );

  it('where writes overlap, some may be lost, but no call fails and the file is never torn', async () => {
    const { dir, file, ours, plain } = twoProcesses();
    await ours.addProcess(sample('start'));

    const calls = [];
    for (let n = 0; n < 100; n += 1) {
      calls.push(plain.call('addProcess', sample(`plain ${n}`)));
      calls.push(ours.addProcess(sample(`ours ${n}`)));
      if (n % 5 === 0) {
        const entries = JSON.parse(await fs.readFile(file, 'utf8'));
        expect(idsOf(entries)[0]).toBe('start');
      }
    }
    await Promise.all(calls);

    const left = idsOf(await ours.getAllProcesses());
    expect(left[0]).toBe('start');
    expect(new Set(left).size).toBe(left.length);
    expect(dataNames(dir)).toEqual(['processes.json']);
  });
});
