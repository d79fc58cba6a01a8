import { Simd, SimdInteger } from './opcodes.ts';
import { pushAbsoluteDifference } from './simd-integer-emitters.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';

/* Advanced SIMD where operands and result have elements of different sizes. The result is a quadword, or its half. */

/** VADDL and VSUBL: both operands are extended; VADDW and VSUBW: the second. */
function longSum(opcode: number, wide: boolean): SimdEmitter {
  return (s) =>
    s.result(() => {
      if (wide) s.a(true);
      else s.extended(s.o.a);
      s.extended(s.o.b).int(opcode, s.size + 1);
    }, true);
}

/** VMULL, VMLAL and VMLSL, of vectors or by a scalar. */
function longProduct(scalar: boolean, accumulate?: number): SimdEmitter {
  return (s) =>
    s.result(() => {
      if (accumulate !== undefined) s.old(true);
      pushLongProduct(s, scalar);
      if (accumulate !== undefined) s.int(accumulate, s.size + 1);
    }, true);
}

/** Pushes the whole products of operands a and b, or a scalar. */
export function pushLongProduct(s: SimdWriter, scalar: boolean): void {
  s.a(false);
  if (scalar) s.scalar();
  else s.b(false);
  s.intBySign(SimdInteger.ExtMulLowS, SimdInteger.ExtMulLowU, s.size + 1);
}

function longDifference(accumulate: boolean): SimdEmitter {
  return (s) => {
    s.a(false).set(s.x).b(false).set(s.y);
    s.result(() => {
      if (accumulate) s.old(true);
      pushAbsoluteDifference(s);
      s.int(SimdInteger.ExtendLowU, s.size + 1);
      if (accumulate) s.int(SimdInteger.Add, s.size + 1);
    }, true);
  };
}

/** Pushes the low (0) or high (1) halves of a local's elements, which have twice the size, in a doubleword. */
export function pushHalves(s: SimdWriter, local: number, high: 0 | 1): void {
  const sources = Array.from({ length: 64 / s.bits }, (_unused, i) => [0, 2 * i + high] as const);
  s.shuffle(local, local, sources);
}

/** VADDHN and kin. */
function highHalves(opcode: number, rounding: boolean): SimdEmitter {
  return (s) => {
    const wide = s.size + 1;
    s.a(true).b(true).int(opcode, wide);
    if (rounding) s.constant(1 << (s.bits - 1), 0, wide).int(SimdInteger.Add, wide);
    s.set(s.x);
    s.result(() => pushHalves(s, s.x, 1), false);
  };
}

/** VSHRN, VRSHRN and VMOVN. */
function narrowingShift(rounding: boolean): SimdEmitter {
  return (s) => {
    s.a(true).set(s.x);
    if (rounding) s.roundedRight(s.x, s.o.imm, s.size + 1, false);
    else s.shiftedRight(s.x, s.o.imm, s.size + 1, false);
    s.set(s.x);
    s.result(() => pushHalves(s, s.x, 0), false);
  };
}

/** VSHLL and VMOVL. */
function longShift(s: SimdWriter): void {
  s.result(() => s.extended(s.o.a).shift(SimdInteger.Shl, s.o.imm, s.size + 1), true);
}

/** VQSHRN, VQSHRUN and kin, VQMOVN, VQMOVUN. @param toUnsigned signed elements to unsigned ones. */
function saturatingNarrowingShift(rounding: boolean, toUnsigned: boolean): SimdEmitter {
  return (s) => {
    const wide = s.size + 1;
    s.a(true).set(s.x);
    if (rounding) s.roundedRight(s.x, s.o.imm, wide);
    else s.shiftedRight(s.x, s.o.imm, wide);
    s.set(s.x);
    pushTooLarge(s, toUnsigned);
    s.tee(s.y).noteSaturation();
    pushSaturated(s, toUnsigned);
    s.get(s.x).get(s.y).simd(Simd.BitSelect).set(s.x);
    s.result(() => pushHalves(s, s.x, 0), false);
  };
}

/** Pushes all ones for elements of x that do not fit into half their size. */
function pushTooLarge(s: SimdWriter, toUnsigned: boolean): void {
  const wide = s.size + 1;
  if (toUnsigned || !s.signed) {
    s.shiftedRight(s.x, s.bits, wide, false).zero();
  } else {
    s.get(s.x).shift(SimdInteger.Shl, s.bits, wide).shift(SimdInteger.ShrS, s.bits, wide).get(s.x);
  }
  s.notEqual(wide);
}

/** Pushes what those are instead, by their signs; only the low halves count. */
function pushSaturated(s: SimdWriter, toUnsigned: boolean): void {
  const wide = s.size + 1;
  if (!s.signed) {
    s.zero().simd(Simd.Not);
    return;
  }
  s.shiftedRight(s.x, 2 * s.bits, wide);
  if (toUnsigned) s.simd(Simd.Not);
  else s.constant(2 ** (s.bits - 1) - 1, 0, wide).simd(Simd.Xor);
}

/** Operations on elements of different sizes by the names of their rows. */
export const SIMD_LONG_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  vaddl: longSum(SimdInteger.Add, false),
  vaddw: longSum(SimdInteger.Add, true),
  vsubl: longSum(SimdInteger.Sub, false),
  vsubw: longSum(SimdInteger.Sub, true),
  vmull: longProduct(false),
  vmlal: longProduct(false, SimdInteger.Add),
  vmlsl: longProduct(false, SimdInteger.Sub),
  'vmull scalar': longProduct(true),
  'vmlal scalar': longProduct(true, SimdInteger.Add),
  'vmlsl scalar': longProduct(true, SimdInteger.Sub),
  vabdl: longDifference(false),
  vabal: longDifference(true),
  vaddhn: highHalves(SimdInteger.Add, false),
  vraddhn: highHalves(SimdInteger.Add, true),
  vsubhn: highHalves(SimdInteger.Sub, false),
  vrsubhn: highHalves(SimdInteger.Sub, true),
  vshrn: narrowingShift(false),
  vrshrn: narrowingShift(true),
  vshll: longShift,
  vqshrn: saturatingNarrowingShift(false, false),
  vqrshrn: saturatingNarrowingShift(true, false),
  vqshrun: saturatingNarrowingShift(false, true),
  vqrshrun: saturatingNarrowingShift(true, true),
};
