import { type FpContext, Fpscr, Rounding, roundingOf } from './fp-context.ts';
import { bitsOfF32, numberOfF32, residualOf, roundToF32 } from './rounding.ts';

/**
 * Single-precision arithmetic on bits, as the pseudocode of ARM DDI 0406C A2.7 has it. Sums, products, quotients and
 * roots of f32 numbers in the host's doubles are exact, or lie on the right side of every f32 number and every midpoint
 * between two, because a double has more than twice the bits of an f32 and two to spare.
 */

const SIGN = -0x80000000;
const INFINITY = 0x7f800000;
const DEFAULT_NAN = 0x7fc00000;
const QUIET = 0x00400000;
/** 0 below the words of infinities and NaNs once the sign is shifted out. */
const INFINITY_WITHOUT_SIGN = 0xff000000;
const MIN_NORMAL_WITHOUT_SIGN = 0x01000000;

/** For the short ways: a call with numbers as operands would allocate. */
const singles = new Float32Array(1);
const words = new Int32Array(singles.buffer);

export function f32IsNaN(a: number): boolean {
  return (a << 1) >>> 0 > INFINITY_WITHOUT_SIGN;
}

function isInfinite(a: number): boolean {
  return (a << 1) >>> 0 === INFINITY_WITHOUT_SIGN;
}

function isZero(a: number): boolean {
  return a << 1 === 0;
}

/** A normal number: neither zero, subnormal, infinity nor NaN. */
function isNormal(a: number): boolean {
  return ((a + 0x00800000) << 1) >>> 0 >= 0x02000000;
}

function isSignalling(a: number): boolean {
  return f32IsNaN(a) && (a & QUIET) === 0;
}

/** What FPUnpack makes of an operand: subnormals become zeros where FZ is set, which sets IDC. */
export function f32Flush(a: number, ctx: FpContext): number {
  if ((ctx.control & Fpscr.FZ) === 0 || isZero(a) || (a << 1) >>> 0 >= MIN_NORMAL_WITHOUT_SIGN) return a;
  ctx.flags |= Fpscr.IDC;
  return a & SIGN;
}

function invalid(ctx: FpContext): number {
  ctx.flags |= Fpscr.IOC;
  return DEFAULT_NAN;
}

/** FPProcessNaN: `a` is a NaN. */
export function f32ProcessNaN(a: number, ctx: FpContext): number {
  if ((a & QUIET) === 0) ctx.flags |= Fpscr.IOC;
  return (ctx.control & Fpscr.DN) !== 0 ? DEFAULT_NAN : a | QUIET;
}

/** FPProcessNaNs: one of them is a NaN. Signalling ones come first, then the first operand. */
function processNaNs(a: number, b: number, ctx: FpContext): number {
  if (isSignalling(a)) return f32ProcessNaN(a, ctx);
  if (isSignalling(b)) return f32ProcessNaN(b, ctx);
  return f32ProcessNaN(f32IsNaN(a) ? a : b, ctx);
}

/** The sum of operands that cancel: +0, but -0 when rounding towards minus infinity. */
function zeroSum(ctx: FpContext): number {
  return roundingOf(ctx.control) === Rounding.MinusInfinity ? SIGN : 0;
}

/** Whether rounding to nearest by Math.fround has given a normal result that was not tiny before, nor too large. */
function isSafe(result: number): boolean {
  return (result & INFINITY) < INFINITY && (result & INFINITY) > 0x00800000;
}

/** A finite value that is not 0, in doubles, to a result. */
function rounded(value: number, error: number, ctx: FpContext): number {
  const rounding = roundingOf(ctx.control);
  if (rounding === Rounding.Nearest) {
    const single = Math.fround(value);
    const result = bitsOfF32(single);
    if (isSafe(result)) {
      if (single !== value || error !== 0) ctx.flags |= Fpscr.IXC;
      return result;
    }
  }
  return roundToF32(value, residualOf(value, error), rounding, ctx);
}

/** What a + b lacks to the exact sum (2Sum). */
function errorOfSum(a: number, b: number, sum: number): number {
  const second = sum - a;
  return a - (sum - second) + (b - second);
}

/** Whether the short way may be tried: normal operands, rounding to nearest. */
function isPlain(a: number, b: number, ctx: FpContext): boolean {
  return isNormal(a) && isNormal(b) && (ctx.control & Fpscr.RMODE) === 0;
}

function finiteSum(a: number, b: number, ctx: FpContext): number {
  const x = numberOfF32(a);
  const y = numberOfF32(b);
  const sum = x + y;
  if (sum === 0) return zeroSum(ctx);
  return rounded(sum, errorOfSum(x, y, sum), ctx);
}

export function f32Add(a: number, b: number, ctx: FpContext): number {
  if (isPlain(a, b, ctx)) {
    words[0] = a;
    const x = singles[0];
    words[0] = b;
    const y = singles[0];
    const sum = x + y;
    const single = Math.fround(sum);
    singles[0] = single;
    const result = words[0];
    if (isSafe(result)) {
      if (single !== sum || errorOfSum(x, y, sum) !== 0) ctx.flags |= Fpscr.IXC;
      return result;
    }
  }
  return anySum(a, b, ctx);
}

function anySum(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) return processNaNs(p, q, ctx);
  if (isInfinite(p)) return isInfinite(q) && p !== q ? invalid(ctx) : p;
  if (isInfinite(q)) return q;
  if (isZero(q)) return isZero(p) && p !== q ? zeroSum(ctx) : p;
  return isZero(p) ? q : finiteSum(p, q, ctx);
}

export function f32Sub(a: number, b: number, ctx: FpContext): number {
  // A NaN keeps its sign.
  return f32Add(a, f32IsNaN(b) ? b : b ^ SIGN, ctx);
}

export function f32Mul(a: number, b: number, ctx: FpContext): number {
  if (isPlain(a, b, ctx)) {
    words[0] = a;
    const x = singles[0];
    words[0] = b;
    const product = x * singles[0];
    const single = Math.fround(product);
    singles[0] = single;
    const result = words[0];
    if (isSafe(result)) {
      if (single !== product) ctx.flags |= Fpscr.IXC;
      return result;
    }
  }
  return anyProduct(a, b, ctx);
}

function anyProduct(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) return processNaNs(p, q, ctx);
  const sign = (p ^ q) & SIGN;
  if (isInfinite(p) || isInfinite(q)) return isZero(p) || isZero(q) ? invalid(ctx) : sign | INFINITY;
  if (isZero(p) || isZero(q)) return sign;
  return rounded(numberOfF32(p) * numberOfF32(q), 0, ctx);
}

export function f32Div(a: number, b: number, ctx: FpContext): number {
  if (isPlain(a, b, ctx)) {
    words[0] = a;
    const x = singles[0];
    words[0] = b;
    const quotient = x / singles[0];
    const single = Math.fround(quotient);
    singles[0] = single;
    const result = words[0];
    if (isSafe(result)) {
      if (single !== quotient) ctx.flags |= Fpscr.IXC;
      return result;
    }
  }
  return anyQuotient(a, b, ctx);
}

function anyQuotient(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) return processNaNs(p, q, ctx);
  const sign = (p ^ q) & SIGN;
  if (isInfinite(p)) return isInfinite(q) ? invalid(ctx) : sign | INFINITY;
  if (isZero(q)) {
    if (isZero(p)) return invalid(ctx);
    ctx.flags |= Fpscr.DZC;
    return sign | INFINITY;
  }
  if (isInfinite(q) || isZero(p)) return sign;
  return rounded(numberOfF32(p) / numberOfF32(q), 0, ctx);
}

export function f32Sqrt(a: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  if (f32IsNaN(p)) return f32ProcessNaN(p, ctx);
  if (isZero(p)) return p;
  if (p < 0) return invalid(ctx);
  return isInfinite(p) ? p : rounded(Math.sqrt(numberOfF32(p)), 0, ctx);
}

/** addend + a * b, rounded once (FPMulAdd). */
export function f32MulAdd(addend: number, a: number, b: number, ctx: FpContext): number {
  const c = f32Flush(addend, ctx);
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  const infinite = isInfinite(p) || isInfinite(q);
  const zero = isZero(p) || isZero(q);
  if (f32IsNaN(c) || f32IsNaN(p) || f32IsNaN(q)) {
    if (infinite && zero && !isSignalling(c)) return invalid(ctx);
    return isSignalling(c) ? f32ProcessNaN(c, ctx) : processNaNs3(c, p, q, ctx);
  }
  const sign = (p ^ q) & SIGN;
  if (infinite) {
    if (zero || (isInfinite(c) && ((c ^ sign) & SIGN) !== 0)) return invalid(ctx);
    return sign | INFINITY;
  }
  if (isInfinite(c)) return c;
  if (zero) return isZero(c) && c !== sign ? zeroSum(ctx) : c;
  // 48 bits: exact.
  const product = numberOfF32(p) * numberOfF32(q);
  if (isZero(c)) return rounded(product, 0, ctx);
  const z = numberOfF32(c);
  const sum = product + z;
  if (sum === 0) return zeroSum(ctx);
  const error = errorOfSum(product, z, sum);
  // A rounded sum may lie on a midpoint that the exact one misses: Math.fround would take the wrong side.
  if (error === 0) return rounded(sum, 0, ctx);
  return roundToF32(sum, residualOf(sum, error), roundingOf(ctx.control), ctx);
}

/** FPProcessNaNs3, where the first operand is no signalling NaN. */
function processNaNs3(c: number, a: number, b: number, ctx: FpContext): number {
  if (isSignalling(a) || isSignalling(b) || !f32IsNaN(c)) return processNaNs(a, b, ctx);
  return f32ProcessNaN(c, ctx);
}

/** FPMax. */
export function f32Max(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) return processNaNs(p, q, ctx);
  return orderOf(p) > orderOf(q) ? p : q;
}

/** FPMin. */
export function f32Min(a: number, b: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) return processNaNs(p, q, ctx);
  return orderOf(p) < orderOf(q) ? p : q;
}

/** An integer in the order of the numbers, -0 before +0. */
function orderOf(a: number): number {
  return a < 0 ? a ^ 0x7fffffff : a;
}

/**
 * FPCompare. A quiet NaN sets IOC only when `signalling`.
 * @returns N, Z, C, V in bits 31:28.
 */
export function f32Compare(a: number, b: number, signalling: boolean, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const q = f32Flush(b, ctx);
  if (f32IsNaN(p) || f32IsNaN(q)) {
    if (signalling || isSignalling(p) || isSignalling(q)) ctx.flags |= Fpscr.IOC;
    return 0x30000000;
  }
  if (p === q || (isZero(p) && isZero(q))) return 0x60000000;
  return orderOf(p) < orderOf(q) ? -0x80000000 : 0x20000000;
}

/** FPCompareEQ: 1 or 0. */
export function f32Equal(a: number, b: number, ctx: FpContext): number {
  return f32Compare(a, b, false, ctx) === 0x60000000 ? 1 : 0;
}

/** FPCompareGE: 1 or 0; any NaN sets IOC. */
export function f32GreaterEqual(a: number, b: number, ctx: FpContext): number {
  const order = f32Compare(a, b, true, ctx);
  return order === 0x60000000 || order === 0x20000000 ? 1 : 0;
}

/** FPCompareGT: 1 or 0; any NaN sets IOC. */
export function f32Greater(a: number, b: number, ctx: FpContext): number {
  return f32Compare(a, b, true, ctx) === 0x20000000 ? 1 : 0;
}

/** FPNeg: of the sign bit, NaNs too. */
export function f32Neg(a: number): number {
  return a ^ SIGN;
}

export function f32Abs(a: number): number {
  return a & 0x7fffffff;
}
