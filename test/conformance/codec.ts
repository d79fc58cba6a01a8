import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Poke } from './arena.ts';
import { hashName } from './random.ts';
import {
  expandVector,
  type Outcome,
  type Override,
  type Recipe,
  undefinedAt,
  type Vector,
} from './vector.ts';

/** A vector with what QEMU made of it. */
export interface RecordedVector {
  readonly vector: Vector;
  readonly outcome: Outcome;
}

/** All vectors of one decode row (or of one group of MMU and exception cases). */
export interface RecordedGroup {
  readonly name: string;
  readonly vectors: readonly RecordedVector[];
}

export interface VectorFile {
  readonly seed: number;
  /** Whether the seed gives the state of floating point and Advanced SIMD too (see Recipe). */
  readonly extensions: boolean;
  readonly groups: readonly RecordedGroup[];
}

const MAGIC = 0x43564d41; // "AMVC"
/** Versions of files without and with the state of the extensions. */
const VERSION = 1;
const VERSION_EXTENSIONS = 2;

class Writer {
  private bytes = new Uint8Array(1 << 20);
  private length = 0;

  byte(value: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.bytes.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = value;
  }
  varint(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }
  half(value: number): void {
    this.byte(value & 0xff);
    this.byte((value >>> 8) & 0xff);
  }
  word(value: number): void {
    this.half(value & 0xffff);
    this.half(value >>> 16);
  }
  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.varint(encoded.length);
    for (const byte of encoded) this.byte(byte);
  }
  take(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  byte(): number {
    if (this.at >= this.bytes.length) throw new Error('vector file ends too early: record it again');
    return this.bytes[this.at++]!;
  }
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
  half(): number {
    return this.byte() | (this.byte() << 8);
  }
  word(): number {
    return (this.half() | (this.half() << 16)) >>> 0;
  }
  text(): string {
    const bytes = new Uint8Array(this.varint()).map(() => this.byte());
    return new TextDecoder().decode(bytes);
  }
}

function writePairs(out: Writer, items: readonly { readonly key: number; readonly value: number }[]): void {
  out.varint(items.length);
  let previous = 0;
  for (const { key, value } of items) {
    out.varint((key - previous) >>> 0);
    out.word(value);
    previous = key;
  }
}

function readPairs<T>(input: Reader, make: (key: number, value: number) => T): T[] {
  const items: T[] = [];
  let key = 0;
  for (let left = input.varint(); left > 0; left--) {
    key = (key + input.varint()) >>> 0;
    items.push(make(key, input.word()));
  }
  return items;
}

const asOverride = (word: number, value: number): Override => ({ word, value });
const asPoke = (address: number, value: number): Poke => ({ address, value });

function writeVector(out: Writer, { vector, outcome }: RecordedVector): void {
  const { recipe } = vector;
  out.varint((recipe.code.length << 1) | (recipe.thumb ? 1 : 0));
  for (const unit of recipe.code) recipe.thumb ? out.half(unit) : out.word(unit);
  writePairs(
    out,
    recipe.overrides.map(({ word, value }) => ({ key: word, value })),
  );
  writePairs(
    out,
    recipe.pokes.map(({ address, value }) => ({ key: address, value })),
  );
  const expected = undefinedAt(vector);
  const changes: { key: number; value: number }[] = [];
  outcome.state.forEach((value, key) => {
    if (value !== expected[key]) changes.push({ key, value });
  });
  writePairs(out, changes);
  writePairs(
    out,
    outcome.memory.map(({ address, value }) => ({ key: address, value })),
  );
}

function readVector(
  input: Reader,
  { seed, extensions }: Pick<VectorFile, 'seed' | 'extensions'>,
  stream: number,
  index: number,
): RecordedVector {
  const header = input.varint();
  const thumb = (header & 1) !== 0;
  const code: number[] = [];
  for (let left = header >>> 1; left > 0; left--) code.push(thumb ? input.half() : input.word());
  const overrides = readPairs(input, asOverride);
  const pokes = readPairs(input, asPoke);
  const recipe: Recipe = { code, thumb, overrides, pokes, extensions };
  const vector = expandVector(seed, stream, index, recipe);
  const state = undefinedAt(vector);
  for (const { word, value } of readPairs(input, asOverride)) state[word] = value;
  return { vector, outcome: { state, memory: readPairs(input, asPoke) } };
}

/** Vectors as they are committed. Overrides and pokes must come in ascending order, which `expandVector` also keeps. */
export function encodeVectors(file: VectorFile): Uint8Array {
  const out = new Writer();
  out.word(MAGIC);
  out.word(file.extensions ? VERSION_EXTENSIONS : VERSION);
  out.word(file.seed);
  out.varint(file.groups.length);
  for (const group of file.groups) {
    out.text(group.name);
    out.varint(group.vectors.length);
    for (const recorded of group.vectors) {
      out.varint(recorded.vector.index);
      writeVector(out, recorded);
    }
  }
  return brotliCompressSync(out.take(), {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 10,
      [constants.BROTLI_PARAM_LGWIN]: 24,
    },
  });
}

/** The reverse of `encodeVectors`; throws an Error for a file of another version. */
export function decodeVectors(compressed: Uint8Array): VectorFile {
  const input = new Reader(brotliDecompressSync(compressed));
  const magic = input.word();
  const version = input.word();
  const extensions = version === VERSION_EXTENSIONS;
  if (magic !== MAGIC || (version !== VERSION && !extensions)) {
    throw new Error('not a vector file of this version: run `npm run conformance:record`');
  }
  const seed = input.word();
  const groups: RecordedGroup[] = [];
  for (let left = input.varint(); left > 0; left--) {
    const name = input.text();
    const stream = hashName(name);
    const vectors: RecordedVector[] = [];
    for (let count = input.varint(); count > 0; count--) {
      const index = input.varint();
      vectors.push(readVector(input, { seed, extensions }, stream, index));
    }
    groups.push({ name, vectors });
  }
  return { seed, extensions, groups };
}
