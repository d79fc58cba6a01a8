import { Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import { floatConstant } from './simd-float-guards.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';
import { withFallback } from './vector-operation.ts';

/*
 * VRECPE.F32 and VRSQRTE.F32: an estimate of 8 bits from the top of the fraction (ARM DDI 0406C A2.7.7). The quotients
 * lie so far from where they would round differently that single precision does; there are only 256 of each.
 */

const SIGN = -0x80000000;
const EXPONENT = 0x7f800000;
const ODD_EXPONENT = 1 << 23;

/** Loads operand a into x; both halves are the same where it is a doubleword, so that no zero comes in. */
function loadTwice(s: SimdWriter): void {
  s.code.i32(0).simdLoad(s.quad ? Simd.Load : Simd.Load64Splat, s.o.a);
  s.set(s.x);
}

/** Branches away where words are above `last` once `moved` was added. */
function requireBelow(s: SimdWriter, slow: number, moved: number, last: number): void {
  s.constant(moved, 0, 2).int(SimdInteger.Add, 2).constant(last, 0, 2).compare(SimdCompare.GtS, 2);
  s.simd(Simd.AnyTrue);
  s.code.brIf(slow);
}

/** Pushes the bits of x from `from` on that `mask` has, with the 1 above them, and a half more, as a number. */
function pushFraction(s: SimdWriter, from: number, mask: number): SimdWriter {
  s.get(s.x).shift(SimdInteger.ShrU, from, 2).constant(mask, 0, 2).simd(Simd.And);
  s.constant(mask + 1, 0, 2)
    .simd(Simd.Or)
    .simd(Simd.F32x4ConvertI32x4S);
  return floatConstant(s, 0.5).simd(Simd.F32x4Add);
}

/** From a quotient of 256 to 512 to the top of a fraction, rounded to nearest. */
function toFraction(s: SimdWriter): SimdWriter {
  floatConstant(s, 0.5).simd(Simd.F32x4Add).simd(Simd.I32x4TruncSatF32x4S);
  return s.constant(0xff, 0, 2).simd(Simd.And).shift(SimdInteger.Shl, 15, 2);
}

/** Normal numbers whose reciprocals are normal. */
function reciprocal(s: SimdWriter): void {
  withFallback(s.o, (slow) => {
    loadTwice(s);
    s.get(s.x).shift(SimdInteger.Shl, 1, 2);
    requireBelow(s, slow, 0x80000000 - 0x01000000, 0xfcfffffe - 0x81000000);
    s.result(() => {
      floatConstant(s, 256 * 512);
      pushFraction(s, 15, 0xff).simd(Simd.F32x4Div);
      toFraction(s);
      s.constant(253 << 23, 0, 2)
        .get(s.x)
        .constant(EXPONENT, 0, 2)
        .simd(Simd.And);
      s.int(SimdInteger.Sub, 2).simd(Simd.Or);
      s.get(s.x).constant(SIGN, 0, 2).simd(Simd.And).simd(Simd.Or);
    });
  });
}

/** Positive normal numbers. The fraction counts from a quarter to one, by whether the exponent is even. */
function reciprocalRoot(s: SimdWriter): void {
  withFallback(s.o, (slow) => {
    loadTwice(s);
    s.get(s.x);
    requireBelow(s, slow, 0x80000000 - 0x00800000, 0x7f7fffff - 0x80800000);
    s.result(() => {
      floatConstant(s, 256);
      pushFraction(s, 16, 0x7f);
      floatConstant(s, 1 / 512);
      floatConstant(s, 1 / 256);
      s.get(s.x).constant(ODD_EXPONENT, 0, 2).simd(Simd.And).zero().notEqual(2).simd(Simd.BitSelect);
      s.simd(Simd.F32x4Mul).simd(Simd.F32x4Sqrt).simd(Simd.F32x4Div);
      toFraction(s);
      s.constant(380, 0, 2).get(s.x).shift(SimdInteger.ShrU, 23, 2).int(SimdInteger.Sub, 2);
      s.shift(SimdInteger.ShrU, 1, 2).shift(SimdInteger.Shl, 23, 2).simd(Simd.Or);
    });
  });
}

/** Estimates by the names of their rows. */
export const SIMD_ESTIMATE_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  'vrecpe.f32': reciprocal,
  'vrsqrte.f32': reciprocalRoot,
};
