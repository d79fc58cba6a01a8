/**
 * What the walks of AArch64's stage 1 and of both stages 2 have in common: levels of tables with descriptors of 64 bits
 * (ARM DDI 0487C D4.3). The CPUs' long descriptors of 32-bit addresses have a walk of their own (`long-descriptor.ts`), in
 * 32-bit arithmetic, because that is where the time of a CPU's TLB misses goes.
 */
import { FaultKind, swapWord, type TableRead, type WalkResult } from './walk.ts';

/** What the high word of a descriptor or a TTBR has of an address: bits 47:32. */
const HIGH_ADDRESS = 0xffff;
const LAST_LEVEL = 3;

/** Where a walk begins, and what it is bound to. */
export interface DescriptorTables {
  /** Address of the first table. */
  readonly table: number;
  /** Bits of the offset that the tables translate. */
  readonly inputBits: number;
  /** Level of the first table. Its index has all bits of the offset that are left. */
  readonly level: number;
  /** log2 of the granule: 12, 14 or 16. */
  readonly granuleBits: number;
  /** How many bits addresses of tables, and output addresses, may have: 32 to 48. */
  readonly outputBits: number;
  readonly bigEndianTables: boolean;
}

/**
 * Fills the rights and attributes of a leaf into `result`, and whether it is an access flag fault.
 * @param inherited all high words of the tables above it, or-ed
 */
export type LeafReader = (low: number, high: number, inherited: number, result: WalkResult) => void;

/** log2 of what a descriptor of `level` maps or leads to. */
export function levelBits(level: number, granuleBits: number): number {
  return granuleBits + (granuleBits - 3) * (LAST_LEVEL - level);
}

/**
 * Walks from the first table to the leaf of `offset`, which is below 2^inputBits. A loop in the tables ends at the last
 * level, as every walk does.
 */
export function walkDescriptors(
  offset: number,
  tables: DescriptorTables,
  read: TableRead,
  readLeaf: LeafReader,
  result: WalkResult,
): void {
  const { granuleBits, outputBits, bigEndianTables } = tables;
  let { level } = tables;
  let leafBits = levelBits(level, granuleBits);
  // The first table is as large as the rest of the input address needs (D4.2.7).
  let table = alignDown(tables.table, tables.inputBits - leafBits + 3);
  if (table >= 2 ** outputBits) {
    result.fault = FaultKind.AddressSize;
    return;
  }
  let index = Math.floor(offset / 2 ** leafBits);
  let inherited = 0;
  for (;;) {
    result.level = level;
    const at = table + index * 8;
    const first = read(at);
    const second = first === undefined ? undefined : read(at + 4);
    if (first === undefined || second === undefined) {
      result.fault = FaultKind.ExternalOnWalk;
      return;
    }
    const low = bigEndianTables ? swapWord(second) : first;
    const high = bigEndianTables ? swapWord(first) : second;
    const isTable = (low & 2) !== 0;
    if ((low & 1) === 0 || (!isTable && !hasBlocks(level, granuleBits))) {
      result.fault = FaultKind.Translation;
      return;
    }
    const isLeaf = level === LAST_LEVEL || !isTable;
    const address = alignDown(addressIn(high, low), isLeaf ? leafBits : granuleBits);
    if (address >= 2 ** outputBits) {
      result.fault = FaultKind.AddressSize;
      return;
    }
    if (isLeaf) {
      result.leafBits = leafBits;
      result.physical = address + (offset % 2 ** leafBits);
      readLeaf(low, high, inherited, result);
      return;
    }
    inherited |= high;
    table = address;
    level++;
    leafBits -= granuleBits - 3;
    index = Math.floor(offset / 2 ** leafBits) % 2 ** (granuleBits - 3);
  }
}

/** Blocks are at the second level, and with granules of 4 KiB at the first, too (D4.2.6). */
function hasBlocks(level: number, granuleBits: number): boolean {
  return level === 2 || (level === 1 && granuleBits === 12);
}

/** The address in the two words of a descriptor or a TTBR. */
export function addressIn(high: number, low: number): number {
  return (high & HIGH_ADDRESS) * 2 ** 32 + (low >>> 0);
}

function alignDown(address: number, bits: number): number {
  return address - (address % 2 ** bits);
}
