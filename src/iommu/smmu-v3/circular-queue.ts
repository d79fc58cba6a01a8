import { INDEX_MASK, QUEUE_BASE, QUEUE_BITS } from './registers.ts';

/** Where the indexes of a queue stand to each other (IHI 0070 3.5.1). */
export type QueueFill = 'empty' | 'partial' | 'full' | 'inconsistent';

/** A circular queue as its registers describe it: 2^log2Size entries of a fixed size. */
export class CircularQueue {
  /** Physical address of the first entry. */
  private readonly base: number;
  private readonly entrySize: number;
  private readonly entries: number;

  /**
   * @param baseLow and baseHigh SMMU_CMDQ_BASE or SMMU_EVENTQ_BASE
   * @param entrySize in bytes
   */
  constructor(baseLow: number, baseHigh: number, entrySize: number, highAddressMask: number) {
    this.entries = 2 ** Math.min(baseLow & QUEUE_BASE.LOG2SIZE_MASK, QUEUE_BITS);
    this.entrySize = entrySize;
    const address = (baseHigh & highAddressMask) * 2 ** 32 + ((baseLow & QUEUE_BASE.ADDRESS_MASK) >>> 0);
    // The base is aligned to the queue's size, and to 32 bytes (6.3.26).
    this.base = address - (address % Math.max(this.entries * entrySize, 32));
  }

  /** Physical address of the entry at an index. */
  addressOf(index: number): number {
    return this.base + (index % this.entries) * this.entrySize;
  }

  /** The index behind: the bit above toggles with each wrap. */
  next(index: number): number {
    return ((index & INDEX_MASK) + 1) % (2 * this.entries);
  }

  fill(producer: number, consumer: number): QueueFill {
    const size = 2 * this.entries;
    const used = (((producer & INDEX_MASK) % size) - ((consumer & INDEX_MASK) % size) + size) % size;
    if (used === 0) return 'empty';
    if (used === this.entries) return 'full';
    return used < this.entries ? 'partial' : 'inconsistent';
  }
}
