/** A stage of translation in any of the formats, as one value: what walks it, and what lists its leaves, share this. */
import { type AArch64WalkRegime, walkAArch64 } from './aarch64.ts';
import { type LongWalkRegime, walkLong } from './long-descriptor.ts';
import { type ShortWalkRegime, walkShort } from './short-descriptor.ts';
import { type Stage2WalkRegime, walkStage2 } from './stage2.ts';
import { FaultKind, Rights, type TableRead, type WalkResult } from './walk.ts';

/** A stage that is switched off: addresses come out as they went in, and everything is permitted. */
export interface FlatRegime {
  readonly format: 'flat';
  /** Larger addresses are `fault` at level `faultLevel`. */
  readonly inputBits: number;
  readonly fault: FaultKind;
  readonly faultLevel: number;
}

/** A stage whose registers contradict each other: every address is a translation fault at this level. */
export interface InvalidRegime {
  readonly format: 'invalid';
  readonly faultLevel: number;
}

/** Stage 1. In AArch64's format the sign of an input address is bit `signBit`. */
export type Stage1Regime =
  | (ShortWalkRegime & { readonly format: 'short' })
  | (LongWalkRegime & { readonly format: 'long' })
  | (AArch64WalkRegime & { readonly format: 'aarch64'; readonly signBit: number })
  | FlatRegime;

/** Stage 2, whose two formats are walked alike. */
export type Stage2Regime = (Stage2WalkRegime & { readonly format: 'stage2' }) | FlatRegime | InvalidRegime;

/**
 * Walks any stage for `address`, a number below 2^53; fills `result`. Checks what a walk checks: sizes, descriptors, the access
 * flag; not permissions.
 */
export function walkRegime(
  address: number,
  regime: Stage1Regime | Stage2Regime,
  read: TableRead,
  result: WalkResult,
): void {
  result.fault = FaultKind.None;
  switch (regime.format) {
    case 'flat':
      if (address >= 2 ** regime.inputBits) {
        fail(result, regime.fault, regime.faultLevel);
      } else {
        result.physical = address;
        result.rights = Rights.All;
      }
      break;
    case 'invalid':
      fail(result, FaultKind.Translation, regime.faultLevel);
      break;
    case 'short':
      // IHI 0062D table 3-1: AArch32 has 32 bits of input.
      if (address >= 2 ** 32) fail(result, FaultKind.Translation, 1);
      else walkShort(address, regime, read, result);
      break;
    case 'long':
      if (address >= 2 ** 32) fail(result, FaultKind.Translation, 1);
      else walkLong(address, regime, read, result);
      break;
    case 'aarch64': {
      const sign = 2 ** regime.signBit;
      // Bits above the sign's are none of an address; the sign is repeated up to bit 48, and so is its absence.
      if (address >= 2 * sign || (address < sign && address >= 2 ** 48))
        fail(result, FaultKind.Translation, 0);
      else walkAArch64(address >= sign ? address - 2 * sign + 2 ** 49 : address, regime, read, result);
      break;
    }
    case 'stage2':
      walkStage2(address, regime, read, result);
  }
}

function fail(result: WalkResult, fault: FaultKind, level: number): void {
  result.fault = fault;
  result.level = level;
}
