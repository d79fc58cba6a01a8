/**
 * Stage 2 of translation: intermediate physical addresses to physical ones, in VMSAv8-64's format (ARM DDI 0487C D4.3) and in
 * VMSAv8-32's long format (G5.5), which are the same but for sizes. A walk as a pure function of a memory read.
 */
import { GRANULE_BITS_TG0 } from './aarch64.ts';
import { type DescriptorTables, levelBits, walkDescriptors } from './descriptor-walk.ts';
import { FaultKind, Rights, type TableRead, type WalkResult } from './walk.ts';

/** What a walk of stage 2 depends on. */
export interface Stage2WalkRegime extends DescriptorTables {
  /** The level that a fault before the first table is reported for: 0 in AArch64, 1 in AArch32. */
  readonly faultLevel: 0 | 1;
}

/** Fields of VTCR and VTCR_EL2 (D10.2, G6.2): T0SZ is signed in AArch32, with four bits and a sign. */
const T0SZ_MASK = 0x3f;
const SL0_SHIFT = 6;
const TG0_SHIFT = 14;
const PS_SHIFT = 16;
/** Bits of an output address by PS; reserved values are taken as 48. */
export const PHYSICAL_SIZE_BITS = [32, 36, 40, 42, 44, 48, 48, 48] as const;
const GRANULE_4K = 12;
/** 16 tables may stand side by side at the first level (D4.2.8). */
const CONCATENATION_BITS = 4;
/** AArch32's intermediate physical addresses (G5.5). */
const AARCH32_ADDRESS_BITS = 40;

/** Of a leaf: the low word (D4.3.3)... */
const S2AP_READ = 1 << 6;
const S2AP_WRITE = 1 << 7;
const AF = 1 << 10;
/** ...and the high one. */
const XN = 1 << 22;

/**
 * What VTCR and VTTBR say.
 * @param table the address in VTTBR
 * @param addressBits of physical addresses of the implementation
 * @returns undefined where the fields contradict each other or the implementation: every walk is a translation fault
 */
export function stage2RegimeOf(
  vtcr: number,
  table: number,
  { aarch64, addressBits, bigEndianTables }: Stage2Options,
): Stage2WalkRegime | undefined {
  const sl0 = (vtcr >>> SL0_SHIFT) & 3;
  if (!aarch64) {
    // T0SZ is a number of four bits with its sign in bit 4, the fifth.
    const inputBits = 32 - (((vtcr & 0xf) << 28) >> 28);
    if (sl0 > 1) return undefined;
    const tables = { table, inputBits, level: 2 - sl0, granuleBits: GRANULE_4K, bigEndianTables };
    return valid({ ...tables, outputBits: Math.min(AARCH32_ADDRESS_BITS, addressBits), faultLevel: 1 });
  }
  const granuleBits = GRANULE_BITS_TG0[(vtcr >>> TG0_SHIFT) & 3];
  const inputBits = 64 - (vtcr & T0SZ_MASK);
  const level = (granuleBits === GRANULE_4K ? 2 : 3) - sl0;
  if (sl0 === 3 || inputBits > addressBits || inputBits < 25 || level < lowestLevel(granuleBits, addressBits))
    return undefined;
  const outputBits = Math.min(PHYSICAL_SIZE_BITS[(vtcr >>> PS_SHIFT) & 7], addressBits);
  return valid({ table, inputBits, level, granuleBits, bigEndianTables, outputBits, faultLevel: 0 });
}

/** What VTCR does not say. */
export interface Stage2Options {
  readonly aarch64: boolean;
  /** Bits of physical addresses of the implementation: 32 to 48. */
  readonly addressBits: number;
  readonly bigEndianTables: boolean;
}

/** The first level that a walk may begin at; it depends on how large addresses can be (D4.2.8). */
function lowestLevel(granuleBits: number, addressBits: number): number {
  if (granuleBits === GRANULE_4K) return addressBits > 42 ? 0 : 1;
  return addressBits > (granuleBits === 14 ? 40 : 42) ? 1 : 2;
}

/** The first level has at least two descriptors and at most 16 tables. */
function valid(regime: Stage2WalkRegime): Stage2WalkRegime | undefined {
  const indexBits = regime.inputBits - levelBits(regime.level, regime.granuleBits);
  const most = regime.granuleBits - 3 + CONCATENATION_BITS;
  return indexBits >= 1 && indexBits <= most ? regime : undefined;
}

/**
 * Walks the tables for `ipa`; fills `result`. Checks the access flag, not permissions; `attributes` are MemAttr[3:0], `rights` the
 * same for all privileges.
 */
export function walkStage2(ipa: number, regime: Stage2WalkRegime, read: TableRead, result: WalkResult): void {
  result.domain = 0;
  result.level = regime.faultLevel;
  if (ipa >= 2 ** regime.inputBits) result.fault = FaultKind.Translation;
  else walkDescriptors(ipa, regime, read, readLeaf, result);
}

/** D4.4.1: tables take nothing from what is below them. */
function readLeaf(low: number, high: number, _inherited: number, result: WalkResult): void {
  result.attributes = (low >>> 2) & 15;
  result.shareability = (low >>> 8) & 3;
  result.global = true;
  let rights: number = Rights.None;
  if ((low & S2AP_READ) !== 0) rights |= Rights.PrivilegedRead | Rights.UserRead;
  if ((low & S2AP_WRITE) !== 0) rights |= Rights.PrivilegedWrite | Rights.UserWrite;
  // Execution needs the right to read.
  if ((high & XN) === 0 && (low & S2AP_READ) !== 0) rights |= Rights.PrivilegedExecute | Rights.UserExecute;
  result.rights = rights;
  result.fault = (low & AF) === 0 ? FaultKind.AccessFlag : FaultKind.None;
}
