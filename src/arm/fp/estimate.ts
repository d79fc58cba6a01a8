import { f32Flush, f32IsNaN, f32Mul, f32ProcessNaN, f32Sub } from './f32.ts';
import { type FpContext, Fpscr } from './fp-context.ts';
import { bitsOfF32, numberOfF32 } from './rounding.ts';

/**
 * Reciprocals and reciprocal square roots of Advanced SIMD, to 8 bits, and the steps that refine them
 * (ARM DDI 0406C A2.7.7). They always work with the standard FPSCR value: the caller gives it in the context.
 */

const SIGN = -0x80000000;
const INFINITY = 0x7f800000;
const DEFAULT_NAN = 0x7fc00000;
const TWO = 0x40000000;
const THREE = 0x40400000;

/** recip_estimate: of a number from 0.5 to 1, in units of 1/512; the result in units of 1/256, from 256 to 511. */
function reciprocalEstimate(q: number): number {
  return Math.floor((256 * 512) / (q + 0.5) + 0.5);
}

/** recip_sqrt_estimate: of (q + 0.5) / units; the result in units of 1/256, from 256 to 511. */
function rootEstimate(q: number, units: number): number {
  return Math.floor(256 / Math.sqrt((q + 0.5) / units) + 0.5);
}

/** FPRecipEstimate (VRECPE.F32). */
export function f32RecipEstimate(a: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  if (f32IsNaN(p)) return f32ProcessNaN(p, ctx);
  const sign = p & SIGN;
  const exponent = (p >>> 23) & 0xff;
  if (exponent === 0xff) return sign;
  if (p << 1 === 0) {
    ctx.flags |= Fpscr.DZC;
    return sign | INFINITY;
  }
  if (exponent >= 253) {
    ctx.flags |= Fpscr.UFC;
    return sign;
  }
  const estimate = reciprocalEstimate(256 | ((p >>> 15) & 0xff));
  return sign | ((253 - exponent) << 23) | ((estimate & 0xff) << 15);
}

/** FPRSqrtEstimate (VRSQRTE.F32). */
export function f32RsqrtEstimate(a: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  if (f32IsNaN(p)) return f32ProcessNaN(p, ctx);
  if (p << 1 === 0) {
    ctx.flags |= Fpscr.DZC;
    return (p & SIGN) | INFINITY;
  }
  if (p < 0) {
    ctx.flags |= Fpscr.IOC;
    return DEFAULT_NAN;
  }
  const exponent = (p >>> 23) & 0xff;
  if (exponent === 0xff) return 0;
  const fraction = (p >>> 15) & 0xff;
  // An even biased exponent scales to 0.5 and more, an odd one to 0.25 and more.
  const estimate = rootEstimate(128 | (fraction >>> 1), (exponent & 1) === 0 ? 256 : 512);
  return (((380 - exponent) >> 1) << 23) | ((estimate & 0xff) << 15);
}

/** UnsignedRecipEstimate (VRECPE.U32): of a fraction with the point before bit 31, which must be set. */
export function u32RecipEstimate(a: number): number {
  if (a >= 0) return -1;
  return reciprocalEstimate((a >>> 23) & 0x1ff) << 23;
}

/** UnsignedRSqrtEstimate (VRSQRTE.U32): bit 31 or 30 must be set. */
export function u32RsqrtEstimate(a: number): number {
  if (a >>> 30 === 0) return -1;
  return (a < 0 ? rootEstimate(a >>> 24, 256) : rootEstimate(a >>> 23, 512)) << 23;
}

/** The product of a step, where infinity times zero is zero; NaNs are dealt with. */
function stepProduct(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  const infinite = (p & 0x7fffffff) === INFINITY || (q & 0x7fffffff) === INFINITY;
  return infinite && (p << 1 === 0 || q << 1 === 0) ? 0 : f32Mul(p, q, ctx);
}

/** FPRecipStep (VRECPS): 2 - a * b, rounded twice. */
export function f32RecipStep(a: number, b: number, ctx: FpContext): number {
  if (f32IsNaN(a) || f32IsNaN(b)) return f32Mul(a, b, ctx);
  return f32Sub(TWO, stepProduct(a, b, ctx), ctx);
}

/** FPRSqrtStep (VRSQRTS): (3 - a * b) / 2, rounded twice; halving is exact. */
export function f32RsqrtStep(a: number, b: number, ctx: FpContext): number {
  if (f32IsNaN(a) || f32IsNaN(b)) return f32Mul(a, b, ctx);
  const difference = f32Sub(THREE, stepProduct(a, b, ctx), ctx);
  // Neither infinity nor zero is changed by a half, and nothing else here is near enough to zero to be subnormal.
  return bitsOfF32(numberOfF32(difference) / 2);
}
