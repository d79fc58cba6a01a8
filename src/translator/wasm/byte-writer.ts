/** Bytes that grow, and WebAssembly's integers (LEB128, WebAssembly 2.0 5.2.2). */
export class ByteWriter {
  private buffer: Uint8Array<ArrayBuffer>;
  private used = 0;

  constructor(room = 256) {
    this.buffer = new Uint8Array(room);
  }

  get length(): number {
    return this.used;
  }

  byte(value: number): void {
    if (this.used === this.buffer.length) this.grow(1);
    this.buffer[this.used++] = value;
  }

  /** An unsigned 32-bit number. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** A signed 32-bit number. */
  signed(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** A signed 64-bit number from its two words. */
  signed64(low: number, high: number): void {
    let lo = low | 0;
    let hi = high | 0;
    for (;;) {
      const bits = lo & 0x7f;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
      const positiveEnd = lo === 0 && hi === 0 && (bits & 0x40) === 0;
      const negativeEnd = lo === -1 && hi === -1 && (bits & 0x40) !== 0;
      if (positiveEnd || negativeEnd) {
        this.byte(bits);
        return;
      }
      this.byte(bits | 0x80);
    }
  }

  word(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
  }

  append(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.buffer.length) this.grow(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** A name of ASCII characters with its length before it. @throws RangeError where one is another */
  name(text: string): void {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) {
      const character = text.charCodeAt(i);
      if (character >= 0x80) throw new RangeError(`the name ${text} has a character that is not ASCII`);
      this.byte(character);
    }
  }

  /** Forgets what was written, and keeps the room for it. */
  clear(): void {
    this.used = 0;
  }

  /** What was written so far; valid until more is. */
  view(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.used);
  }

  private grow(by: number): void {
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, this.used + by));
    bigger.set(this.buffer);
    this.buffer = bigger;
  }
}
