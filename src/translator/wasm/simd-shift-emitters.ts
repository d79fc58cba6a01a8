import { Load, Op, Simd, SimdInteger } from './opcodes.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';
import { scratch, withFallback } from './vector-operation.ts';

/* Advanced SIMD shifts that keep the size of elements. */

function shiftRight(rounding: boolean, accumulate: boolean): SimdEmitter {
  return (s) => {
    s.a().set(s.x);
    s.result(() => {
      if (accumulate) s.old();
      if (rounding) s.roundedRight(s.x, s.o.imm);
      else s.shiftedRight(s.x, s.o.imm);
      if (accumulate) s.int(SimdInteger.Add);
    });
  };
}

/** Pushes the lowest `n` bits of every element set. */
function pushLowBits(s: SimdWriter, n: number): SimdWriter {
  const ones = (bits: number): number => (bits >= 32 ? -1 : bits <= 0 ? 0 : 2 ** bits - 1);
  return s.constant(ones(n), ones(n - 32));
}

/** VSLI: the bits that come in are the result's old ones. */
function insertLeft(s: SimdWriter): void {
  s.result(() => {
    s.old().a().shift(SimdInteger.Shl, s.o.imm);
    pushLowBits(s, s.o.imm).simd(Simd.BitSelect);
  });
}

/** VSRI. */
function insertRight(s: SimdWriter): void {
  s.a().set(s.x);
  s.result(() => {
    s.shiftedRight(s.x, s.o.imm, s.size, false).old();
    pushLowBits(s, s.bits - s.o.imm).simd(Simd.BitSelect);
  });
}

/** VQSHL by immediate, and VQSHLU: what does not come back by the way back was too large. */
function saturatingLeft(toUnsigned: boolean): SimdEmitter {
  return (s) => {
    const back = s.signed && !toUnsigned ? SimdInteger.ShrS : SimdInteger.ShrU;
    s.a().tee(s.x).shift(SimdInteger.Shl, s.o.imm).tee(s.r).shift(back, s.o.imm).get(s.x).notEqual();
    if (toUnsigned) s.shiftedRight(s.x, s.bits).simd(Simd.Or);
    s.tee(s.t).noteSaturation();
    s.result(() => {
      pushSaturated(s, toUnsigned);
      s.get(s.r).get(s.t).simd(Simd.BitSelect);
    });
  };
}

/** Pushes the limit on the side of each element of x. */
function pushSaturated(s: SimdWriter, toUnsigned: boolean): void {
  if (!s.signed) {
    s.zero().simd(Simd.Not);
    return;
  }
  s.shiftedRight(s.x, s.bits);
  if (toUnsigned) s.simd(Simd.Not);
  else s.minimum().simd(Simd.Not).simd(Simd.Xor);
}

/** VSHL by register: where all amounts are the same, as compilers make them, and less than an element's bits. */
function shiftByRegister(s: SimdWriter): void {
  const { code, o, bits } = s;
  const by = scratch(code, 'i32', 0);
  withFallback(o, (slow) => {
    code.i32(0).simdLoad(s.quad ? Simd.Load : Simd.Load64Splat, o.b);
    code.i32(0).simdLoad(Simd.Load8Splat + s.size, o.b);
    s.notEqual().simd(Simd.AnyTrue);
    code.brIf(slow);
    code.i32(0).load(Load.I32U8, o.b).op(Op.I32Extend8S).tee(by);
    code
      .i32(bits - 1)
      .op(Op.I32Add)
      .i32(2 * bits - 2)
      .op(Op.I32GtU)
      .brIf(slow);
    s.a().set(s.x);
    s.result(() => {
      code.get(by).i32(0).op(Op.I32LtS);
      code.if('v128');
      s.get(s.x);
      code.i32(0).get(by).op(Op.I32Sub);
      s.intBySign(SimdInteger.ShrS, SimdInteger.ShrU);
      code.else();
      s.get(s.x);
      code.get(by);
      s.int(SimdInteger.Shl);
      code.end();
    });
  });
}

/** Shifts by the names of their rows. */
export const SIMD_SHIFT_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  vshr: shiftRight(false, false),
  vsra: shiftRight(false, true),
  vrshr: shiftRight(true, false),
  vrsra: shiftRight(true, true),
  vshl: shiftByRegister,
  'vshl #': (s) => s.result(() => s.a().shift(SimdInteger.Shl, s.o.imm)),
  vsli: insertLeft,
  vsri: insertRight,
  'vqshl #': saturatingLeft(false),
  vqshlu: saturatingLeft(true),
};
