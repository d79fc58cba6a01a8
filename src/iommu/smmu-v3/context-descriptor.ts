import { PHYSICAL_SIZE_BITS } from '../../vmsa/stage2.ts';
import type { Stage1Context } from '../stream-context.ts';
import { OUTPUT_ADDRESS_BITS } from './registers.ts';

/** Bytes of a context descriptor. */
export const CD_SIZE = 64;

/** A context descriptor that is valid. */
export interface ContextDescriptor {
  readonly stage1: Stage1Context;
  /** R: translation faults are recorded (5.5). */
  readonly records: boolean;
}

/** Fields (IHI 0070 5.4) of the first word... */
const W0 = {
  TG0_SHIFT: 6,
  EPD0: 1 << 14,
  ENDI: 1 << 15,
  TG1_SHIFT: 22,
  EPD1: 1 << 30,
  V: 0x8000_0000,
} as const;
const T0SZ_MASK = 0x3f;
const T1SZ_SHIFT = 16;
/** ...and of the second. */
const W1 = {
  IPS_MASK: 7,
  AFFD: 1 << 3,
  WXN: 1 << 4,
  UWXN: 1 << 5,
  PAN: 1 << 8,
  AA64: 1 << 9,
  HD: 1 << 10,
  HA: 1 << 11,
  S: 1 << 12,
  R: 1 << 13,
  A: 1 << 14,
} as const;
/** Reserved values of TG0 and TG1, which count in different orders. */
const TG0_RESERVED = 3;
const TG1_RESERVED = 0;
/** VMSAv8-64: 25 to 48 bits (SMMU_IDR3.STT is 0). */
const MIN_SIZE = 16;
const MAX_SIZE = 39;
/** VMSAv8-32's intermediate physical addresses (3.4). */
const AARCH32_ADDRESS_BITS = 40;
/**
 * Input addresses have 64 bits (3.4.1). Those of bus masters have less, and are never of TTB1's region of VMSAv8-64, which
 * therefore counts as disabled.
 */
const SIGN_BIT = 63;

/** Bits of TCR and TTBCR that are at other places in a context descriptor. */
const TCR = { EPD0: 1 << 7, TG0_SHIFT: 14, EPD1: 1 << 23, TG1_SHIFT: 30 } as const;

/**
 * What a context descriptor says, with the checks of 5.4.2.
 * @param cd its 16 words
 * @param nestedInAArch32 stage 2 has VMSAv8-32's format, in which no stage 1 of VMSAv8-64 can be
 * @returns undefined where it is illegal
 */
export function decodeContextDescriptor(
  cd: Uint32Array,
  nestedInAArch32: boolean,
): ContextDescriptor | undefined {
  const [word0, word1] = cd;
  if ((word0 & W0.V) === 0) return undefined;
  const aarch64 = (word1 & W1.AA64) !== 0;
  // Faults end in an abort (TERM_MODEL) and never stall.
  if ((word1 & W1.A) === 0 || (word1 & W1.S) !== 0) return undefined;
  if (aarch64 && ((word1 & (W1.HA | W1.HD)) !== 0 || nestedInAArch32)) return undefined;
  const outputBits = aarch64
    ? Math.min(PHYSICAL_SIZE_BITS[word1 & W1.IPS_MASK], OUTPUT_ADDRESS_BITS)
    : AARCH32_ADDRESS_BITS;
  if ((word0 & W0.EPD0) === 0) {
    const reserved = ((word0 >>> W0.TG0_SHIFT) & 3) === TG0_RESERVED;
    if (aarch64 && (reserved || !isSize(word0 & T0SZ_MASK))) return undefined;
    if (tableAddress(cd[2], cd[3]) >= 2 ** outputBits) return undefined;
  }
  if ((word0 & W0.EPD1) === 0) {
    const reserved = ((word0 >>> W0.TG1_SHIFT) & 3) === TG1_RESERVED;
    if (aarch64 && (reserved || !isSize((word0 >>> T1SZ_SHIFT) & T0SZ_MASK))) return undefined;
    if (tableAddress(cd[4], cd[5]) >= 2 ** outputBits) return undefined;
  }
  return { stage1: stage1Of(cd, aarch64, outputBits), records: (word1 & W1.R) !== 0 };
}

function stage1Of(cd: Uint32Array, aarch64: boolean, outputBits: number): Stage1Context {
  const [word0, word1] = cd;
  const tables = {
    ttbr0: cd[2],
    ttbr0High: cd[3],
    ttbr1: cd[4],
    ttbr1High: cd[5],
    bigEndianTables: (word0 & W0.ENDI) !== 0,
  };
  const tcr = tcrOf(word0) | (aarch64 ? TCR.EPD1 : 0);
  return {
    regime: aarch64
      ? { format: 'aarch64', ...tables, tcr, outputBits, signBit: SIGN_BIT }
      : { format: 'long', ...tables, ttbcr: tcr, hasAddressSizeFault: true },
    ignoresAccessFlag: (word1 & W1.AFFD) !== 0,
    writeExecuteNever: (word1 & W1.WXN) !== 0,
    // In VMSAv8-64 the field is ignored.
    userWriteExecuteNever: !aarch64 && (word1 & W1.UWXN) !== 0,
    privilegedAccessNever: (word1 & W1.PAN) !== 0,
  };
}

/** T0SZ and T1SZ, EPD0 and EPD1, TG0 and TG1 at the places that they have in TCR. */
function tcrOf(word0: number): number {
  return (
    (word0 & (T0SZ_MASK | (T0SZ_MASK << T1SZ_SHIFT))) |
    ((word0 & W0.EPD0) !== 0 ? TCR.EPD0 : 0) |
    ((word0 & W0.EPD1) !== 0 ? TCR.EPD1 : 0) |
    (((word0 >>> W0.TG0_SHIFT) & 3) << TCR.TG0_SHIFT) |
    (((word0 >>> W0.TG1_SHIFT) & 3) << TCR.TG1_SHIFT)
  );
}

function isSize(size: number): boolean {
  return size >= MIN_SIZE && size <= MAX_SIZE;
}

/** TTB0 and TTB1: bits 51:4. */
function tableAddress(low: number, high: number): number {
  return (high & 0xf_ffff) * 2 ** 32 + ((low & -16) >>> 0);
}
