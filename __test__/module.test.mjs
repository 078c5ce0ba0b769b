// The package as a module, and the class as its callers use it.

import { createRequire } from 'node:module';
import { describe, expect, test, vi } from 'vitest';
import { FileProcessStore, ensureDataDir, getDefaultDataDir } from '../index.js';
import { freshStore, fullSample, idsOf, runNode, sample, tempDir } from './support.mjs';

const METHODS = [
  'addProcess',
  'updateProcess',
  'getProcess',
  'getAllProcesses',
  'removeProcess',
  'clearProcesses',
  'registerWorkspace',
  'getWorkspaces',
];

describe('the module', () => {
  test('import gives the named exports', async () => {
    const source = `
      const { default: all, ...named } = await import(entry);
      const { FileProcessStore, getDefaultDataDir, ensureDataDir } = named;
      console.log([FileProcessStore, getDefaultDataDir, ensureDataDir].map((value) => typeof value).join());
      console.log(all.FileProcessStore === FileProcessStore);`;
    expect(await runNode(source)).toMatchObject({ code: 0, stdout: 'function,function,function\ntrue\n' });
  });

  test('a static import of the names links', async () => {
    const entry = new URL('../index.js', import.meta.url).href;
    const source = `import { FileProcessStore, getDefaultDataDir, ensureDataDir } from ${JSON.stringify(entry)};
      console.log(FileProcessStore.name, getDefaultDataDir.name, ensureDataDir.name);`;
    const names = 'FileProcessStore getDefaultDataDir ensureDataDir\n';
    expect(await runNode(source)).toMatchObject({ code: 0, stdout: names });
  });

  test('require gives the same named exports', () => {
    const required = createRequire(import.meta.url)('../index.js');
    expect(required.FileProcessStore).toBe(FileProcessStore);
    expect(required.getDefaultDataDir).toBe(getDefaultDataDir);
    expect(required.ensureDataDir).toBe(ensureDataDir);
  });

  test('what was made by the required class is an instance of the imported one', async () => {
    const source = `
      import { createRequire } from 'node:module';
      const { FileProcessStore } = await import(entry);
      const required = createRequire(entry)('./index.js');
      console.log(new required.FileProcessStore({ dataDir: args[0] }) instanceof FileProcessStore);`;
    expect(await runNode(source, [tempDir()])).toMatchObject({ code: 0, stdout: 'true\n' });
  });
});

describe('the class', () => {
  test('its methods are methods of the prototype and return promises', async () => {
    const { store } = freshStore();
    for (const method of METHODS) {
      expect(FileProcessStore.prototype[method], method).toBeTypeOf('function');
      const promise = store[method]();
      expect(promise, method).toBeInstanceOf(Promise);
      await promise.catch(() => {});
    }
  });

  test('a store is an instance of the class, and of no promise', async () => {
    const { store } = freshStore();
    expect(store).toBeInstanceOf(FileProcessStore);
    expect(store.constructor).toBe(FileProcessStore);
    expect(await store).toBe(store);
  });

  test('it can be subclassed, with methods that call their parents', async () => {
    class Counting extends FileProcessStore {
      #adds = 0;
      get adds() {
        return this.#adds;
      }
      async addProcess(process) {
        this.#adds += 1;
        return super.addProcess({ ...process, promptPreview: 'by the subclass' });
      }
      async getProcess(id) {
        const found = await super.getProcess(id);
        return found && { ...found, seen: true };
      }
    }
    const dataDir = tempDir();
    const store = new Counting({ dataDir });
    expect(store).toBeInstanceOf(FileProcessStore);
    await store.addProcess(sample('a'));
    expect(store.adds).toBe(1);
    expect(await store.getProcess('a')).toMatchObject({ promptPreview: 'by the subclass', seen: true });
    await store.updateProcess('a', { status: 'completed' });
    expect(await new FileProcessStore({ dataDir }).getProcess('a')).toMatchObject({ status: 'completed' });
  });

  test('a subclass may have a constructor of its own', async () => {
    class Fixed extends FileProcessStore {
      constructor(dataDir) {
        super({ dataDir, maxProcesses: 1 });
        this.label = 'fixed';
      }
    }
    const store = new Fixed(tempDir());
    await store.addProcess(sample('a', { status: 'completed', startTime: new Date(1) }));
    await store.addProcess(sample('b', { status: 'completed', startTime: new Date(2) }));
    expect(store.label).toBe('fixed');
    expect(idsOf(await store.getAllProcesses())).toEqual(['b']);
  });

  test('methods can be bound', async () => {
    const { store } = freshStore();
    const [add, get, list] = ['addProcess', 'getProcess', 'getAllProcesses'].map((m) => store[m].bind(store));
    await add(sample('a'));
    expect(await get('a')).toEqual(sample('a'));
    expect(idsOf(await list())).toEqual(['a']);
  });

  test.each(METHODS)('%s can be replaced on one object', async (method) => {
    const { store, dir } = freshStore();
    const original = store[method].bind(store);
    const calls = [];
    store[method] = (...args) => {
      calls.push(args);
      return original(...args);
    };
    const args = ['a', { status: 'failed' }];
    await store[method](...args).catch(() => {});
    expect(calls).toEqual([args]);
    expect(new FileProcessStore({ dataDir: dir })[method]).toBe(FileProcessStore.prototype[method]);
    delete store[method];
    expect(store[method]).toBe(FileProcessStore.prototype[method]);
  });

  test('a replaced method is what callers get, and the others work on', async () => {
    const { store } = freshStore();
    const register = store.registerWorkspace;
    const registered = [];
    store.registerWorkspace = async function wrapped(info) {
      registered.push(info.id);
      await register.call(this, { ...info, color: 'red' });
    };
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    expect(registered).toEqual(['w']);
    expect(await store.getWorkspaces()).toEqual([{ id: 'w', name: 'W', rootPath: '/', color: 'red' }]);
  });

  test('its methods can be spied on', async () => {
    const { store } = freshStore();
    const spy = vi.spyOn(store, 'addProcess');
    await store.addProcess(sample('a'));
    expect(spy).toHaveBeenCalledTimes(1);
    spy.mockRestore();
    expect(await store.getAllProcesses()).toHaveLength(1);
  });

  test('onProcessChange is an assignable property, empty at first', () => {
    const { store } = freshStore();
    expect(store.onProcessChange).toBeUndefined();
    const listener = () => {};
    store.onProcessChange = listener;
    expect(store.onProcessChange).toBe(listener);
  });
});

describe('records', () => {
  test('can be spread, assigned, compared and sent through JSON.stringify', async () => {
    const { store } = freshStore();
    await store.addProcess(fullSample('a'));
    const found = await store.getProcess('a');
    const spread = { ...found, status: 'failed' };
    expect(spread).toStrictEqual(fullSample('a', { status: 'failed' }));
    expect(Object.assign({}, found)).toStrictEqual(fullSample('a'));
    expect(JSON.stringify(found)).toBe(JSON.stringify(fullSample('a')));
    expect(structuredClone(found)).toStrictEqual(fullSample('a'));
  });

  test('are plain objects that can be changed', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('a'));
    for (const record of [await store.getProcess('a'), (await store.getAllProcesses())[0]]) {
      expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
      record.status = 'failed';
      record.endTime = new Date(0);
      record.extra = 1;
      delete record.result;
      expect(record).toEqual(sample('a', { status: 'failed', endTime: new Date(0), extra: 1 }));
    }
  });

  test('list as plain arrays', async () => {
    const { store } = freshStore();
    expect(Array.isArray(await store.getAllProcesses())).toBe(true);
    expect(Array.isArray(await store.getWorkspaces())).toBe(true);
  });
});
