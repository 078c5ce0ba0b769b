// Ways to damage a file, and which of its records are still whole afterwards.

const PIECES = [
  ...['"', '\\', '{', '}', '[', ']', ',', ':', '\n', '\0', '/', '-', '.', 'e', '0', '\ufeff'],
  ...[
    'null',
    'true',
    '{}',
    '[]',
    '""',
    '\\u',
    '\\ud83d',
    '\\u0000',
    '-0',
    '1e999',
    '01',
    '"id"',
    '"process"',
  ],
  ...[
    '"id":5,',
    '"id":"x",',
    '"__proto__":',
    '"status":null,',
    '"startTime":"soon",',
    '<<<<<<< HEAD\n',
    '// x\n',
  ],
  ...[
    '=======\n',
    '>>>>>>> theirs\n',
    '"workspaceId":"w","workspaceId":"v",',
    '[{"a":[{"a":',
    'NaN',
    "'",
    '\u2028',
  ],
];
const RAW = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0xbd], [0xf0, 0x9f], [0xe2, 0x82], [0x00], [0x7f]];

/** A file with some damage: its bytes, and the entries that no damage has touched. */
export function damaged(random) {
  const entries = Array.from({ length: Math.floor(random() * 6) }, (_, n) => entryOf(n, random));
  const pretty = random() < 0.7;
  const text = JSON.stringify(entries, null, pretty ? 2 : undefined);
  let bytes = Buffer.from(text);
  const places = placesOf(bytes, entries, pretty);
  const kinds = [];
  let whole = entries.map(() => true);
  // A second damage may make good what the first has done, or be in what it brought: only one is followed.
  for (let some = random() < 0.7 ? 1 : 3; some > 0; some -= 1) {
    const [kind, change] = Object.entries(CHANGES)[Math.floor(random() * Object.keys(CHANGES).length)];
    const from = Math.floor(random() * (bytes.length + 1));
    const to = Math.min(bytes.length, from + Math.ceil(random() ** 4 * 200));
    const { with: put, until } = change(bytes, from, to, random);
    bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(until)]);
    whole = kinds.length === 0 ? whole.map((_, n) => places[n].end <= from || places[n].start >= until) : [];
    // What was put there may open a text or an object, and so swallow what follows.
    if (OPENS.has(kind)) whole = whole.map((still, n) => still && places[n].end <= from);
    kinds.push(kind);
  }
  return { bytes, kinds, whole: entries.filter((_, n) => whole[n]) };
}

const none = Buffer.alloc(0);

/** What stands instead of the bytes from `from` up to `until`. */
const CHANGES = {
  cut: (bytes) => ({ with: none, until: bytes.length }),
  delete: (bytes, from, to) => ({ with: none, until: to }),
  zeros: (bytes, from, to) => ({ with: Buffer.alloc(to - from), until: to }),
  blanks: (bytes, from, to) => ({ with: Buffer.alloc(to - from, ' '), until: to }),
  flip(bytes, from, to, random) {
    if (from === bytes.length) return { with: none, until: from };
    return { with: Buffer.from([bytes[from] ^ (1 << Math.floor(random() * 8))]), until: from + 1 };
  },
  raw: (bytes, from, to, random) => ({
    with: Buffer.from(RAW[Math.floor(random() * RAW.length)]),
    until: from,
  }),
  piece: (bytes, from, to, random) => ({
    with: Buffer.from(PIECES[Math.floor(random() * PIECES.length)]),
    until: from,
  }),
  piecesInstead: (bytes, from, to, random) => ({
    with: Buffer.from(PIECES[Math.floor(random() * PIECES.length)]),
    until: to,
  }),
  again: (bytes, from, to) => ({ with: bytes.subarray(from, to), until: from }),
  fromElsewhere(bytes, from, to, random) {
    const other = Math.floor(random() * bytes.length);
    return { with: bytes.subarray(other, other + to - from), until: to };
  },
};
const OPENS = new Set(['piece', 'piecesInstead', 'again', 'fromElsewhere']);

function entryOf(n, random) {
  const maybe = (value) => (random() < 0.5 ? value : undefined);
  return {
    workspaceId: maybe('web') ?? '',
    process: {
      id: `p${n}`,
      type: maybe('discovery'),
      promptPreview: maybe('ü 🚀 "quoted" \\ \n \ud83d'),
      fullPrompt: 'text '.repeat(random() * 20),
      status: 'running',
      startTime: maybe('2026-01-15T10:00:00.000Z') ?? 'May 1, 2024 10:00 UTC',
      endTime: maybe('2026-01-15T10:00:00.000Z'),
      metadata: maybe({ type: 'x', n: [1, -0.5, 1e21, { deep: [[], {}] }] }),
      conversationTurns: maybe([
        { role: 'user', content: 'c', timestamp: '2026-01-15T10:00:00.000Z', turnIndex: 0 },
      ]),
      extra: maybe({ ['__proto__']: 1, '': null, a: '{"workspaceId": "", "process": {' }),
    },
  };
}

/** Where each entry begins and ends. */
function placesOf(bytes, entries, pretty) {
  let at = 0;
  return entries.map((entry) => {
    const text = pretty
      ? JSON.stringify([entry], null, 2).slice('[\n  '.length, -'\n]'.length)
      : JSON.stringify(entry);
    const start = bytes.indexOf(text, at);
    at = start + Buffer.byteLength(text);
    return { start, end: at };
  });
}
