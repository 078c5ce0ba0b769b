// What a data file means, by JSON.parse: which files a store must refuse, and what it must return for the others.

import { inspect } from 'node:util';

const KNOWN = [
  ...['id', 'type', 'promptPreview', 'fullPrompt', 'status', 'startTime', 'endTime', 'error', 'result'],
  ...['resultFilePath', 'rawStdoutFilePath', 'metadata', 'groupMetadata', 'codeReviewMetadata'],
  ...['discoveryMetadata', 'codeReviewGroupMetadata', 'structuredResult', 'parentProcessId', 'sdkSessionId'],
  ...['backend', 'workingDirectory', 'conversationTurns'],
];

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The entries of the file, or undefined if it is not what a store writes. */
export function entriesOf(bytes) {
  try {
    const entries = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return Array.isArray(entries) && entries.every(isEntry) ? entries : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(entry) {
  if (!isObject(entry) || typeof entry.workspaceId !== 'string' || !isObject(entry.process)) return false;
  return ['id', 'status', 'startTime'].every((key) => typeof entry.process[key] === 'string');
}

/** What `getAllProcesses` returns for an entry. */
export function processOf({ process }) {
  const record = Object.fromEntries(KNOWN.map((key) => [key, undefined]));
  for (const [key, value] of Object.entries(process)) {
    // Assigning to __proto__ would set it.
    const shown = { value: valueOf(key, value), enumerable: true, configurable: true, writable: true };
    Object.defineProperty(record, key, shown);
  }
  record.type ??= Object.hasOwn(process, 'type') ? process.type : 'clarification';
  return record;
}

function valueOf(key, value) {
  if ((key === 'startTime' || key === 'endTime') && typeof value === 'string') return new Date(value);
  if (key !== 'conversationTurns' || !Array.isArray(value)) return value;
  return value.map((turn) => {
    if (!isObject(turn) || typeof turn.timestamp !== 'string') return turn;
    return Object.defineProperty({ ...turn }, 'timestamp', { value: new Date(turn.timestamp) });
  });
}

/** Text that is the same for equal values only, whatever is in them; the order of keys does not count. */
export function shown(value) {
  const everything = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, sorted: true };
  return inspect(value, { ...everything, breakLength: Infinity });
}
