import { rowOf, type SignedPair, type VectorFamily } from '../../translator/vector/family.ts';
import type { VectorFunction } from '../../translator/vector/vector-function.ts';
import { StateSlot } from '../state.ts';
import { requireSimd } from './fp-access.ts';
import type { Lifter } from './lifter.ts';

/*
 * Advanced SIMD data processing (ARM DDI 0406C A7.4): an instruction picks a row of the table of vector functions. Fields:
 * d and m are D:Vd and M:Vm, n is Vn and N its top bit; Q, U and s (size) as drawn. A size or a register form that the
 * manual calls UNDEFINED is a row that the family does not have, or an odd register in a quadword's place.
 */

export type Family = VectorFamily | SignedPair;

/** First state slot of doubleword register `d`. */
export function slotOfD(d: number): number {
  return StateSlot.V0 + 2 * d;
}

/** A register operand: its number and whether it is a quadword. */
export interface Operand {
  readonly register: number;
  readonly quad: boolean;
}

/** Runs a row on registers d, a and b; UNDEFINED without a row and for odd quadwords. */
function runRow(
  l: Lifter,
  row: VectorFunction | undefined,
  d: Operand,
  a: Operand,
  b: Operand,
  imm = 0,
): void {
  const operands = [d, a, b];
  if (row === undefined || operands.some(({ register, quad }) => quad && (register & 1) === 1)) {
    l.undefined();
    return;
  }
  requireSimd(l, d.register, a.register, b.register);
  l.b.vector(row, slotOfD(d.register), slotOfD(a.register), slotOfD(b.register), imm);
}

/** The family for an instruction's U bit. */
function choose(of: Family, U: number | undefined): VectorFamily {
  if ('rows' in of) return of;
  return U === 1 ? of.unsigned : of.signed;
}

function operand(register: number, quad: number | boolean): Operand {
  return { register, quad: quad === true || quad === 1 };
}

interface Two {
  readonly U?: number;
  readonly d: number;
  readonly m: number;
}

interface Three extends Two {
  readonly n: number;
  readonly N: number;
}

function numberOfN(f: Three): number {
  return (f.N << 4) | f.n;
}

/** Vd, Vn, Vm of one length. Without a size field: `size`. */
export function threeSame(of: Family, size = 0) {
  return (l: Lifter, f: Three & { Q: number; s?: number }): void => {
    const row = rowOf(choose(of, f.U), f.Q, f.s ?? size);
    runRow(l, row, operand(f.d, f.Q), operand(numberOfN(f), f.Q), operand(f.m, f.Q));
  };
}

/** Shifts by register: the value is Vm, the amount Vn. */
export function threeSameReversed(of: Family) {
  return (l: Lifter, f: Three & { Q: number; s: number }): void => {
    const row = rowOf(choose(of, f.U), f.Q, f.s);
    runRow(l, row, operand(f.d, f.Q), operand(f.m, f.Q), operand(numberOfN(f), f.Q));
  };
}

/** Which of Vd, Vn, Vm are quadwords where lengths differ. */
export type Lengths = 'long' | 'wide' | 'narrow';

export function threeDifferent(of: Family, lengths: Lengths) {
  return (l: Lifter, f: Three & { s: number }): void => {
    const d = operand(f.d, lengths !== 'narrow');
    const n = operand(numberOfN(f), lengths !== 'long');
    runRow(l, rowOf(choose(of, f.U), 0, f.s), d, n, operand(f.m, lengths === 'narrow'));
  };
}

/** The doubleword register and the element that a scalar's M:Vm names (A7.3). */
function scalarOf(size: number, m: number): { register: number; index: number } {
  return size === 1 ? { register: m & 7, index: m >> 3 } : { register: m & 15, index: m >> 4 };
}

/** Vd, Vn of one length and a scalar. */
export function byScalar(of: Family, size?: number) {
  return (l: Lifter, f: Three & { Q: number; s?: number }): void => {
    const element = f.s ?? size ?? 0;
    const { register, index } = scalarOf(element, f.m);
    const row = rowOf(choose(of, f.U), f.Q, element);
    runRow(l, row, operand(f.d, f.Q), operand(numberOfN(f), f.Q), operand(register, false), index);
  };
}

/** A quadword result of Vn and a scalar. */
export function longByScalar(of: Family) {
  return (l: Lifter, f: Three & { s: number }): void => {
    const { register, index } = scalarOf(f.s, f.m);
    const row = rowOf(choose(of, f.U), 0, f.s);
    runRow(l, row, operand(f.d, true), operand(numberOfN(f), false), operand(register, false), index);
  };
}

/** Vd and Vm of one length. */
export function two(of: Family, size?: number) {
  return (l: Lifter, f: Two & { Q: number; s?: number }): void => {
    const m = operand(f.m, f.Q);
    runRow(l, rowOf(choose(of, f.U), f.Q, f.s ?? size ?? 0), operand(f.d, f.Q), m, m);
  };
}

/** VSWP, VTRN, VUZP, VZIP: both registers are written; the same one twice has an UNKNOWN result. */
export function exchange(of: VectorFamily) {
  return (l: Lifter, f: Two & { Q: number; s: number }): void => {
    if (f.d === f.m) l.unpredictable('the same register twice');
    two(of)(l, f);
  };
}

/** Quadword to doubleword, shifting right by nothing. */
export function twoNarrow(of: Family) {
  return (l: Lifter, f: Two & { s: number }): void => {
    const m = operand(f.m, true);
    runRow(l, rowOf(choose(of, f.U), 0, f.s), operand(f.d, false), m, m);
  };
}

/** VSHLL by the size of the element (A2). */
export function shiftLeftLongMaximum(of: VectorFamily) {
  return (l: Lifter, f: Two & { s: number }): void => {
    const m = operand(f.m, false);
    runRow(l, rowOf(of, 0, f.s), operand(f.d, true), m, m, 8 << f.s);
  };
}

/** VREV64, VREV32, VREV16: groups of 64 >> `op` bits. */
export function reverse(of: VectorFamily, op: 0 | 1 | 2) {
  return (l: Lifter, f: Two & { Q: number; s: number }): void => {
    const row = op + f.s >= 3 ? undefined : rowOf(of, f.Q, f.s);
    const m = operand(f.m, f.Q);
    runRow(l, row, operand(f.d, f.Q), m, m, (1 << (3 - op - f.s)) - 1);
  };
}

// Shifts by immediate: i is imm6, L makes it seven bits, whose highest 1 gives the element size (A7.4.4).

interface Shift extends Two {
  readonly i: number;
  readonly L?: number;
}

function sizeOfShift(value: number): number {
  return 28 - Math.clz32(value);
}

function immediateOf(f: Shift): number {
  return ((f.L ?? 0) << 6) | f.i;
}

export function shiftRight(of: Family) {
  return (l: Lifter, f: Shift & { Q: number }): void => {
    const size = sizeOfShift(immediateOf(f));
    const m = operand(f.m, f.Q);
    runRow(l, rowOf(choose(of, f.U), f.Q, size), operand(f.d, f.Q), m, m, (16 << size) - immediateOf(f));
  };
}

export function shiftLeft(of: Family) {
  return (l: Lifter, f: Shift & { Q: number }): void => {
    const size = sizeOfShift(immediateOf(f));
    const m = operand(f.m, f.Q);
    runRow(l, rowOf(choose(of, f.U), f.Q, size), operand(f.d, f.Q), m, m, immediateOf(f) - (8 << size));
  };
}

export function shiftRightNarrow(of: Family) {
  return (l: Lifter, f: Shift): void => {
    const size = sizeOfShift(f.i);
    const m = operand(f.m, true);
    runRow(l, rowOf(choose(of, f.U), 0, size), operand(f.d, false), m, m, (16 << size) - f.i);
  };
}

export function shiftLeftLong(of: Family) {
  return (l: Lifter, f: Shift): void => {
    const size = sizeOfShift(f.i);
    const m = operand(f.m, false);
    runRow(l, rowOf(choose(of, f.U), 0, size), operand(f.d, true), m, m, f.i - (8 << size));
  };
}

/** VCVT between fixed and floating point: imm6 is 64 less the fraction bits, 32 of them at most. */
export function convertFixed(of: Family) {
  return (l: Lifter, f: Shift & { Q: number }): void => {
    const row = f.i < 32 ? undefined : rowOf(choose(of, f.U), f.Q, 2);
    const m = operand(f.m, f.Q);
    runRow(l, row, operand(f.d, f.Q), m, m, 64 - f.i);
  };
}

/** VCVT between half and single precision. */
export function convertHalf(of: VectorFamily, lengths: 'long' | 'narrow') {
  return (l: Lifter, f: Two): void => {
    const m = operand(f.m, lengths === 'narrow');
    runRow(l, rowOf(of, 0, 1), operand(f.d, lengths === 'long'), m, m);
  };
}

// VEXT, VTBL, VDUP.

export function extract(of: VectorFamily) {
  return (l: Lifter, f: Three & { Q: number; i: number }): void => {
    const row = f.Q === 0 && f.i > 7 ? undefined : rowOf(of, f.Q, 0);
    runRow(l, row, operand(f.d, f.Q), operand(numberOfN(f), f.Q), operand(f.m, f.Q), f.i);
  };
}

/** VTBL and VTBX; l is the number of table registers, less one. */
export function lookUp(of: VectorFamily) {
  return (l: Lifter, f: Three & { l: number }): void => {
    const first = numberOfN(f);
    if (first + f.l > 31) {
      l.refuse('a table beyond D31');
      return;
    }
    // The last register of the table may be in the high bank when the first is not.
    requireSimd(l, first + f.l);
    const [d, n, m] = [operand(f.d, false), operand(first, false), operand(f.m, false)];
    runRow(l, rowOf(of, 0, f.l), d, n, m, 8 * (f.l + 1));
  };
}

/** VDUP (scalar): the lowest 1 of imm4 gives the element size, what is above it the index. */
export function duplicateScalar(of: VectorFamily) {
  return (l: Lifter, f: Two & { Q: number; i: number }): void => {
    const size = 31 - Math.clz32(f.i & -f.i);
    const m = operand(f.m, false);
    runRow(l, (f.i & 7) === 0 ? undefined : rowOf(of, f.Q, size), operand(f.d, f.Q), m, m, f.i >> (size + 1));
  };
}
