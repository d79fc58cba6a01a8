import { MemoryLayout } from '../../memory/machine-memory.ts';
import {
  firstWords,
  STICKY_SLOT,
  type VectorFunction,
  vectorFunction,
} from '../../translator/vector/vector-function.ts';
import type { VectorMemory } from '../../translator/vector/vector-memory.ts';
import { errorOfProduct, errorOfSum, f64Add, f64Div, f64Mul, f64MulAdd, f64Sqrt, f64Sub } from './f64.ts';
import { FpContext, Fpscr } from './fp-context.ts';

/**
 * Double-precision VFP instructions on state slots. Where rounding is to nearest, the operands are normal and the result
 * lies well inside the range of normal numbers, the host's own arithmetic gives the same bits; whether it was exact is
 * known from FPSCR.IXC, which is sticky, or from the error that can be computed. Everything else goes to ./f64.ts.
 */

const FPSCR = (MemoryLayout.state >>> 2) + STICKY_SLOT;
const SIGN = -0x80000000;
/** Results between these, and operands of products, are far from where errors of products are lost or overflow. */
const SMALL = 2 ** -900;
const LARGE = 2 ** 900;
/** No sum of normal numbers above this is tiny, or was before it was rounded. */
const TINY = 2 ** -1021;

const ctx = new FpContext();

type Binary = (al: number, ah: number, bl: number, bh: number, ctx: FpContext) => number;

function isNormal(high: number): boolean {
  return ((high + 0x00100000) & 0x7fffffff) >= 0x00200000;
}

function isBetween(value: number, low: number, high: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude >= low && magnitude < high;
}

function roundsToNearest(words: Int32Array): boolean {
  return (words[FPSCR] & Fpscr.RMODE) === 0;
}

function knownInexact(words: Int32Array): boolean {
  return (words[FPSCR] & Fpscr.IXC) !== 0;
}

function begin(words: Int32Array): void {
  ctx.control = words[FPSCR];
  ctx.flags = 0;
}

/** @param negate the sign bit where the result of the operation is negated, as VNMUL does. */
function slowly(f: Binary, { words }: VectorMemory, d: number, a: number, b: number, negate: number): number {
  begin(words);
  const low = f(words[a], words[a + 1], words[b], words[b + 1], ctx);
  words[d] = low;
  words[d + 1] = ctx.high ^ negate;
  return ctx.flags;
}

function add(v: VectorMemory, d: number, a: number, b: number): number {
  const { words, doubles } = v;
  if (roundsToNearest(words) && isNormal(words[a + 1]) && isNormal(words[b + 1])) {
    const x = doubles[a >>> 1];
    const y = doubles[b >>> 1];
    const sum = x + y;
    if (isBetween(sum, TINY, LARGE)) {
      doubles[d >>> 1] = sum;
      return errorOfSum(x, y, sum) === 0 ? 0 : Fpscr.IXC;
    }
  }
  return slowly(f64Add, v, d, a, b, 0);
}

function sub(v: VectorMemory, d: number, a: number, b: number): number {
  const { words, doubles } = v;
  if (roundsToNearest(words) && isNormal(words[a + 1]) && isNormal(words[b + 1])) {
    const x = doubles[a >>> 1];
    const y = doubles[b >>> 1];
    const difference = x - y;
    if (isBetween(difference, TINY, LARGE)) {
      doubles[d >>> 1] = difference;
      return errorOfSum(x, -y, difference) === 0 ? 0 : Fpscr.IXC;
    }
  }
  return slowly(f64Sub, v, d, a, b, 0);
}

/** VMUL and VNMUL. */
function multiplication(negate: number): VectorFunction['run'] {
  const factor = negate === 0 ? 1 : -1;
  return (v, d, a, b) => {
    const { words, doubles } = v;
    if (roundsToNearest(words) && isNormal(words[a + 1]) && isNormal(words[b + 1])) {
      const x = doubles[a >>> 1];
      const y = doubles[b >>> 1];
      const product = x * y;
      if (isBetween(product, SMALL, LARGE)) {
        if (knownInexact(words)) {
          doubles[d >>> 1] = factor * product;
          return 0;
        }
        if (Math.abs(x) < LARGE && Math.abs(y) < LARGE) {
          doubles[d >>> 1] = factor * product;
          return errorOfProduct(x, y, product) === 0 ? 0 : Fpscr.IXC;
        }
      }
    }
    return slowly(f64Mul, v, d, a, b, negate);
  };
}

function div(v: VectorMemory, d: number, a: number, b: number): number {
  const { words, doubles } = v;
  if (roundsToNearest(words) && isNormal(words[a + 1]) && isNormal(words[b + 1])) {
    const x = doubles[a >>> 1];
    const y = doubles[b >>> 1];
    const quotient = x / y;
    if (isBetween(quotient, SMALL, LARGE)) {
      if (knownInexact(words)) {
        doubles[d >>> 1] = quotient;
        return 0;
      }
      if (isBetween(x, SMALL, LARGE) && isBetween(y, SMALL, LARGE)) {
        doubles[d >>> 1] = quotient;
        const back = quotient * y;
        return back === x && errorOfProduct(quotient, y, back) === 0 ? 0 : Fpscr.IXC;
      }
    }
  }
  return slowly(f64Div, v, d, a, b, 0);
}

function sqrt({ words, doubles }: VectorMemory, d: number, a: number): number {
  if (roundsToNearest(words) && words[a + 1] > 0 && isNormal(words[a + 1])) {
    const x = doubles[a >>> 1];
    if (isBetween(x, SMALL, LARGE)) {
      const root = Math.sqrt(x);
      doubles[d >>> 1] = root;
      if (knownInexact(words)) return 0;
      const square = root * root;
      return square === x && errorOfProduct(root, root, square) === 0 ? 0 : Fpscr.IXC;
    }
  }
  begin(words);
  words[d] = f64Sqrt(words[a], words[a + 1], ctx);
  words[d + 1] = ctx.high;
  return ctx.flags;
}

/** VMLA and kin: the product is rounded, then negated perhaps, then added to d or minus d. */
function multiplyAccumulate(negateProduct: number, negateAddend: number): VectorFunction['run'] {
  const product = negateProduct === 0 ? 1 : -1;
  const addend = negateAddend === 0 ? 1 : -1;
  return (v, d, a, b) => {
    const { words, doubles } = v;
    const usual = roundsToNearest(words) && knownInexact(words);
    if (usual && isNormal(words[a + 1]) && isNormal(words[b + 1]) && isNormal(words[d + 1])) {
      const p = doubles[a >>> 1] * doubles[b >>> 1];
      const sum = addend * doubles[d >>> 1] + product * p;
      if (isBetween(p, TINY, LARGE) && isBetween(sum, TINY, LARGE)) {
        doubles[d >>> 1] = sum;
        return 0;
      }
    }
    begin(words);
    const low = f64Mul(words[a], words[a + 1], words[b], words[b + 1], ctx);
    words[d] = f64Add(words[d], words[d + 1] ^ negateAddend, low, ctx.high ^ negateProduct, ctx);
    words[d + 1] = ctx.high;
    return ctx.flags;
  };
}

/** VFMA and kin: operands are negated, then the sum is rounded once. */
function fused(negateFactor: number, negateAddend: number): VectorFunction['run'] {
  return ({ words }, d, a, b) => {
    begin(words);
    words[d] = f64MulAdd(
      words[d],
      words[d + 1] ^ negateAddend,
      words[a],
      words[a + 1] ^ negateFactor,
      words[b],
      words[b + 1],
      ctx,
    );
    words[d + 1] = ctx.high;
    return ctx.flags;
  };
}

const TWO = firstWords(2);

/** d = a op b. */
function binary(name: string, run: VectorFunction['run']): VectorFunction {
  return vectorFunction({ name, reads: [[], TWO, TWO], writes: [TWO, []], sticky: true, run });
}

/** d = d op (a * b). */
function accumulating(name: string, run: VectorFunction['run']): VectorFunction {
  return vectorFunction({ name, reads: [TWO, TWO, TWO], writes: [TWO, []], sticky: true, run });
}

/** Arithmetic of double precision by its mnemonic. */
export const F64_ROWS = {
  vadd: binary('vadd.f64', add),
  vsub: binary('vsub.f64', sub),
  vmul: binary('vmul.f64', multiplication(0)),
  vnmul: binary('vnmul.f64', multiplication(SIGN)),
  vdiv: binary('vdiv.f64', div),
  vmla: accumulating('vmla.f64', multiplyAccumulate(0, 0)),
  vmls: accumulating('vmls.f64', multiplyAccumulate(SIGN, 0)),
  vnmla: accumulating('vnmla.f64', multiplyAccumulate(SIGN, SIGN)),
  vnmls: accumulating('vnmls.f64', multiplyAccumulate(0, SIGN)),
  vfma: accumulating('vfma.f64', fused(0, 0)),
  vfms: accumulating('vfms.f64', fused(SIGN, 0)),
  vfnma: accumulating('vfnma.f64', fused(SIGN, SIGN)),
  vfnms: accumulating('vfnms.f64', fused(0, SIGN)),
  vsqrt: vectorFunction({
    name: 'vsqrt.f64',
    reads: [[], TWO, []],
    writes: [TWO, []],
    sticky: true,
    run: sqrt,
  }),
} as const;
