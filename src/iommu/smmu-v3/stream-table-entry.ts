import type { Stage1Regime } from '../../vmsa/regime.ts';
import { stage2RegimeOf } from '../../vmsa/stage2.ts';
import { FaultKind } from '../../vmsa/walk.ts';
import type { Stage2Context } from '../stream-context.ts';
import { OUTPUT_ADDRESS_BITS } from './registers.ts';
import { addressOf } from './stream-table.ts';

/** What a stream table entry selects (IHI 0070 5.2). */
export type StreamConfiguration =
  /** STE.Config 0b0xx: accesses are terminated, and nobody is told. */
  | { readonly kind: 'abort' }
  | { readonly kind: 'bypass' }
  /** V is 0, or fields contradict each other or what this SMMU has. */
  | { readonly kind: 'illegal' }
  | TranslatingEntry;

/** An entry that switches on one stage or both. */
export interface TranslatingEntry {
  readonly kind: 'stages';
  /** Address of the context descriptor, which stage 2 translates if there is one; undefined: stage 1 lets all through. */
  readonly contextDescriptor: number | undefined;
  readonly stage2?: Stage2Context;
  /** S2AA64: stage 2 in VMSAv8-64's format. */
  readonly stage2IsAArch64: boolean;
  /** S2R: faults of stage 2 are recorded. */
  readonly recordsStage2: boolean;
  /** Of words 3 and up, what takes an attribute's place. */
  readonly privcfg: number;
  readonly instcfg: number;
}

/** Fields by the word that they are in. */
const V = 1 << 0;
const CONFIG_SHIFT = 1;
const W2 = { S1STALLD: 1 << 27 } as const;
const W3 = { PRIVCFG_SHIFT: 16, INSTCFG_SHIFT: 18 } as const;
/** The upper half of the third doubleword has VTCR's fields at VTCR's places. */
const W5 = {
  S2TG_SHIFT: 14,
  S2AA64: 1 << 19,
  S2ENDI: 1 << 20,
  S2AFFD: 1 << 21,
  S2PTW: 1 << 22,
  S2HD: 1 << 23,
  S2HA: 1 << 24,
  S2S: 1 << 25,
  S2R: 1 << 26,
} as const;
/** STE.Config: bit 2 lets traffic pass, bits 1 and 0 switch on stage 2 and stage 1. */
const CONFIG_PASS = 4;
const CONFIG_STAGE_2 = 2;
const CONFIG_STAGE_1 = 1;
const RESERVED_GRANULE = 3;

const ILLEGAL = { kind: 'illegal' } as const;

/** Stage 1 where it is bypassed, but stage 2 is not: larger addresses are stage 1's address size fault (3.4). */
export const STAGE_1_BYPASS: Stage1Regime = {
  format: 'flat',
  inputBits: OUTPUT_ADDRESS_BITS,
  fault: FaultKind.AddressSize,
  faultLevel: 0,
};

/** What a stream table entry says, with the checks of 5.2.2. @param ste its 16 words */
export function decodeStreamTableEntry(ste: Uint32Array): StreamConfiguration {
  if ((ste[0] & V) === 0) return ILLEGAL;
  const config = (ste[0] >>> CONFIG_SHIFT) & 7;
  if ((config & CONFIG_PASS) === 0) return { kind: 'abort' };
  const hasStage1 = (config & CONFIG_STAGE_1) !== 0;
  const hasStage2 = (config & CONFIG_STAGE_2) !== 0;
  if (!hasStage1 && !hasStage2) return { kind: 'bypass' };
  // There are no stalls that it could disable.
  if (hasStage1 && (ste[2] & W2.S1STALLD) !== 0) return ILLEGAL;
  const contextDescriptor = hasStage1 ? addressOf(ste[0], ste[1]) : undefined;
  if (contextDescriptor !== undefined && contextDescriptor >= 2 ** OUTPUT_ADDRESS_BITS) return ILLEGAL;
  const stage2 = hasStage2 ? decodeStage2(ste) : undefined;
  if (hasStage2 && stage2 === undefined) return ILLEGAL;
  return {
    kind: 'stages',
    contextDescriptor,
    ...(stage2 && { stage2 }),
    stage2IsAArch64: (ste[5] & W5.S2AA64) !== 0,
    recordsStage2: (ste[5] & W5.S2R) !== 0,
    privcfg: (ste[3] >>> W3.PRIVCFG_SHIFT) & 3,
    instcfg: (ste[3] >>> W3.INSTCFG_SHIFT) & 3,
  };
}

function decodeStage2(ste: Uint32Array): Stage2Context | undefined {
  const control = ste[5];
  const aarch64 = (control & W5.S2AA64) !== 0;
  // Neither stalls nor updates of descriptors by hardware are there.
  if ((control & (W5.S2S | W5.S2HA | W5.S2HD)) !== 0) return undefined;
  if (aarch64 && ((control >>> W5.S2TG_SHIFT) & 3) === RESERVED_GRANULE) return undefined;
  // S2TTB has bits 51:4.
  const table = (ste[7] & 0xf_ffff) * 2 ** 32 + ((ste[6] & -16) >>> 0);
  const regime = stage2RegimeOf(control, table, {
    aarch64,
    addressBits: OUTPUT_ADDRESS_BITS,
    bigEndianTables: (control & W5.S2ENDI) !== 0,
  });
  if (regime === undefined || table >= 2 ** regime.outputBits) return undefined;
  return {
    regime: { format: 'stage2', ...regime },
    ignoresAccessFlag: (control & W5.S2AFFD) !== 0,
    protectsTableWalks: (control & W5.S2PTW) !== 0,
  };
}
