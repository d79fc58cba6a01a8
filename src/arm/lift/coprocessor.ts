import { ARM_HELPERS, packCop } from '../helpers.ts';
import { StateSlot } from '../state.ts';
import type { Lifter } from './lifter.ts';

/**
 * Coprocessors other than 14 (debug, trace) and 15 (system control) do not exist: UNDEFINED. So are CDP, LDC and STC
 * of these two, and all of the "2" forms, which this CPU has no use for.
 */
function exists(l: Lifter, coprocessor: number): boolean {
  if (coprocessor >= 14) return true;
  l.undefined();
  return false;
}

interface Single {
  /** Coprocessor number, opc1, opc2. */
  readonly p: number;
  readonly q: number;
  readonly e: number;
  /** CRn, CRm and Rt. */
  readonly n: number;
  readonly m: number;
  readonly t: number;
}

/** MCR. It may change anything that blocks depend on. */
export function moveToCoprocessor(l: Lifter, f: Single): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t)) return;
  l.b.call(ARM_HELPERS.copWrite, l.const(packCop(f.p, f.q, f.n, f.m, f.e)), l.reg(f.t));
  l.resync();
}

/** MRC; R15 stands for the condition flags. */
export function moveFromCoprocessor(l: Lifter, f: Single): void {
  if (!exists(l, f.p)) return;
  if (l.thumb && f.t === 13) l.unpredictable('R13 as an operand');
  const value = l.b.call(ARM_HELPERS.copRead, l.const(packCop(f.p, f.q, f.n, f.m, f.e)));
  if (f.t === 15) l.setNzcv(l.b.and(value, l.const(0xf0000000)));
  else l.setReg(f.t, value);
}

interface Double {
  readonly p: number;
  readonly q: number;
  readonly m: number;
  readonly t: number;
  readonly u: number;
}

export function moveToCoprocessor64(l: Lifter, f: Double): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t, f.u)) return;
  l.b.call(ARM_HELPERS.copWrite64, l.const(packCop(f.p, f.q, 0, f.m, 0)), l.reg(f.t), l.reg(f.u));
  l.resync();
}

export function moveFromCoprocessor64(l: Lifter, f: Double): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t, f.u)) return;
  if (f.t === f.u) l.unpredictable('the same register twice');
  const low = l.b.call(ARM_HELPERS.copRead64, l.const(packCop(f.p, f.q, 0, f.m, 0)));
  const high = l.b.get(StateSlot.CallHigh);
  l.setReg(f.t, low);
  l.setReg(f.u, high);
}

export function undefinedCoprocessor(l: Lifter): void {
  l.undefined();
}
