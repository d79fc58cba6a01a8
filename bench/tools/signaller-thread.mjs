/**
 * A thread that signals an eventfd at irregular times, notes when, and waits until the guest has answered.
 * workerData: { eventfd, shared, count }; shared: a BigInt64Array [0] time of the signal in ns; an Int32Array from byte 8,
 * [0] number of the signal that is out, [1] number of the last one answered.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { eventfd, shared, count } = workerData;
const time = new BigInt64Array(shared, 0, 1);
const numbers = new Int32Array(shared, 8, 2);
const one = new BigUint64Array([1n]);
const pause = new Int32Array(new SharedArrayBuffer(4));

for (let signal = 1; signal <= count; signal++) {
  // Not in step with the event loop's turns of the machine.
  Atomics.wait(pause, 0, 0, 1 + Math.random() * 6);
  Atomics.store(numbers, 0, signal);
  Atomics.store(time, 0, process.hrtime.bigint());
  writeSync(eventfd, one);
  while (Atomics.load(numbers, 1) !== signal) Atomics.wait(numbers, 1, signal - 1, 1000);
}
