import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIRST_50, OUTSIDE_ID, RUNNING_HERE, lastingId, makeAdded, makeUpdates } from '../records.mjs';

const require = createRequire(import.meta.url);
const AT_ONCE = 10;
const SETTLE_MS = 1_000;
const OPEN_FILES = '/proc/self/fd';

/** What a process with our store alone can be asked, apart from the rows. */
export function checkTasks({ dir, set }) {
  const { FileProcessStore } = require('../..');
  const store = new FileProcessStore({ dataDir: dir, maxProcesses: set.records });

  return {
    /** Memory in use before anything was done, in MB. */
    async idle() {
      await sleep(SETTLE_MS);
      return residentMegabytes();
    },

    /** So many reads and writes, ten at a time. Returns the memory in use when all is quiet again, in MB. */
    async mixed({ operations }) {
      for (let done = 0; done < operations; done += AT_ONCE) {
        const numbers = Array.from({ length: AT_ONCE }, (_, index) => done + index);
        await Promise.all(numbers.map((number) => operate(store, set, number)));
      }
      await sleep(SETTLE_MS);
      return residentMegabytes();
    },

    /** One read after another process replaced the file: of one record, or of all. */
    async read({ all }) {
      if (all) await store.getAllProcesses();
      else await store.getProcess(OUTSIDE_ID);
    },

    /** Memory in use after a garbage collection, in MB, and open files where the system tells. */
    async held() {
      await sleep(SETTLE_MS);
      globalThis.gc();
      let files;
      try {
        files = readdirSync(OPEN_FILES).length;
      } catch {
        files = undefined;
      }
      return { megabytes: residentMegabytes(), files };
    },

    gets: ({ gets }) => countTurns(store, set, gets),

    /** The addon that the package has loaded: its size in bytes. */
    async addon() {
      return statSync(Object.keys(require.cache).find((path) => path.endsWith('.node'))).size;
    },

    close: async () => {},
  };
}

/** Of twenty operations, three are updates, one is an add, one a removal, and one lists all. */
function operate(store, set, number) {
  const id = lastingId(number, set);
  switch (number % 20) {
    case 0:
      return store.getAllProcesses();
    case 1:
      return store.addProcess(makeAdded(number, set));
    case 2:
      return store.removeProcess(makeAdded(number - 21, set).id);
    case 3:
    case 4:
    case 5:
      return store.updateProcess(id, makeUpdates(number, set));
    case 6:
    case 7:
      return store.getAllProcesses(FIRST_50);
    case 8:
    case 9:
    case 10:
      return store.getAllProcesses(RUNNING_HERE);
    default:
      return store.getProcess(id);
  }
}

function residentMegabytes() {
  return process.memoryUsage.rss() / 1024 ** 2;
}

/**
 * Awaits one get after the other while a timer and a socket of the same process want their turn.
 * Times in milliseconds.
 */
async function countTurns(store, set, gets) {
  const timer = new Timer();
  const socket = await Socket.open();
  const began = performance.now();
  for (let number = 0; number < gets; number += 1) await store.getProcess(lastingId(number, set));
  const milliseconds = performance.now() - began;
  return { milliseconds, timer: timer.stop(), socket: socket.stop() };
}

class Timer {
  #due = performance.now() + 1;
  #late = 0;
  #turns = 0;
  #timeout = setTimeout(() => this.#turn(), 1);

  #turn() {
    this.#turns += 1;
    this.#late = Math.max(this.#late, performance.now() - this.#due);
    this.#due = performance.now() + 1;
    this.#timeout = setTimeout(() => this.#turn(), 1);
  }

  stop() {
    clearTimeout(this.#timeout);
    return { turns: this.#turns, longest: Math.max(this.#late, performance.now() - this.#due) };
  }
}

/** A byte that goes to and fro between two ends of a connection. */
class Socket {
  #longest = 0;
  #turns = 0;
  #sent = 0;
  #client;
  #server;

  static async open() {
    const socket = new Socket();
    socket.#server = createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1');
    await once(socket.#server, 'listening');
    socket.#client = connect(socket.#server.address().port, '127.0.0.1').setNoDelay();
    await once(socket.#client, 'connect');
    socket.#client.on('data', () => socket.#turn());
    socket.#send();
    return socket;
  }

  #send() {
    this.#sent = performance.now();
    this.#client.write('.');
  }

  #turn() {
    this.#turns += 1;
    this.#longest = Math.max(this.#longest, performance.now() - this.#sent);
    this.#send();
  }

  stop() {
    const longest = Math.max(this.#longest, performance.now() - this.#sent);
    this.#client.removeAllListeners('data').resume().end();
    this.#server.close();
    return { turns: this.#turns, longest };
  }
}
