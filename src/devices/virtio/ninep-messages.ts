/** Message types of 9P2000.L that a client sends; the answer is one higher (Linux' Documentation/filesystems/9p, diod's protocol.md). */
export const Message = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;

/** The answer that an operation failed, with Linux' error number. */
export const RLERROR = 7;
/** Size, type and tag. */
export const HEADER_BYTES = 7;

/** A message of a client is shorter than it says. */
export class ShortMessage extends Error {}

/** Takes the fields of a message one after the other; numbers are little-endian. */
export class MessageReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = HEADER_BYTES;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  text(): string {
    return new TextDecoder().decode(this.data(this.u16()));
  }

  data(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  private take(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length) throw new ShortMessage();
    this.at += length;
    return at;
  }
}

/** Puts the fields of an answer one after the other into as many bytes as it may have. */
export class MessageWriter {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = HEADER_BYTES;

  constructor(limit: number) {
    this.bytes = new Uint8Array(limit);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Bytes that there is room for. */
  get room(): number {
    return this.bytes.length - this.at;
  }

  u8(value: number): this {
    this.view.setUint8(this.take(1), value);
    return this;
  }

  u16(value: number): this {
    this.view.setUint16(this.take(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.view.setUint32(this.take(4), value, true);
    return this;
  }

  u64(value: bigint): this {
    this.view.setBigUint64(this.take(8), BigInt.asUintN(64, value), true);
    return this;
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.u16(bytes.length);
    this.bytes.set(bytes, this.take(bytes.length));
    return this;
  }

  /** Room for bytes that the caller fills in. */
  data(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Gives back the last bytes. */
  shorten(length: number): void {
    this.at -= length;
  }

  /** The whole message. */
  finish(type: number, tag: number): Uint8Array {
    this.view.setUint32(0, this.at, true);
    this.view.setUint8(4, type);
    this.view.setUint16(5, tag, true);
    return this.bytes.subarray(0, this.at);
  }

  private take(length: number): number {
    const { at } = this;
    if (length > this.room) throw new ShortMessage();
    this.at += length;
    return at;
  }
}
