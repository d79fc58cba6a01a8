import { Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import {
  floatConstant,
  pushNotFinite,
  pushProductIsInexact,
  pushProductIsNotOrdinary,
  pushSubnormal,
  pushSumIsInexact,
  pushUnordered,
} from './simd-float-guards.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';
import { requireExact, scratch, withFallback } from './vector-operation.ts';

/*
 * Advanced SIMD on single precision. The standard FPSCR value flushes to zero, so that operands must not be subnormal
 * either; it rounds to nearest and gives default NaNs. All elements take the fast way, or none.
 */

/** Branches away where the value on the stack is not all zero. */
function unlessAny(s: SimdWriter, slow: number): void {
  s.simd(Simd.AnyTrue);
  s.code.brIf(slow);
}

function loadBoth(s: SimdWriter, scalar = false): void {
  s.a().set(s.x);
  if (scalar) s.scalar();
  else s.b();
  s.set(s.y);
}

/** The first, or second, of each pair of neighbours in a and b. */
function pushNeighbours(s: SimdWriter, index: 0 | 1): SimdWriter {
  return s.shuffle(s.x, s.y, [
    [0, index],
    [1, index],
  ]);
}

/** Operands of pairwise operations; doublewords only. */
function loadPairs(s: SimdWriter): void {
  loadBoth(s);
  pushNeighbours(s, 0).set(s.r);
  pushNeighbours(s, 1).set(s.y);
  s.get(s.r).set(s.x);
}

/** VADD, VSUB, VABD, VPADD. */
function sum(opcode: number, load: (s: SimdWriter) => void, absolute = false): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      load(s);
      s.get(s.x).get(s.y).simd(opcode).set(s.r);
      pushSubnormal(s, [s.x, s.y, s.r]);
      pushNotFinite(s, s.r);
      s.simd(Simd.Or);
      unlessAny(s, slow);
      requireExact(s.code, slow, 0, () => {
        pushSumIsInexact(s, s.x, s.y, s.r, opcode);
        s.simd(Simd.AnyTrue);
      });
      s.result(() => {
        s.get(s.r);
        if (absolute) s.simd(Simd.F32x4Abs);
      });
    });
  };
}

function product(scalar: boolean): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      loadBoth(s, scalar);
      s.get(s.x).get(s.y).simd(Simd.F32x4Mul).set(s.r);
      pushSubnormal(s, [s.x, s.y]);
      pushProductIsNotOrdinary(s, s.r);
      s.simd(Simd.Or);
      unlessAny(s, slow);
      requireExact(s.code, slow, 0, () => {
        pushProductIsInexact(s);
        s.simd(Simd.AnyTrue);
      });
      s.result(() => s.get(s.r));
    });
  };
}

/**
 * VMLA, VMLS, VRECPS, VRSQRTS: the product is rounded, then added or subtracted.
 * @param opcode of the second operation.
 * @param pushAddend where it is not the result's old value.
 * @param factor that the result is multiplied by at last, exactly.
 */
function multiplyAdd(
  opcode: number,
  scalar: boolean,
  pushAddend: (s: SimdWriter) => void = (s) => s.old(),
  factor?: number,
): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      loadBoth(s, scalar);
      pushAddend(s);
      s.set(s.c);
      s.get(s.x).get(s.y).simd(Simd.F32x4Mul).set(s.r);
      s.get(s.c).get(s.r).simd(opcode).set(s.t);
      pushSubnormal(s, [s.x, s.y, s.c, s.t]);
      pushProductIsNotOrdinary(s, s.r);
      s.simd(Simd.Or);
      pushNotFinite(s, s.t);
      s.simd(Simd.Or);
      unlessAny(s, slow);
      requireExact(s.code, slow, 0, () => {
        pushProductIsInexact(s);
        pushSumIsInexact(s, s.c, s.r, s.t, opcode);
        s.simd(Simd.Or).simd(Simd.AnyTrue);
      });
      s.result(() => {
        s.get(s.t);
        if (factor !== undefined) floatConstant(s, factor).simd(Simd.F32x4Mul);
      });
    });
  };
}

/** Bits of a double below those that an f32 has, and their value halfway between two. */
const BELOW_SINGLE = 0x1fffffff;
const HALFWAY = 0x10000000;

/**
 * VFMA and VFMS by way of doubles, two elements at a time: the product is exact, and the sum rounded to a double rounds
 * to the right f32 unless it lies halfway between two, where the bits that it lost would matter.
 */
function fused(negate: boolean): SimdEmitter {
  return (s) => {
    const halfway = scratch(s.code, 'v128', 5);
    const half = (index: 0 | 1): void => {
      const push = (local: number): void => {
        if (index === 0) s.get(local);
        else s.shuffle(local, local, [[0, 1]], 3);
        s.simd(Simd.F64x2PromoteLowF32x4);
      };
      push(s.c);
      push(s.x);
      push(s.y);
      s.simd(Simd.F64x2Mul)
        .simd(negate ? Simd.F64x2Sub : Simd.F64x2Add)
        .tee(s.t);
      s.constant(BELOW_SINGLE, 0, 3).simd(Simd.And).constant(HALFWAY, 0, 3).equal(3);
      if (index === 1) s.get(halfway).simd(Simd.Or);
      s.set(halfway);
      s.get(s.t).simd(Simd.F32x4DemoteF64x2Zero);
    };
    withFallback(s.o, (slow) => {
      loadBoth(s);
      s.old().set(s.c);
      half(0);
      s.set(s.r);
      if (s.quad) {
        half(1);
        s.set(s.t).shuffle(
          s.r,
          s.t,
          [
            [0, 0],
            [1, 0],
          ],
          3,
        );
        s.set(s.r);
      }
      pushSubnormal(s, [s.x, s.y, s.c]);
      pushProductIsNotOrdinary(s, s.r);
      s.simd(Simd.Or).get(halfway).simd(Simd.Or);
      unlessAny(s, slow);
      requireExact(s.code, slow, 0, () => {
        s.get(s.x).get(s.y).simd(Simd.F32x4Mul).set(s.t);
        pushProductIsNotOrdinary(s, s.t);
        pushProductIsInexact(s);
        pushSumIsInexact(s, s.c, s.t, s.r, negate ? Simd.F32x4Sub : Simd.F32x4Add);
        s.simd(Simd.Or).simd(Simd.Or).simd(Simd.AnyTrue);
      });
      s.result(() => s.get(s.r));
    });
  };
}

/** Functions of ordered numbers that round nothing: comparisons, VMAX, VMIN. */
function ordered(load: (s: SimdWriter) => void, opcode: number): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      load(s);
      pushSubnormal(s, [s.x, s.y]);
      pushUnordered(s);
      s.simd(Simd.Or);
      unlessAny(s, slow);
      s.result(() => s.get(s.x).get(s.y).simd(opcode));
    });
  };
}

function loadMagnitudes(s: SimdWriter): void {
  s.a().simd(Simd.F32x4Abs).set(s.x).b().simd(Simd.F32x4Abs).set(s.y);
}

function loadAndZero(s: SimdWriter): void {
  s.a().set(s.x).zero().set(s.y);
}

/** VCVT to integers and fixed-point, towards zero, of numbers that fit. */
function toFixed(unsigned: boolean): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      s.a().tee(s.x);
      if (s.o.imm !== 0) floatConstant(s, 2 ** s.o.imm).simd(Simd.F32x4Mul);
      s.set(s.r);
      pushSubnormal(s, [s.x]);
      if (unsigned) s.get(s.r).zero().simd(Simd.F32x4Ge).get(s.r);
      else s.get(s.r).simd(Simd.F32x4Abs);
      floatConstant(s, unsigned ? 2 ** 32 : 2 ** 31).simd(Simd.F32x4Lt);
      if (unsigned) s.simd(Simd.And);
      s.simd(Simd.Not).simd(Simd.Or);
      unlessAny(s, slow);
      requireExact(s.code, slow, 0, () => {
        s.get(s.r).simd(Simd.F32x4Trunc).get(s.r).simd(Simd.F32x4Ne).simd(Simd.AnyTrue);
      });
      s.result(() => s.get(s.r).simd(unsigned ? Simd.I32x4TruncSatF32x4U : Simd.I32x4TruncSatF32x4S));
    });
  };
}

/** VCVT from integers and fixed-point; what has more than 24 bits may be inexact. */
function fromFixed(unsigned: boolean): SimdEmitter {
  return (s) => {
    withFallback(s.o, (slow) => {
      s.a().set(s.x);
      requireExact(s.code, slow, 0, () => {
        if (unsigned) s.get(s.x).shift(SimdInteger.ShrU, 24).zero();
        else s.get(s.x).shift(SimdInteger.Shl, 8).shift(SimdInteger.ShrS, 8).get(s.x);
        s.compare(SimdCompare.Ne).simd(Simd.AnyTrue);
      });
      s.result(() => {
        s.get(s.x).simd(unsigned ? Simd.F32x4ConvertI32x4U : Simd.F32x4ConvertI32x4S);
        if (s.o.imm !== 0) floatConstant(s, 2 ** -s.o.imm).simd(Simd.F32x4Mul);
      });
    });
  };
}

/** Operations on single-precision elements by the names of their rows. */
export const SIMD_FLOAT_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  'vadd.f32': sum(Simd.F32x4Add, loadBoth),
  'vsub.f32': sum(Simd.F32x4Sub, loadBoth),
  'vabd.f32': sum(Simd.F32x4Sub, loadBoth, true),
  'vpadd.f32': sum(Simd.F32x4Add, loadPairs),
  'vmul.f32': product(false),
  'vmul scalar.f32': product(true),
  'vmla.f32': multiplyAdd(Simd.F32x4Add, false),
  'vmls.f32': multiplyAdd(Simd.F32x4Sub, false),
  'vmla scalar.f32': multiplyAdd(Simd.F32x4Add, true),
  'vmls scalar.f32': multiplyAdd(Simd.F32x4Sub, true),
  'vrecps.f32': multiplyAdd(Simd.F32x4Sub, false, (s) => floatConstant(s, 2)),
  'vrsqrts.f32': multiplyAdd(Simd.F32x4Sub, false, (s) => floatConstant(s, 3), 0.5),
  'vfma.f32': fused(false),
  'vfms.f32': fused(true),

  'vmax.f32': ordered(loadBoth, Simd.F32x4Max),
  'vmin.f32': ordered(loadBoth, Simd.F32x4Min),
  'vpmax.f32': ordered(loadPairs, Simd.F32x4Max),
  'vpmin.f32': ordered(loadPairs, Simd.F32x4Min),
  'vceq.f32': ordered(loadBoth, Simd.F32x4Eq),
  'vcge.f32': ordered(loadBoth, Simd.F32x4Ge),
  'vcgt.f32': ordered(loadBoth, Simd.F32x4Gt),
  'vacge.f32': ordered(loadMagnitudes, Simd.F32x4Ge),
  'vacgt.f32': ordered(loadMagnitudes, Simd.F32x4Gt),
  'vceq #0.f32': ordered(loadAndZero, Simd.F32x4Eq),
  'vcge #0.f32': ordered(loadAndZero, Simd.F32x4Ge),
  'vcgt #0.f32': ordered(loadAndZero, Simd.F32x4Gt),
  'vcle #0.f32': ordered(loadAndZero, Simd.F32x4Le),
  'vclt #0.f32': ordered(loadAndZero, Simd.F32x4Lt),
  'vabs.f32': (s) => s.result(() => s.a().simd(Simd.F32x4Abs)),
  'vneg.f32': (s) => s.result(() => s.a().simd(Simd.F32x4Neg)),

  'vcvt to integer s32.f32': toFixed(false),
  'vcvt to integer u32.f32': toFixed(true),
  'vcvt to fixed s32.f32': toFixed(false),
  'vcvt to fixed u32.f32': toFixed(true),
  'vcvt from integer s32.f32': fromFixed(false),
  'vcvt from integer u32.f32': fromFixed(true),
  'vcvt from fixed s32.f32': fromFixed(false),
  'vcvt from fixed u32.f32': fromFixed(true),
};
