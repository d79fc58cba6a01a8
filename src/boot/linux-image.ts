import { ImageError } from '../errors.ts';

/** A Linux kernel for 32-bit Arm in a form that starts with R0 = 0, R1 = machine, R2 = device tree (Booting ARM Linux). */
export interface LinuxImage {
  readonly kind: 'linux';
  readonly name: string;
  /** What goes into RAM. */
  readonly bytes: Uint8Array;
  /** Where it must go; undefined: it runs anywhere in the first 128 MiB of RAM. */
  readonly loadAddress: number | undefined;
  /** Its first instruction, in bytes from its start. */
  readonly entryOffset: number;
  /** Bytes from the start of RAM that its decompressor uses; 0 where the image does not tell. */
  readonly workingSize: number;
}

/** Words of a zImage's header by byte offset (arch/arm/boot/compressed, documented for boot loaders). */
const ZImage = {
  magic: 0x24,
  start: 0x28,
  end: 0x2c,
  byteOrder: 0x30,
  tableMagic: 0x34,
  table: 0x38,
  headerBytes: 0x3c,
} as const;
const ZIMAGE_MAGIC = 0x016f2818;
const TABLE_MAGIC = 0x45454545;
const BIG_ENDIAN_KERNEL = 0x01020304;
/** Tag of the entry that tells the size of the decompressed kernel. */
const TAG_KERNEL_SIZE = 0x5a534c4b;
const TAGS_AT_MOST = 64;
/** The kernel lies this far behind a multiple of 128 MiB where the header does not tell. */
const TEXT_OFFSET = 0x8000;
/** Stack, alignment and relocated page tables of the decompressor. */
const DECOMPRESSOR_SLACK = 0x2_0000;

/** Whether the file has a zImage's magic number. */
export function isZImage(file: Uint8Array): boolean {
  return file.length >= ZImage.magic + 4 && viewOf(file).getUint32(ZImage.magic, true) === ZIMAGE_MAGIC;
}

/**
 * Reads a Linux zImage: a kernel with its decompressor, Debian's `vmlinuz` for armhf. What follows the image in the file
 * (an appended device tree) is loaded with it.
 * @throws ImageError when it is cut short, or for a big-endian CPU
 */
export function readZImage(file: Uint8Array, name: string): LinuxImage {
  const view = viewOf(file);
  if (file.length < ZImage.headerBytes) throw truncated(name, ZImage.headerBytes, file.length);
  if (view.getUint32(ZImage.byteOrder, true) === BIG_ENDIAN_KERNEL) {
    throw new ImageError(
      `${name} is a Linux zImage for a big-endian Arm system`,
      'give a kernel that was built for little-endian Arm',
    );
  }
  const imageBytes = view.getUint32(ZImage.end, true) - view.getUint32(ZImage.start, true);
  if (imageBytes < ZImage.headerBytes) {
    throw new ImageError(`${name}: its zImage header gives a size of ${imageBytes} bytes`, COPY_REMEDY);
  }
  if (imageBytes > file.length) throw truncated(name, imageBytes, file.length);
  const workingSize = decompressedEnd(view, file.length);
  return { kind: 'linux', name, bytes: file, loadAddress: undefined, entryOffset: 0, workingSize };
}

const COPY_REMEDY = 'copy or build it again';

function truncated(name: string, needed: number, length: number): ImageError {
  return new ImageError(
    `${name} is truncated: the Linux zImage has ${needed} bytes, the file has ${length}`,
    COPY_REMEDY,
  );
}

/** The decompressor moves itself behind the kernel that it makes, so both must fit side by side. */
function decompressedEnd(view: DataView, length: number): number {
  if (view.getUint32(ZImage.tableMagic, true) !== TABLE_MAGIC) return 0;
  let at = view.getUint32(ZImage.table, true);
  for (let tag = 0; tag < TAGS_AT_MOST && at + 24 <= length; tag++) {
    const words = view.getUint32(at, true);
    if (words === 0) return 0;
    if (words >= 2 && view.getUint32(at + 4, true) === TAG_KERNEL_SIZE) {
      const sizeAt = view.getUint32(at + 8, true);
      if (sizeAt + 4 > length) return 0;
      const kernelBytes = view.getUint32(sizeAt, true);
      const bssBytes = view.getUint32(at + 12, true);
      const textOffset = words > 4 ? view.getUint32(at + 16, true) : TEXT_OFFSET;
      const mallocBytes = words > 5 ? view.getUint32(at + 20, true) : 0;
      return textOffset + kernelBytes + Math.max(bssBytes, length + mallocBytes + DECOMPRESSOR_SLACK);
    }
    at += words * 4;
  }
  return 0;
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}
