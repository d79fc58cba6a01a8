import { type FpContext, Fpscr, Rounding } from './fp-context.ts';

/**
 * FPRound of ARM DDI 0406C A2.7.5 for results that the host's doubles carry: `value` is the exact result rounded to
 * nearest in 53 bits, and `residual` says on which side of it the exact one lies: 1 further from zero, -1 nearer to
 * zero, 0 exact. That is enough for every mode, because all bounds of rounding (neighbours and midpoints of a format that
 * is no finer) are doubles themselves.
 *
 * No NaN, infinity or subnormal double ever comes here, so that the host's arithmetic is plain IEEE 754.
 */

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);
const singles = new Float32Array(double.buffer);

/** 2 to the power n, for n from -1022 to 1023. */
export function powerOfTwo(n: number): number {
  words[0] = 0;
  words[1] = (1023 + n) << 20;
  return double[0];
}

/** The number that f32 bits stand for. Not for NaNs. */
export function numberOfF32(bits: number): number {
  words[0] = bits;
  return singles[0];
}

/** The bits of the f32 nearest to a number. Not for NaNs. */
export function bitsOfF32(value: number): number {
  singles[0] = value;
  return words[0];
}

/** The number that f64 bits stand for. Not for NaNs. */
export function numberOfF64(low: number, high: number): number {
  words[0] = low;
  words[1] = high;
  return double[0];
}

/** Gives the bits of a number that is not a NaN: the low word, the high one in `ctx.high`. */
export function bitsOfF64(value: number, ctx: FpContext): number {
  double[0] = value;
  ctx.high = words[1];
  return words[0];
}

/** The side of a result on which its exact value lies, from the error of the magnitude. */
export function residualOf(value: number, error: number): number {
  if (error === 0) return 0;
  return error > 0 === value > 0 ? 1 : -1;
}

/** Whether magnitudes are rounded up, by mode and sign, where they are not exact. For the directed modes. */
function roundsAway(rounding: number, negative: boolean): boolean {
  return negative ? rounding === Rounding.MinusInfinity : rounding === Rounding.PlusInfinity;
}

/** A magnitude, in units of the last place, to a whole number of them. */
function wholeUnits(units: number, residual: number, negative: boolean, rounding: number): number {
  let whole = Math.floor(units);
  let fraction = units - whole;
  if (fraction === 0) {
    if (residual === 0) return whole;
    if (residual < 0) {
      whole -= 1;
      fraction = 0.75;
    }
  }
  if (rounding !== Rounding.Nearest) return roundsAway(rounding, negative) ? whole + 1 : whole;
  if (fraction !== 0.5) return fraction > 0.5 ? whole + 1 : whole;
  return residual > 0 || (residual === 0 && whole % 2 === 1) ? whole + 1 : whole;
}

/** A value too large for its format: infinity, or the largest number, which is one less as bits. */
function toInfinity(rounding: number, negative: boolean): boolean {
  return rounding === Rounding.Nearest || roundsAway(rounding, negative);
}

/** Rounds to single precision; value is not 0 and its magnitude lies between 2^-1022 and 2^1023. */
export function roundToF32(value: number, residual: number, rounding: number, ctx: FpContext): number {
  double[0] = value;
  const high = words[1];
  const negative = high < 0;
  const sign = high & -0x80000000;
  let exponent = ((high >>> 20) & 0x7ff) - 1023;
  // Just below a power of two the exact value has the smaller exponent.
  if (residual < 0 && (high & 0xfffff) === 0 && words[0] === 0) exponent -= 1;
  const magnitude = Math.abs(value);
  if (exponent < -126) {
    // Tininess is detected before rounding, and a flushed result is not inexact (A2.7.5).
    if ((ctx.control & Fpscr.FZ) !== 0) {
      ctx.flags |= Fpscr.UFC;
      return sign;
    }
    const units = magnitude * 2 ** 149;
    const whole = wholeUnits(units, residual, negative, rounding);
    if (whole !== units || residual !== 0) ctx.flags |= Fpscr.UFC | Fpscr.IXC;
    return sign | whole;
  }
  const units = magnitude * powerOfTwo(23 - exponent);
  const whole = wholeUnits(units, residual, negative, rounding);
  if (exponent > 127 || (exponent === 127 && whole === 0x1000000)) {
    ctx.flags |= Fpscr.OFC | Fpscr.IXC;
    return sign | (toInfinity(rounding, negative) ? 0x7f800000 : 0x7f7fffff);
  }
  if (whole !== units || residual !== 0) ctx.flags |= Fpscr.IXC;
  return sign | (((exponent + 126) << 23) + whole);
}

/** Rounds to double precision the value times 2^scale; value is a normal double. */
export function roundToF64(
  value: number,
  residual: number,
  scale: number,
  rounding: number,
  ctx: FpContext,
): number {
  double[0] = value;
  let low = words[0];
  const sign = words[1] & -0x80000000;
  const fraction = words[1] & 0xfffff;
  const exponent = ((words[1] >>> 20) & 0x7ff) + scale;
  const negative = sign !== 0;
  const belowPower = residual < 0 && fraction === 0 && low === 0;
  if (exponent < 1 || (exponent === 1 && belowPower)) {
    return roundToTinyF64(exponent, fraction, residual, sign, rounding, ctx);
  }
  // As one number of 63 bits, so that a carry or borrow goes on into the exponent.
  let high = ((exponent & 0x7ff) << 20) | fraction;
  let top = exponent;
  if (residual !== 0) {
    ctx.flags |= Fpscr.IXC;
    if (rounding !== Rounding.Nearest) {
      const away = roundsAway(rounding, negative);
      if (away && residual > 0) {
        low = (low + 1) | 0;
        if (low === 0) high += 1;
        if (low === 0 && fraction === 0xfffff) top += 1;
      } else if (!away && residual < 0) {
        if (low === 0) high -= 1;
        low = (low - 1) | 0;
        if (belowPower) top -= 1;
      }
    }
  }
  if (top > 2046) {
    ctx.flags |= Fpscr.OFC | Fpscr.IXC;
    const infinite = toInfinity(rounding, negative);
    ctx.high = sign | (infinite ? 0x7ff00000 : 0x7fefffff);
    return infinite ? 0 : -1;
  }
  ctx.high = sign | high;
  return low;
}

/** A magnitude below 2^-1022, with the biased exponent that it would have. */
function roundToTinyF64(
  exponent: number,
  fraction: number,
  residual: number,
  sign: number,
  rounding: number,
  ctx: FpContext,
): number {
  ctx.high = sign;
  if ((ctx.control & Fpscr.FZ) !== 0) {
    ctx.flags |= Fpscr.UFC;
    return 0;
  }
  // In units of 2^-1074; what lies below a 2^100th of a unit only shows that it is there.
  words[1] = (Math.max(exponent + 51, -100) + 1023) * 0x100000 + fraction;
  const units = double[0];
  const whole = wholeUnits(units, residual, sign !== 0, rounding);
  if (whole !== units || residual !== 0) ctx.flags |= Fpscr.UFC | Fpscr.IXC;
  ctx.high = sign | Math.floor(whole / 0x100000000);
  return whole | 0;
}
