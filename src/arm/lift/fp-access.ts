import { ExceptionKind, FpDenied, StateSlot } from '../state.ts';
import type { Lifter } from './lifter.ts';

/**
 * Makes the instruction UNDEFINED unless the CPU's settings permit it: CPACR, FPEXC.EN, FPSCR.LEN and STRIDE
 * (CheckVFPEnabled and CheckAdvSIMDEnabled, B1.11.1). Call it before anything else that the instruction does.
 * Costs nothing where an earlier instruction of the block has asked the same: what changes the answer ends the block,
 * or calls {@link forgetFpAccess}.
 *
 * @param denied a set of FpDenied, none of which may stand against the instruction.
 */
export function requireFp(l: Lifter, denied: number): void {
  const ask = denied & ~l.permittedFp;
  if (ask === 0) return;
  const { b } = l;
  const skip = b.newLabel();
  b.skipIfZero(b.and(b.get(StateSlot.FpDenied), b.const(ask)), skip);
  b.exit('exitRaise', [], ExceptionKind.Undefined, 0);
  b.label(skip);
  l.permittedFp |= ask;
}

/** After an instruction that may change the answers without ending the block. */
export function forgetFpAccess(l: Lifter): void {
  l.permittedFp = 0;
}

/** `High` where one of these doubleword registers is D16 to D31: CPACR.D32DIS takes them away. */
function highBank(registers: readonly number[]): number {
  return registers.some((d) => d > 15) ? FpDenied.High : 0;
}

/** CheckVFPEnabled(TRUE), for an instruction that uses these doubleword registers (none: single precision only). */
export function requireVfp(l: Lifter, ...doubleRegisters: number[]): void {
  requireFp(l, FpDenied.Vfp | highBank(doubleRegisters));
}

/** The same for data processing that works on short vectors where FPSCR.LEN and STRIDE are not 0: UNDEFINED then. */
export function requireVfpScalar(l: Lifter, ...doubleRegisters: number[]): void {
  requireFp(l, FpDenied.Vfp | FpDenied.Vectors | highBank(doubleRegisters));
}

/** CheckAdvSIMDEnabled, for an instruction that uses these doubleword registers. */
export function requireSimd(l: Lifter, ...doubleRegisters: number[]): void {
  requireFp(l, FpDenied.Simd | highBank(doubleRegisters));
}
