import { f32Flush, f32IsNaN, f32ProcessNaN } from './f32.ts';
import { f64Flushes, f64IsNaN, f64ProcessNaN } from './f64.ts';
import { type FpContext, Fpscr, Rounding, roundingOf } from './fp-context.ts';
import { bitsOfF64, numberOfF32, numberOfF64, powerOfTwo, roundToF32 } from './rounding.ts';

/** Conversions between formats: ARM DDI 0406C A2.7.8. Half precision is in the low 16 bits of a word. */

const SIGN = -0x80000000;

/** For the short ways: a call with numbers as operands would allocate. */
const doubles = new Float64Array(1);
const words = new Int32Array(doubles.buffer);
const singles = new Float32Array(doubles.buffer);

/** FPSingleToDouble: the low word, the high one in `ctx.high`. */
export function f32ToF64(a: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  if (!f32IsNaN(p)) return bitsOfF64(numberOfF32(p), ctx);
  const high = (p & SIGN) | 0x7ff00000 | ((p >>> 3) & 0x000fffff);
  return f64ProcessNaN(p << 29, high, ctx);
}

/** FPDoubleToSingle. */
export function f64ToF32(low: number, high: number, ctx: FpContext): number {
  // From 2^-125 to 2^127 nothing is tiny, and nothing overflows.
  if (
    ((high & 0x7fffffff) - 0x38200000) >>> 0 < 0x47e00000 - 0x38200000 &&
    (ctx.control & Fpscr.RMODE) === 0
  ) {
    words[0] = low;
    words[1] = high;
    const value = doubles[0];
    const single = Math.fround(value);
    if (single !== value) ctx.flags |= Fpscr.IXC;
    singles[0] = single;
    return words[0];
  }
  if (f64Flushes(low, high, ctx)) return high & SIGN;
  const sign = high & SIGN;
  if (f64IsNaN(low, high)) {
    // The quiet bit comes along with the top of the fraction; without it the NaN is signalling.
    const top = ((high & 0x000fffff) << 3) | (low >>> 29);
    if ((high & 0x00080000) === 0) ctx.flags |= Fpscr.IOC;
    return (ctx.control & Fpscr.DN) !== 0 ? 0x7fc00000 : sign | 0x7fc00000 | top;
  }
  const exponent = (high >>> 20) & 0x7ff;
  if (exponent === 0x7ff) return sign | 0x7f800000;
  if (exponent === 0) return ((high << 1) | low) === 0 ? sign : roundTiny(sign, ctx);
  return roundToF32(numberOfF64(low, high), 0, roundingOf(ctx.control), ctx);
}

/** A subnormal double is far below the smallest f32: any number that small rounds the same. */
function roundTiny(sign: number, ctx: FpContext): number {
  return roundToF32(sign < 0 ? -(2 ** -1000) : 2 ** -1000, 0, roundingOf(ctx.control), ctx);
}

/** FPHalfToSingle. With AHP there are no infinities and NaNs; half-precision operands are never flushed. */
export function f16ToF32(half: number, ctx: FpContext): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31 && (ctx.control & Fpscr.AHP) === 0) {
    const bits = sign | 0x7f800000 | (fraction << 13);
    return fraction === 0 ? bits : f32ProcessNaN(bits, ctx);
  }
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** FPSingleToHalf: the half in the low 16 bits, zeros above. Results are never flushed. */
export function f32ToF16(a: number, ctx: FpContext): number {
  const p = f32Flush(a, ctx);
  const sign = (p >>> 16) & 0x8000;
  const alternative = (ctx.control & Fpscr.AHP) !== 0;
  if (f32IsNaN(p)) {
    if (alternative || (p & 0x00400000) === 0) ctx.flags |= Fpscr.IOC;
    if (alternative) return sign;
    return (ctx.control & Fpscr.DN) !== 0 ? 0x7e00 : sign | 0x7e00 | ((p >>> 13) & 0x1ff);
  }
  const exponent = (p >>> 23) & 0xff;
  if (exponent === 0xff) {
    if (!alternative) return sign | 0x7c00;
    ctx.flags |= Fpscr.IOC;
    return sign | 0x7fff;
  }
  if (p << 1 === 0) return sign;
  return roundToF16(numberOfF32(p & 0x7fffffff), sign, Math.max(exponent - 127, -14), alternative, ctx);
}

/** @param exponent of the magnitude; -14 where it is smaller. */
function roundToF16(
  magnitude: number,
  sign: number,
  exponent: number,
  alternative: boolean,
  ctx: FpContext,
): number {
  const units = magnitude * powerOfTwo(10 - exponent);
  const rounding = roundingOf(ctx.control);
  const whole = toWhole(sign === 0 ? units : -units, rounding);
  const bits = ((exponent + 14) << 10) + Math.abs(whole);
  if (alternative && bits > 0x7fff) {
    ctx.flags |= Fpscr.IOC;
    return sign | 0x7fff;
  }
  if (!alternative && bits >= 0x7c00) {
    ctx.flags |= Fpscr.OFC | Fpscr.IXC;
    const away = rounding === (sign === 0 ? Rounding.PlusInfinity : Rounding.MinusInfinity);
    return sign | (away || rounding === Rounding.Nearest ? 0x7c00 : 0x7bff);
  }
  if (Math.abs(whole) !== units) {
    ctx.flags |= units < 1024 ? Fpscr.UFC | Fpscr.IXC : Fpscr.IXC;
  }
  return sign | bits;
}

/** To a whole number in a rounding mode. */
function toWhole(value: number, rounding: number): number {
  switch (rounding) {
    case Rounding.PlusInfinity:
      return Math.ceil(value);
    case Rounding.MinusInfinity:
      return Math.floor(value);
    case Rounding.Zero:
      return Math.trunc(value);
    default: {
      const below = Math.floor(value);
      const fraction = value - below;
      if (fraction !== 0.5) return fraction > 0.5 ? below + 1 : below;
      return below % 2 === 0 ? below : below + 1;
    }
  }
}

/** FPToFixed of a number, infinite perhaps: saturates to `bits` bits, which sets IOC. */
function toFixed(
  value: number,
  fractionBits: number,
  bits: number,
  unsigned: boolean,
  rounding: number,
  ctx: FpContext,
): number {
  const scaled = value * powerOfTwo(fractionBits);
  const whole = toWhole(scaled, rounding);
  const max = unsigned ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
  const min = unsigned ? 0 : -(2 ** (bits - 1));
  if (whole > max || whole < min) {
    ctx.flags |= Fpscr.IOC;
    return (whole > max ? max : min) | 0;
  }
  if (whole !== scaled) ctx.flags |= Fpscr.IXC;
  return whole | 0;
}

/** The conversion to signed words towards zero, by far the most frequent one. */
function isToInt(fractionBits: number, bits: number, unsigned: boolean, rounding: number): boolean {
  return fractionBits === 0 && bits === 32 && !unsigned && rounding === Rounding.Zero;
}

/**
 * FPToFixed: a single-precision number times 2^fractionBits as an integer of 16 or 32 bits, saturated. NaNs give 0 and
 * IOC. With no fraction bits it is a conversion to integer.
 * @returns the integer, sign or zero extended to a word.
 */
export function f32ToFixed(
  a: number,
  fractionBits: number,
  bits: number,
  unsigned: boolean,
  rounding: number,
  ctx: FpContext,
): number {
  // A C compiler's conversion to int, of a magnitude from 1 to 2^31.
  if (isToInt(fractionBits, bits, unsigned, rounding) && ((a & 0x7fffffff) - 0x3f800000) >>> 0 < 31 << 23) {
    words[0] = a;
    const value = singles[0];
    const whole = value | 0;
    if (whole !== value) ctx.flags |= Fpscr.IXC;
    return whole;
  }
  const p = f32Flush(a, ctx);
  if (!f32IsNaN(p)) return toFixed(numberOfF32(p), fractionBits, bits, unsigned, rounding, ctx);
  ctx.flags |= Fpscr.IOC;
  return 0;
}

/** As f32ToFixed, of a double. */
export function f64ToFixed(
  low: number,
  high: number,
  fractionBits: number,
  bits: number,
  unsigned: boolean,
  rounding: number,
  ctx: FpContext,
): number {
  if (
    isToInt(fractionBits, bits, unsigned, rounding) &&
    ((high & 0x7fffffff) - 0x3ff00000) >>> 0 < 31 << 20
  ) {
    words[0] = low;
    words[1] = high;
    const value = doubles[0];
    const whole = value | 0;
    if (whole !== value) ctx.flags |= Fpscr.IXC;
    return whole;
  }
  if (f64Flushes(low, high, ctx)) return 0;
  if (!f64IsNaN(low, high))
    return toFixed(numberOfF64(low, high), fractionBits, bits, unsigned, rounding, ctx);
  ctx.flags |= Fpscr.IOC;
  return 0;
}

/** FixedToFP: an integer over 2^fractionBits; narrow ones come extended to a word. */
export function fixedToF32(
  value: number,
  fractionBits: number,
  unsigned: boolean,
  rounding: number,
  ctx: FpContext,
): number {
  if (value === 0) return 0;
  const number = unsigned ? value >>> 0 : value;
  if (fractionBits === 0 && rounding === Rounding.Nearest) {
    const single = Math.fround(number);
    if (single !== number) ctx.flags |= Fpscr.IXC;
    singles[0] = single;
    return words[0];
  }
  return roundToF32(number * powerOfTwo(-fractionBits), 0, rounding, ctx);
}

/** As fixedToF32, to a double: always exact. The low word, the high one in `ctx.high`. */
export function fixedToF64(value: number, fractionBits: number, unsigned: boolean, ctx: FpContext): number {
  const number = unsigned ? value >>> 0 : value;
  return bitsOfF64(number * powerOfTwo(-fractionBits), ctx);
}
