import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { Psr } from '../cpu-state.ts';
import { ARM_HELPERS } from '../helpers.ts';
import { ExceptionKind, StateSlot } from '../state.ts';
import { exceptionReturn } from './data-processing.ts';
import type { Lifter } from './lifter.ts';
import {
  leaveForContext,
  leaveForInterrupt,
  modeHasSpsr,
  privileged,
  requirePrivilege,
} from './privilege.ts';

// MRS and MSR.

export function moveFromStatus(l: Lifter, f: { R: number; d: number }): void {
  if (l.refusesBadReg(f.d)) return;
  l.setReg(f.d, f.R === 1 ? l.b.call(ARM_HELPERS.mrsSpsr) : currentStatus(l));
}

/** The CPSR as MRS reads it: IT, J and T as zero. */
function currentStatus(l: Lifter): IrValue {
  const { b } = l;
  const flags = b.or(b.get(StateSlot.NZCV), b.shl(b.get(StateSlot.Q), l.const(27)));
  const ge = b.shl(b.get(StateSlot.GE), l.const(16));
  return b.or(b.or(b.or(flags, ge), b.get(StateSlot.AIFM)), l.const(l.bigEndian ? Psr.E : 0));
}

/** Mask bits of MSR: which bytes of the status register, c to f. */
const MASK_C = 1;
const MASK_X = 2;
const MASK_S = 4;
const MASK_F = 8;

/** MSR of R[n] or an immediate under a byte mask. */
function moveToStatus(l: Lifter, spsr: number, mask: number, value: IrValue): void {
  const { b } = l;
  if (mask === 0) l.unpredictable('MSR of no field');
  if (spsr === 1) {
    b.call(ARM_HELPERS.msrSpsr, value, l.const(mask));
    return;
  }
  if ((mask & MASK_X) !== 0) {
    b.call(ARM_HELPERS.msrCpsr, value, l.const(mask));
    l.resync();
    return;
  }
  const state = b.get(StateSlot.AIFM);
  if (mask & MASK_C) leaveForMode(l, state, mask, value);
  if (mask & MASK_F) {
    b.set(StateSlot.NZCV, b.and(value, l.const(0xf0000000)));
    b.set(StateSlot.Q, b.and(b.shr(value, l.const(27)), l.const(1)));
  }
  if (mask & MASK_S) b.set(StateSlot.GE, b.and(b.shr(value, l.const(16)), l.const(15)));
  if (mask & MASK_C) {
    const masks = l.const(Psr.I | Psr.F);
    const masked = b.or(b.pure('andNot', [state, masks]), b.and(value, masks));
    b.set(StateSlot.AIFM, masked);
    leaveForInterrupt(l, masked);
  }
}

/** Ends the block where MSR changes the mode, and in User mode, where it changes nothing but flags. */
function leaveForMode(l: Lifter, state: IrValue, mask: number, value: IrValue): void {
  const { b } = l;
  const change = b.and(b.xor(value, state), l.const(Psr.M));
  const skip = b.newLabel();
  b.skipIfZero(b.select(privileged(l), change, l.const(1)), skip);
  b.call(ARM_HELPERS.msrCpsr, value, l.const(mask));
  leaveForContext(l);
  b.label(skip);
}

export function moveRegisterToStatus(l: Lifter, f: { R: number; m: number; n: number }): void {
  if (l.refusesBadReg(f.n)) return;
  moveToStatus(l, f.R, f.m, l.reg(f.n));
}

/** MSR (immediate); `i` is a modified immediate constant. */
export function moveImmediateToStatus(l: Lifter, f: { R: number; m: number; i: number }): void {
  const amount = (f.i >> 8) * 2;
  const byte = f.i & 0xff;
  moveToStatus(l, f.R, f.m, l.const((byte >>> amount) | (byte << ((32 - amount) & 31))));
}

/** Operand of the banked helpers: R and SYSm, which the encoding splits in M and m. */
function banked(l: Lifter, f: { R: number; M: number; m: number }) {
  return l.const((f.R << 5) | (f.M << 4) | f.m);
}

export function moveFromBanked(l: Lifter, f: { R: number; M: number; m: number; d: number }): void {
  if (l.refusesBadReg(f.d)) return;
  l.setReg(f.d, l.b.call(ARM_HELPERS.mrsBanked, banked(l, f)));
}

export function moveToBanked(l: Lifter, f: { R: number; M: number; m: number; n: number }): void {
  if (l.refusesBadReg(f.n)) return;
  l.b.call(ARM_HELPERS.msrBanked, banked(l, f), l.reg(f.n));
}

// Mode, masks and endianness.

const ENABLE = 2;
const DISABLE = 3;
/** From A, I, F of an encoding to their places in the CPSR. */
const A_I_F_SHIFT = 6;

interface Cps {
  /** 0 unchanged, 1 reserved, ENABLE or DISABLE. */
  readonly imod: number;
  /** A, I, F. */
  readonly masks: number;
  /** -1 to leave it. */
  readonly mode: number;
}

function changeState(l: Lifter, { imod, masks, mode }: Cps): void {
  l.needsOutsideIt();
  const { b } = l;
  if (mode >= 0) {
    b.call(ARM_HELPERS.cps, l.const((imod << 8) | masks), l.const(mode));
    l.resync();
    return;
  }
  // In User mode it does nothing.
  const change = b.select(privileged(l), l.const(masks << A_I_F_SHIFT), l.const(0));
  const state = b.get(StateSlot.AIFM);
  if (imod === DISABLE) b.set(StateSlot.AIFM, b.or(state, change));
  if (imod !== ENABLE) return;
  const masked = b.pure('andNot', [state, change]);
  b.set(StateSlot.AIFM, masked);
  leaveForInterrupt(l, masked);
}

/** CPS A1 and T2. A and kin are single bits of the encoding. */
export function changeProcessorState(
  l: Lifter,
  f: { i: number; M: number; A: number; I: number; F: number; m: number },
): void {
  const masks = (f.A << 2) | (f.I << 1) | f.F;
  if (f.m !== 0 && f.M === 0) l.unpredictable('a mode without M');
  if ((f.i & 2) !== 0 && masks === 0) l.unpredictable('imod without a mask');
  if ((f.i & 2) === 0 && masks !== 0) l.unpredictable('a mask without imod');
  if (f.i === 1 || (f.i === 0 && f.M === 0)) l.unpredictable('nothing to change');
  changeState(l, { imod: f.i === 1 ? 0 : f.i, masks, mode: f.M === 1 ? f.m : -1 });
}

/** CPS T1: `i` disables. */
export function changeProcessorStateNarrow(
  l: Lifter,
  f: { i: number; A: number; I: number; F: number },
): void {
  const masks = (f.A << 2) | (f.I << 1) | f.F;
  if (masks === 0) l.unpredictable('imod without a mask');
  changeState(l, { imod: 2 | f.i, masks, mode: -1 });
}

export function setEndianness(l: Lifter, f: { E: number }): void {
  l.needsOutsideIt();
  l.b.set(StateSlot.E, l.const(f.E));
  l.resync();
}

// Exception generation and return.

export function supervisorCall(l: Lifter, f: { i: number }): void {
  l.raise(ExceptionKind.SupervisorCall, f.i);
}

export function breakpoint(l: Lifter, f: { i: number; c?: number }): void {
  if (f.c !== undefined && f.c !== 14) l.unpredictable('a condition on BKPT');
  l.raise(ExceptionKind.Breakpoint, f.i);
}

export function hypervisorCall(l: Lifter, f: { i: number; c?: number }): void {
  if (f.c !== undefined && f.c !== 14) l.unpredictable('a condition on HVC');
  l.needsOutsideIt();
  l.b.call(ARM_HELPERS.hvc, l.const(f.i));
  l.resync();
}

export function secureMonitorCall(l: Lifter, f: { i: number }): void {
  l.needsLastInIt();
  l.b.call(ARM_HELPERS.smc, l.const(f.i));
  l.resync();
}

export function undefinedInstruction(l: Lifter): void {
  l.undefined();
}

/** ERET outside Hyp mode returns to LR. */
export function exceptionReturnToLink(l: Lifter): void {
  exceptionReturn(l, l.reg(14));
}

/** SUBS PC, LR T1. */
export function exceptionReturnSubtract(l: Lifter, f: { i: number }): void {
  exceptionReturn(l, l.b.sub(l.reg(14), l.const(f.i)));
}

interface StackWalk {
  readonly P: number;
  readonly U: number;
  readonly W: number;
}

/** Address of the first of two words, relative to the base. */
function firstWord({ P, U }: StackWalk): number {
  if (U === 1) return P === 1 ? 4 : 0;
  return P === 1 ? -8 : -4;
}

/** SRS: LR and SPSR of this mode to the stack of mode `m`. No SPSR: UNDEFINED, where the manual says UNPREDICTABLE. */
export function storeReturnState(l: Lifter, f: StackWalk & { m: number }): void {
  const { b } = l;
  l.undefinedUnless(modeHasSpsr(l));
  const link = l.reg(14);
  const base = b.call(ARM_HELPERS.readBankedSp, l.const(f.m));
  const spsr = b.call(ARM_HELPERS.mrsSpsr);
  const address = b.add(base, l.const(firstWord(f)));
  l.store(4, address, link, MemFlag.AlignedWord);
  l.store(4, b.add(address, l.const(4)), spsr, MemFlag.AlignedWord);
  if (f.W === 1) b.call(ARM_HELPERS.writeBankedSp, l.const(f.m), b.add(base, l.const(f.U === 1 ? 8 : -8)));
}

/** RFE: PC and CPSR from memory. In User mode UNDEFINED, where the manual says UNPREDICTABLE. */
export function returnFromException(l: Lifter, f: StackWalk & { n: number }): void {
  if (l.refusesPc(f.n)) return;
  const { b } = l;
  requirePrivilege(l);
  const base = l.reg(f.n);
  const address = b.add(base, l.const(firstWord(f)));
  const pc = l.load(4, address, MemFlag.AlignedWord);
  const cpsr = l.load(4, b.add(address, l.const(4)), MemFlag.AlignedWord);
  if (f.W === 1) l.setReg(f.n, b.add(base, l.const(f.U === 1 ? 8 : -8)));
  b.call(ARM_HELPERS.returnFromException, pc, cpsr);
  l.leaveDynamic();
}
