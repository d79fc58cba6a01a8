import { Fpscr } from './fp/fp-context.ts';
import { FpDenied } from './state.ts';

/** FPEXC.EN (B4.1.57). */
export const FPEXC_EN = 1 << 30;

/** Fields of CPACR (B4.1.40). */
export const Cpacr = {
  CP10: 3 << 20,
  CP11: 3 << 22,
  D32DIS: 1 << 30,
  ASEDIS: 1 << 31,
} as const;
const PL1_ONLY = 1 << 20;

/**
 * What stands against floating-point instructions under these settings (B1.11.1): a set of FpDenied. cp11 is to be as
 * cp10, anything else is UNPREDICTABLE: cp10 counts.
 */
export function fpDenied(cpacr: number, fpexc: number, fpscr: number, privileged: boolean): number {
  const vectors = (fpscr & (Fpscr.LEN | Fpscr.STRIDE)) !== 0 ? FpDenied.Vectors : 0;
  const cp10 = cpacr & Cpacr.CP10;
  if (cp10 !== Cpacr.CP10 && !(cp10 === PL1_ONLY && privileged)) {
    return FpDenied.Vfp | FpDenied.Simd | FpDenied.System | FpDenied.High | vectors;
  }
  let denied = privileged ? vectors : vectors | FpDenied.System;
  if ((fpexc & FPEXC_EN) === 0) denied |= FpDenied.Vfp | FpDenied.Simd;
  if ((cpacr & Cpacr.ASEDIS) !== 0) denied |= FpDenied.Simd;
  if ((cpacr & Cpacr.D32DIS) !== 0) denied |= FpDenied.High;
  return denied;
}
