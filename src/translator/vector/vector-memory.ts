/** Views of the words that vector functions work on; all start at the same byte. */
export class VectorMemory {
  readonly words: Int32Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly doubles: Float64Array;

  constructor(words: Int32Array) {
    const { buffer, byteOffset, length } = words;
    this.words = words;
    this.i8 = new Int8Array(buffer, byteOffset, 4 * length);
    this.u8 = new Uint8Array(buffer, byteOffset, 4 * length);
    this.i16 = new Int16Array(buffer, byteOffset, 2 * length);
    this.u16 = new Uint16Array(buffer, byteOffset, 2 * length);
    this.u32 = new Uint32Array(buffer, byteOffset, length);
    this.doubles = new Float64Array(buffer, byteOffset, length >>> 1);
  }

  /** Puts `n` elements from word `at` on into `lanes` as numbers. */
  unpack(lanes: Float64Array, at: number, bits: number, signed: boolean, n: number): void {
    if (bits === 32) {
      const from = signed ? this.words : this.u32;
      for (let i = 0; i < n; i++) lanes[i] = from[at + i];
    } else if (bits === 16) {
      const from = signed ? this.i16 : this.u16;
      for (let i = 0; i < n; i++) lanes[i] = from[2 * at + i];
    } else {
      const from = signed ? this.i8 : this.u8;
      for (let i = 0; i < n; i++) lanes[i] = from[4 * at + i];
    }
  }

  /** Puts the low bits of `n` integers into elements from word `at` on. A 64-bit element must be exact as a number. */
  pack(lanes: Float64Array, at: number, bits: number, n: number): void {
    if (bits === 32) {
      const { words } = this;
      for (let i = 0; i < n; i++) words[at + i] = lanes[i];
    } else if (bits === 16) {
      const { i16 } = this;
      for (let i = 0; i < n; i++) i16[2 * at + i] = lanes[i];
    } else if (bits === 8) {
      const { i8 } = this;
      for (let i = 0; i < n; i++) i8[4 * at + i] = lanes[i];
    } else {
      const { words } = this;
      for (let i = 0; i < n; i++) {
        words[at + 2 * i] = lanes[i];
        words[at + 2 * i + 1] = Math.floor(lanes[i] / 0x100000000);
      }
    }
  }

  /** The same for functions with 64-bit elements among their operands. */
  unpackWide(lanes: bigint[], at: number, bits: number, signed: boolean, n: number): void {
    const { words, u32 } = this;
    if (bits === 64) {
      for (let i = 0; i < n; i++) {
        const high = signed ? words[at + 2 * i + 1] : u32[at + 2 * i + 1];
        lanes[i] = (BigInt(high) << 32n) | BigInt(u32[at + 2 * i]);
      }
    } else {
      const from = signed ? words : u32;
      for (let i = 0; i < n; i++) lanes[i] = BigInt(from[at + i]);
    }
  }

  packWide(lanes: readonly bigint[], at: number, bits: number, n: number): void {
    const { words } = this;
    for (let i = 0; i < n; i++) {
      const to = at + (i * bits) / 32;
      words[to] = Number(BigInt.asIntN(32, lanes[i]));
      if (bits === 64) words[to + 1] = Number(BigInt.asIntN(32, lanes[i] >> 32n));
    }
  }
}
