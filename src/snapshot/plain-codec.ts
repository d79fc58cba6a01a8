import type { PlainValue } from '../ports/saveable.ts';

/** What a byte at the start of a value says about the rest. Numbers are little-endian. */
const Tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** 4 bytes, signed. */
  int32: 4,
  /** 8 bytes, IEEE double. */
  double: 5,
  /** Sign byte, length, magnitude as hexadecimal digits. */
  bigint: 6,
  /** Length, UTF-8. */
  string: 7,
  /** Length in bytes, contents; `TYPED` gives the type. */
  typed: 8,
  /** Count, values. */
  list: 16,
  /** Count, pairs of a string without its tag and a value. */
  object: 17,
} as const;

const TYPED = [Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array] as const;
/** A state is a few levels deep; a file that claims more shall not use up the stack. */
const MAX_DEPTH = 64;
const MAX_BIGINT_DIGITS = 1024;

/** Makes bytes of a plain value. */
export function encodePlain(value: PlainValue): Uint8Array {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.finish();
}

/**
 * Reads back what `encodePlain` made. Every length is checked against the bytes that are there before anything is made
 * of it.
 * @throws RangeError when the bytes are not exactly one value
 */
export function decodePlain(bytes: Uint8Array): PlainValue {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Writer {
  private bytes = new Uint8Array(4096);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  value(value: PlainValue, depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError('a state is nested too deep to be saved');
    switch (typeof value) {
      case 'undefined':
        this.byte(Tag.undefined);
        return;
      case 'boolean':
        this.byte(value ? Tag.true : Tag.false);
        return;
      case 'number':
        this.number(value);
        return;
      case 'bigint':
        this.byte(Tag.bigint);
        this.byte(value < 0n ? 1 : 0);
        this.text((value < 0n ? -value : value).toString(16));
        return;
      case 'string':
        this.byte(Tag.string);
        this.text(value);
        return;
      default:
        this.composite(value, depth);
    }
  }

  private composite(value: PlainValue & (object | null), depth: number): void {
    if (value === null) {
      this.byte(Tag.null);
      return;
    }
    const type = TYPED.findIndex((type) => value instanceof type);
    if (type >= 0) {
      const { buffer, byteOffset, byteLength } = value as Uint8Array;
      this.byte(Tag.typed + type);
      this.raw(new Uint8Array(buffer, byteOffset, byteLength));
    } else if (Array.isArray(value)) {
      this.byte(Tag.list);
      this.word(value.length);
      for (const part of value as readonly PlainValue[]) this.value(part, depth + 1);
    } else {
      const entries = Object.entries(value as Record<string, PlainValue>);
      this.byte(Tag.object);
      this.word(entries.length);
      for (const [name, part] of entries) {
        this.text(name);
        this.value(part, depth + 1);
      }
    }
  }

  private number(value: number): void {
    if (Object.is(value, value | 0)) {
      this.byte(Tag.int32);
      this.word(value);
    } else {
      this.byte(Tag.double);
      this.room(8);
      this.view.setFloat64(this.length, value, true);
      this.length += 8;
    }
  }

  private text(text: string): void {
    this.raw(new TextEncoder().encode(text));
  }

  private raw(bytes: Uint8Array): void {
    this.word(bytes.length);
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private byte(value: number): void {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  private word(value: number): void {
    this.room(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    if (this.at !== this.bytes.length) throw damaged();
  }

  value(depth: number): PlainValue {
    if (depth > MAX_DEPTH) throw damaged();
    const tag = this.byte();
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.false:
        return false;
      case Tag.true:
        return true;
      case Tag.int32:
        return this.word() | 0;
      case Tag.double:
        this.need(8);
        this.at += 8;
        return this.view.getFloat64(this.at - 8, true);
      case Tag.bigint:
        return this.bigint();
      case Tag.string:
        return this.text();
      case Tag.list:
        return this.list(depth);
      case Tag.object:
        return this.object(depth);
      default:
        return this.typed(tag);
    }
  }

  private list(depth: number): PlainValue {
    const list: PlainValue[] = [];
    for (let left = this.count(); left > 0; left--) list.push(this.value(depth + 1));
    return list;
  }

  private object(depth: number): PlainValue {
    const entries: [string, PlainValue][] = [];
    for (let left = this.count(); left > 0; left--) entries.push([this.text(), this.value(depth + 1)]);
    if (new Set(entries.map(([name]) => name)).size !== entries.length) throw damaged();
    // Properties are defined, not set: a name such as __proto__ is a name like any other.
    return Object.fromEntries(entries);
  }

  private typed(tag: number): PlainValue {
    const type = TYPED[tag - Tag.typed];
    if (type === undefined) throw damaged();
    const raw = this.raw();
    if (raw.length % type.BYTES_PER_ELEMENT !== 0) throw damaged();
    return new type(raw.slice().buffer);
  }

  private bigint(): bigint {
    const negative = this.byte() === 1;
    const digits = this.text();
    if (digits.length > MAX_BIGINT_DIGITS || !/^[0-9a-f]+$/.test(digits)) throw damaged();
    const magnitude = BigInt(`0x${digits}`);
    return negative ? -magnitude : magnitude;
  }

  private text(): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.raw());
    } catch (cause) {
      throw cause instanceof RangeError ? cause : damaged();
    }
  }

  private raw(): Uint8Array {
    const length = this.word();
    this.need(length);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Each of the values that follow takes a byte at least. */
  private count(): number {
    const count = this.word();
    this.need(count);
    return count;
  }

  private byte(): number {
    this.need(1);
    return this.bytes[this.at++];
  }

  private word(): number {
    this.need(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  private need(bytes: number): void {
    if (bytes > this.bytes.length - this.at) throw damaged();
  }
}

function damaged(): RangeError {
  return new RangeError('the saved state is damaged');
}
