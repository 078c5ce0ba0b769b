/**
 * A process of the benchmark: one for each store, so that no store's heap or garbage is in another's figures.
 * It is started with its part as JSON, and then answers one message after the other.
 */

import process from 'node:process';

const PARTS = {
  store: async (options) => (await import('./store.mjs')).storeTasks(options),
  floors: async (options) => (await import('./store.mjs')).floorTasks(options),
  neighbour: async () => (await import('./neighbour.mjs')).neighbourTasks(),
  check: async (options) => (await import('./checks.mjs')).checkTasks(options),
};

const { part, ...options } = JSON.parse(process.argv[2]);
const tasks = await PARTS[part](options);

process.on('message', async ({ task, ...input }) => {
  try {
    process.send({ value: await tasks[task](input) });
  } catch (error) {
    process.send({ error: `${part} ${options.peer ?? ''}: ${task}: ${error.stack}` });
  }
});
