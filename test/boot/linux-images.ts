import { crc32 } from '../../src/boot/crc32.ts';

/** Fields of a zImage that a test wants otherwise. */
export interface ZImageShape {
  readonly bytes?: number;
  /** Size that the header gives; the bytes' own by default. */
  readonly claimed?: number;
  readonly byteOrder?: number;
  /** The decompressed kernel's size, told by the header's table; none by default. */
  readonly kernelBytes?: number;
}

/** A zImage as far as a loader looks at it. */
export function buildZImage({
  bytes = 0x1000,
  claimed = bytes,
  byteOrder = 0x04030201,
  kernelBytes,
}: ZImageShape = {}): Uint8Array {
  const file = new Uint8Array(bytes).fill(0xa5);
  const view = new DataView(file.buffer);
  view.setUint32(0x24, 0x016f2818, true);
  view.setUint32(0x28, 0, true);
  view.setUint32(0x2c, claimed, true);
  view.setUint32(0x30, byteOrder, true);
  if (kernelBytes === undefined) return file;
  const [table, sizeAt] = [0x100, 0x200];
  view.setUint32(0x34, 0x45454545, true);
  view.setUint32(0x38, table, true);
  // An entry of another kind comes first, as kernels may have.
  const words = [3, 0x12345678, 0, 6, 0x5a534c4b, sizeAt, 0x1000, 0x8000, 0x1_0000, 0];
  for (const [i, word] of words.entries()) view.setUint32(table + 4 * i, word, true);
  view.setUint32(sizeAt, kernelBytes, true);
  return file;
}

/** Header fields of a uImage that a test wants otherwise. */
export interface UImageShape {
  readonly load?: number;
  readonly entry?: number;
  readonly os?: number;
  readonly architecture?: number;
  readonly type?: number;
  readonly compression?: number;
}

/** U-Boot's legacy image around `data`, as `mkimage` makes it. */
export function buildUImage(data: Uint8Array, shape: UImageShape = {}): Uint8Array {
  const load = shape.load ?? 0x4000_8000;
  const file = new Uint8Array(64 + data.length);
  file.set(data, 64);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x27051956);
  view.setUint32(12, data.length);
  view.setUint32(16, load);
  view.setUint32(20, shape.entry ?? load);
  view.setUint32(24, crc32(data));
  file.set([shape.os ?? 5, shape.architecture ?? 2, shape.type ?? 2, shape.compression ?? 0], 28);
  view.setUint32(4, crc32(file.subarray(0, 64)));
  return file;
}
