// Dates: JS Dates in the API, ISO texts on disk, the whole range that JavaScript has.

import { writeFileSync } from 'node:fs';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  freshStore,
  idsOf,
  readEntries,
  runNode,
  sample,
  storedEntry,
  tempDir,
  withStore,
} from './support.mjs';

const LIMIT = 8.64e15;

/** A store on a file whose records are named by their start time's text. */
function storeWithTexts(texts) {
  const fresh = freshStore();
  writeFileSync(fresh.file, JSON.stringify(texts.map((text) => storedEntry(text, { startTime: text }))));
  return fresh;
}

describe('the full range of dates', () => {
  const times = [
    -LIMIT,
    -LIMIT + 1,
    -1e15,
    -62167219200001,
    -1,
    0,
    1,
    253402300800000,
    8.2e15,
    LIMIT - 1,
    LIMIT,
  ];

  test.each(times)('%d ms is stored and comes back', async (ms) => {
    const { store, file } = freshStore();
    const turn = { role: 'user', content: '', timestamp: new Date(ms), turnIndex: 0 };
    const process = sample('a', {
      startTime: new Date(ms),
      endTime: new Date(ms),
      conversationTurns: [turn],
    });
    await store.addProcess(process);
    expect(readEntries(file)[0].process.startTime).toBe(new Date(ms).toISOString());
    const found = await store.getProcess('a');
    expect(found.startTime.getTime()).toBe(ms);
    expect(found.endTime.getTime()).toBe(ms);
    expect(found.conversationTurns[0].timestamp.getTime()).toBe(ms);
  });

  test('since and until compare over the full range', async () => {
    const { store } = freshStore();
    for (const ms of times) await store.addProcess(sample(String(ms), { startTime: new Date(ms) }));
    for (const ms of times) {
      const date = new Date(ms);
      const names = (keep) => times.filter(keep).map(String);
      expect(idsOf(await store.getAllProcesses({ since: date }))).toEqual(names((time) => time >= ms));
      expect(idsOf(await store.getAllProcesses({ until: date }))).toEqual(names((time) => time < ms));
    }
  });
});

describe('start times written by hand', () => {
  const texts = [
    '2024-05-01',
    '2024-05',
    '2024',
    '2024-05-01T10:00Z',
    '2024-05-01T10:00:00Z',
    '2024-05-01T10:00:00.1Z',
    '2024-05-01T10:00:00.123456789Z',
    '2024-05-01T10:00:00+05:30',
    '2024-05-01T24:00:00Z',
    '2024-05-01T10:00:00',
    '2024-05-01 10:00',
    '2024-5-1',
    '2024-02-30',
    '2024-05-01t10:00:00z',
    'Wed, 01 May 2024 10:00:00 GMT',
    'May 1, 2024 10:00 (a note)',
    '1 May 2024 10:00 EST',
    ' 2024-05-01',
    '+012024-05-01T00:00:00.000Z',
    '+275760-09-12T23:59:59.999Z',
    '-271821-04-20T00:00:00.001Z',
  ];

  // In a process of its own, because a time zone belongs to a process.
  const compare = `
    const hits = async (filter) => (await store.getAllProcesses(filter)).map(({ id }) => id);
    const wrong = [];
    for (const text of args[1]) {
      const ms = new Date(text).getTime();
      const found = (await store.getProcess(text)).startTime.getTime();
      const within = await hits({ since: new Date(ms), until: new Date(ms + 1) });
      const before = await hits({ until: new Date(ms) });
      const after = await hits({ since: new Date(ms + 1) });
      const right = found === ms && within.includes(text) && !before.includes(text) && !after.includes(text);
      if (!right) wrong.push(text);
    }
    const offset = new Date('2024-05-01T12:00:00Z').getTimezoneOffset();
    console.log(JSON.stringify({ offset, wrong }));`;

  test.each([
    ['UTC', 0],
    ['America/St_Johns', 150],
    ['Asia/Kathmandu', -345],
  ])('are read as JavaScript reads them, in the time zone %s', async (TZ, offset) => {
    const { dir } = storeWithTexts(texts);
    const { code, stdout, stderr } = await runNode(withStore(compare), [dir, texts], { env: { TZ } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ offset, wrong: [] });
  });

  const noDates = [
    '',
    'some day',
    '2024-13-01',
    '2024-05-01T25:00:00Z',
    '+275760-09-13T00:00:00.001Z',
    '-271821-04-19T23:59:59.999Z',
    '-000000-01-01T00:00:00Z',
    'null',
    '\ud83d',
  ];

  test('a text that is no date reads as Invalid Date', async () => {
    const { store } = storeWithTexts(noDates.filter((text) => text !== ''));
    for (const { id, startTime } of await store.getAllProcesses()) {
      expect(startTime, id).toBeInstanceOf(Date);
      expect(startTime.getTime(), id).toBeNaN();
    }
    expect(await store.getAllProcesses()).toHaveLength(noDates.length - 1);
  });

  test('a text that is no date matches neither since nor until', async () => {
    const { store } = storeWithTexts(noDates);
    expect(await store.getAllProcesses()).toHaveLength(noDates.length);
    expect(await store.getAllProcesses({ since: new Date(-LIMIT) })).toEqual([]);
    expect(await store.getAllProcesses({ until: new Date(LIMIT) })).toEqual([]);
    expect(await store.clearProcesses({ since: new Date(-LIMIT) })).toBe(0);
    expect(await store.clearProcesses({ until: new Date(LIMIT) })).toBe(0);
  });

  test('an end time or a turn whose text is no date reads as Invalid Date', async () => {
    // the contract is silent here
    const { store, file } = freshStore();
    const conversationTurns = [{ role: 'user', content: 'x', timestamp: 'once', turnIndex: 0 }];
    writeFileSync(file, JSON.stringify([storedEntry('a', { endTime: 'later', conversationTurns })]));
    const found = await store.getProcess('a');
    expect(found.endTime).toBeInstanceOf(Date);
    expect(found.endTime.getTime()).toBeNaN();
    expect(found.conversationTurns[0].timestamp).toBeInstanceOf(Date);
    expect(found.conversationTurns[0].timestamp.getTime()).toBeNaN();
  });
});

describe('dates of another realm', () => {
  const foreign = (text) => vm.runInNewContext(`new Date(${JSON.stringify(text)})`);

  test('they are no instances of this Date', () => {
    expect(foreign('2024-05-01')).not.toBeInstanceOf(Date);
  });

  test('they are dates when adding and updating', async () => {
    const { store } = freshStore();
    const turn = (text) => ({ role: 'user', content: 'x', timestamp: foreign(text), turnIndex: 0 });
    await store.addProcess(
      sample('a', {
        startTime: foreign('2024-05-01'),
        endTime: foreign('2024-05-02'),
        conversationTurns: [turn('2024-05-03')],
      }),
    );
    expect(await store.getProcess('a')).toMatchObject({
      startTime: new Date('2024-05-01'),
      endTime: new Date('2024-05-02'),
      conversationTurns: [{ timestamp: new Date('2024-05-03') }],
    });
    await store.updateProcess('a', {
      startTime: foreign('2024-06-01'),
      endTime: foreign('2024-06-02'),
      conversationTurns: [turn('2024-06-03')],
    });
    expect(await store.getProcess('a')).toMatchObject({
      startTime: new Date('2024-06-01'),
      endTime: new Date('2024-06-02'),
      conversationTurns: [{ timestamp: new Date('2024-06-03') }],
    });
  });

  test('they are dates in a filter', async () => {
    const { store } = freshStore();
    await store.addProcess(sample('early', { startTime: new Date('2024-05-01') }));
    await store.addProcess(sample('late', { startTime: new Date('2024-05-03') }));
    expect(idsOf(await store.getAllProcesses({ since: foreign('2024-05-02') }))).toEqual(['late']);
    expect(idsOf(await store.getAllProcesses({ until: foreign('2024-05-02') }))).toEqual(['early']);
    expect(await store.clearProcesses({ until: foreign('2024-05-02') })).toBe(1);
  });

  test('a subclass of Date is a date', async () => {
    class Moment extends Date {}
    const { store } = freshStore();
    await store.addProcess(sample('a', { startTime: new Moment('2024-05-01') }));
    expect((await store.getProcess('a')).startTime).toEqual(new Date('2024-05-01'));
  });
});

describe('the time zone that the native side is told where the system does not know it', () => {
  test.each(['UTC', 'America/St_Johns', 'Asia/Kathmandu', 'Africa/Casablanca'])(
    'is that of JavaScript: %s',
    async (TZ) => {
      const source = `
      import { createRequire } from 'node:module';
      const { findOffsets } = createRequire(entry)('./lib/zone.js');
      const offsets = findOffsets();
      const wrong = [];
      for (let instant = Date.UTC(1840, 0, 2); instant < Date.UTC(2500, 0); instant += 5e9 + 7e6) {
        let last = 0;
        while (last + 2 < offsets.length && offsets[last + 2] <= instant) last += 2;
        const local = new Date(instant);
        const minutes = Math.trunc(-offsets[last + 1] / 60_000);
        if (minutes !== local.getTimezoneOffset()) wrong.push(local);
      }
      console.log(offsets.length, JSON.stringify(wrong));`;
      const { stdout } = await runNode(source, [], { env: { TZ } });
      expect(stdout).toMatch(/^\d+ \[\]\n$/);
    },
  );

  test('is the one that counts', async () => {
    const source = withStore(`
      const { createRequire } = await import('node:module');
      const { writeFileSync } = await import('node:fs');
      createRequire(entry)('./lib/addon.js').setLocalOffsets([-1e14, 3_600_000, Date.UTC(2020, 0), 7_200_000]);
      const record = (id, startTime) => ({ workspaceId: '', process: { id, status: 'queued', startTime } });
      const entries = [record('a', '2019-06-01T12:00:00'), record('b', '2021-06-01T12:00:00')];
      writeFileSync(args[0] + '/processes.json', JSON.stringify(entries));
      const at = (year, hour) => ({ since: new Date(Date.UTC(year, 5, 1, hour)), until: new Date(Date.UTC(year, 5, 1, hour, 1)) });
      console.log(await store.getProcessIds(at(2019, 11)), await store.getProcessIds(at(2021, 10)));`);
    const { stdout, stderr } = await runNode(source, [tempDir()]);
    expect({ stdout, stderr }).toEqual({ stdout: "[ 'a' ] [ 'b' ]\n", stderr: '' });
  });
});
