import type { AccessSize, Requester } from '../ports/mmio.ts';

/** What answers accesses to a decoded range of a BAR; `offset` counts from the start of the BAR. */
export interface BarTarget {
  readBar(bar: number, offset: number, size: AccessSize, requester: Requester): number;
  writeBar(bar: number, offset: number, size: AccessSize, value: number, requester: Requester): void;
  readBar64(bar: number, offset: number, requester: Requester): bigint;
  writeBar64(bar: number, offset: number, value: bigint, requester: Requester): void;
}

/** A read that nothing claims ends in a master abort: all ones (PCI 3.0 6.1, 3.2.2.3.4). */
export function allOnes(size: AccessSize): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

/** All ones for a read of 8 bytes. */
export const ALL_ONES_64 = 0xffff_ffff_ffff_ffffn;
