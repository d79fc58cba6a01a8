/**
 * The Long-descriptor translation table format, stage 1 of PL1&0 (ARM DDI 0406C B3.6): a walk as a pure function of a
 * memory read, shared by the CPU's MMU and by SMMU context banks.
 */
import { RIGHTS_BY_AP21 } from './short-descriptor.ts';
import { FaultKind, swapWord, type TableRead, type WalkResult, withExecute } from './walk.ts';

/** Registers and options that a walk depends on. */
export interface LongWalkRegime {
  /** Bits 31:0 and 39:32 of TTBR0 and TTBR1; bits below the table base are ignored. */
  readonly ttbr0: number;
  readonly ttbr0High: number;
  readonly ttbr1: number;
  readonly ttbr1High: number;
  /** TTBCR: T0SZ, EPD0, T1SZ, EPD1. */
  readonly ttbcr: number;
  /** SCTLR.EE: descriptors are big-endian. */
  readonly bigEndianTables: boolean;
  /** Addresses with any of bits 47:40 are faults (SMMUv2, IHI 0062 table 3-3); absent: the bits are ignored (VMSAv7). */
  readonly hasAddressSizeFault?: boolean;
}

/** Fields of TTBCR in this format (B4.1.153). */
const T0SZ_MASK = 7;
const EPD0 = 1 << 7;
const T1SZ_SHIFT = 16;
const EPD1 = 1 << 23;

/** Of the high word of a table descriptor: what it takes from everything below it (B3.6.1). */
const AP_TABLE_NO_WRITE = 1 << 30;
const AP_TABLE_NO_USER = 1 << 29;
const XN_TABLE = 1 << 28;
const PXN_TABLE = 1 << 27;

/** Of a block or page descriptor: the low word (B3.6.2)... */
const AP1_USER = 1 << 6;
const AP2_READ_ONLY = 1 << 7;
const AF = 1 << 10;
const NG = 1 << 11;
/** ...and the high one. */
const XN = 1 << 22;
const PXN = 1 << 21;

/** Output addresses have 40 bits: what the high word of a descriptor has of one. */
const HIGH_ADDRESS = 0xff;
/** Bits 47:40, for which an address in a descriptor or a TTBR has room. */
const ADDRESS_BEYOND = 0xff00;

/** Which register translates `va` (Table B3-12): 0, 1, or -1 for the addresses between the two regions. */
export function longTableOf(va: number, ttbcr: number): 0 | 1 | -1 {
  const t0 = ttbcr & T0SZ_MASK;
  const t1 = (ttbcr >>> T1SZ_SHIFT) & 7;
  const belowFirst = t0 === 0 || va >>> (32 - t0) === 0;
  if (t1 === 0) return belowFirst ? 0 : 1;
  if (~va >>> (32 - t1) === 0) return 1;
  return belowFirst ? 0 : -1;
}

/**
 * Walks the tables for `va`; fills `result`. Checks the access flag, not permissions, because one walk serves several
 * kinds of access. The Contiguous hint is ignored.
 */
export function walkLong(va: number, regime: LongWalkRegime, read: TableRead, result: WalkResult): void {
  const { ttbcr } = regime;
  result.domain = 0;
  result.level = 1;
  const register = longTableOf(va, ttbcr);
  if (register < 0 || (ttbcr & (register === 0 ? EPD0 : EPD1)) !== 0) {
    result.fault = FaultKind.Translation;
    return;
  }
  const size = register === 0 ? ttbcr & T0SZ_MASK : (ttbcr >>> T1SZ_SHIFT) & 7;
  // B3.6.6: an input of at most 30 bits starts at the second level.
  let level = size < 2 ? 1 : 2;
  let table = register === 0 ? regime.ttbr0 : regime.ttbr1;
  let tableHigh = register === 0 ? regime.ttbr0High : regime.ttbr1High;
  table &= -1 << (size < 2 ? 5 - size : 14 - size);
  const beyond = regime.hasAddressSizeFault === true ? ADDRESS_BEYOND : 0;
  if ((tableHigh & beyond) !== 0) {
    result.fault = FaultKind.AddressSize;
    return;
  }
  // The input address without the bits that are all ones or all zeros.
  let index = ((va << size) >>> size) >>> (39 - 9 * level);
  let inherited = 0;
  for (;;) {
    result.level = level;
    const at = (tableHigh & HIGH_ADDRESS) * 2 ** 32 + (table >>> 0) + index * 8;
    const first = read(at);
    const second = first === undefined ? undefined : read(at + 4);
    if (first === undefined || second === undefined) {
      result.fault = FaultKind.ExternalOnWalk;
      return;
    }
    const low = regime.bigEndianTables ? swapWord(second) : first;
    const high = regime.bigEndianTables ? swapWord(first) : second;
    // Invalid, or a block where there are none.
    if ((low & 1) === 0 || (level === 3 && (low & 2) === 0)) {
      result.fault = FaultKind.Translation;
      return;
    }
    if ((high & beyond) !== 0) {
      result.fault = FaultKind.AddressSize;
      return;
    }
    if (level === 3 || (low & 2) === 0) {
      finish(va, low, high, level, inherited, result);
      return;
    }
    inherited |= high;
    table = low & -4096;
    tableHigh = high;
    level++;
    index = (va >>> (39 - 9 * level)) & 511;
  }
}

function finish(
  va: number,
  low: number,
  high: number,
  level: number,
  inherited: number,
  result: WalkResult,
): void {
  const leafBits = 39 - 9 * level;
  const offset = (1 << leafBits) - 1;
  result.leafBits = leafBits;
  result.physical = (high & HIGH_ADDRESS) * 2 ** 32 + (((low & ~offset & -4096) | (va & offset)) >>> 0);
  result.attributes = (low >>> 2) & 7;
  result.shareability = (low >>> 8) & 3;
  result.global = (low & NG) === 0;
  const readOnly = (low & AP2_READ_ONLY) !== 0 || (inherited & AP_TABLE_NO_WRITE) !== 0;
  const user = (low & AP1_USER) !== 0 && (inherited & AP_TABLE_NO_USER) === 0;
  result.rights = withExecute(
    RIGHTS_BY_AP21[(readOnly ? 2 : 0) | (user ? 1 : 0)],
    (high & XN) !== 0 || (inherited & XN_TABLE) !== 0,
    (high & PXN) !== 0 || (inherited & PXN_TABLE) !== 0,
  );
  result.fault = (low & AF) === 0 ? FaultKind.AccessFlag : FaultKind.None;
}
