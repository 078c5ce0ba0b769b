// Files with deep nesting, read and changed in a process that would have a signal if it overflowed its stack. Run as
// `node nesting.mjs {dir} {levels}`; prints the outcomes, and whether the nested value is in the file at the end.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileProcessStore } from '../../index.js';

const [dir, levels] = [process.argv[2], Number(process.argv[3])];
const file = join(dir, 'processes.json');
const added = { id: 'b', type: 'x', promptPreview: '', fullPrompt: '', status: 's', startTime: new Date(0) };
const report = [];
for (const [open, close] of [
  ['[', ']'],
  ['{"a":', '}'],
]) {
  for (const field of open === '[' ? ['extra', 'metadata', 'conversationTurns'] : ['extra']) {
    for (const closed of [true, false]) {
      const nested = `${open.repeat(levels)}1${closed ? close.repeat(levels) : ''}`;
      const text = `[{"workspaceId":"","process":{"id":"a","status":"s","startTime":"2026-01-01","${field}":${nested}}}]`;
      writeFileSync(file, text);
      const store = new FileProcessStore({ dataDir: dir, durable: false });
      const outcomes = [];
      const calls = [
        () => store.getAllProcesses(),
        () => store.getProcess('a'),
        () => store.getProcessSummaries(),
        () => store.addProcess(added),
        () => store.removeProcess('b'),
      ];
      for (const call of calls) {
        const code = await call().then(
          () => 'done',
          (error) => error.code,
        );
        outcomes.push(code);
      }
      const kept = readFileSync(file, 'utf8').includes(nested);
      // A touched record is laid out anew, and its indentation grows with the square of its depth.
      const update = store.updateProcess('a', { result: 'r' }).then(
        () => 'done',
        (error) => error.code,
      );
      report.push({ closed, outcomes, kept, update: await update });
    }
  }
}
console.log(JSON.stringify(report));
