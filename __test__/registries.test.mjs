// Workspaces and wikis: two registries with the same promises, each in a file of its own.

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileProcessStore } from '../index.js';
import {
  dataNames,
  dataState,
  freshStore,
  idsOf,
  rejection,
  runNode,
  sample,
  withStore,
  storedText,
} from './support.mjs';

const workspace = (id, fields = {}) => ({ id, name: `name of ${id}`, rootPath: `/work/${id}`, ...fields });
const wiki = (id, fields = {}) => ({
  id,
  name: `name of ${id}`,
  wikiDir: `/wikis/${id}`,
  aiEnabled: true,
  registeredAt: '2024-05-01T10:00:00.000Z',
  ...fields,
});

/** The registries: their file, what is in it, and the names of their methods. */
const REGISTRIES = [
  {
    name: 'workspaces',
    item: workspace,
    optional: 'description',
    required: 'rootPath',
    register: 'registerWorkspace',
    list: 'getWorkspaces',
    update: 'updateWorkspace',
    remove: 'removeWorkspace',
    clear: 'clearAllWorkspaces',
  },
  {
    name: 'wikis',
    item: wiki,
    optional: 'repoPath',
    required: 'wikiDir',
    register: 'registerWiki',
    list: 'getWikis',
    update: 'updateWiki',
    remove: 'removeWiki',
    clear: 'clearAllWikis',
  },
];

describe.each(REGISTRIES)(
  '$name',
  ({ name, item, optional, required, register, list, update, remove, clear }) => {
    /** A store with `a`, `b` and `c` registered. */
    async function filled() {
      const { store, dir } = freshStore();
      for (const id of ['a', 'b', 'c'])
        await store[register](item(id, { color: 'red', extra: { deep: [id] } }));
      return { store, dir, file: join(dir, `${name}.json`), other: new FileProcessStore({ dataDir: dir }) };
    }

    test('register, list, replace in its place; the file is the text of JSON.stringify', async () => {
      const { store, file, other } = await filled();
      await store[register](item('b', { replaced: true, text: 'ünïcödé \ud83d' }));
      const expected = ['a', 'b', 'c'].map((id) =>
        id === 'b'
          ? item('b', { replaced: true, text: 'ünïcödé \ud83d' })
          : item(id, { color: 'red', extra: { deep: [id] } }),
      );
      expect(await other[list]()).toStrictEqual(expected);
      expect(storedText(file)).toBe(JSON.stringify(expected, null, 2));
      expect(dataNames(join(file, '..'))).toEqual([`${name}.json`]);
    });

    test('an update merges any field but the id, and resolves to what is there then', async () => {
      const { store, other } = await filled();
      const updated = await store[update]('b', { name: 'new', [optional]: 'set', extra: null, later: [1] });
      expect(updated).toStrictEqual({
        ...item('b', { color: 'red' }),
        name: 'new',
        [optional]: 'set',
        extra: null,
        later: [1],
      });
      expect((await other[list]())[1]).toStrictEqual(updated);
      expect(idsOf(await other[list]())).toEqual(['a', 'b', 'c']);
      expect(await store[update]('b', { id: 'b' })).toStrictEqual(updated);
    });

    test('an update with undefined removes an optional field', async () => {
      const { store, other } = await filled();
      const updated = await store[update]('a', { color: undefined, extra: undefined, [optional]: undefined });
      expect(updated).toStrictEqual(item('a'));
      expect((await other[list]())[0]).toStrictEqual(item('a'));
    });

    test('what an update resolves to is fresh: changing it changes nothing', async () => {
      const { store } = await filled();
      const updated = await store[update]('a', { name: 'new' });
      updated.name = 'changed';
      updated.extra.deep.push('changed');
      expect((await store[list]())[0]).toEqual(
        item('a', { name: 'new', color: 'red', extra: { deep: ['a'] } }),
      );
    });

    test('an update or removal of an unknown id resolves to undefined or false, and writes nothing', async () => {
      const { store, dir } = await filled();
      const before = dataState(dir);
      for (const id of ['nobody', '', '__proto__']) {
        expect(await store[update](id, { name: 'x' })).toBeUndefined();
        expect(await store[remove](id)).toBe(false);
      }
      expect(dataState(dir)).toEqual(before);
    });

    test('a removal resolves to true once, and leaves the others', async () => {
      const { store, other } = await filled();
      expect(await store[remove]('b')).toBe(true);
      expect(await store[remove]('b')).toBe(false);
      expect(idsOf(await other[list]())).toEqual(['a', 'c']);
    });

    test('clearing resolves to the number, and writes nothing for 0', async () => {
      const { store, dir, file } = await filled();
      expect(await store[clear]()).toBe(3);
      expect(storedText(file)).toBe('[]');
      const { ino } = statSync(file);
      expect(await store[clear]()).toBe(0);
      expect(statSync(file).ino).toBe(ino);
      expect(dataNames(dir)).toEqual([`${name}.json`]);
    });

    test('nothing but registering makes the directory', async () => {
      const { dir } = freshStore();
      const store = new FileProcessStore({ dataDir: join(dir, 'missing') });
      expect(await store[list]()).toEqual([]);
      expect(await store[update]('a', { name: 'x' })).toBeUndefined();
      expect(await store[remove]('a')).toBe(false);
      expect(await store[clear]()).toBe(0);
      expect(existsSync(join(dir, 'missing'))).toBe(false);
      await store[register](item('a'));
      expect(idsOf(await store[list]())).toEqual(['a']);
    });

    test('concurrent calls apply in their order', async () => {
      const { store } = await filled();
      const outcomes = await Promise.all([
        store[remove]('a'),
        store[update]('a', { name: 'gone' }),
        store[register](item('a')),
        store[update]('a', { name: 'back' }),
        store[remove]('b'),
        store[remove]('b'),
      ]);
      expect(outcomes).toEqual([true, undefined, undefined, item('a', { name: 'back' }), true, false]);
      expect(idsOf(await store[list]())).toEqual(['c', 'a']);
    });

    test('updates of two processes to one of them are all there', async () => {
      const { store, dir } = await filled();
      const body = `for (let i = 0; i < 20; i++) await store[args[2]]('a', { [args[1] + i]: i });`;
      const runs = ['x', 'y'].map((key) => runNode(withStore(body), [dir, key, update]));
      for (const outcome of await Promise.all(runs)) expect(outcome).toMatchObject({ code: 0, stderr: '' });
      const [a] = await store[list]();
      for (const key of ['x', 'y']) for (let i = 0; i < 20; i++) expect(a[`${key}${i}`]).toBe(i);
    });

    test('an own __proto__ key is data, in a registration and in an update', async () => {
      const { store } = await filled();
      await store[register](JSON.parse(JSON.stringify(item('p')).replace('{', '{"__proto__":{"x":1},')));
      const updated = await store[update]('a', JSON.parse('{"__proto__":{"y":2},"constructor":5}'));
      for (const found of [updated, (await store[list]()).at(-1)]) {
        expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
        expect(Object.keys(found)).toContain('__proto__');
      }
    });

    test('nothing of it fires an event', async () => {
      const { store } = await filled();
      store.onProcessChange = () => expect.unreachable();
      await store[update]('a', { name: 'x' });
      await store[remove]('a');
      await store[clear]();
    });

    test.each([
      ['no updates', ['a'], 'ERR_INVALID_ARG_TYPE', /^updates must be an object, got undefined/],
      ['updates that are null', ['a', null], 'ERR_INVALID_ARG_TYPE', /^updates must be an object, got null/],
      ['an id that is a number', [5, {}], 'ERR_INVALID_ARG_TYPE', /^id must be a string, got number/],
      ['another id', ['a', { id: 'b' }], 'ERR_INVALID_ARG_VALUE', /^updates\.id /],
      [
        'a name that is a number',
        ['a', { name: 5 }],
        'ERR_INVALID_ARG_TYPE',
        /^updates\.name must be a string, got number/,
      ],
      ['a name that is taken away', ['a', { name: undefined }], 'ERR_INVALID_ARG_TYPE', /^updates\.name /],
      [
        'a colour that is a number',
        ['a', { color: 5 }],
        'ERR_INVALID_ARG_TYPE',
        /^updates\.color .*got number/,
      ],
      ['a BigInt', ['a', { extra: 1n }], 'ERR_INVALID_ARG_VALUE', /^updates\.extra /],
    ])('an update with %s is refused', async (_, args, code, message) => {
      const { store, dir } = await filled();
      const before = dataState(dir);
      const error = await rejection(store[update](...args));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(dataState(dir)).toEqual(before);
    });

    test('registering without a field that is needed is refused, and removing without an id', async () => {
      const { store } = freshStore();
      const error = await rejection(store[register](item('a', { [required]: undefined })));
      expect(error).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(`^info.${required} `),
      });
      expect(await rejection(store[register](item('')))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      expect(await rejection(store[remove]())).toMatchObject({
        message: 'id must be a string, got undefined',
      });
      expect(await store[list]()).toEqual([]);
    });

    test('a corrupt file is refused by every call and not touched; the other files work', async () => {
      const { store, dir, file } = await filled();
      writeFileSync(file, '[{"id":5}]');
      const before = dataState(dir);
      const calls = [
        store[list](),
        store[register](item('a')),
        store[update]('a', { name: 'x' }),
        store[remove]('a'),
        store[clear](),
      ];
      // All at once: who rejects first must not be without a listener until the others are asked.
      for (const error of await Promise.all(calls.map(rejection))) {
        expect(error).toMatchObject({ code: 'ERR_STORE_CORRUPT', path: file, line: 1 });
      }
      expect(dataState(dir)).toEqual(before);
      await store.addProcess(sample('a'));
      writeFileSync(file, '[]');
      await store[register](item('a'));
      expect(idsOf(await store[list]())).toEqual(['a']);
    });
  },
);

describe('between the files', () => {
  test('removing or clearing workspaces leaves their processes and the wikis', async () => {
    const { store } = freshStore();
    for (const id of ['v', 'w']) {
      await store.registerWorkspace(workspace(id));
      await store.registerWiki(wiki(id));
      await store.addProcess(sample(`in ${id}`, { metadata: { type: 'm', workspaceId: id } }));
    }
    expect(await store.removeWorkspace('v')).toBe(true);
    expect(await store.clearAllWorkspaces()).toBe(1);
    expect(await store.getProcessIds({ workspaceId: 'v' })).toEqual(['in v']);
    expect(idsOf(await store.getWikis())).toEqual(['v', 'w']);
    expect(await store.clearAllWikis()).toBe(2);
    expect(await store.getProcessCount()).toBe(2);
  });

  test('a wiki says true or false, not more or less', async () => {
    const { store } = freshStore();
    for (const aiEnabled of [1, 'true', null, undefined]) {
      const error = await rejection(store.registerWiki(wiki('k', { aiEnabled })));
      expect(error.message).toMatch(/^info\.aiEnabled must be a boolean, got /);
    }
    await store.registerWiki(wiki('k', { aiEnabled: false }));
    expect(await store.updateWiki('k', { aiEnabled: true })).toMatchObject({ aiEnabled: true });
  });
});
