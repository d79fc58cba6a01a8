import { Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import type { SimdWriter } from './simd-writer.ts';
import { scratch } from './vector-operation.ts';

/* Masks of elements for which the host's single-precision arithmetic may not be the guest's. All push one vector. */

/** Pushes a number in all places. */
export function floatConstant(s: SimdWriter, value: number): SimdWriter {
  return s.constant(new Int32Array(Float32Array.of(value).buffer)[0], 0, 2);
}

/** With this added, doubled bits of subnormals are the lowest signed words; zeros are the highest. */
const SUBNORMALS_LOWEST = 0x7fffffff;
/** The lowest normal number's. */
const FIRST_NORMAL = 0x80ffffff | 0;

/** Elements that are subnormal in any of the locals. */
export function pushSubnormal(s: SimdWriter, locals: readonly number[]): void {
  s.constant(FIRST_NORMAL, 0, 2);
  for (const [i, local] of locals.entries()) {
    s.get(local).shift(SimdInteger.Shl, 1, 2).constant(SUBNORMALS_LOWEST, 0, 2).int(SimdInteger.Add, 2);
    if (i > 0) s.int(SimdInteger.MinS, 2);
  }
  s.compare(SimdCompare.GtS, 2);
}

const MAGNITUDE = 0x7fffffff;
const LARGEST = 0x7f7fffff;

/** Infinities and NaNs. */
export function pushNotFinite(s: SimdWriter, local: number): void {
  s.get(local).constant(MAGNITUDE, 0, 2).simd(Simd.And).constant(LARGEST, 0, 2).compare(SimdCompare.GtS, 2);
}

/** Numbers of twice the smallest normal one and more, without sign, moved to the lowest signed words. */
const ORDINARY_LOWEST = 0x80000000 - 0x02000000;
const LAST_ORDINARY = (0xfefffffe + ORDINARY_LOWEST) | 0;

/** Elements of a local that are not ordinary, nor zero because x or y is. */
export function pushProductIsNotOrdinary(s: SimdWriter, local: number): void {
  s.get(local).shift(SimdInteger.Shl, 1, 2).constant(ORDINARY_LOWEST, 0, 2).int(SimdInteger.Add, 2);
  s.constant(LAST_ORDINARY, 0, 2).compare(SimdCompare.GtS, 2);
  s.get(s.x).zero().simd(Simd.F32x4Eq).get(s.y).zero().simd(Simd.F32x4Eq).simd(Simd.Or);
  s.get(local).zero().simd(Simd.F32x4Eq).simd(Simd.And).simd(Simd.AndNot);
}

/** The lower half of a fraction: products of two that have none are exact. */
const LOW_FRACTION = 0xfff;

/** Products of x and y that may be inexact: what has more bits than small whole numbers. */
export function pushProductIsInexact(s: SimdWriter): void {
  s.get(s.x).get(s.y).simd(Simd.Or).constant(LOW_FRACTION, 0, 2).simd(Simd.And);
}

/** Finite sums x + y = r, or differences, that are inexact (2Sum). @param opcode that gave r. */
export function pushSumIsInexact(s: SimdWriter, x: number, y: number, r: number, opcode: number): void {
  const second = scratch(s.code, 'v128', 6);
  const subtracts = opcode === Simd.F32x4Sub;
  s.get(x).get(r);
  s.get(r).get(x).simd(Simd.F32x4Sub).tee(second).simd(Simd.F32x4Sub).simd(Simd.F32x4Sub);
  s.get(y)
    .get(second)
    .simd(subtracts ? Simd.F32x4Add : Simd.F32x4Sub);
  s.simd(subtracts ? Simd.F32x4Sub : Simd.F32x4Add);
  s.zero().simd(Simd.F32x4Ne);
}

/** Elements of which x or y is a NaN. */
export function pushUnordered(s: SimdWriter): void {
  s.get(s.x).get(s.x).simd(Simd.F32x4Ne).get(s.y).get(s.y).simd(Simd.F32x4Ne).simd(Simd.Or);
}
