import { DiskError, type DiskFile } from '../disk-file.ts';

/** "QFI" and 0xfb, the first bytes of an image (QEMU's docs/interop/qcow2). */
export const QCOW2_MAGIC: readonly number[] = [0x51, 0x46, 0x49, 0xfb];

/** Where the fields that this writes lie; numbers are big-endian. */
export const HeaderField = { refcountTable: 48, refcountTableClusters: 56, autoclear: 88 } as const;

const VERSION_2_BYTES = 72;
const VERSION_3_BYTES = 104;
/** QEMU's limits for tables that are kept in memory whole. */
const MAX_L1_BYTES = 32 * 2 ** 20;
export const MAX_REFCOUNT_TABLE_BYTES = 8 * 2 ** 20;
const MAX_BACKING_NAME = 1023;

const Incompatible = { dirty: 1, corrupt: 2, externalData: 4, compression: 8, extendedL2: 16 } as const;
const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe279_2aca;

/** What an image says of itself. */
export interface Qcow2Header {
  readonly version: number;
  readonly clusterBits: number;
  /** Size of the disk in bytes. */
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** Bits of a refcount: 1 << this. */
  readonly refcountOrder: number;
  /** Features that a writer which does not know them has to clear. */
  readonly hasAutoclear: boolean;
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined;
}

/** An image that breaks the format's rules. */
export function damaged(path: string, what: string): DiskError {
  return new DiskError(
    `the disk '${path}' is a damaged qcow2 image: ${what}`,
    `look at it with: qemu-img check '${path}'`,
  );
}

/** @throws DiskError for an image that is damaged, or uses what is not supported */
export async function readHeader(file: DiskFile): Promise<Qcow2Header> {
  const { path } = file;
  const bytes = new Uint8Array(VERSION_3_BYTES);
  await file.read(0, bytes);
  if (!QCOW2_MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new DiskError(`the disk '${path}' is no qcow2 image`, 'give format=raw if it is a raw one');
  }
  const view = new DataView(bytes.buffer);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) throw unsupported(path, `version ${version} of the format`);
  if (file.size < VERSION_2_BYTES) throw damaged(path, 'it is cut short');
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw damaged(path, `clusters of 2^${clusterBits} bytes`);
  if (view.getUint32(32) !== 0) throw unsupported(path, 'encryption');
  if (view.getUint32(60) !== 0) throw unsupported(path, 'internal snapshots');
  const incompatible = version === 3 ? view.getUint32(76) : 0;
  if (version === 3) checkFeatures(file, view.getUint32(72), incompatible);
  const clusterSize = 2 ** clusterBits;
  const header: Qcow2Header = {
    version,
    clusterBits,
    size: wide(view, 24),
    l1Entries: view.getUint32(36),
    l1Offset: wide(view, 40),
    refcountTableOffset: wide(view, 48),
    refcountTableClusters: view.getUint32(56),
    refcountOrder: version === 3 ? view.getUint32(96) : 4,
    hasAutoclear: version === 3 && (view.getUint32(88) !== 0 || view.getUint32(92) !== 0),
    backing: await readBacking(file, view, version, clusterSize),
  };
  checkTables(path, header, clusterSize);
  return header;
}

function checkFeatures(file: DiskFile, high: number, low: number): void {
  const { path } = file;
  if ((low & Incompatible.externalData) !== 0) throw unsupported(path, 'an external data file');
  if ((low & Incompatible.extendedL2) !== 0) throw unsupported(path, 'subclusters (extended_l2)');
  if ((low & Incompatible.compression) !== 0) throw unsupported(path, 'another compression than zlib');
  if (high !== 0 || low > 31) throw unsupported(path, 'features that came after this program');
  if (file.writable && (low & (Incompatible.dirty | Incompatible.corrupt)) !== 0) {
    throw new DiskError(
      `the disk '${path}' was not closed properly, or is damaged: it must not be written to`,
      `mend it with: qemu-img check -r all '${path}'`,
    );
  }
}

function checkTables(path: string, header: Qcow2Header, clusterSize: number): void {
  const { size, l1Entries, l1Offset, refcountTableOffset, refcountTableClusters, refcountOrder } = header;
  const bytesPerL1Entry = clusterSize * (clusterSize / 8);
  if (!Number.isSafeInteger(size) || l1Entries * 8 > MAX_L1_BYTES)
    throw unsupported(path, 'a disk of this size');
  if (l1Entries * bytesPerL1Entry < size) throw damaged(path, 'its L1 table is smaller than its disk');
  if (!isTable(l1Offset, clusterSize) || !isTable(refcountTableOffset, clusterSize)) {
    throw damaged(path, 'a table that is not at a cluster');
  }
  if (refcountTableClusters === 0 || refcountTableClusters * clusterSize > MAX_REFCOUNT_TABLE_BYTES) {
    throw damaged(path, `a refcount table of ${refcountTableClusters} clusters`);
  }
  if (refcountOrder > 6) throw damaged(path, `refcounts of 2^${refcountOrder} bits`);
}

function isTable(offset: number, clusterSize: number): boolean {
  return Number.isSafeInteger(offset) && offset > 0 && offset % clusterSize === 0;
}

async function readBacking(
  file: DiskFile,
  view: DataView,
  version: number,
  clusterSize: number,
): Promise<Qcow2Header['backing']> {
  const offset = wide(view, 8);
  const length = view.getUint32(16);
  if (offset === 0 || length === 0) return undefined;
  if (length > MAX_BACKING_NAME || offset + length > clusterSize) {
    throw damaged(file.path, 'the name of its backing file is not in its first cluster');
  }
  const headerBytes = version === 3 ? view.getUint32(100) : VERSION_2_BYTES;
  const cluster = new Uint8Array(clusterSize);
  await file.read(0, cluster);
  const text = (from: number, count: number) =>
    new TextDecoder().decode(cluster.subarray(from, from + count));
  return { name: text(offset, length), format: backingFormat(cluster, headerBytes, offset, text) };
}

/** Header extensions follow the header, up to the backing file's name. */
function backingFormat(
  cluster: Uint8Array,
  start: number,
  end: number,
  text: (from: number, count: number) => string,
): string | undefined {
  const view = new DataView(cluster.buffer);
  for (let at = start; at + 8 <= end; ) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === EXTENSION_END || at + 8 + length > end) return undefined;
    if (type === EXTENSION_BACKING_FORMAT) return text(at + 8, length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

function unsupported(path: string, what: string): DiskError {
  return new DiskError(
    `the disk '${path}' is a qcow2 image with ${what}, which is not supported`,
    `convert it: qemu-img convert -O qcow2 '${path}' NEW`,
  );
}

function wide(view: DataView, offset: number): number {
  return view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
}
