import type { AccessSize } from '../ports/mmio.ts';
import { EXTENDED_SIZE } from './registers.ts';

/**
 * The bytes of one function's configuration space and what software may do to each bit: read-only, read-write,
 * or write-one-to-clear. Multi-byte registers are little-endian (PCI 3.0 6.1). What a register does is not known here.
 */
export class ConfigRegisters {
  /** Current contents; this is what a saved machine keeps. */
  readonly bytes = new Uint8Array(EXTENDED_SIZE);
  private readonly initial = new Uint8Array(EXTENDED_SIZE);
  private readonly writable = new Uint8Array(EXTENDED_SIZE);
  private readonly oneClears = new Uint8Array(EXTENDED_SIZE);
  private readonly owned = new Uint8Array(EXTENDED_SIZE);

  /**
   * Defines a register of the bus's own.
   * @param value contents after reset
   * @param writable bits that software can write
   * @param oneClears bits that software clears by writing 1 (and can't set)
   */
  define(offset: number, size: AccessSize, value: number, writable = 0, oneClears = 0): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      this.initial[at] = value >>> (8 * i);
      this.writable[at] = writable >>> (8 * i);
      this.oneClears[at] = oneClears >>> (8 * i);
      this.bytes[at] = this.initial[at];
      this.owned[at] = 1;
    }
  }

  /** Gives read-only contents to bytes that the endpoint may answer itself. */
  defineForeign(offset: number, contents: Uint8Array): void {
    this.initial.set(contents, offset);
    this.bytes.set(contents, offset);
  }

  /** True when the bus defined the byte: the endpoint is not asked about it. */
  isOwned(offset: number): boolean {
    return this.owned[offset] === 1;
  }

  read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.bytes[offset + i];
    return value >>> 0;
  }

  /** A write by software: each bit does what `define` said. */
  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  /** Sets and clears bits as the hardware does, read-only ones too. */
  update(offset: number, size: AccessSize, clear: number, set: number): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      this.bytes[at] = (this.bytes[at] & ~(clear >>> (8 * i))) | (set >>> (8 * i));
    }
  }

  /** Every register back to its contents after reset. */
  reset(): void {
    this.bytes.set(this.initial);
  }

  private writeByte(at: number, value: number): void {
    const mask = this.writable[at];
    const kept = this.bytes[at] & ~(value & this.oneClears[at]);
    this.bytes[at] = (kept & ~mask) | (value & mask);
  }
}

/** One write by software, after the registers took it: for registers that act on being written. */
export class ConfigWrite {
  readonly offset: number;
  readonly size: AccessSize;
  readonly value: number;

  constructor(offset: number, size: AccessSize, value: number) {
    this.offset = offset;
    this.size = size;
    this.value = value;
  }

  /** True when the write covers any of `length` bytes from `offset`. */
  touches(offset: number, length: number): boolean {
    return offset < this.offset + this.size && this.offset < offset + length;
  }

  /** The byte written at `offset`, or undefined when the write did not reach it. */
  byteAt(offset: number): number | undefined {
    return this.touches(offset, 1) ? (this.value >>> (8 * (offset - this.offset))) & 0xff : undefined;
  }
}
