import { Simd, SimdInteger } from './opcodes.ts';
import { pushLongProduct } from './simd-long-emitters.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';

/* Advanced SIMD arithmetic that saturates, which sets FPSCR.QC. */

/**
 * Leaves the saturated sum x + y, or the difference, in r. `elements` may have the size of the row, or twice that where
 * the row is about products.
 */
function addSaturating(s: SimdWriter, subtract: boolean, size: number): void {
  s.get(s.x)
    .get(s.y)
    .int(subtract ? SimdInteger.Sub : SimdInteger.Add, size)
    .set(s.r);
  if (size < 2) {
    const signed = subtract ? SimdInteger.SubSatS : SimdInteger.AddSatS;
    const unsigned = subtract ? SimdInteger.SubSatU : SimdInteger.AddSatU;
    s.get(s.x).get(s.y).intBySign(signed, unsigned, size);
    s.tee(s.t).get(s.r).simd(Simd.Xor).noteSaturation();
    s.get(s.t).set(s.r);
    return;
  }
  if (s.signed) pushSignedOverflow(s, subtract);
  else pushCarry(s, subtract);
  // The top bit of each element says whether it overflowed.
  s.shift(SimdInteger.ShrS, (8 << size) - 1, size)
    .tee(s.t)
    .noteSaturation();
  if (s.signed) {
    s.shiftedRight(s.x, 8 << size, size)
      .minimum(size)
      .simd(Simd.Not)
      .simd(Simd.Xor);
    s.get(s.r).get(s.t).simd(Simd.BitSelect).set(s.r);
  } else {
    s.get(s.r)
      .get(s.t)
      .simd(subtract ? Simd.AndNot : Simd.Or)
      .set(s.r);
  }
}

/** Operands of the same sign (of different signs, in a difference) whose result has another. */
function pushSignedOverflow(s: SimdWriter, subtract: boolean): void {
  s.get(s.x).get(s.r).simd(Simd.Xor).get(s.x).get(s.y).simd(Simd.Xor);
  s.simd(subtract ? Simd.And : Simd.AndNot);
}

/** The carry out of a sum, or the borrow of a difference. */
function pushCarry(s: SimdWriter, subtract: boolean): void {
  if (subtract) {
    // Borrow: y & ~x, or r where x and y are not (1, 0).
    s.get(s.y).get(s.x).simd(Simd.AndNot);
    s.get(s.r).get(s.x).get(s.y).simd(Simd.AndNot).simd(Simd.AndNot).simd(Simd.Or);
  } else {
    s.get(s.x).get(s.y).simd(Simd.And);
    s.get(s.x).get(s.y).simd(Simd.Or).get(s.r).simd(Simd.AndNot).simd(Simd.Or);
  }
}

/** VQADD and VQSUB. */
function sum(subtract: boolean): SimdEmitter {
  return (s) => {
    s.a().set(s.x).b().set(s.y);
    addSaturating(s, subtract, s.size);
    s.result(() => s.get(s.r));
  };
}

/** VQABS and VQNEG: only the lowest number has no result, and is its own. */
function sign(opcode: number): SimdEmitter {
  return (s) => {
    s.a().tee(s.x).minimum().equal().tee(s.t).noteSaturation();
    s.result(() => s.get(s.x).int(opcode).get(s.t).simd(Simd.Xor));
  };
}

/** Leaves all ones in t where the doubled product of x and y overflows: both are the lowest number. */
function markOverflow(s: SimdWriter): void {
  s.get(s.x).minimum().equal().get(s.x).get(s.y).equal().simd(Simd.And).tee(s.t).noteSaturation();
}

/** VQDMULH and VQRDMULH, of vectors or by a scalar. */
function doublingHigh(rounding: boolean, scalar: boolean): SimdEmitter {
  return (s) => {
    s.a().set(s.x);
    if (scalar) s.scalar();
    else s.b();
    s.set(s.y);
    markOverflow(s);
    const [low, high] = [0, 1].map((half) => (): SimdWriter => {
      const wide = s.size + 1;
      s.get(s.x)
        .get(s.y)
        .int(SimdInteger.ExtMulLowS + half, wide);
      if (rounding) s.constant(2 ** (s.bits - 2), 0, wide).int(SimdInteger.Add, wide);
      return s.shift(SimdInteger.ShrS, s.bits - 1, wide);
    }) as [() => SimdWriter, () => SimdWriter];
    if (s.size === 1) {
      s.result(() => {
        if (rounding) {
          s.get(s.x).get(s.y).simd(Simd.I16x8Q15MulrSatS);
        } else {
          low();
          high();
          s.int(SimdInteger.NarrowS, 1);
        }
      });
      return;
    }
    low().set(s.r);
    high().set(s.c);
    const sources = [0, 1].flatMap((operand) => [0, 2].map((i) => [operand as 0 | 1, i] as const));
    s.result(() => s.shuffle(s.r, s.c, sources).get(s.t).simd(Simd.Xor));
  };
}

/** VQDMULL, VQDMLAL and VQDMLSL, of vectors or by a scalar. */
function doublingLong(scalar: boolean, accumulate: 'none' | 'add' | 'subtract'): SimdEmitter {
  return (s) => {
    const wide = s.size + 1;
    pushLongProduct(s, scalar);
    s.shift(SimdInteger.Shl, 1, wide).tee(s.y);
    s.minimum(wide).equal(wide).tee(s.t).noteSaturation();
    s.get(s.y).get(s.t).simd(Simd.Xor).set(s.y);
    if (accumulate !== 'none') {
      s.old(true).set(s.x);
      addSaturating(s, accumulate === 'subtract', wide);
    }
    s.result(() => s.get(accumulate === 'none' ? s.y : s.r), true);
  };
}

/** Saturating arithmetic by the names of its rows. */
export const SIMD_SATURATING_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  vqadd: sum(false),
  vqsub: sum(true),
  vqabs: sign(SimdInteger.Abs),
  vqneg: sign(SimdInteger.Neg),
  vqdmulh: doublingHigh(false, false),
  vqrdmulh: doublingHigh(true, false),
  'vqdmulh scalar': doublingHigh(false, true),
  'vqrdmulh scalar': doublingHigh(true, true),
  vqdmull: doublingLong(false, 'none'),
  vqdmlal: doublingLong(false, 'add'),
  vqdmlsl: doublingLong(false, 'subtract'),
  'vqdmull scalar': doublingLong(true, 'none'),
  'vqdmlal scalar': doublingLong(true, 'add'),
  'vqdmlsl scalar': doublingLong(true, 'subtract'),
};
