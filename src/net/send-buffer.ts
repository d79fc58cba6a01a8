/** Bytes on their way to the guest, until it has acknowledged them: a ring that grows to what it has to hold. */
export class SendBuffer {
  private ring = new Uint8Array(0);
  private start = 0;
  length = 0;

  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.ring.length) this.grow(this.length + bytes.length);
    const at = (this.start + this.length) % this.ring.length;
    const first = Math.min(bytes.length, this.ring.length - at);
    this.ring.set(bytes.subarray(0, first), at);
    this.ring.set(bytes.subarray(first), 0);
    this.length += bytes.length;
  }

  /** Copies `length` bytes from `offset` on, which the buffer holds, to `into`. */
  copy(offset: number, length: number, into: Uint8Array, at: number): void {
    const from = (this.start + offset) % this.ring.length;
    const first = Math.min(length, this.ring.length - from);
    into.set(this.ring.subarray(from, from + first), at);
    into.set(this.ring.subarray(0, length - first), at + first);
  }

  drop(count: number): void {
    this.length -= count;
    this.start = this.length === 0 ? 0 : (this.start + count) % this.ring.length;
  }

  private grow(needed: number): void {
    let size = Math.max(16 * 1024, this.ring.length * 2);
    while (size < needed) size *= 2;
    const ring = new Uint8Array(size);
    if (this.length > 0) this.copy(0, this.length, ring, 0);
    this.ring = ring;
    this.start = 0;
  }
}
