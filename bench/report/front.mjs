/** The short table of the project's README: medians for the records that most people have, beside the nearest peers. */

import { markdownTable } from 'markdown-table';
import { number } from './format.mjs';
import { machine } from './tables.mjs';

const SET = '10 KB';
const PEERS = ['ours', 'journal', 'plain', 'lowdb', 'lmdb', 'sqliteFull'];

export function frontTable(results) {
  const { records, rows } = results.tables[SET];
  const columns = PEERS.filter((peer) => Object.values(rows).some((cells) => cells[peer]));
  const median = (cell) => (cell ? `${cell.scaled ? '≈ ' : ''}${number(cell.wall.median)}` : '–');
  const table = markdownTable([
    [`${records} records of ${SET}, ms a call`, ...columns.map((peer) => results.peers[peer].label)],
    ['survives a power loss', ...columns.map((peer) => (results.peers[peer].synced ? 'yes' : 'no'))],
    ...Object.entries(rows).map(([row, cells]) => [row, ...columns.map((peer) => median(cells[peer]))]),
  ]);
  return `${table}\n\nMedians. ${machine(results)}`;
}
