// What a store must do on every file system: run among mounts of its own, it prints what happened.
// `node __test__/filesystems/use.mjs at {folder}` tries a folder that is there, whatever it is on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileProcessStore } from '../../index.js';
import { dataDirOn, makeKind, othersDirOn } from './kinds.mjs';
import { until } from './servers.mjs';

const thisFile = fileURLToPath(import.meta.url);
const ADDS = 100;
const EDITS = 20;

const sample = (id, fields) => ({
  id,
  type: 'discovery',
  promptPreview: '',
  fullPrompt: id,
  status: 'running',
  startTime: new Date(0),
  ...fields,
});
const idsOf = (records) => records.map((record) => record.id ?? record.process.id);
const idsIn = (file) => idsOf(JSON.parse(readFileSync(file, 'utf8')));
const outcome = (promise) => promise.then(idsOfAny, ({ code }) => code);
const idsOfAny = (value) => (Array.isArray(value) ? idsOf(value) : 'done');

/** Runs another part of this file as a process of its own; what it prints as JSON. */
async function inProcess(...args) {
  const child = spawn(process.execPath, [thisFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (some) => (text += some));
  await once(child, 'close');
  return JSON.parse(text || 'null');
}

/** Has a process of its own look at the file while something is done; what came of both. */
async function watched(how, dir, act) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'processes.json'), '[]');
  const looker = inProcess(how, dir);
  await until(() => existsSync(join(dir, 'looking')), 'the one who looks');
  const done = await act();
  writeFileSync(join(dir, 'stop'), '');
  return [done, await looker];
}

/** Looks until it is told to stop. */
function spin(dir, report, look) {
  writeFileSync(join(dir, 'looking'), '');
  while (!existsSync(join(dir, 'stop'))) {
    for (let n = 0; n < 20; n += 1, report.looks += 1) look(join(dir, 'processes.json'), report);
  }
  return report;
}

const parts = {
  /** The calls, one after the other; a damaged file, and its recovery. */
  async calls(data) {
    const store = new FileProcessStore({ dataDir: data });
    const file = join(data, 'processes.json');
    for (const id of ['a', 'b', 'c']) await store.addProcess(sample(id));
    await store.updateProcess('a', { status: 'completed', result: 'r' });
    await store.removeProcess('b');
    await store.registerWorkspace({ id: 'w', name: 'W', rootPath: '/' });
    const other = new FileProcessStore({ dataDir: data });
    const report = {
      found: idsOf(await other.getAllProcesses()),
      updated: (await other.getProcess('a')).result,
      workspaces: idsOf(await other.getWorkspaces()),
    };
    const text = readFileSync(file, 'utf8');
    report.isPlain = text === JSON.stringify(JSON.parse(text), null, 2);
    truncateSync(file, text.length - 3);
    report.damaged = [await outcome(store.getAllProcesses()), await outcome(store.addProcess(sample('d')))];
    report.kept = (await store.recover()).map(({ kept }) => kept);
    await store.addProcess(sample('d'));
    report.after = idsIn(file);
    await other.close();
    await store.close();
    return report;
  },

  /** Two writers, of which each also reads, and a plain program that reads all the time. */
  async writers(data, others) {
    const [refused, { looks, torn }] = await watched('read', others, () =>
      Promise.all(['a', 'b'].map((name) => inProcess('write', data, name))),
    );
    const ids = idsIn(join(data, 'processes.json'));
    const kept = new Set(ids).size;
    return { refused, kept, twice: ids.length - kept, torn, looks };
  },

  /**
   * One writer, who also reads, and a program that looks for the file all the time and doesn't open it: FUSE and NFS
   * take a file that is open away before they replace it, whoever has it open.
   */
  async presence(data, others) {
    const [refused, report] = await watched('look', others, () => inProcess('write', data, 'a'));
    return { refused, ...report };
  },

  async write(data, name) {
    const store = new FileProcessStore({ dataDir: data, lockTimeoutMs: 60_000 });
    const refused = [];
    for (let n = 0; n < ADDS; n += 1) {
      await store.addProcess(sample(`${name}${n}`)).catch(({ code }) => refused.push(code));
      if (n % 3 === 0)
        await store.getProcess(`${name}${n}`).catch(({ code }) => refused.push(`read ${code}`));
    }
    return refused;
  },

  async read(data) {
    return spin(data, { looks: 0, torn: 0 }, (file, report) => {
      try {
        JSON.parse(readFileSync(file, 'utf8'));
      } catch (error) {
        if (error.code === undefined) report.torn += 1;
      }
    });
  },

  async look(data) {
    return spin(data, { looks: 0, missing: 0 }, (file, report) => {
      if (!existsSync(file)) report.missing += 1;
    });
  },

  /** One store has written, one has only read, a third program has replaced the file: then they close. */
  async closing(data) {
    const [writer, reader] = [0, 1].map(() => new FileProcessStore({ dataDir: data }));
    const file = join(data, 'processes.json');
    await writer.addProcess(sample('a'));
    await reader.getAllProcesses();
    await writer.addProcess(sample('b'));
    await reader.getAllProcesses();
    writeFileSync(`${file}.other`, readFileSync(file, 'utf8').replaceAll('"b"', '"c"'));
    renameSync(`${file}.other`, file);
    await reader.getAllProcesses();
    await reader.close();
    await writer.close();
    return { ids: idsIn(file), names: readdirSync(data).sort() };
  },

  /** Another program changes the file in place, and its size stays, at once after we have read or written it. */
  async edits(data) {
    const store = new FileProcessStore({ dataDir: data });
    const file = join(data, 'processes.json');
    const edit = (n) => {
      const text = readFileSync(file, 'utf8').replace(/"promptPreview": "\d{4}"/, `"promptPreview": "${n}"`);
      const fd = openSync(file, 'r+');
      writeSync(fd, text, 0);
      closeSync(fd);
    };
    await store.addProcess(sample('a', { promptPreview: '1000' }));
    await store.addProcess(sample('b', { result: 'none' }));
    const report = { unseen: 0, lost: 0 };
    for (let n = 1001; n <= 1000 + EDITS; n += 1) {
      await store.getProcess('a');
      edit(n);
      if ((await store.getProcess('a')).promptPreview !== `${n}`) report.unseen += 1;
    }
    for (let n = 2001; n <= 2000 + EDITS; n += 1) {
      edit(n);
      await store.updateProcess('b', { result: `${n}` });
      if (JSON.parse(readFileSync(file, 'utf8'))[0].process.promptPreview !== `${n}`) report.lost += 1;
    }
    await store.close();
    return report;
  },
};

/** All of them on one file system, each in a directory of its own. */
async function all(data, others) {
  const report = {};
  for (const name of ['calls', 'writers', 'presence', 'closing', 'edits']) {
    report[name] = await parts[name](join(data, name), join(others, name)).catch(({ stack }) => stack);
  }
  return report;
}

if (process.argv[1] === thisFile) {
  const [part, place, ...args] = process.argv.slice(2);
  let report;
  if (Object.hasOwn(parts, part)) report = await parts[part](place, ...args);
  else if (part === 'at')
    report = await all(join(place, `${process.pid}`), join(args[0] ?? place, `${process.pid}`));
  else {
    const it = await makeKind(part, place);
    report = await all(dataDirOn(it), othersDirOn(it));
    await it.unmount();
  }
  console.log(JSON.stringify(report));
}
