/** One program header of a test executable. */
export interface TestSegment {
  readonly physicalAddress: number;
  readonly virtualAddress?: number;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
  readonly type?: number;
}

/** Header fields that a test wants wrong. */
export interface TestElfOptions {
  readonly entry?: number;
  readonly machine?: number;
  readonly type?: number;
  readonly elfClass?: number;
  readonly data?: number;
}

/** A little-endian ELF32 executable made from its segments. */
export function buildElf(segments: readonly TestSegment[], options: TestElfOptions = {}): Uint8Array {
  const headers = 52 + segments.length * 32;
  const file = new Uint8Array(headers + segments.reduce((sum, s) => sum + s.bytes.length, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, options.elfClass ?? 1, options.data ?? 1, 1]);
  const little = (options.data ?? 1) === 1;
  view.setUint16(16, options.type ?? 2, little);
  view.setUint16(18, options.machine ?? 40, little);
  view.setUint32(20, 1, little);
  view.setUint32(24, options.entry ?? segments[0]?.physicalAddress ?? 0, little);
  view.setUint32(28, 52, little);
  view.setUint16(42, 32, little);
  view.setUint16(44, segments.length, little);
  let offset = headers;
  segments.forEach((segment, i) => {
    const at = 52 + i * 32;
    view.setUint32(at, segment.type ?? 1, little);
    view.setUint32(at + 4, offset, little);
    view.setUint32(at + 8, segment.virtualAddress ?? segment.physicalAddress, little);
    view.setUint32(at + 12, segment.physicalAddress, little);
    view.setUint32(at + 16, segment.bytes.length, little);
    view.setUint32(at + 20, segment.memorySize ?? segment.bytes.length, little);
    file.set(segment.bytes, offset);
    offset += segment.bytes.length;
  });
  return file;
}
