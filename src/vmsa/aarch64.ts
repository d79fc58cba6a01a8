/**
 * The VMSAv8-64 translation table format, stage 1 of EL1&0 (ARM DDI 0487C D4.3): a walk as a pure function of a memory
 * read, for SMMU context banks. Input addresses have 48 bits and a sign, output addresses up to 48.
 */
import { addressIn, type DescriptorTables, walkDescriptors } from './descriptor-walk.ts';
import { FaultKind, Rights, type TableRead, type WalkResult } from './walk.ts';

/** Registers and options that a walk depends on. */
export interface AArch64WalkRegime {
  /** Bits 31:0 and 63:32 of TTBR0 and TTBR1; bits below the table base, and the ASID, are ignored. */
  readonly ttbr0: number;
  readonly ttbr0High: number;
  readonly ttbr1: number;
  readonly ttbr1High: number;
  /** Bits 31:0 of TCR_EL1: T0SZ, EPD0, TG0, T1SZ, EPD1, TG1. */
  readonly tcr: number;
  /** How many bits addresses of tables, and output addresses, may have: 32 to 48. */
  readonly outputBits: number;
  /** SCTLR.EE: descriptors are big-endian. */
  readonly bigEndianTables: boolean;
}

/** Fields of TCR_EL1 (D10.2). */
const EPD0 = 1 << 7;
const EPD1 = 1 << 23;
const TG0_SHIFT = 14;
const T1SZ_SHIFT = 16;
const TG1_SHIFT = 30;
const SIZE_MASK = 0x3f;
/** Other sizes are taken as the nearest of these (D4.2.6). */
const MIN_SIZE = 16;
const MAX_SIZE = 39;
/** log2 of the granule by TG0 and by TG1; reserved values are taken as 4 KiB. */
export const GRANULE_BITS_TG0 = [12, 16, 14, 12] as const;
const GRANULE_BITS_TG1 = [12, 14, 12, 16] as const;

/** Of the high word of a table descriptor: what it takes from everything below it (D4.3.3). */
const AP_TABLE_NO_WRITE = 1 << 30;
const AP_TABLE_NO_USER = 1 << 29;
const UXN_TABLE = 1 << 28;
const PXN_TABLE = 1 << 27;

/** Of a block or page descriptor: the low word (D4.3.3)... */
const AP1_USER = 1 << 6;
const AP2_READ_ONLY = 1 << 7;
const AF = 1 << 10;
const NG = 1 << 11;
/** ...and the high one. */
const UXN = 1 << 22;
const PXN = 1 << 21;

const LAST_LEVEL = 3;
/** The bit that stands for all those above the 48 that tables translate. */
const SIGN = 2 ** 48;

/**
 * Walks the tables for `va`; fills `result`. Checks the access flag, not permissions, because one walk serves several
 * kinds of access. The Contiguous hint is ignored.
 * @param va the input address in 49 bits: bit 48 stands for bits 63:48
 */
export function walkAArch64(
  va: number,
  regime: AArch64WalkRegime,
  read: TableRead,
  result: WalkResult,
): void {
  const { tcr } = regime;
  const upper = va >= SIGN;
  const tables = aarch64TablesOf(regime, upper);
  const { inputBits } = tables;
  // The input address without the bits that are all ones or all zeros.
  const offset = upper ? va - (2 * SIGN - 2 ** inputBits) : va;
  result.domain = 0;
  result.level = 0;
  const disabled = (tcr & (upper ? EPD1 : EPD0)) !== 0;
  if (disabled || offset < 0 || offset >= 2 ** inputBits) {
    result.fault = FaultKind.Translation;
    return;
  }
  walkDescriptors(offset, tables, read, readLeaf, result);
}

/** The tables of the upper region of addresses, or of the lower one. */
export function aarch64TablesOf(regime: AArch64WalkRegime, upper: boolean): DescriptorTables {
  const { tcr, outputBits, bigEndianTables } = regime;
  const inputBits = 64 - sizeOf(upper ? tcr >>> T1SZ_SHIFT : tcr);
  const granuleBits = upper
    ? GRANULE_BITS_TG1[(tcr >>> TG1_SHIFT) & 3]
    : GRANULE_BITS_TG0[(tcr >>> TG0_SHIFT) & 3];
  return {
    table: upper ? addressIn(regime.ttbr1High, regime.ttbr1) : addressIn(regime.ttbr0High, regime.ttbr0),
    inputBits,
    level: LAST_LEVEL + 1 - Math.ceil((inputBits - granuleBits) / (granuleBits - 3)),
    granuleBits,
    outputBits,
    bigEndianTables,
  };
}

function sizeOf(field: number): number {
  return Math.min(Math.max(field & SIZE_MASK, MIN_SIZE), MAX_SIZE);
}

/** D4.4.1: unlike in VMSAv7, XN is of EL0 alone, execution needs no right to read, and EL1 executes nothing that EL0 may write. */
function readLeaf(low: number, high: number, inherited: number, result: WalkResult): void {
  result.attributes = (low >>> 2) & 7;
  result.shareability = (low >>> 8) & 3;
  result.global = (low & NG) === 0;
  const writable = (low & AP2_READ_ONLY) === 0 && (inherited & AP_TABLE_NO_WRITE) === 0;
  const user = (low & AP1_USER) !== 0 && (inherited & AP_TABLE_NO_USER) === 0;
  let rights: number = Rights.PrivilegedRead;
  if (writable) rights |= Rights.PrivilegedWrite;
  if (user) rights |= writable ? Rights.UserRead | Rights.UserWrite : Rights.UserRead;
  if ((high & UXN) === 0 && (inherited & UXN_TABLE) === 0) rights |= Rights.UserExecute;
  const privilegedExecuteNever = (high & PXN) !== 0 || (inherited & PXN_TABLE) !== 0 || (user && writable);
  if (!privilegedExecuteNever) rights |= Rights.PrivilegedExecute;
  result.rights = rights;
  result.fault = (low & AF) === 0 ? FaultKind.AccessFlag : FaultKind.None;
}
