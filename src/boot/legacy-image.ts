import { ImageError } from '../errors.ts';
import { crc32 } from './crc32.ts';
import { isZImage, type LinuxImage, readZImage } from './linux-image.ts';

/** Fields of U-Boot's legacy image header by byte offset, big-endian (U-Boot, include/image.h). */
const Header = {
  magic: 0,
  headerCrc: 4,
  size: 12,
  load: 16,
  entry: 20,
  dataCrc: 24,
  os: 28,
  architecture: 29,
  type: 30,
  compression: 31,
  bytes: 64,
} as const;
const LEGACY_MAGIC = 0x27051956;
const OS_LINUX = 5;
const ARCHITECTURE_ARM = 2;
const TYPE_KERNEL = 2;
/** A kernel that runs where it happens to be; its entry point counts from its start. */
const TYPE_KERNEL_NOLOAD = 14;

const TYPES: Readonly<Record<number, string>> = {
  1: 'a standalone program',
  3: 'a RAM disk',
  4: 'a multi-file image',
  5: 'a firmware image',
  6: 'a script',
  7: 'a file system image',
  8: 'a device tree',
};
const ARCHITECTURES: Readonly<Record<number, string>> = {
  3: 'x86 (i386)',
  5: 'MIPS',
  7: 'PowerPC',
  22: 'AArch64',
  24: 'x86-64',
  26: 'RISC-V',
};
const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: 'gzip',
  2: 'bzip2',
  3: 'lzma',
  4: 'lzo',
  5: 'lz4',
  6: 'zstd',
};

const MAKE_REMEDY =
  "make it again: 'mkimage -A arm -O linux -T kernel -C none -a 0x40008000 -e 0x40008000 -d zImage uImage'";

/** Whether the file has the magic number of U-Boot's legacy images. */
export function isLegacyImage(file: Uint8Array): boolean {
  return file.length >= 4 && viewOf(file).getUint32(Header.magic) === LEGACY_MAGIC;
}

/**
 * Reads a uImage: U-Boot's legacy image of an uncompressed Linux kernel for Arm (a zImage, as a rule), made by `mkimage`.
 * @throws ImageError when it is something else, cut short, or damaged
 */
export function readLegacyImage(file: Uint8Array, name: string): LinuxImage {
  if (file.length < Header.bytes) throw truncated(name, Header.bytes, file.length);
  const view = viewOf(file);
  const size = view.getUint32(Header.size);
  checkHeader(file, view, name);
  if (Header.bytes + size > file.length) throw truncated(name, Header.bytes + size, file.length);
  const bytes = file.subarray(Header.bytes, Header.bytes + size);
  if (crc32(bytes) !== view.getUint32(Header.dataCrc)) {
    throw new ImageError(`${name} is damaged: the checksum of its data is wrong`, 'copy or make it again');
  }
  const workingSize = isZImage(bytes) ? readZImage(bytes, name).workingSize : 0;
  const load = view.getUint32(Header.load);
  const entry = view.getUint32(Header.entry);
  const anywhere = file[Header.type] === TYPE_KERNEL_NOLOAD;
  const entryOffset = anywhere ? entry : entry - load;
  if (entryOffset < 0 || entryOffset >= size) {
    throw new ImageError(`${name}: its entry point is outside its ${size} bytes`, MAKE_REMEDY);
  }
  return { kind: 'linux', name, bytes, loadAddress: anywhere ? undefined : load, entryOffset, workingSize };
}

function checkHeader(file: Uint8Array, view: DataView, name: string): void {
  const header = file.slice(0, Header.bytes);
  header.fill(0, Header.headerCrc, Header.headerCrc + 4);
  if (crc32(header) !== view.getUint32(Header.headerCrc)) {
    throw new ImageError(
      `${name} is damaged: the checksum of its U-Boot header is wrong`,
      'copy or make it again',
    );
  }
  const architecture = file[Header.architecture];
  if (architecture !== ARCHITECTURE_ARM) {
    const known = ARCHITECTURES[architecture] ?? `architecture number ${architecture}`;
    throw new ImageError(`${name} is a U-Boot image for ${known}, not for 32-bit Arm`, MAKE_REMEDY);
  }
  const type = file[Header.type];
  if (type !== TYPE_KERNEL && type !== TYPE_KERNEL_NOLOAD) {
    throw new ImageError(
      `${name} is ${TYPES[type] ?? `of type ${type}`} in a U-Boot image, not a kernel`,
      MAKE_REMEDY,
    );
  }
  if (file[Header.os] !== OS_LINUX) {
    throw new ImageError(
      `${name} is a U-Boot image for operating system number ${file[Header.os]}, not for Linux`,
      MAKE_REMEDY,
    );
  }
  const compression = file[Header.compression];
  if (compression !== 0) {
    const known = COMPRESSIONS[compression] ?? `method ${compression}`;
    throw new ImageError(`${name} is a U-Boot image compressed with ${known}`, MAKE_REMEDY);
  }
}

function truncated(name: string, needed: number, length: number): ImageError {
  return new ImageError(
    `${name} is truncated: the U-Boot image has ${needed} bytes, the file has ${length}`,
    'copy or make it again',
  );
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}
