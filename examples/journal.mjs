/**
 * The option `journal`: `node examples/journal.mjs [folder]`, once the package is built.
 *
 * A conversation streams into a store of some weight. Shows what each write appended to the journal, what programs see
 * that read the file alone, and the file after a checkpoint.
 */

import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileProcessStore } from '../index.js';

const dataDir = process.argv[2] ? resolve(process.argv[2]) : mkdtempSync(join(tmpdir(), 'journal-'));
const file = join(dataDir, 'processes.json');
const journal = `${file}.journal`;
const sizeOf = (path) => (existsSync(path) ? statSync(path).size : 0);
const shorten = (line) => (line.length > 150 ? `${line.slice(0, 100)} … ${line.slice(-40)}` : line);
const statusIn = (text) => JSON.parse(text).find(({ process }) => process.id === 'chat')?.process.status;

const store = new FileProcessStore({ dataDir, journal: true });
const chat = (id, prompt) => ({
  id,
  type: 'clarification',
  promptPreview: prompt.slice(0, 40),
  fullPrompt: prompt,
  status: 'running',
  startTime: new Date(),
});
const older = Array.from({ length: 100 }, (_, n) =>
  chat(`older-${n}`, `An earlier question. ${'…'.repeat(3000)}`),
);
await Promise.all(older.map((process) => store.addProcess(process)));
await store.addProcess(chat('chat', 'How does a journal make a write cheap?'));
await store.checkpoint();
console.log(`processes.json: ${sizeOf(file)} bytes, no journal yet: ${!existsSync(journal)}`);

console.log('\nEach call appends what it changes:');
const step = async (what, call) => {
  const before = sizeOf(journal);
  await call();
  console.log(`  ${what.padEnd(28)} ${sizeOf(journal) - before} bytes`);
};
await step('the first: head and change', () => store.updateProcess('chat', { backend: 'example' }));
await step('a status', () => store.updateProcess('chat', { status: 'completed', endTime: new Date() }));
await step('a result', () => store.updateProcess('chat', { result: 'It appends. '.repeat(50) }));
await step('a removal', () => store.removeProcess('older-0'));
await step('a change that is none', () => store.updateProcess('chat', { status: 'completed' }));

console.log('\n$ tail processes.json.journal');
for (const line of readFileSync(journal, 'utf8').trimEnd().split('\n')) console.log(shorten(line));

console.log('\nEvery store reads both, with the option or without. Other programs see the last checkpoint:');
const other = new FileProcessStore({ dataDir });
console.log(`  another store: ${(await other.getProcess('chat')).status}`);
console.log(`  the file:      ${statusIn(readFileSync(file, 'utf8'))}`);

await store.close();
console.log('\nAfter close(), which makes a checkpoint:');
console.log(`  the file:      ${statusIn(readFileSync(file, 'utf8'))}`);
console.log(`  the journal:   ${existsSync(journal) ? 'there' : 'gone'}`);
console.log(`\nThe files are in ${dataDir}`);
