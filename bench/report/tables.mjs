/** The tables of the report, made from the results. All of them are Markdown. */

import { markdownTable } from 'markdown-table';
import { FLOORS, ROWS } from '../rows.mjs';
import { busy, megabytes, number, wall } from './format.mjs';

const MB = 1024 ** 2;
/** The first row of each table of peers. */
const DURABILITY = '*a write that is done is*';

/** Every block of the README, by the name that its markers carry. */
export function makeBlocks(results) {
  return {
    machine: machine(results),
    peers: peers(results),
    targets: targets(results),
    figures: figures(results),
    blocking: blocking(results),
    memory: memory(results),
    growth: growth(results),
  };
}

export function machine({ mode, date, machine: { cpu, cores, memoryGigabytes, system, fileSystem } }) {
  const run = mode === 'full' ? 'Full run' : 'Quick run (few samples)';
  return `${run}, ${date.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGigabytes} GB, ${system}, ${fileSystem}.`;
}

function peers({ peers: known, versions, missing }) {
  const rows = Object.values(known).map(({ label, durability }) => [label, durability]);
  const table = markdownTable([['column', 'when a write is done'], ...rows]);
  const numbers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const absent = Object.entries(missing).map(([label, why]) => `\n\nNot measured: ${label} (${why}).`);
  return `${table}\n\nVersions: ${numbers.join(', ')}.${absent.join('')}`;
}

function targets(results) {
  const rows = results.targets.map(({ target, measured, verdict }) => [verdict, target, measured]);
  return markdownTable([['', 'target', 'measured'], ...rows], { alignDelimiters: false });
}

/** For each data set a table of the time on the clock, and one of the event loop's busy time. */
function figures(results) {
  return Object.entries(results.tables)
    .map(([name, set]) => {
      const clock = `Wall time of a call in ms: median (p99)\n\n${clockTable(results, set)}`;
      const loop = `Event loop busy for a call, in ms\n\n${loopTable(results, set)}`;
      return `${heading(name, set)}\n\n${clock}\n\n${loop}`;
    })
    .join('\n\n');
}

function heading(name, { records, bytes }) {
  return `### ${records.toLocaleString('en')} records of ${name}: a file of ${number(bytes / MB)} MB`;
}

export function clockTable(results, { rows }) {
  const columns = columnsOf(results, rows);
  const floors = (cells) =>
    Object.keys(FLOORS)
      .filter((floor) => cells[floor])
      .map((floor) => `${FLOORS[floor].label}: ${wall(cells[floor])}`)
      .join('; ');
  return markdownTable([
    ['', ...columns.map(({ label }) => label), 'floor'],
    [DURABILITY, ...columns.map(durability), ''],
    ...Object.entries(rows).map(([row, cells]) => [
      row,
      ...columns.map(({ peer }) => wall(cells[peer])),
      floors(cells),
    ]),
  ]);
}

export function loopTable(results, { rows }) {
  return peerTable(results, rows, busy);
}

function peerTable(results, rows, show) {
  const columns = columnsOf(results, rows);
  return markdownTable([
    ['', ...columns.map(({ label }) => label)],
    [DURABILITY, ...columns.map(durability)],
    ...Object.entries(rows).map(([row, cells]) => [row, ...columns.map(({ peer }) => show(cells[peer]))]),
  ]);
}

function columnsOf(results, rows) {
  return Object.entries(results.peers)
    .filter(([peer]) => Object.values(rows).some((cells) => cells[peer]))
    .map(([peer, { label, synced }]) => ({ peer, label, synced }));
}

function durability({ synced }) {
  return synced ? 'synced' : 'not synced';
}

/** Rows against data sets, for our store. */
function blocking({ tables }) {
  const sets = Object.entries(tables).filter(([, { rows }]) =>
    Object.values(rows).some(({ ours }) => ours?.blocked),
  );
  const show = (cell) => {
    if (!cell?.blocked) return '–';
    const { median, longest, argument } = cell.blocked;
    return `${number(median)} (${number(longest)})${argument === undefined ? '' : ` / ${number(argument)}`}`;
  };
  return markdownTable([
    ['', ...sets.map(([name]) => name)],
    ...Object.keys(ROWS).map((row) => [row, ...sets.map(([, { rows }]) => show(rows[row]?.ours))]),
  ]);
}

function memory(results) {
  return Object.entries(results.tables)
    .map(([name, set]) => {
      const withPeak = Object.entries(set.rows).map(([row, cells]) => [
        row,
        Object.fromEntries(Object.entries(cells).filter(([, { peak }]) => peak)),
      ]);
      const rows = Object.fromEntries(withPeak);
      if (!Object.values(rows).some((cells) => cells.ours)) return '';
      return `${heading(name, set)}\n\n${peerTable(results, rows, (cell) => megabytes(cell?.peak))}`;
    })
    .filter(Boolean)
    .join('\n\n');
}

/** For each row a table of peers against data sets, with the bytes of the file. */
function growth(results) {
  const families = [
    ['More records of 2 KB', (name) => name.endsWith('records of 2 KB')],
    ['500 growing conversations', (name) => name.startsWith('conversations')],
  ];
  return families
    .map(([title, isMember]) => {
      const sets = Object.entries(results.growth).filter(([name]) => isMember(name));
      if (sets.length === 0) return '';
      const rows = Object.keys(sets[0][1].rows);
      return `### ${title}\n\n${rows.map((row) => growthTable(results, row, sets)).join('\n\n')}`;
    })
    .filter(Boolean)
    .join('\n\n');
}

function growthTable(results, row, sets) {
  const columns = columnsOf(results, sets[0][1].rows).map(({ peer, label, synced }) => ({
    peer,
    label: ROWS[row].writes ? `${label} (${durability({ synced })})` : label,
  }));
  const floors = (ROWS[row].floors ?? []).map((floor) => ({ peer: floor, label: FLOORS[floor].label }));
  const size = ([name, { bytes }]) =>
    `${name.replace(/ ?(records of 2 KB|conversations of) ?/, '')}: ${number(bytes / MB)} MB`;
  return markdownTable([
    [row, ...sets.map(size)],
    ...[...columns, ...floors]
      .filter(({ peer }) => sets.some(([, { rows }]) => rows[row][peer]))
      .map(({ peer, label }) => [label, ...sets.map(([, { rows }]) => wall(rows[row][peer]))]),
  ]);
}
