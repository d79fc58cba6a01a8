import { Fpscr } from '../fp/fp-context.ts';
import { FPEXC_EN } from '../fp-permission.ts';
import { ARM_HELPERS, packCop } from '../helpers.ts';
import { FpDenied, StateSlot } from '../state.ts';
import { forgetFpAccess, requireFp, requireVfp } from './fp-access.ts';
import type { Lifter } from './lifter.ts';
import { registerNumber, registerSlot } from './vfp-registers.ts';

/** Transfers between core and extension registers, and to and from the system registers (ARM DDI 0406C A7.8, A7.9). */

interface Single {
  readonly N: number;
  readonly n: number;
  readonly t: number;
}

/** VMOV (between ARM core register and single-precision register). */
export function coreToSingle(l: Lifter, f: Single): void {
  if (l.refusesBadReg(f.t)) return;
  requireVfp(l);
  l.b.set(registerSlot(false, registerNumber(false, f.N, f.n)), l.reg(f.t));
}

export function singleToCore(l: Lifter, f: Single): void {
  if (l.refusesBadReg(f.t)) return;
  requireVfp(l);
  l.setReg(f.t, l.b.get(registerSlot(false, registerNumber(false, f.N, f.n))));
}

interface Word {
  readonly D: number;
  readonly d: number;
  readonly t: number;
  /** Which word of the doubleword register. */
  readonly x: number;
}

/** VMOV (ARM core register to scalar) of 32 bits, which is VFP's; narrower ones are Advanced SIMD's. */
export function coreToWord(l: Lifter, f: Word): void {
  if (l.refusesBadReg(f.t)) return;
  const d = registerNumber(true, f.D, f.d);
  requireVfp(l, d);
  l.b.set(registerSlot(true, d) + f.x, l.reg(f.t));
}

export function wordToCore(l: Lifter, f: Word): void {
  if (l.refusesBadReg(f.t)) return;
  const d = registerNumber(true, f.D, f.d);
  requireVfp(l, d);
  l.setReg(f.t, l.b.get(registerSlot(true, d) + f.x));
}

interface Pair {
  readonly M: number;
  readonly m: number;
  readonly t: number;
  readonly u: number;
}

/** The slots of two consecutive single registers, or of the halves of a double one; undefined past S31. */
function pairSlot(l: Lifter, f: Pair, double: boolean): number | undefined {
  if (l.refusesBadReg(f.t, f.u)) return undefined;
  const m = registerNumber(double, f.M, f.m);
  if (!double && m === 31) {
    l.refuse('S32');
    return undefined;
  }
  requireVfp(l, ...(double ? [m] : []));
  return registerSlot(double, m);
}

/** VMOV (between two ARM core registers and two single-precision registers, or a doubleword register). */
export function coresToPair(double: boolean) {
  return (l: Lifter, f: Pair): void => {
    const slot = pairSlot(l, f, double);
    if (slot === undefined) return;
    const second = l.reg(f.u);
    l.b.set(slot, l.reg(f.t));
    l.b.set(slot + 1, second);
  };
}

export function pairToCores(double: boolean) {
  return (l: Lifter, f: Pair): void => {
    if (f.t === f.u) l.unpredictable('the same register twice');
    const slot = pairSlot(l, f, double);
    if (slot === undefined) return;
    l.setReg(f.t, l.b.get(slot));
    l.setReg(f.u, l.b.get(slot + 1));
  };
}

interface System {
  readonly r: number;
  readonly t: number;
}

const FPSCR = 1;
const FPEXC = 8;
/** The identification registers FPSID, MVFR1 and MVFR0, by the number that VMRS has for them. */
const ID_REGISTERS = [0, 6, 7];

/** VMRS of the others: FPINST and FPINST2 belong to implementations that bounce, MVFR2 to ARMv8 (B6.1.14). */
export function moveFromSystem(l: Lifter, f: System): void {
  if (f.t === 15 ? f.r !== FPSCR : l.refusesBadReg(f.t)) {
    if (f.t === 15) l.refuse('R15 as an operand');
    return;
  }
  const { b } = l;
  if (f.r === FPSCR) {
    requireVfp(l);
    const value = b.get(StateSlot.Fpscr);
    if (f.t === 15) l.setNzcv(b.and(value, l.const(Fpscr.NZCV)));
    else l.setReg(f.t, value);
  } else if (f.r === FPEXC) {
    requireFp(l, FpDenied.System);
    l.setReg(f.t, b.get(StateSlot.Fpexc));
  } else if (ID_REGISTERS.includes(f.r)) {
    requireFp(l, FpDenied.System);
    l.setReg(f.t, b.call(ARM_HELPERS.copRead, l.const(packCop(10, 7, f.r, 0, 0))));
  } else {
    l.refuse('a VFP system register that does not exist');
  }
}

export function moveToSystem(l: Lifter, f: System): void {
  if (l.refusesBadReg(f.t)) return;
  const { b } = l;
  if (f.r === FPSCR) {
    requireVfp(l);
    const value = b.and(l.reg(f.t), l.const(Fpscr.WRITABLE));
    b.set(StateSlot.Fpscr, value);
    const vectors = b.pure('ne', [b.and(value, l.const(Fpscr.LEN | Fpscr.STRIDE)), l.const(0)]);
    const others = b.andNot(b.get(StateSlot.FpDenied), l.const(FpDenied.Vectors));
    b.set(
      StateSlot.FpDenied,
      b.or(others, b.pure('select', [vectors, l.const(FpDenied.Vectors), l.const(0)])),
    );
    forgetFpAccess(l);
  } else if (f.r === FPEXC) {
    requireFp(l, FpDenied.System);
    b.set(StateSlot.Fpexc, b.and(l.reg(f.t), l.const(FPEXC_EN)));
    l.resync();
  } else if (ID_REGISTERS.includes(f.r)) {
    if (f.r !== 0) l.unpredictable('a write to an identification register');
    requireFp(l, FpDenied.System);
  } else {
    l.refuse('a VFP system register that does not exist');
  }
}
