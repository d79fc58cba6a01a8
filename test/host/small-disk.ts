import type * as fs from 'node:fs';

/** The disk of all files that are written by `writeSync`. */
export const smallDisk = {
  /** Bytes that can still be written. */
  room: Number.POSITIVE_INFINITY,
};

/**
 * For `vi.mock('node:fs')`: the same functions on a disk that gets full, on any host.
 * @param real the module itself
 */
export function onSmallDisk(real: typeof fs): typeof fs {
  // The only form of it that src/ uses.
  const writeSync = (file: number, bytes: NodeJS.ArrayBufferView, offset: number): number => {
    const length = Math.min(bytes.byteLength - offset, smallDisk.room);
    if (length === 0) throw Object.assign(new Error('ENOSPC: no space left, write'), { code: 'ENOSPC' });
    smallDisk.room -= length;
    return real.writeSync(file, bytes, offset, length);
  };
  return { ...real, writeSync: writeSync as typeof real.writeSync };
}
