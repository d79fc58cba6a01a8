import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { DirectKernel } from './direct-kernels.ts';
import {
  firstWords,
  SATURATED,
  STICKY_SLOT,
  type VectorFunction,
  vectorFunction,
} from './vector-function.ts';

const STICKY_WORD = (MemoryLayout.state >>> 2) + STICKY_SLOT;

/** Elements of operands and result while a function runs: integers (float bits as integers too), up to 32 bytes. */
export const D = new Float64Array(32);
export const A = new Float64Array(32);
export const B = new Float64Array(32);

/** The same for functions with 64-bit elements: rare, and exact without thinking. */
export const DW: bigint[] = new Array<bigint>(4).fill(0n);
export const AW: bigint[] = new Array<bigint>(4).fill(0n);
export const BW: bigint[] = new Array<bigint>(4).fill(0n);

/** What the running function leaves besides its elements, and the word it finds its modes in. */
export const flow = { sticky: 0, control: 0 };

/** Facts about the result's elements that functions work with. */
export interface Limits {
  readonly bits: number;
  readonly low: number;
  readonly high: number;
}

export interface WideLimits {
  readonly bits: bigint;
  readonly low: bigint;
  readonly high: bigint;
}

/** Computes `n` elements of D (and A, where it exchanges) from A, B and, where it accumulates, D. */
export type Kernel = (n: number, imm: number, limits: Limits) => void;
export type WideKernel = (n: number, imm: number, limits: WideLimits) => void;

/** Cuts a result to what its element holds, and notes that it did. */
export function saturate(value: number, limits: Limits): number {
  if (value < limits.low) {
    flow.sticky = SATURATED;
    return limits.low;
  }
  if (value > limits.high) {
    flow.sticky = SATURATED;
    return limits.high;
  }
  return value;
}

export function saturateWide(value: bigint, limits: WideLimits): bigint {
  if (value < limits.low) {
    flow.sticky = SATURATED;
    return limits.low;
  }
  if (value > limits.high) {
    flow.sticky = SATURATED;
    return limits.high;
  }
  return value;
}

/** Element sizes and counts of one row. */
export interface LaneShape {
  readonly name: string;
  /** Elements of the result. */
  readonly lanes: number;
  /** Bits of the elements of the result and of the operands; `b` is 0 where there is one operand only. */
  readonly d: number;
  readonly a: number;
  readonly b: number;
  readonly aLanes: number;
  readonly bLanes: number;
  readonly dSigned: boolean;
  readonly signed: boolean;
  /** The result's old value is an operand. */
  readonly accumulates: boolean;
  /** Operand a is written too. */
  readonly exchanges: boolean;
  /** `imm` picks the one element of b that stands for all. */
  readonly scalar: boolean;
  readonly sticky: boolean;
}

function wordsOf(bits: number, lanes: number): number {
  return (bits * lanes) / 32;
}

function rowOf(shape: LaneShape, run: VectorFunction['run']): VectorFunction {
  const d = firstWords(wordsOf(shape.d, shape.lanes));
  const a = firstWords(wordsOf(shape.a, shape.aLanes));
  const b = firstWords(wordsOf(shape.b, shape.bLanes));
  return vectorFunction({
    name: shape.name,
    reads: [shape.accumulates ? d : [], a, b],
    writes: [d, shape.exchanges ? a : []],
    sticky: shape.sticky,
    run,
  });
}

/** A row whose elements all have 32 bits or less, but for results that are exact as numbers. */
export function laneFunction(shape: LaneShape, kernel: Kernel): VectorFunction {
  const { lanes, d: dBits, a: aBits, b: bBits, aLanes, bLanes, dSigned, signed } = shape;
  const { accumulates, exchanges, scalar, sticky } = shape;
  const limits: Limits = {
    bits: dBits,
    low: dSigned ? -(2 ** (dBits - 1)) : 0,
    high: dSigned ? 2 ** (dBits - 1) - 1 : 2 ** dBits - 1,
  };
  return rowOf(shape, (v, d, a, b, imm) => {
    if (accumulates) v.unpack(D, d, dBits, dSigned, lanes);
    v.unpack(A, a, aBits, signed, aLanes);
    if (bBits !== 0) v.unpack(B, b, bBits, signed, bLanes);
    if (scalar) B.fill(B[imm], 0, lanes);
    flow.sticky = 0;
    if (sticky) flow.control = v.words[STICKY_WORD];
    kernel(lanes, imm, limits);
    v.pack(D, d, dBits, lanes);
    if (exchanges) v.pack(A, a, aBits, lanes);
    return flow.sticky;
  });
}

/** A row that works on words as they lie in memory. */
export function directFunction(shape: LaneShape, kernel: DirectKernel): VectorFunction {
  const n = wordsOf(shape.d, shape.lanes);
  return rowOf(shape, (v, d, a, b, imm) => {
    kernel(v.words, d, a, b, n, imm);
    return 0;
  });
}

/** A row with 64-bit elements. */
export function wideLaneFunction(shape: LaneShape, kernel: WideKernel): VectorFunction {
  const { lanes, d: dBits, a: aBits, b: bBits, aLanes, bLanes, dSigned, signed, accumulates, scalar } = shape;
  const bits = BigInt(dBits);
  const limits: WideLimits = {
    bits,
    low: dSigned ? -(1n << (bits - 1n)) : 0n,
    high: (1n << (dSigned ? bits - 1n : bits)) - 1n,
  };
  return rowOf(shape, (v, d, a, b, imm) => {
    if (accumulates) v.unpackWide(DW, d, dBits, dSigned, lanes);
    v.unpackWide(AW, a, aBits, signed, aLanes);
    if (bBits !== 0) v.unpackWide(BW, b, bBits, signed, bLanes);
    if (scalar) BW.fill(BW[imm], 0, lanes);
    flow.sticky = 0;
    kernel(lanes, imm, limits);
    v.packWide(DW, d, dBits, lanes);
    return flow.sticky;
  });
}
