import type { Lifter } from './lifter.ts';

/** A value of `bits` bits as a signed number. */
export function signExtend(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

/** B to the PC operand plus a distance in bytes. */
export function branch(l: Lifter, distance: number): void {
  l.branchTo(l.pcOperand + distance);
}

/** The return address of calls: the next instruction, with bit 0 set in T32. */
function link(l: Lifter): void {
  l.setReg(14, l.const(l.thumb ? l.nextPc | 1 : l.nextPc));
}

export function branchWithLink(l: Lifter, distance: number): void {
  link(l);
  branch(l, distance);
}

/** BLX (immediate) to the other instruction set. */
export function branchWithLinkExchange(l: Lifter, distance: number): void {
  link(l);
  l.bxWritePc(l.const(l.thumb ? (l.pcAligned + distance) & ~3 : (l.pcOperand + distance) | 1));
}

/** Conditional B of T16 and T32; not permitted in IT blocks. */
export function branchWhen(l: Lifter, condition: number, distance: number): void {
  l.needsOutsideIt();
  l.when(condition, () => branch(l, distance));
}

export function branchExchange(l: Lifter, f: { m: number }): void {
  l.bxWritePc(l.reg(f.m));
}

/** BXJ where Jazelle is trivial is BX, of any register but the PC. */
export function branchExchangeJazelle(l: Lifter, f: { m: number }): void {
  if (l.refusesBadReg(f.m)) return;
  l.bxWritePc(l.reg(f.m));
}

export function branchWithLinkExchangeRegister(l: Lifter, f: { m: number }): void {
  if (l.refusesPc(f.m)) return;
  const target = l.reg(f.m);
  link(l);
  l.bxWritePc(target);
}

/** CBZ and CBNZ, forwards by `i` halfwords. */
export function compareAndBranch(l: Lifter, f: { x: number; i: number; n: number }): void {
  l.needsOutsideIt();
  const taken = l.b.pure(f.x === 1 ? 'ne' : 'eq', [l.reg(f.n), l.const(0)]);
  l.unlessZero(taken, () => branch(l, f.i * 2));
}

/** TBB and TBH: a table of halfword counts from R[n]. */
export function tableBranch(l: Lifter, f: { n: number; m: number; H: number }): void {
  if (f.n === 13) l.unpredictable('R13 as an operand');
  if (l.refusesBadReg(f.m)) return;
  const { b } = l;
  const index = f.H === 1 ? b.shl(l.reg(f.m), l.const(1)) : l.reg(f.m);
  const halfwords = l.load(f.H === 1 ? 2 : 1, b.add(l.reg(f.n), index));
  l.branchWritePc(b.add(l.const(l.pcOperand), b.shl(halfwords, l.const(1))));
}
