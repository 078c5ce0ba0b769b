/**
 * The records that every store is filled with: the same ones for all, and the same ones in every run.
 *
 * Of ten records one is running, two are queued and seven are finished. Only finished ones are ever pruned, so
 * the running and queued ones (`lastingId`) are there for as long as a benchmark runs. They spread over five
 * workspaces. Texts read like a model's Markdown answers: line breaks and quotes that JSON escapes are part of it.
 */

const STATUSES = ['running', 'queued', 'queued', ...Array(5).fill('completed'), ...['failed', 'cancelled']];
const WORKSPACES = 5;
const FIRST_START = Date.UTC(2025, 0, 1);
const MINUTE = 60_000;
/** Bytes of a stored record around its long texts, in the file's format. */
const FRAME_BYTES = 610;
const TURN_LENGTH = 4_000;

const WORDS = {
  ASCII: `the store reads one file and checks that "every" record is whole, then returns what the caller asked
for. - a list item with \`code\` and a path like src/core/snapshot.rs
### A heading
const value = await store.getProcess('an id'); // and a comment
`,
  'non-ASCII': `the störe reads one file — and checks that “every” record is whole, then returns 呼び出し側 ask
för. • a list item with \`code\` ✓ and a path like src/core/snapshot.rs
### Überschrift 🚀
const välue = await store.getProcess('ключ'); // и комментарий
`,
};

/** The kinds of text: with `non-ASCII`, strings have the same length in UTF-16 units and more bytes. */
export const TEXTS = Object.keys(WORDS);

const LONG_TEXTS = new Map(TEXTS.map((kind) => [kind, [...WORDS[kind].repeat(200)].join('')]));

/** A text of the given length in UTF-16 units. Different seeds begin at different places. */
function makeText(kind, length, seed) {
  const source = LONG_TEXTS.get(kind);
  const start = (seed * 7919) % WORDS[kind].length;
  return source
    .repeat(Math.ceil((start + length) / source.length))
    .slice(start, start + length)
    .toWellFormed();
}

/** Enough digits that ids and previews keep their length. */
function digits(number) {
  return String(number).padStart(8, '0');
}

/** The one-line text that lists show. Always of one length, so that it can be replaced in the file in place. */
export function makePreview(word, number) {
  return `${word} ${digits(number)}`.padEnd(60, '.');
}

/**
 * The `index`-th record of a data set.
 * @param {number} index
 * @param {{ size: number, text: string, shape: 'result' | 'conversation' }} set `size` is the record's bytes in
 *   the file, for ASCII text; `shape` says whether the text is prompt and result, or a conversation
 */
export function makeRecord(index, { size, text, shape }) {
  const length = Math.max(40, size - FRAME_BYTES);
  const startTime = new Date(FIRST_START + index * MINUTE);
  const record = {
    id: `process-${digits(index)}`,
    type: 'code-review',
    promptPreview: makePreview('preview', index),
    fullPrompt: '',
    status: STATUSES[index % STATUSES.length],
    startTime,
    endTime: new Date(startTime.getTime() + MINUTE),
    result: '',
    metadata: {
      type: 'code-review',
      workspaceId: `workspace-${Math.floor(index / STATUSES.length) % WORKSPACES}`,
      model: 'some-model-4.5',
    },
    backend: 'copilot-sdk',
    workingDirectory: '/home/somebody/projects/a-workspace',
  };
  if (shape === 'conversation') record.conversationTurns = makeTurns(text, length, index, startTime);
  else {
    record.fullPrompt = makeText(text, Math.round(length / 3), index);
    record.result = makeText(text, Math.round((2 * length) / 3), index + 1);
  }
  return record;
}

function makeTurns(text, length, seed, startTime) {
  const turns = [];
  for (let done = 0; done < length; done += TURN_LENGTH) {
    const turnIndex = turns.length;
    turns.push({
      role: turnIndex % 2 === 0 ? 'user' : 'assistant',
      content: makeText(text, Math.min(TURN_LENGTH, length - done), seed + turnIndex),
      timestamp: new Date(startTime.getTime() + turnIndex * 1000),
      turnIndex,
    });
  }
  return turns;
}

/** What a server writes when a process has ended: as long as what it replaces. */
export function makeUpdates(number, set) {
  const { result, endTime, conversationTurns } = makeRecord(number % set.records, set);
  const changed = set.shape === 'conversation' ? { conversationTurns } : { result };
  return { promptPreview: makePreview('update', number), endTime, ...changed };
}

/** A finished record that is newer than all others; past the cap, the oldest finished one goes for it. */
export function makeAdded(number, set) {
  return { ...makeRecord(set.records + number, set), status: 'completed' };
}

/** The id of a running or queued record, round and round: these are never pruned. */
export function lastingId(number, set) {
  const lasting = Math.floor(set.records / STATUSES.length) * 3;
  const place = (number * 37) % lasting;
  return `process-${digits(Math.floor(place / 3) * STATUSES.length + (place % 3))}`;
}

/** The record that other processes change: the first one, which is running and so is never pruned. */
export const OUTSIDE_ID = `process-${digits(0)}`;

/** Filters of the rows, and how many records of a data set match them. */
export const RUNNING_HERE = { workspaceId: 'workspace-1', status: 'running' };
export const FIRST_50 = { limit: 50 };

export function matching(filter, set) {
  if (filter === RUNNING_HERE) return set.records / STATUSES.length / WORKSPACES;
  return Math.min(filter?.limit ?? Infinity, set.records);
}
