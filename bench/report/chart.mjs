/**
 * The chart that the README shows: a dot for each peer on each row, on a logarithmic scale, once for the time on the
 * clock and once for the event loop's busy time. A plain SVG on a white ground, so that it reads the same everywhere.
 */

import { FLOORS } from '../rows.mjs';
import { number } from './format.mjs';
import { machine } from './tables.mjs';

const WIDTH = 1080;
const NAMES = 250;
const GAP = 40;
const PANEL = (WIDTH - NAMES - GAP - 30) / 2;
const TOP = 118;
const LINE = 32;
const BOTTOM = 62;
const NOTE = 'Hollow: a write that is done may not survive a power loss.';
const INK = '#24292f';
const FAINT = '#8c959f';
const GRID = '#e6e9ec';

const COLOURS = {
  ours: '#0969da',
  journal: '#0a3069',
  unsynced: '#0969da',
  plain: '#cf222e',
  lowdb: '#bf5fa8',
  lmdb: '#1a7f37',
  sqliteFull: '#e09400',
  sqliteNormal: '#e09400',
  nodeSqlite: '#6e5494',
};

export function drawChart(results) {
  const [name, set] = chooseSet(results.tables);
  const rows = Object.entries(set.rows);
  const height = TOP + rows.length * LINE + BOTTOM;
  const panels = [
    { title: 'wall time', left: NAMES, value: (cell) => cell.wall.median, hasFloors: true },
    { title: 'event loop busy', left: NAMES + PANEL + GAP, value: (cell) => cell.busy },
  ];
  const title = `Milliseconds per call, ${set.records} records of ${name}: further left is better, each line is ten times the one before`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"` +
      ` font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="13" fill="${INK}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#ffffff"/>`,
    text(20, 30, title, 'font-size="16" font-weight="600"'),
    ...legend(results, rows),
    ...rows.map(([row], index) => text(20, middle(index) + 4, row)),
    ...panels.flatMap((panel) => drawPanel(panel, rows, results.peers)),
    text(20, height - 18, `${NOTE} ${machine(results)}`, `font-size="11" fill="${FAINT}"`),
    '</svg>\n',
  ].join('\n');
}

/** The one that most people have: 10 KB, or what was measured first. */
function chooseSet(tables) {
  return Object.entries(tables).find(([name]) => name === '10 KB') ?? Object.entries(tables)[0];
}

function middle(index) {
  return TOP + index * LINE + LINE / 2;
}

function legend({ peers }, rows) {
  const shown = Object.entries(peers).filter(([peer]) => rows.some(([, cells]) => cells[peer]));
  let x = 28;
  const parts = shown.flatMap(([peer, { label }]) => {
    const at = x;
    x += 30 + label.length * 6.6;
    return [dot(peer, peers, at, 56), text(at + 12, 60, label)];
  });
  return [...parts, tick(x, 56), text(x + 8, 60, 'floor')];
}

function drawPanel({ title, left, value, hasFloors }, all, peers) {
  const isShown = ([key]) => key in COLOURS || hasFloors;
  const rows = all.map(([row, cells]) => [row, Object.fromEntries(Object.entries(cells).filter(isShown))]);
  const values = rows.flatMap(([, cells]) => Object.values(cells).map(value));
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.ceil(Math.log10(Math.max(...values)));
  const x = (milliseconds) => left + ((Math.log10(milliseconds) - first) / (last - first)) * PANEL;
  const bottom = TOP + rows.length * LINE;
  const decades = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  return [
    text(left, 88, title, 'font-weight="600"'),
    ...decades.flatMap((decade) => [
      `<line x1="${x(decade)}" x2="${x(decade)}" y1="${TOP - 4}" y2="${bottom}" stroke="${GRID}"/>`,
      text(x(decade), TOP - 9, String(decade), `text-anchor="middle" font-size="11" fill="${FAINT}"`),
    ]),
    ...rows.flatMap(([, cells], index) =>
      drawRow(cells, middle(index), (cell) => x(value(cell)), left, peers),
    ),
  ];
}

/** Our own dot on top of the others, and floors on top of all. */
function drawRow(cells, y, x, left, peers) {
  const shown = Object.keys(cells).filter((key) => key in COLOURS);
  const floors = Object.keys(cells).filter((key) => key in FLOORS);
  return [
    `<line x1="${left}" x2="${left + PANEL}" y1="${y}" y2="${y}" stroke="${GRID}"/>`,
    ...shown.reverse().map((peer) => dot(peer, peers, x(cells[peer]), y)),
    ...floors.map((floor) => tick(x(cells[floor]), y)),
  ];
}

/** Filled if a write that is done survives a power loss. */
function dot(peer, peers, x, y) {
  const colour = COLOURS[peer];
  const paint = peers[peer].synced
    ? `fill="${colour}" stroke="#ffffff"`
    : `fill="#ffffff" stroke="${colour}" stroke-width="2"`;
  return `<circle cx="${round(x)}" cy="${y}" r="${peer === 'ours' ? 7.5 : 5.5}" ${paint}/>`;
}

function tick(x, y) {
  return `<line x1="${round(x)}" x2="${round(x)}" y1="${y - 11}" y2="${y + 11}" stroke="${INK}" stroke-width="2"/>`;
}

function text(x, y, content, attributes = '') {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escape(content)}</text>`;
}

function round(value) {
  return Number(value.toFixed(1));
}

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
