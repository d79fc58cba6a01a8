import { MemoryLayout } from '../../memory/machine-memory.ts';
import { STICKY_SLOT, type VectorFunction, vectorFunction } from '../../translator/vector/vector-function.ts';
import { f32Add, f32Div, f32Mul, f32MulAdd, f32Sqrt, f32Sub } from './f32.ts';
import { FpContext } from './fp-context.ts';

/** Single-precision VFP instructions on state slots. */

const FPSCR = (MemoryLayout.state >>> 2) + STICKY_SLOT;
const SIGN = -0x80000000;
const ONE = [0];

const ctx = new FpContext();

/** d = a op b, negated where `negate` is the sign bit. */
function binary(
  name: string,
  f: (a: number, b: number, ctx: FpContext) => number,
  negate = 0,
): VectorFunction {
  return vectorFunction({
    name,
    reads: [[], ONE, ONE],
    writes: [ONE, []],
    sticky: true,
    run: ({ words }, d, a, b) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      words[d] = f(words[a], words[b], ctx) ^ negate;
      return ctx.flags;
    },
  });
}

/** VMLA and kin: the product is rounded, then negated perhaps, then added to d or minus d. */
function multiplyAccumulate(name: string, negateProduct: number, negateAddend: number): VectorFunction {
  return vectorFunction({
    name,
    reads: [ONE, ONE, ONE],
    writes: [ONE, []],
    sticky: true,
    run: ({ words }, d, a, b) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      const product = f32Mul(words[a], words[b], ctx) ^ negateProduct;
      words[d] = f32Add(words[d] ^ negateAddend, product, ctx);
      return ctx.flags;
    },
  });
}

/** VFMA and kin: operands are negated, then the sum is rounded once. */
function fused(name: string, negateFactor: number, negateAddend: number): VectorFunction {
  return vectorFunction({
    name,
    reads: [ONE, ONE, ONE],
    writes: [ONE, []],
    sticky: true,
    run: ({ words }, d, a, b) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      words[d] = f32MulAdd(words[d] ^ negateAddend, words[a] ^ negateFactor, words[b], ctx);
      return ctx.flags;
    },
  });
}

/** Arithmetic of single precision by its mnemonic. */
export const F32_ROWS = {
  vadd: binary('vadd.f32', f32Add),
  vsub: binary('vsub.f32', f32Sub),
  vmul: binary('vmul.f32', f32Mul),
  vnmul: binary('vnmul.f32', f32Mul, SIGN),
  vdiv: binary('vdiv.f32', f32Div),
  vmla: multiplyAccumulate('vmla.f32', 0, 0),
  vmls: multiplyAccumulate('vmls.f32', SIGN, 0),
  vnmla: multiplyAccumulate('vnmla.f32', SIGN, SIGN),
  vnmls: multiplyAccumulate('vnmls.f32', 0, SIGN),
  vfma: fused('vfma.f32', 0, 0),
  vfms: fused('vfms.f32', SIGN, 0),
  vfnma: fused('vfnma.f32', SIGN, SIGN),
  vfnms: fused('vfnms.f32', 0, SIGN),
  vsqrt: vectorFunction({
    name: 'vsqrt.f32',
    reads: [[], ONE, []],
    writes: [ONE, []],
    sticky: true,
    run: ({ words }, d, a) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      words[d] = f32Sqrt(words[a], ctx);
      return ctx.flags;
    },
  }),
} as const;
