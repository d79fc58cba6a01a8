import { Worker } from 'node:worker_threads';
import { INTERRUPT_STATUS } from '../guests/interrupt.mjs';

/**
 * Signals the eventfd of a device's MSI from another thread, again and again.
 * @param {number} eventfd
 * @param {{ onRead?: (offset: number) => void }} hooks gets a listener for the guest's accesses
 * @returns {() => Promise<number>} the next latency in milliseconds
 */
export function signaller(eventfd, hooks, count) {
  const shared = new SharedArrayBuffer(16);
  const time = new BigInt64Array(shared, 0, 1);
  const numbers = new Int32Array(shared, 8, 2);
  let answered = () => {};
  hooks.onRead = (offset) => {
    const signal = Atomics.load(numbers, 0);
    if (offset !== INTERRUPT_STATUS || signal === Atomics.load(numbers, 1)) return;
    const latency = Number(process.hrtime.bigint() - Atomics.load(time, 0)) / 1e6;
    answered({ latency, signal });
  };
  const worker = new Worker(new URL('./signaller-thread.mjs', import.meta.url), {
    workerData: { eventfd, shared, count },
  });
  let failure;
  worker.once('error', (error) => {
    failure = error;
  });
  const next = () =>
    new Promise((resolve, reject) => {
      if (failure) reject(failure);
      answered = ({ latency, signal }) => {
        resolve(latency);
        // Allows the next signal, when whoever waits for it is there again.
        setImmediate(() => {
          Atomics.store(numbers, 1, signal);
          Atomics.notify(numbers, 1);
        });
      };
    });
  return { next, stop: () => worker.terminate() };
}
