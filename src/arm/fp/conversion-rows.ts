import { MemoryLayout } from '../../memory/machine-memory.ts';
import {
  firstWords,
  STICKY_SLOT,
  type VectorFunction,
  vectorFunction,
} from '../../translator/vector/vector-function.ts';
import {
  f16ToF32,
  f32ToF16,
  f32ToF64,
  f32ToFixed,
  f64ToF32,
  f64ToFixed,
  fixedToF32,
  fixedToF64,
} from './convert.ts';
import { f32Compare } from './f32.ts';
import { f64Compare } from './f64.ts';
import { FpContext, Fpscr, Rounding, roundingOf } from './fp-context.ts';

/** Comparisons and conversions of VFP on state slots. */

const FPSCR = (MemoryLayout.state >>> 2) + STICKY_SLOT;
const ctx = new FpContext();

/** Operands of 1 or 2 words. */
function conversion(
  name: string,
  from: 1 | 2,
  to: 1 | 2,
  convert: (words: Int32Array, a: number, imm: number) => number,
): VectorFunction {
  return vectorFunction({
    name,
    reads: [[], firstWords(from), []],
    writes: [firstWords(to), []],
    sticky: true,
    run: ({ words }, d, a, _b, imm) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      words[d] = convert(words, a, imm);
      if (to === 2) words[d + 1] = ctx.high;
      return ctx.flags;
    },
  });
}

/** A comparison replaces N, Z, C, V of FPSCR. `imm` 1: any NaN sets IOC (VCMPE). */
function comparison(
  name: string,
  words: 1 | 2,
  withZero: boolean,
  compare: (words: Int32Array, a: number, b: number, signalling: boolean) => number,
): VectorFunction {
  const operand = firstWords(words);
  return vectorFunction({
    name,
    reads: [[], operand, withZero ? [] : operand],
    writes: [[], []],
    sticky: true,
    run: ({ words }, _d, a, b, imm) => {
      ctx.control = words[FPSCR];
      ctx.flags = 0;
      const order = compare(words, a, b, imm === 1);
      words[FPSCR] &= ~Fpscr.NZCV;
      return order | ctx.flags;
    },
  });
}

/** The rounding of a conversion: a mode of its own, or that of FPSCR. */
export type ConversionRounding = 'FPSCR' | 'towards zero' | 'to nearest';

const ROUNDINGS: readonly ConversionRounding[] = ['FPSCR', 'towards zero', 'to nearest'];

/** The `imm` of conversions to and from integers: bits after the binary point, size, sign, rounding. */
export function fixedPoint(
  fractionBits: number,
  bits: 16 | 32,
  unsigned: boolean,
  rounding: ConversionRounding,
): number {
  return fractionBits | (bits << 8) | (unsigned ? 1 << 16 : 0) | (ROUNDINGS.indexOf(rounding) << 17);
}

const fractionBitsOf = (imm: number): number => imm & 0xff;
const bitsOf = (imm: number): number => (imm >> 8) & 0xff;
const isUnsigned = (imm: number): boolean => (imm & (1 << 16)) !== 0;

function modeOf(imm: number): number {
  const rounding = imm >> 17;
  if (rounding === 0) return roundingOf(ctx.control);
  return rounding === 1 ? Rounding.Zero : Rounding.Nearest;
}

/** The low `bits` bits of a register, extended to a word. */
function integerIn(word: number, imm: number): number {
  const above = 32 - bitsOf(imm);
  return isUnsigned(imm) ? (word << above) >>> above : (word << above) >> above;
}

/** Comparisons and conversions by mnemonic and types. Of `imm` see {@link fixedPoint} for integers. */
export const CONVERSION_ROWS = {
  vcmpF32: comparison('vcmp.f32', 1, false, (w, a, b, all) => f32Compare(w[a], w[b], all, ctx)),
  vcmpF64: comparison('vcmp.f64', 2, false, (w, a, b, all) =>
    f64Compare(w[a], w[a + 1], w[b], w[b + 1], all, ctx),
  ),
  vcmpZeroF32: comparison('vcmp.f32 #0', 1, true, (w, a, _b, all) => f32Compare(w[a], 0, all, ctx)),
  vcmpZeroF64: comparison('vcmp.f64 #0', 2, true, (w, a, _b, all) =>
    f64Compare(w[a], w[a + 1], 0, 0, all, ctx),
  ),
  f32ToF64: conversion('vcvt.f64.f32', 1, 2, (w, a) => f32ToF64(w[a], ctx)),
  f64ToF32: conversion('vcvt.f32.f64', 2, 1, (w, a) => f64ToF32(w[a], w[a + 1], ctx)),
  /** `imm` 1 takes the half in the top of the register. */
  f16ToF32: conversion('vcvtb.f32.f16', 1, 1, (w, a, imm) => f16ToF32(w[a] >>> (16 * imm), ctx)),
  /** The half in the low 16 bits, zeros above. */
  f32ToF16: conversion('vcvtb.f16.f32', 1, 1, (w, a) => f32ToF16(w[a], ctx)),
  /** To a word, extended as its sign says. */
  f32ToFixed: conversion('vcvt.fixed.f32', 1, 1, (w, a, imm) =>
    f32ToFixed(w[a], fractionBitsOf(imm), bitsOf(imm), isUnsigned(imm), modeOf(imm), ctx),
  ),
  f64ToFixed: conversion('vcvt.fixed.f64', 2, 1, (w, a, imm) =>
    f64ToFixed(w[a], w[a + 1], fractionBitsOf(imm), bitsOf(imm), isUnsigned(imm), modeOf(imm), ctx),
  ),
  fixedToF32: conversion('vcvt.f32.fixed', 1, 1, (w, a, imm) =>
    fixedToF32(integerIn(w[a], imm), fractionBitsOf(imm), isUnsigned(imm), modeOf(imm), ctx),
  ),
  fixedToF64: conversion('vcvt.f64.fixed', 1, 2, (w, a, imm) =>
    fixedToF64(integerIn(w[a], imm), fractionBitsOf(imm), isUnsigned(imm), ctx),
  ),
} as const;
