// Another reader of a data file and its journal. It is written from docs/journal.md and shares nothing with the store, so
// that each test that uses it checks the format, too. It works on texts: what a journal does not touch keeps its bytes.

import { closeSync, existsSync, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { xxh3 } from '@node-rs/xxhash';

/** The fields of a process in the order in which they stand on disk. */
export const PROCESS_KEYS = [
  'id',
  'type',
  'promptPreview',
  'fullPrompt',
  'status',
  'startTime',
  'endTime',
  'error',
  'result',
  'resultFilePath',
  'rawStdoutFilePath',
  'metadata',
  'groupMetadata',
  'codeReviewMetadata',
  'discoveryMetadata',
  'codeReviewGroupMetadata',
  'structuredResult',
  'parentProcessId',
  'sdkSessionId',
  'backend',
  'workingDirectory',
  'conversationTurns',
];

const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const SUM = /^,"sum":"([0-9a-f]{16})"\}$/;
const SUM_LENGTH = ',"sum":"0123456789abcdef"}'.length;

/**
 * The text that the data file would have if its journal were put into it now. `alone: false` is for those who read while
 * others write: a group without its line break is left out, as it may be cut off again.
 */
export function readThroughJournal(file, { alone = true } = {}) {
  for (;;) {
    const path = existsSync(file) ? realpathSync(file) : file;
    const [data, isLatest] = readIfThere(path);
    const [journal] = readIfThere(`${path}.journal`);
    // Where the file was replaced meanwhile, the journal may be that of the new one.
    if (!isLatest()) continue;
    // Without either this throws what reading the file throws.
    if (!journal) return textOf(data ?? readFileSync(path));
    const { changes } = readJournal(journal, { alone, data });
    const text = data ? textOf(data) : '[]';
    return changes.length > 0 ? withChanges(text, changes) : text;
  }
}

/** The same; `undefined` where there is no file. */
export function textThroughJournal(file) {
  try {
    return readThroughJournal(file);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const textOf = (bytes) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);

/** A file's bytes, and whether its path still leads to them. */
function readIfThere(path) {
  let number;
  try {
    number = openSync(path);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return [undefined, () => !existsSync(path)];
  }
  try {
    const bytes = readFileSync(number);
    const stampOf = ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`;
    const stamp = stampOf(fstatSync(number, { bigint: true }));
    return [bytes, () => existsSync(path) && stampOf(statSync(path, { bigint: true })) === stamp];
  } finally {
    closeSync(number);
  }
}

/**
 * The head of a journal, its groups as arrays of parsed lines, and the changes that are to be applied to a data file with
 * the bytes `data`. Throws where a checksum is wrong before the tail.
 */
export function readJournal(bytes, { alone = true, data } = {}) {
  const groups = [...groupsOf(bytes, alone)];
  const [first, ...rest] = groups;
  const head = first?.lines[0];
  if (head?.journal !== 1 || first.lines.length > 1) throw new Error('not the head of a journal');
  const notes = rest.flatMap(({ lines }) => lines.flatMap(({ checkpoint }) => checkpoint ?? []));
  let from = 0;
  if (data && !isOf(head.base, data)) from = notes.findLast((note) => isOf(note, data))?.upto ?? 0;
  const isChange = (line) => line.put || line.set !== undefined || line.remove !== undefined;
  const changes = rest
    .filter(({ start, isTold }) => start >= from && (isTold || alone))
    .flatMap(({ lines, texts }) => texts.filter((_, place) => isChange(lines[place])));
  return { head, groups: rest, changes };
}

const isOf = ({ size, hash }, data) =>
  size === data.length && hash === xxh3.xxh128(data).toString(16).padStart(32, '0');

/** The head and the groups behind it, up to the last whole one. The checksum of each has its place for a seed. */
function* groupsOf(bytes, alone) {
  let name;
  let start = 0;
  while (start < bytes.length) {
    const found = nextSum(bytes, start);
    if (!found) return;
    const seed = name === undefined ? 0n : BigInt.asUintN(64, name + BigInt(start));
    const sum = xxh3.xxh64(bytes.subarray(start, found.end - SUM_LENGTH), seed);
    if (sum !== found.sum) {
      if (found.isTold) throw new Error(`a wrong checksum in the journal, in what begins at ${start}`);
      return;
    }
    const texts = bytes.toString('utf8', start, found.end).split('\n');
    const lines = texts.map((text) => JSON.parse(text));
    name ??= BigInt(`0x${lines[0].name}`);
    yield { start, isTold: found.isTold, texts, lines };
    if (!found.isTold && !alone) return;
    start = found.end + 1;
  }
}

/** The end of the first line at or behind `start` that ends in a checksum. The last one's line break may be lost. */
function nextSum(bytes, start) {
  for (let line = start; line < bytes.length;) {
    const lineBreak = bytes.indexOf(10, line);
    const isTold = lineBreak >= 0;
    const last = isTold ? -1 : bytes.lastIndexOf(',"sum":"');
    if (!isTold && last < line) return undefined;
    const end = isTold ? lineBreak : Math.min(last + SUM_LENGTH, bytes.length);
    const [, sum] = SUM.exec(bytes.toString('latin1', Math.max(line, end - SUM_LENGTH), end)) ?? [];
    if (sum) return { end, isTold, sum: BigInt(`0x${sum}`) };
    line = end + 1;
  }
  return undefined;
}

/** The text of a data file with the lines of a journal applied. */
function withChanges(text, changes) {
  let records = [...partsOf(text)].map(({ value }) => recordOf(value));
  for (const line of changes) {
    const fields = [...partsOf(line)];
    const [{ name, value }] = fields;
    if (name === '"put"') {
      const record = recordOf(laidOut(value));
      const first = records.findIndex(({ id }) => id === record.id);
      records = records.filter(({ id }, place) => id !== record.id || place === first);
      records.splice(first < 0 ? records.length : first, first < 0 ? 0 : 1, record);
    } else if (name === '"set"') {
      const place = records.findIndex(({ id }) => id === JSON.parse(value));
      const gone = JSON.parse(valueOf(fields, 'gone') ?? '[]');
      if (place >= 0) records[place] = merged(records[place], valueOf(fields, 'fields'), gone);
    } else {
      records = records.filter(({ id }) => id !== JSON.parse(value));
    }
  }
  return records.length === 0 ? '[]' : `[\n  ${records.map((record) => record.text).join(',\n  ')}\n]`;
}

function recordOf(text) {
  const id = valueOf([...partsOf(valueOf([...partsOf(text)], 'process'))], 'id');
  return { id: JSON.parse(id), text };
}

/** A record with these fields set and those gone; one that has them already keeps its bytes. */
function merged({ id, text }, patch, gone) {
  const entry = [...partsOf(text)];
  const keyOf = ({ name }) => JSON.parse(name);
  let process = [...partsOf(valueOf(entry, 'process'))].filter((field) => !gone.includes(keyOf(field)));
  for (const field of partsOf(patch)) {
    const first = process.findIndex(({ name }) => keyOf({ name }) === keyOf(field));
    process = process.filter((other, place) => place === first || keyOf(other) !== keyOf(field));
    process.splice(first < 0 ? process.length : first, first < 0 ? 0 : 1, field);
  }
  process.sort((one, other) => orderOf(keyOf(one)) - orderOf(keyOf(other)));
  const metadata = valueOf(process, 'metadata');
  const named = metadata?.startsWith('{') ? valueOf([...partsOf(metadata)], 'workspaceId') : undefined;
  const tag = named?.startsWith('"') ? named : (valueOf(entry, 'workspaceId') ?? '""');
  const rest = entry.filter((field) => !['workspaceId', 'process'].includes(keyOf(field)));
  const fields = [
    { name: '"workspaceId"', value: tag },
    { name: '"process"', value: objectOf(process) },
    ...rest,
  ];
  const now = laidOut(objectOf(fields));
  return tokensOf(now) === tokensOf(text) ? { id, text } : { id, text: now };
}

/** Known fields come first, in their order. */
function orderOf(key) {
  const place = PROCESS_KEYS.indexOf(key);
  return place < 0 ? PROCESS_KEYS.length : place;
}

/** The last of that name counts, as in `JSON.parse`. */
const valueOf = (fields, key) => fields.findLast(({ name }) => JSON.parse(name) === key)?.value;

const objectOf = (fields) => `{${fields.map(({ name, value }) => `${name}:${value}`).join()}}`;

const tokensOf = (text) => text.match(TOKEN).join(' ');

/** The values of an array, or the names and values of an object, each as its text. */
function* partsOf(text) {
  let depth = 0;
  let name;
  let start = -1;
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && token === ':') {
      name = text.slice(start, end);
      start = -1;
    } else if (depth === 1 && (token === ',' || token === '}' || token === ']')) {
      if (start >= 0) yield { name, value: text.slice(start, end) };
      if (token !== ',') return;
      start = -1;
    } else {
      if (depth > 0 && start < 0) start = index;
      end = index + token.length;
      if (token === '{' || token === '[') depth += 1;
      else if (token === '}' || token === ']') depth -= 1;
    }
  }
}

/** The text of a record as it stands in a data file: `JSON.stringify(value, null, 2)`, but each token as it is. */
function laidOut(text) {
  const out = [];
  let depth = 1;
  let before = '';
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    const opens = before === '{' || before === '[';
    if (token === '}' || token === ']') {
      depth -= 1;
      if (!opens) out.push(newLine());
    } else if (opens || before === ',') out.push(newLine());
    out.push(token === ':' ? ': ' : token);
    if (token === '{' || token === '[') depth += 1;
    before = token;
  }
  return out.join('');
}
