import { Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import type { SimdEmitter, SimdWriter } from './simd-writer.ts';

/* Advanced SIMD on integers that keep their size, without saturation: by the names of rows before the element. */

/** One instruction on a and b. */
function simple(push: (s: SimdWriter) => void): SimdEmitter {
  return (s) =>
    s.result(() => {
      s.a().b();
      push(s);
    });
}

/** A formula on a and b in x and y. */
function formula(push: (s: SimdWriter) => void): SimdEmitter {
  return (s) => {
    s.a().set(s.x).b().set(s.y);
    s.result(() => push(s));
  };
}

function unary(push: (s: SimdWriter) => void): SimdEmitter {
  return (s) => {
    s.a().set(s.x);
    s.result(() => push(s));
  };
}

function bitwise(opcode: number): SimdEmitter {
  return simple((s) => s.simd(opcode));
}

/** VORR of a register with itself is VMOV. */
function or(s: SimdWriter): void {
  if (s.o.a === s.o.b) s.result(() => s.a());
  else s.result(() => s.a().b().simd(Simd.Or));
}

/** Pushes what is chosen where bits of the third are 1, and 0. */
function select(
  push: (s: SimdWriter) => readonly [ones: () => void, zeros: () => void, mask: () => void],
): SimdEmitter {
  return (s) =>
    s.result(() => {
      for (const operand of push(s)) operand();
      s.simd(Simd.BitSelect);
    });
}

/** Pushes the product of x and y, cut to the element; there is no instruction for bytes. */
function pushProduct(s: SimdWriter): void {
  if (s.size > 0) {
    s.get(s.x).get(s.y).int(SimdInteger.Mul);
    return;
  }
  s.get(s.x).get(s.y).int(SimdInteger.Mul, 1).constant(0xff, 0, 1).simd(Simd.And);
  s.get(s.x).shift(SimdInteger.ShrU, 8, 1).get(s.y).constant(0xff00, 0, 1).simd(Simd.And);
  s.int(SimdInteger.Mul, 1).simd(Simd.Or);
}

/** VMUL, VMLA and VMLS, of vectors or by a scalar. */
function product(scalar: boolean, accumulate?: number): SimdEmitter {
  return (s) => {
    s.a().set(s.x);
    if (scalar) s.scalar();
    else s.b();
    s.set(s.y);
    s.result(() => {
      if (accumulate !== undefined) s.old();
      pushProduct(s);
      if (accumulate !== undefined) s.int(accumulate);
    });
  };
}

/** The sum of operands is twice the bits in both, and the bits in one. */
function halvingAdd(s: SimdWriter): void {
  s.get(s.x).get(s.y).simd(Simd.And);
  pushHalfOfDifferent(s).int(SimdInteger.Add);
}

function roundingHalvingAdd(s: SimdWriter): void {
  if (!s.signed && s.size < 2) {
    s.get(s.x).get(s.y).int(SimdInteger.AvgrU);
    return;
  }
  s.get(s.x).get(s.y).simd(Simd.Or);
  pushHalfOfDifferent(s).int(SimdInteger.Sub);
}

/** The difference is the bits in one of them, less twice those in the second only. */
function halvingSub(s: SimdWriter): void {
  pushHalfOfDifferent(s);
  s.get(s.y).get(s.x).simd(Simd.AndNot).int(SimdInteger.Sub);
}

function pushHalfOfDifferent(s: SimdWriter): SimdWriter {
  s.get(s.x).get(s.y).simd(Simd.Xor);
  return s.shift(s.signed ? SimdInteger.ShrS : SimdInteger.ShrU, 1);
}

/** Pushes |x - y|. */
export function pushAbsoluteDifference(s: SimdWriter): void {
  s.get(s.x).get(s.y).intBySign(SimdInteger.MaxS, SimdInteger.MaxU);
  s.get(s.x).get(s.y).intBySign(SimdInteger.MinS, SimdInteger.MinU);
  s.int(SimdInteger.Sub);
}

/** Pushes the number of zeros above the highest 1: all bits below it are set, and counted. */
function pushLeadingZeros(s: SimdWriter): void {
  for (let by = 1; by < s.bits; by *= 2) {
    s.get(s.x).get(s.x).shift(SimdInteger.ShrU, by).simd(Simd.Or).set(s.x);
  }
  s.get(s.x).simd(Simd.Not).simd(Simd.I8x16Popcnt);
  for (let size = 0; size < s.size; size++) s.simd(Simd.I16x8ExtAddPairwiseU + 2 * size);
}

function leadingSigns(s: SimdWriter): void {
  s.get(s.x).shiftedRight(s.x, s.bits).simd(Simd.Xor).set(s.x);
  pushLeadingZeros(s);
  s.constant(1).int(SimdInteger.Sub);
}

/** Neighbours of a, then of b, in one doubleword. */
function pairwise(push: (s: SimdWriter) => void): SimdEmitter {
  return formula((s) => {
    const half = 32 / s.bits;
    for (const odd of [0, 1]) {
      const of = (operand: 0 | 1) =>
        Array.from({ length: half }, (_unused, i) => [operand, 2 * i + odd] as const);
      s.shuffle(s.x, s.y, [...of(0), ...of(1)]);
    }
    push(s);
  });
}

/** Pushes sums of neighbours in elements of twice the size. */
function pushPairwiseLong(s: SimdWriter): void {
  if (s.size < 2) {
    s.get(s.x).simd((s.signed ? Simd.I16x8ExtAddPairwiseS : Simd.I16x8ExtAddPairwiseU) + 2 * s.size);
    return;
  }
  s.get(s.x).shift(SimdInteger.Shl, 32, 3);
  s.shift(s.signed ? SimdInteger.ShrS : SimdInteger.ShrU, 32, 3);
  s.shiftedRight(s.x, 32, 3).int(SimdInteger.Add, 3);
}

/** Comparisons with zero; some the other way round. */
function withZero(opcode: number, reversed = false): SimdEmitter {
  return (s) =>
    s.result(() => {
      if (reversed) s.zero().a();
      else s.a().zero();
      s.compare(opcode);
    });
}

/** Integer operations of elements of one size by the names of their rows. */
export const SIMD_INTEGER_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  vadd: simple((s) => s.int(SimdInteger.Add)),
  vsub: simple((s) => s.int(SimdInteger.Sub)),
  vmul: product(false),
  vmla: product(false, SimdInteger.Add),
  vmls: product(false, SimdInteger.Sub),
  'vmul scalar': product(true),
  'vmla scalar': product(true, SimdInteger.Add),
  'vmls scalar': product(true, SimdInteger.Sub),

  vand: bitwise(Simd.And),
  vbic: bitwise(Simd.AndNot),
  vorr: or,
  vorn: (s) => s.result(() => s.a().b().simd(Simd.Not).simd(Simd.Or)),
  veor: bitwise(Simd.Xor),
  vbsl: select((s) => [() => s.a(), () => s.b(), () => s.old()]),
  vbit: select((s) => [() => s.a(), () => s.old(), () => s.b()]),
  vbif: select((s) => [() => s.old(), () => s.a(), () => s.b()]),
  vmvn: unary((s) => s.get(s.x).simd(Simd.Not)),

  vcgt: simple((s) => s.compare(s.signed ? SimdCompare.GtS : SimdCompare.GtU)),
  vcge: simple((s) => s.compare(s.signed ? SimdCompare.GeS : SimdCompare.GeU)),
  vceq: simple((s) => s.equal()),
  vtst: simple((s) => s.simd(Simd.And).zero().notEqual()),
  'vcgt #0': withZero(SimdCompare.GtS),
  'vcge #0': withZero(SimdCompare.GeS),
  'vceq #0': withZero(SimdCompare.Eq),
  'vcle #0': withZero(SimdCompare.GeS, true),
  'vclt #0': withZero(SimdCompare.GtS, true),

  vmax: simple((s) => s.intBySign(SimdInteger.MaxS, SimdInteger.MaxU)),
  vmin: simple((s) => s.intBySign(SimdInteger.MinS, SimdInteger.MinU)),
  vabs: unary((s) => s.get(s.x).int(SimdInteger.Abs)),
  vneg: unary((s) => s.get(s.x).int(SimdInteger.Neg)),
  vhadd: formula(halvingAdd),
  vrhadd: formula(roundingHalvingAdd),
  vhsub: formula(halvingSub),
  vabd: formula(pushAbsoluteDifference),
  vaba: formula((s) => {
    s.old();
    pushAbsoluteDifference(s);
    s.int(SimdInteger.Add);
  }),

  vpadd: pairwise((s) => s.int(SimdInteger.Add)),
  vpmax: pairwise((s) => s.intBySign(SimdInteger.MaxS, SimdInteger.MaxU)),
  vpmin: pairwise((s) => s.intBySign(SimdInteger.MinS, SimdInteger.MinU)),
  vpaddl: unary(pushPairwiseLong),
  vpadal: unary((s) => {
    s.old();
    pushPairwiseLong(s);
    s.int(SimdInteger.Add, s.size + 1);
  }),

  vcnt: unary((s) => s.get(s.x).simd(Simd.I8x16Popcnt)),
  vclz: unary(pushLeadingZeros),
  vcls: unary(leadingSigns),
};
