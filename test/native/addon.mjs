import { ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The addon that is under test. */
export const addon = createRequire(import.meta.url)(
  process.env.ARMEMU_VFIO_ADDON ?? new URL('../../native/build/armemu_vfio.node', import.meta.url).pathname,
);

export const READ_WRITE = 3;

/** A file of this size that stands for a BAR. @returns its descriptor */
export function fileOfSize(size) {
  const directory = mkdtempSync(join(tmpdir(), 'armemu-native-'));
  const descriptor = openSync(join(directory, 'bar'), 'w+');
  rmSync(directory, { recursive: true });
  ftruncateSync(descriptor, size);
  return descriptor;
}

/** A machine's memory with its words: event word at 0, sleeping word at 4, pending words from 64. */
export function machineMemory() {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  return { bytes: new Uint8Array(memory.buffer), words: new Int32Array(memory.buffer) };
}

/** Yields to the event loop until the condition holds. */
export async function until(condition, what) {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`time-out: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
