import { type FpContext, Fpscr, Rounding, roundingOf } from './fp-context.ts';
import { numberOfF64, powerOfTwo, residualOf, roundToF64 } from './rounding.ts';

/**
 * Double-precision arithmetic on pairs of words, as the pseudocode of ARM DDI 0406C A2.7 has it. Operands are scaled to
 * magnitudes from 1 to 2, where the host's sums, products, quotients and roots are rounded to nearest and their errors can
 * be computed exactly (2Sum; Dekker's product); {@link roundToF64} makes the result of the two.
 *
 * Every function gives the low word of its result and leaves the high one in `ctx.high`.
 */

const SIGN = -0x80000000;
const INFINITY = 0x7ff00000;
const DEFAULT_NAN = 0x7ff80000;
const QUIET = 0x00080000;
/** Further apart than this, the smaller operand of a sum only shows on which side the exact result lies. */
const FAR = 200;
/** 2^27 + 1: splits 53 bits in halves whose products are exact (Veltkamp). */
const SPLITTER = 134217729;

const bits = new Float64Array(1);
const words = new Int32Array(bits.buffer);

export function f64IsNaN(low: number, high: number): boolean {
  const top = high & 0x7fffffff;
  return top > INFINITY || (top === INFINITY && low !== 0);
}

function isInfinite(low: number, high: number): boolean {
  return (high & 0x7fffffff) === INFINITY && low === 0;
}

function isZero(low: number, high: number): boolean {
  return ((high << 1) | low) === 0;
}

function isSignalling(low: number, high: number): boolean {
  return (high & QUIET) === 0 && f64IsNaN(low, high);
}

/** Whether FPUnpack makes a zero of a subnormal operand, which sets IDC. */
export function f64Flushes(low: number, high: number, ctx: FpContext): boolean {
  if ((ctx.control & Fpscr.FZ) === 0 || (high & INFINITY) !== 0 || isZero(low, high)) return false;
  ctx.flags |= Fpscr.IDC;
  return true;
}

function give(low: number, high: number, ctx: FpContext): number {
  ctx.high = high;
  return low;
}

function invalid(ctx: FpContext): number {
  ctx.flags |= Fpscr.IOC;
  return give(0, DEFAULT_NAN, ctx);
}

/** FPProcessNaN: the operand is a NaN. */
export function f64ProcessNaN(low: number, high: number, ctx: FpContext): number {
  if ((high & QUIET) === 0) ctx.flags |= Fpscr.IOC;
  return (ctx.control & Fpscr.DN) !== 0 ? give(0, DEFAULT_NAN, ctx) : give(low, high | QUIET, ctx);
}

/** FPProcessNaNs: one of them is a NaN. */
function processNaNs(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  if (isSignalling(al, ah)) return f64ProcessNaN(al, ah, ctx);
  if (isSignalling(bl, bh)) return f64ProcessNaN(bl, bh, ctx);
  return f64IsNaN(al, ah) ? f64ProcessNaN(al, ah, ctx) : f64ProcessNaN(bl, bh, ctx);
}

function zeroSum(ctx: FpContext): number {
  return give(0, roundingOf(ctx.control) === Rounding.MinusInfinity ? SIGN : 0, ctx);
}

/** The exponent of a finite number that is not zero: it lies between 2^exponent and twice that. */
function exponentOf(low: number, high: number): number {
  const field = (high >>> 20) & 0x7ff;
  if (field !== 0) return field - 1023;
  const top = high & 0xfffff;
  return top !== 0 ? -1011 - Math.clz32(top) : -1043 - Math.clz32(low);
}

/** The number over 2^exponent: from 1 to 2, with its sign. */
function significand(low: number, high: number, exponent: number): number {
  if (exponent < -1022) return numberOfF64(low, high) * 2 ** 600 * powerOfTwo(-exponent - 600);
  words[0] = low;
  words[1] = (high & 0x800fffff) | 0x3ff00000;
  return bits[0];
}

/** What a + b lacks to the exact sum (2Sum). */
export function errorOfSum(a: number, b: number, sum: number): number {
  const second = sum - a;
  return a - (sum - second) + (b - second);
}

/** What a * b lacks to the exact product (Dekker): magnitudes must be far from 2^-1022 and 2^1023. */
export function errorOfProduct(a: number, b: number, product: number): number {
  const ca = SPLITTER * a;
  const aHigh = ca - (ca - a);
  const aLow = a - aHigh;
  const cb = SPLITTER * b;
  const bHigh = cb - (cb - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

function rounded(value: number, error: number, scale: number, ctx: FpContext): number {
  return roundToF64(value, residualOf(value, error), scale, roundingOf(ctx.control), ctx);
}

/** Both finite and not zero. */
function finiteSum(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  const ea = exponentOf(al, ah);
  const eb = exponentOf(bl, bh);
  const scale = Math.max(ea, eb);
  const x = significand(al, ah, ea) * powerOfTwo(Math.max(ea - scale, -FAR));
  const y = significand(bl, bh, eb) * powerOfTwo(Math.max(eb - scale, -FAR));
  const sum = x + y;
  if (sum === 0) return zeroSum(ctx);
  return rounded(sum, errorOfSum(x, y, sum), scale, ctx);
}

export function f64Add(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  if (f64Flushes(al, ah, ctx)) return f64Add(0, ah & SIGN, bl, bh, ctx);
  if (f64Flushes(bl, bh, ctx)) return f64Add(al, ah, 0, bh & SIGN, ctx);
  if (f64IsNaN(al, ah) || f64IsNaN(bl, bh)) return processNaNs(al, ah, bl, bh, ctx);
  if (isInfinite(al, ah)) return isInfinite(bl, bh) && ah !== bh ? invalid(ctx) : give(0, ah, ctx);
  if (isInfinite(bl, bh)) return give(0, bh, ctx);
  if (isZero(bl, bh)) return isZero(al, ah) && ah !== bh ? zeroSum(ctx) : give(al, ah, ctx);
  return isZero(al, ah) ? give(bl, bh, ctx) : finiteSum(al, ah, bl, bh, ctx);
}

export function f64Sub(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  return f64Add(al, ah, bl, f64IsNaN(bl, bh) ? bh : bh ^ SIGN, ctx);
}

/** Both finite and not zero. */
function finiteProduct(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  const ea = exponentOf(al, ah);
  const eb = exponentOf(bl, bh);
  const x = significand(al, ah, ea);
  const y = significand(bl, bh, eb);
  const product = x * y;
  return rounded(product, errorOfProduct(x, y, product), ea + eb, ctx);
}

export function f64Mul(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  if (f64Flushes(al, ah, ctx)) return f64Mul(0, ah & SIGN, bl, bh, ctx);
  if (f64Flushes(bl, bh, ctx)) return f64Mul(al, ah, 0, bh & SIGN, ctx);
  if (f64IsNaN(al, ah) || f64IsNaN(bl, bh)) return processNaNs(al, ah, bl, bh, ctx);
  const sign = (ah ^ bh) & SIGN;
  const zero = isZero(al, ah) || isZero(bl, bh);
  if (isInfinite(al, ah) || isInfinite(bl, bh)) return zero ? invalid(ctx) : give(0, sign | INFINITY, ctx);
  return zero ? give(0, sign, ctx) : finiteProduct(al, ah, bl, bh, ctx);
}

/** Both finite and not zero. The remainder of a quotient rounded to nearest is a double. */
function finiteQuotient(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  const ea = exponentOf(al, ah);
  const eb = exponentOf(bl, bh);
  const x = significand(al, ah, ea);
  const y = significand(bl, bh, eb);
  const quotient = x / y;
  const back = quotient * y;
  const remainder = x - back - errorOfProduct(quotient, y, back);
  return rounded(quotient, y > 0 ? remainder : -remainder, ea - eb, ctx);
}

export function f64Div(al: number, ah: number, bl: number, bh: number, ctx: FpContext): number {
  if (f64Flushes(al, ah, ctx)) return f64Div(0, ah & SIGN, bl, bh, ctx);
  if (f64Flushes(bl, bh, ctx)) return f64Div(al, ah, 0, bh & SIGN, ctx);
  if (f64IsNaN(al, ah) || f64IsNaN(bl, bh)) return processNaNs(al, ah, bl, bh, ctx);
  const sign = (ah ^ bh) & SIGN;
  if (isInfinite(al, ah)) return isInfinite(bl, bh) ? invalid(ctx) : give(0, sign | INFINITY, ctx);
  if (isZero(bl, bh)) {
    if (isZero(al, ah)) return invalid(ctx);
    ctx.flags |= Fpscr.DZC;
    return give(0, sign | INFINITY, ctx);
  }
  if (isInfinite(bl, bh) || isZero(al, ah)) return give(0, sign, ctx);
  return finiteQuotient(al, ah, bl, bh, ctx);
}

export function f64Sqrt(low: number, high: number, ctx: FpContext): number {
  if (f64Flushes(low, high, ctx)) return give(0, high & SIGN, ctx);
  if (f64IsNaN(low, high)) return f64ProcessNaN(low, high, ctx);
  if (isZero(low, high)) return give(0, high, ctx);
  if (high < 0) return invalid(ctx);
  if (isInfinite(low, high)) return give(0, high, ctx);
  const exponent = exponentOf(low, high);
  const even = exponent & -2;
  const x = significand(low, high, exponent) * (exponent - even + 1);
  const root = Math.sqrt(x);
  const square = root * root;
  return rounded(root, x - square - errorOfProduct(root, root, square), even / 2, ctx);
}

/** addend + a * b, rounded once (FPMulAdd). */
export function f64MulAdd(
  cl: number,
  ch: number,
  al: number,
  ah: number,
  bl: number,
  bh: number,
  ctx: FpContext,
): number {
  if (f64Flushes(cl, ch, ctx)) return f64MulAdd(0, ch & SIGN, al, ah, bl, bh, ctx);
  if (f64Flushes(al, ah, ctx)) return f64MulAdd(cl, ch, 0, ah & SIGN, bl, bh, ctx);
  if (f64Flushes(bl, bh, ctx)) return f64MulAdd(cl, ch, al, ah, 0, bh & SIGN, ctx);
  const infinite = isInfinite(al, ah) || isInfinite(bl, bh);
  const zero = isZero(al, ah) || isZero(bl, bh);
  if (f64IsNaN(cl, ch)) {
    if (isSignalling(cl, ch)) return f64ProcessNaN(cl, ch, ctx);
    if (infinite && zero) return invalid(ctx);
    const signalling = isSignalling(al, ah) || isSignalling(bl, bh);
    return signalling ? processNaNs(al, ah, bl, bh, ctx) : f64ProcessNaN(cl, ch, ctx);
  }
  if (f64IsNaN(al, ah) || f64IsNaN(bl, bh)) return processNaNs(al, ah, bl, bh, ctx);
  const sign = (ah ^ bh) & SIGN;
  if (infinite) {
    if (zero || (isInfinite(cl, ch) && (ch & SIGN) !== sign)) return invalid(ctx);
    return give(0, sign | INFINITY, ctx);
  }
  if (isInfinite(cl, ch)) return give(cl, ch, ctx);
  if (zero) return isZero(cl, ch) && ch !== sign ? zeroSum(ctx) : give(cl, ch, ctx);
  if (isZero(cl, ch)) return finiteProduct(al, ah, bl, bh, ctx);
  return finiteMulAdd(cl, ch, al, ah, bl, bh, ctx);
}

/** All finite and not zero. Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", IEEE TC 2008. */
function finiteMulAdd(
  cl: number,
  ch: number,
  al: number,
  ah: number,
  bl: number,
  bh: number,
  ctx: FpContext,
): number {
  const ea = exponentOf(al, ah);
  const eb = exponentOf(bl, bh);
  const ec = exponentOf(cl, ch);
  const x = significand(al, ah, ea);
  const y = significand(bl, bh, eb);
  const distance = Math.min(Math.max(ec - ea - eb, -2 * FAR), FAR);
  const scale = distance === FAR ? ec - FAR : ea + eb;
  const z = significand(cl, ch, ec) * powerOfTwo(distance);
  const product = x * y;
  const productError = errorOfProduct(x, y, product);
  const inner = z + productError;
  const innerError = errorOfSum(z, productError, inner);
  const outer = product + inner;
  const outerError = errorOfSum(product, inner, outer);
  const rest = outerError + innerError;
  const lost = errorOfSum(outerError, innerError, rest);
  const odd = lost === 0 ? rest : toOdd(rest, lost);
  const result = outer + odd;
  if (result === 0) return zeroSum(ctx);
  const error = errorOfSum(outer, odd, result);
  return rounded(result, error !== 0 || lost === 0 ? error : odd === rest ? lost : -lost, scale, ctx);
}

/** Rounds to odd: a sum that is not exact becomes the neighbour whose last bit is set. */
function toOdd(sum: number, error: number): number {
  bits[0] = sum;
  if ((words[0] & 1) !== 0) return sum;
  if (error > 0 === sum > 0) {
    words[0] |= 1;
  } else {
    if (words[0] === 0) words[1] -= 1;
    words[0] -= 1;
  }
  return bits[0];
}

/** FPCompare, as f32Compare. */
export function f64Compare(
  al: number,
  ah: number,
  bl: number,
  bh: number,
  signalling: boolean,
  ctx: FpContext,
): number {
  if (f64Flushes(al, ah, ctx)) return f64Compare(0, ah & SIGN, bl, bh, signalling, ctx);
  if (f64Flushes(bl, bh, ctx)) return f64Compare(al, ah, 0, bh & SIGN, signalling, ctx);
  if (f64IsNaN(al, ah) || f64IsNaN(bl, bh)) {
    if (signalling || isSignalling(al, ah) || isSignalling(bl, bh)) ctx.flags |= Fpscr.IOC;
    return 0x30000000;
  }
  const a = numberOfF64(al, ah);
  const b = numberOfF64(bl, bh);
  if (a === b) return 0x60000000;
  return a < b ? -0x80000000 : 0x20000000;
}
