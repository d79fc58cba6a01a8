import type { DmaPort } from '../../ports/dma.ts';

/** Told when a chain's memory is not there. */
export interface ChainOwner {
  readonly dma: DmaPort;
  fail(reason: string): void;
}

/** Pieces of guest memory that follow each other in one transfer. */
class Segments {
  readonly addresses: number[] = [];
  readonly lengths: number[] = [];
  bytes = 0;

  add(address: number, length: number): void {
    this.addresses.push(address);
    this.lengths.push(length);
    this.bytes += length;
  }

  /** Calls `move` for each piece of `length` bytes from `offset` on, until one fails. */
  each(
    offset: number,
    length: number,
    move: (address: number, from: number, to: number) => boolean,
  ): boolean {
    let skip = offset;
    let done = 0;
    for (let i = 0; i < this.lengths.length && done < length; i++) {
      const here = this.lengths[i] - skip;
      if (here <= 0) {
        skip = -here;
        continue;
      }
      const count = Math.min(here, length - done);
      if (!move(this.addresses[i] + skip, done, done + count)) return false;
      skip = 0;
      done += count;
    }
    return true;
  }
}

/**
 * The buffers of one request: first those that the device reads, then those that it writes (Virtio 1.1 2.6.4.2), each as one
 * run of bytes wherever its pieces lie. Memory is reached only by `read` and `write`, so a descriptor's length
 * costs nothing by itself.
 */
export class DescriptorChain {
  /** Index of its first descriptor: what the used ring names it by. */
  readonly head: number;
  /** Which life of the queue it belongs to. */
  readonly epoch: number;
  private readonly owner: ChainOwner;
  private readonly readable = new Segments();
  private readonly writable = new Segments();

  constructor(head: number, epoch: number, owner: ChainOwner) {
    this.head = head;
    this.epoch = epoch;
    this.owner = owner;
  }

  /** Bytes that the device may read. */
  get readableBytes(): number {
    return this.readable.bytes;
  }

  /** Bytes that the device may write. */
  get writableBytes(): number {
    return this.writable.bytes;
  }

  /** Pieces of both kinds. */
  get segments(): number {
    return this.readable.lengths.length + this.writable.lengths.length;
  }

  addReadable(address: number, length: number): void {
    this.readable.add(address, length);
  }

  addWritable(address: number, length: number): void {
    this.writable.add(address, length);
  }

  /**
   * Copies `into.length` bytes from `offset` of the readable part.
   * @returns false when there are fewer (nothing is copied), or memory is not there (the device then needs a reset).
   */
  read(offset: number, into: Uint8Array): boolean {
    if (offset + into.length > this.readable.bytes) return false;
    const { dma } = this.owner;
    return (
      this.readable.each(offset, into.length, (at, from, to) => dma.read(at, into.subarray(from, to))) ||
      this.unreachable('read')
    );
  }

  /**
   * Copies `from` to `offset` of the writable part.
   * @returns false when it does not fit (nothing is copied), or memory is not there (the device then needs a reset).
   */
  write(offset: number, from: Uint8Array): boolean {
    if (offset + from.length > this.writable.bytes) return false;
    const { dma } = this.owner;
    return (
      this.writable.each(offset, from.length, (at, start, end) => dma.write(at, from.subarray(start, end))) ||
      this.unreachable('write')
    );
  }

  private unreachable(what: string): false {
    this.owner.fail(`a descriptor's buffer is not in memory (${what})`);
    return false;
  }
}
