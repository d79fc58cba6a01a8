import { SnapshotError } from '../errors.ts';
import type { PlainValue } from '../ports/saveable.ts';
import { checksum } from './checksum.ts';
import { decodePlain, encodePlain } from './plain-codec.ts';
import { RamReader, RamWriter } from './ram-codec.ts';

/**
 * The format: a header (magic, version, checksum of all that follows it, length of the file, lengths of the next two
 * parts; 4 bytes each, little-endian, the file's length 8), the machine's shape and its state as plain values, RAM.
 */
const MAGIC = [0x89, 0x41, 0x52, 0x4d, 0x53, 0x0d, 0x0a, 0x1a] as const;
const VERSION = 2;
const Header = {
  version: 8,
  checksum: 12,
  fileLength: 16,
  shapeLength: 24,
  stateLength: 28,
  size: 32,
} as const;
/** RAM is compressed and put back in pieces of this many segments (MiB): between them others have a turn. */
const SEGMENTS_IN_A_ROW = 16;

const TAKE_ANOTHER = 'save the machine again, or use another snapshot';

/** What a snapshot is made of. */
export interface SnapshotContents {
  /** What a machine must be like to take the state. */
  readonly shape: PlainValue;
  readonly state: PlainValue;
  readonly ram: Uint8Array;
}

/** Called between pieces of work with the share of it that is done, from 0 to 1. */
export type Progress = (done: number) => void | Promise<void>;

/** Makes a snapshot; RAM must not change meanwhile. */
export async function writeSnapshot(contents: SnapshotContents, progress: Progress): Promise<Uint8Array> {
  const shape = encodePlain(contents.shape);
  const state = encodePlain(contents.state);
  const writer = new RamWriter(contents.ram);
  const segments = contents.ram.length / 2 ** 20;
  for (let n = 0; writer.next(); n++) {
    if (n % SEGMENTS_IN_A_ROW === 0) await progress(Math.min(n / segments, 1));
  }
  const parts = [shape, state, ...writer.parts];
  const length = parts.reduce<number>((sum, part) => sum + part.length, Header.size);
  const file = new Uint8Array(length);
  let at: number = Header.size;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  const view = new DataView(file.buffer);
  file.set(MAGIC);
  view.setUint32(Header.version, VERSION, true);
  view.setBigUint64(Header.fileLength, BigInt(length), true);
  view.setUint32(Header.shapeLength, shape.length, true);
  view.setUint32(Header.stateLength, state.length, true);
  view.setUint32(Header.checksum, checksum(file.subarray(Header.fileLength)), true);
  await progress(1);
  return file;
}

/** A snapshot whose header, length and checksum were found to be right. */
export class SnapshotReader {
  readonly shape: PlainValue;
  private readonly file: Uint8Array;
  private readonly view: DataView;

  /** @throws SnapshotError for bytes that are no snapshot, are one of another format, are cut short or damaged */
  constructor(file: Uint8Array) {
    // What Node reads from a file is a Buffer, whose `slice` makes no copy.
    this.file = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
    this.view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    if (file.length < Header.size || MAGIC.some((byte, i) => file[i] !== byte)) {
      throw new SnapshotError('this is no snapshot of armemu', "name a file that 'armemu run --save' wrote");
    }
    const version = this.view.getUint32(Header.version, true);
    if (version !== VERSION) {
      throw new SnapshotError(
        `the snapshot has format ${version}, this armemu reads format ${VERSION}`,
        'restore it with the version of armemu that wrote it',
      );
    }
    const length = Number(this.view.getBigUint64(Header.fileLength, true));
    if (length !== file.length) {
      const problem = file.length < length ? 'cut short' : 'damaged';
      throw new SnapshotError(
        `the snapshot is ${problem}: it has ${file.length} bytes, of ${length} that were written`,
        TAKE_ANOTHER,
      );
    }
    if (checksum(file.subarray(Header.fileLength)) !== this.view.getUint32(Header.checksum, true)) {
      throw new SnapshotError('the snapshot is damaged: its checksum does not match', TAKE_ANOTHER);
    }
    if (Header.size + this.shapeLength + this.stateLength > length) throw damagedSnapshot();
    this.shape = this.decode(Header.size, this.shapeLength);
  }

  /** @throws SnapshotError when it is damaged in spite of its checksum */
  readState(): PlainValue {
    return this.decode(Header.size + this.shapeLength, this.stateLength);
  }

  /**
   * Puts RAM back.
   * @param ram all zero, of the size that was saved
   * @throws SnapshotError as `readState`
   */
  async readRam(ram: Uint8Array, progress: Progress): Promise<void> {
    const saved = this.file.subarray(Header.size + this.shapeLength + this.stateLength);
    const segments = ram.length / 2 ** 20;
    try {
      const reader = new RamReader(saved, ram);
      for (let n = 0; reader.next(); n++) {
        if (n % SEGMENTS_IN_A_ROW === 0) await progress(Math.min(n / segments, 1));
      }
    } catch (error) {
      throw error instanceof RangeError ? damagedSnapshot(error) : error;
    }
    await progress(1);
  }

  private get shapeLength(): number {
    return this.view.getUint32(Header.shapeLength, true);
  }

  private get stateLength(): number {
    return this.view.getUint32(Header.stateLength, true);
  }

  private decode(from: number, length: number): PlainValue {
    try {
      return decodePlain(this.file.subarray(from, from + length));
    } catch (error) {
      throw damagedSnapshot(error);
    }
  }
}

/** @param cause what was found inside */
export function damagedSnapshot(cause?: unknown): SnapshotError {
  const found = cause instanceof Error ? `: ${cause.message}` : '';
  return new SnapshotError(`the snapshot is damaged${found}`, TAKE_ANOTHER, { cause });
}
