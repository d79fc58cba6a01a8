import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { addon, machineMemory, until } from './addon.mjs';

const EVENT = 0;
const SLEEPING = 1;
const PENDING = 16;

function threadCount() {
  return readdirSync('/proc/self/task').length;
}

function openPump(wake = () => {}) {
  const { bytes, words } = machineMemory();
  return { words, pump: new addon.InterruptPump(bytes, 4 * EVENT, 4 * SLEEPING, wake) };
}

test('a signal on an eventfd sets its bits and the event word while the machine runs, and wakes nobody', async () => {
  let woken = 0;
  const { words, pump } = openPump(() => woken++);
  const a = addon.eventfdCreate('a');
  const b = addon.eventfdCreate('b');
  pump.add(a, 4 * PENDING, 1 << 3);
  pump.add(b, 4 * PENDING, 0x80000000);
  addon.eventfdWrite(a);
  addon.eventfdWrite(b);
  await until(() => Atomics.load(words, PENDING) >>> 0 === 0x80000008, 'both bits');
  await until(() => Atomics.load(words, EVENT) === 1, 'event word');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(woken, 0);
  pump.close();
  addon.close(a);
  addon.close(b);
});

test('the CPU loop sees the word without returning to the event loop', () => {
  const { words, pump } = openPump();
  const eventfd = addon.eventfdCreate('a');
  pump.add(eventfd, 4 * PENDING, 1);
  addon.eventfdWrite(eventfd);
  const deadline = Date.now() + 10_000;
  while (Atomics.load(words, EVENT) === 0 && Date.now() < deadline);
  assert.equal(Atomics.load(words, EVENT), 1);
  assert.equal(Atomics.load(words, PENDING), 1);
  pump.close();
  addon.close(eventfd);
});

test('a sleeping machine is woken on the event loop', async () => {
  let woken = 0;
  const { words, pump } = openPump(() => woken++);
  const eventfd = addon.eventfdCreate('a');
  pump.add(eventfd, 4 * PENDING, 1);
  Atomics.store(words, SLEEPING, 1);
  addon.eventfdWrite(eventfd);
  await until(() => woken > 0, 'wake-up');
  assert.equal(Atomics.load(words, PENDING), 1);
  pump.close();
  addon.close(eventfd);
});

test('no wake-up is lost while a machine falls asleep and is awake by turns under fire of another thread', async () => {
  let resume = () => {};
  const { words, pump } = openPump(() => resume());
  const eventfd = addon.eventfdCreate('fire');
  pump.add(eventfd, 4 * PENDING, 1);
  // Each round waits for its own interrupt, so that one lost wake-up stops everything. The firing thread has its own
  // instance of the addon and writes to the same descriptor.
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const rounds = 20_000;
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     const { writeSync } = require('node:fs');
     const one = new BigUint64Array([1n]);
     for (let round = 1; round <= workerData.rounds; round++) {
       // Looked at again after each wait: a notification may come after its round has been seen, and must not start the next.
       while (Atomics.load(workerData.shared, 0) < round) Atomics.wait(workerData.shared, 0, round - 1);
       // A different moment of the other thread's falling asleep each time.
       for (let i = round % 97; i > 0; i--) Atomics.load(workerData.shared, 1);
       writeSync(workerData.eventfd, one);
     }`,
    { eval: true, workerData: { shared, rounds, eventfd } },
  );
  let sleeps = 0;
  for (let round = 1; round <= rounds; round++) {
    Atomics.store(shared, 0, round);
    Atomics.notify(shared, 0);
    const deadline = Date.now() + 20_000;
    for (;;) {
      if (Atomics.exchange(words, EVENT, 0) !== 0 && Atomics.exchange(words, PENDING, 0) !== 0) break;
      const woken = new Promise((resolve) => {
        resume = resolve;
      });
      Atomics.store(words, SLEEPING, 1);
      if (Atomics.load(words, EVENT) === 0) {
        sleeps++;
        let timer;
        const late = new Promise((resolve) => {
          timer = setTimeout(resolve, 20_000);
        });
        await Promise.race([woken, late]);
        clearTimeout(timer);
      }
      Atomics.store(words, SLEEPING, 0);
      assert.ok(Date.now() < deadline, `wake-up lost in round ${round}`);
    }
  }
  assert.ok(sleeps > 0);
  await worker.terminate();
  pump.close();
  addon.close(eventfd);
});

test('after remove the word is not touched any more, and other sources go on', async () => {
  const { words, pump } = openPump();
  const a = addon.eventfdCreate('a');
  const b = addon.eventfdCreate('b');
  const id = pump.add(a, 4 * PENDING, 1);
  pump.add(b, 4 * (PENDING + 1), 1);
  pump.remove(id);
  addon.eventfdWrite(a);
  addon.eventfdWrite(b);
  await until(() => Atomics.load(words, PENDING + 1) === 1, 'the other source');
  assert.equal(Atomics.load(words, PENDING), 0);
  pump.remove(id);
  pump.close();
  addon.close(a);
  addon.close(b);
});

test('what was signalled before add is delivered', async () => {
  const { words, pump } = openPump();
  const eventfd = addon.eventfdCreate('early');
  addon.eventfdWrite(eventfd);
  pump.add(eventfd, 4 * PENDING, 2);
  await until(() => Atomics.load(words, PENDING) === 2, 'bit');
  pump.close();
  addon.close(eventfd);
});

test('close joins the thread; a closed pump takes no source and may be closed again', () => {
  const before = threadCount();
  const { pump } = openPump();
  assert.equal(threadCount(), before + 1);
  pump.close();
  assert.equal(threadCount(), before);
  assert.throws(() => pump.add(0, 64, 1), /closed/);
  pump.close();
});

test('words outside the memory or not aligned are refused', () => {
  const { bytes } = machineMemory();
  const { pump } = openPump();
  const eventfd = addon.eventfdCreate('a');
  for (const offset of [131072, 131070, 66]) assert.throws(() => pump.add(eventfd, offset, 1), RangeError);
  assert.throws(() => new addon.InterruptPump(bytes, 131072, 4, () => {}), RangeError);
  assert.throws(() => new addon.InterruptPump(bytes, 0, 4, undefined), TypeError);
  assert.throws(() => new addon.InterruptPump(bytes.buffer, 0, 4, () => {}), TypeError);
  pump.close();
  addon.close(eventfd);
});

test('a descriptor that can not be waited for is an error with its operation', () => {
  const { pump } = openPump();
  assert.throws(() => pump.add(1_000_000, 64, 1), { operation: 'epoll_ctl', code: 'EBADF' });
  pump.close();
});

test('the thread takes no signals', () => {
  const { pump } = openPump();
  const tasks = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/status`, 'utf8'),
  );
  const SIGTERM = 1n << 14n;
  const blocking = tasks.filter((status) => BigInt(`0x${/SigBlk:\s*(\S+)/.exec(status)[1]}`) & SIGTERM);
  assert.ok(blocking.length >= 1);
  pump.close();
});

test('a pump that is forgotten is joined by the garbage collector or at exit', async () => {
  const before = threadCount();
  for (let i = 0; i < 4; i++) openPump().pump.unref();
  for (let i = 0; i < 20 && threadCount() > before; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(threadCount(), before);
});

test('a worker that is terminated leaves no thread and no descriptor', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const start = () =>
    new Worker(
      `import('${new URL('addon.mjs', import.meta.url).href}').then(({ addon, machineMemory, fileOfSize }) => {
         const { bytes } = machineMemory();
         const pump = new addon.InterruptPump(bytes, 0, 4, () => {});
         const eventfd = addon.eventfdCreate('of a worker');
         pump.add(eventfd, 64, 1);
         addon.mapRegion(eventfd === 0 ? 0 : fileOfSize(4096), 0, 4096, 3);
         setInterval(() => addon.eventfdWrite(eventfd), 1);
         require('node:worker_threads').parentPort.postMessage('ready');
       });`,
      { eval: true },
    );
  const run = async () => {
    const worker = start();
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
  };
  await run();
  const threads = threadCount();
  const before = descriptors();
  for (let i = 0; i < 5; i++) await run();
  assert.equal(threadCount(), threads);
  // The file behind the mapping was opened by the worker through node:fs; everything of the addon is gone.
  assert.ok(descriptors() <= before + 5, `${before} descriptors before, ${descriptors()} after`);
});

test('an open pump keeps the process alive until it is closed, an unref-ed one does not', () => {
  const run = (after) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { addon, machineMemory } = await import(${JSON.stringify(new URL('addon.mjs', import.meta.url).href)});
         const pump = new addon.InterruptPump(machineMemory().bytes, 0, 4, () => {}); ${after}`,
      ],
      { timeout: 3000 },
    );
  assert.equal(run('globalThis.pump = pump;').signal, 'SIGTERM');
  assert.equal(run('pump.unref();').status, 0);
  assert.equal(run('setTimeout(() => pump.close(), 50);').status, 0);
  assert.equal(run('process.exit(7);').status, 7);
});
