import type { VectorFunction } from '../../translator/vector/vector-function.ts';
import { CONVERSION_ROWS, type ConversionRounding, fixedPoint } from '../fp/conversion-rows.ts';
import { requireVfp } from './fp-access.ts';
import type { Lifter } from './lifter.ts';
import { registerNumber, registerSlot } from './vfp-registers.ts';

/** VFP comparisons and conversions (ARM DDI 0406C A7.5). They never work on vectors: LEN and STRIDE do not matter. */

interface Destination {
  readonly D: number;
  readonly d: number;
}
interface Operands extends Destination {
  readonly M: number;
  readonly m: number;
}

/** Converts a register to another, each of single or double width. */
function convert(l: Lifter, row: VectorFunction, f: Operands, from: boolean, to: boolean, imm: number): void {
  const d = registerNumber(to, f.D, f.d);
  const m = registerNumber(from, f.M, f.m);
  requireVfp(l, ...(to ? [d] : []), ...(from ? [m] : []));
  const slot = registerSlot(from, m);
  l.b.vector(row, registerSlot(to, d), slot, slot, imm);
}

/** VCMP and VCMPE: E raises Invalid Operation for any NaN. */
export function vfpCompare(l: Lifter, f: Operands & { readonly s: number; readonly E: number }): void {
  const double = f.s === 1;
  const d = registerNumber(double, f.D, f.d);
  const m = registerNumber(double, f.M, f.m);
  requireVfp(l, ...(double ? [d, m] : []));
  const slot = registerSlot(double, d);
  const row = double ? CONVERSION_ROWS.vcmpF64 : CONVERSION_ROWS.vcmpF32;
  l.b.vector(row, slot, slot, registerSlot(double, m), f.E);
}

export function vfpCompareZero(l: Lifter, f: Destination & { readonly s: number; readonly E: number }): void {
  const double = f.s === 1;
  const d = registerNumber(double, f.D, f.d);
  requireVfp(l, ...(double ? [d] : []));
  const slot = registerSlot(double, d);
  l.b.vector(double ? CONVERSION_ROWS.vcmpZeroF64 : CONVERSION_ROWS.vcmpZeroF32, slot, slot, slot, f.E);
}

/** VCVT between double and single precision; `s` is what is converted. */
export function vfpConvertPrecision(l: Lifter, f: Operands & { readonly s: number }): void {
  const double = f.s === 1;
  convert(l, double ? CONVERSION_ROWS.f64ToF32 : CONVERSION_ROWS.f32ToF64, f, double, !double, 0);
}

/** VCVTB, VCVTT from half precision: T takes the top half of the register. */
export function vfpFromHalf(l: Lifter, f: Operands & { readonly T: number }): void {
  convert(l, CONVERSION_ROWS.f16ToF32, f, false, false, f.T);
}

/** VCVTB, VCVTT to half precision: the other half of the register stays. */
export function vfpToHalf(l: Lifter, f: Operands & { readonly T: number }): void {
  const { b } = l;
  requireVfp(l);
  const to = registerSlot(false, registerNumber(false, f.D, f.d));
  const from = registerSlot(false, registerNumber(false, f.M, f.m));
  const before = b.get(to);
  const kept = b.and(before, l.const(f.T === 1 ? 0xffff : 0xffff0000));
  b.vector(CONVERSION_ROWS.f32ToF16, to, from, from, 0);
  const half = b.get(to);
  b.set(to, b.or(kept, f.T === 1 ? b.shl(half, l.const(16)) : half));
}

/** VCVT from a 32-bit integer; S = 1 is signed. Rounds as FPSCR says. */
export function vfpFromInteger(l: Lifter, f: Operands & { readonly s: number; readonly S: number }): void {
  const double = f.s === 1;
  const row = double ? CONVERSION_ROWS.fixedToF64 : CONVERSION_ROWS.fixedToF32;
  convert(l, row, f, false, double, fixedPoint(0, 32, f.S === 0, 'FPSCR'));
}

/** VCVT to a 32-bit integer, towards zero where S = 1; otherwise VCVTR, which rounds as FPSCR says. */
export function vfpToInteger(unsigned: boolean) {
  return (l: Lifter, f: Operands & { readonly s: number; readonly S: number }): void => {
    const double = f.s === 1;
    const rounding: ConversionRounding = f.S === 1 ? 'towards zero' : 'FPSCR';
    const row = double ? CONVERSION_ROWS.f64ToFixed : CONVERSION_ROWS.f32ToFixed;
    convert(l, row, f, double, false, fixedPoint(0, 32, unsigned, rounding));
  };
}

interface FixedPoint extends Destination {
  /** 1: double precision. */
  readonly s: number;
  readonly U: number;
  /** 1: 32 bits, 0: 16. */
  readonly x: number;
  /** i:k (the manual's imm4:i) are the bits before the binary point. */
  readonly i: number;
  readonly k: number;
}

/** The layout of a fixed-point number; undefined where it has a negative number of bits after the point. */
function layoutOf(l: Lifter, f: FixedPoint, rounding: ConversionRounding): number | undefined {
  const bits = f.x === 1 ? 32 : 16;
  const integerBits = (f.i << 1) | f.k;
  if (integerBits <= bits) return fixedPoint(bits - integerBits, bits, f.U === 1, rounding);
  l.refuse('a negative number of fraction bits');
  return undefined;
}

/** VCVT from fixed-point, in place: always to nearest (A8.8.308). */
export function vfpFromFixed(l: Lifter, f: FixedPoint): void {
  const layout = layoutOf(l, f, 'to nearest');
  if (layout === undefined) return;
  const double = f.s === 1;
  const row = double ? CONVERSION_ROWS.fixedToF64 : CONVERSION_ROWS.fixedToF32;
  convert(l, row, { ...f, M: f.D, m: f.d }, double, double, layout);
}

/** VCVT to fixed-point, in place: always towards zero; the rest of the register is the number's extension. */
export function vfpToFixed(l: Lifter, f: FixedPoint): void {
  const layout = layoutOf(l, f, 'towards zero');
  if (layout === undefined) return;
  const { b } = l;
  const double = f.s === 1;
  const row = double ? CONVERSION_ROWS.f64ToFixed : CONVERSION_ROWS.f32ToFixed;
  convert(l, row, { ...f, M: f.D, m: f.d }, double, double, layout);
  if (!double) return;
  const slot = registerSlot(true, registerNumber(true, f.D, f.d));
  b.set(slot + 1, f.U === 1 ? l.const(0) : b.sar(b.get(slot), l.const(31)));
}
