// What the tests share: folders that clean up, sample records, the files as they are on disk, other processes.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { FileProcessStore } from '../index.js';
import { readThroughJournal } from './journal-reader.mjs';
import { childEnv, isJournaled } from './mode.mjs';

export { PROCESS_KEYS } from './journal-reader.mjs';

/** A new folder that goes away with the test. */
export function tempDir() {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'file-process-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** A store on a new, empty folder, with the paths of its data files. */
export function freshStore(options = {}) {
  const dir = tempDir();
  return {
    dir,
    file: join(dir, 'processes.json'),
    workspacesFile: join(dir, 'workspaces.json'),
    store: new FileProcessStore({ dataDir: dir, ...options }),
  };
}

/** A small process: what every record has, and the fields that a test cares about. */
export function sample(id, fields = {}) {
  return {
    id,
    type: 'code-review',
    promptPreview: `preview of ${id}`,
    fullPrompt: `the whole prompt of ${id}`,
    status: 'running',
    startTime: new Date('2024-05-01T10:00:00.000Z'),
    ...fields,
  };
}

/** A process with every known field, in the order in which they stand on disk. */
export function fullSample(id, fields = {}) {
  return {
    id,
    type: 'code-review-group',
    promptPreview: 'Review the pending…',
    fullPrompt: 'Review the pending changes of this repository.\n\t"Quoted", back\\slash, ünïcödé, 🚀',
    status: 'completed',
    startTime: new Date('2024-05-01T10:00:00.001Z'),
    endTime: new Date('2024-05-01T10:03:20.999Z'),
    error: 'none to speak of',
    result: 'All is well.\r\n',
    resultFilePath: '/tmp/results/1.md',
    rawStdoutFilePath: '/tmp/results/1.out',
    metadata: { type: 'review', workspaceId: 'ws-1', workspaceName: 'One', custom: [1, { deep: null }] },
    groupMetadata: { type: 'group', childProcessIds: ['child-1', 'child-2'] },
    codeReviewMetadata: {
      reviewType: 'range',
      commitSha: 'abc123',
      commitMessage: 'Fix it',
      rulesUsed: ['naming', 'tests'],
      diffStats: { files: 3, additions: 10, deletions: 2 },
    },
    discoveryMetadata: {
      featureDescription: 'the login page',
      keywords: ['login'],
      targetGroupPath: 'features/login',
      scope: {
        includeSourceFiles: true,
        includeDocs: false,
        includeConfigFiles: true,
        includeGitHistory: false,
      },
      resultCount: 7,
    },
    codeReviewGroupMetadata: {
      reviewType: 'staged',
      rulesUsed: [],
      childProcessIds: ['child-1'],
      executionStats: { totalRules: 2, successfulRules: 1, failedRules: 1, totalTimeMs: 1234.5 },
    },
    structuredResult: '{"findings":[]}',
    parentProcessId: 'parent-1',
    sdkSessionId: 'session-1',
    backend: 'copilot-sdk',
    workingDirectory: '/home/someone/project',
    conversationTurns: [
      { role: 'user', content: 'Hello', timestamp: new Date('2024-05-01T10:00:01.000Z'), turnIndex: 0 },
      {
        role: 'assistant',
        content: 'Hi',
        timestamp: new Date('2024-05-01T10:00:02.500Z'),
        turnIndex: 1,
        streaming: false,
        toolCalls: [{ name: 'read', args: { path: 'a.txt' } }],
      },
    ],
    ...fields,
  };
}

/** An entry as it stands in processes.json, for files written by hand. */
export function storedEntry(id, fields = {}, workspaceId = '') {
  return { workspaceId, process: JSON.parse(JSON.stringify(sample(id, fields))) };
}

/** The ids of the records in a file or a list, in order. */
export function idsOf(records) {
  return records.map((record) => record.id ?? record.process.id);
}

/** The text of a data file; in the second mode, that which it has once its journal is put into it. */
export function storedText(file) {
  return isJournaled ? readThroughJournal(file) : readFileSync(file, 'utf8');
}

/** The entries of a data file as JSON.parse sees them. */
export function readEntries(file) {
  return JSON.parse(storedText(file));
}

/** The names in a folder, without the lock files: those of the data, and of anything left over. */
export function dataNames(dir) {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json') || name.includes('.tmp'))
    .sort();
}

/** The data files with their bytes and stamps: equal before and after means that nothing was written. */
export function dataState(dir) {
  const journals = readdirSync(dir).filter((name) => name.endsWith('.journal'));
  return [...dataNames(dir), ...journals].map((name) => {
    const path = join(dir, name);
    const { ino, mtimeNs, ctimeNs, mode } = statSync(path, { bigint: true });
    return { name, ino, mtimeNs, ctimeNs, mode, bytes: readFileSync(path, 'hex') };
  });
}

/** The error that a promise rejects with. A promise that resolves fails the test. */
export async function rejection(promise) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  expect(outcome, 'the call was expected to reject').toHaveProperty('error');
  return outcome.error;
}

/**
 * Runs ESM source in another Node process, which has `entry` (the package's URL) and `args` at hand.
 * Resolves when it has ended by itself; one that hangs is killed, and shows a signal instead of a code.
 */
export function runNode(source, args = [], options = {}) {
  const child = startNode(source, args, options);
  const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

export function startNode(source, args, options = {}) {
  const entry = new URL('../index.js', import.meta.url).href;
  const prelude = `const entry = ${JSON.stringify(entry)}; const args = ${JSON.stringify(args)};\n`;
  // Options of the test runner's own process must not reach the child.
  const env = { ...childEnv, ...options.env };
  return spawn(process.execPath, ['--input-type=module', '--eval', prelude + source], { ...options, env });
}

/** The source of a process that has a store on args[0] and runs `body`. */
export function withStore(body) {
  return `
    const { FileProcessStore } = await import(entry);
    const store = new FileProcessStore({ dataDir: args[0] });
    const sample = (id, fields) => ({
      id, type: 'discovery', promptPreview: id, fullPrompt: id, status: 'running',
      startTime: new Date('2024-05-01T10:00:00.000Z'), ...fields,
    });
    ${body}`;
}
