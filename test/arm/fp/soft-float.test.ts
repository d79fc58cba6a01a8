import { describe, expect, it } from 'vitest';
import {
  f16ToF32,
  f32ToF16,
  f32ToF64,
  f32ToFixed,
  f64ToF32,
  f64ToFixed,
  fixedToF32,
  fixedToF64,
} from '../../../src/arm/fp/convert.ts';
import {
  f32Add,
  f32Compare,
  f32Div,
  f32Max,
  f32Min,
  f32Mul,
  f32MulAdd,
  f32Sqrt,
  f32Sub,
} from '../../../src/arm/fp/f32.ts';
import { f64Add, f64Compare, f64Div, f64Mul, f64MulAdd, f64Sqrt, f64Sub } from '../../../src/arm/fp/f64.ts';
import { FpContext, Fpscr } from '../../../src/arm/fp/fp-context.ts';
import { Operands } from '../../soft-float/operands.ts';
import { FpOracle } from './fp-oracle.ts';

/** Operands, FPSCR and a context for one case. */
interface Case {
  /** Words: a in 0 and 1, b in 2 and 3, c in 4 and 5. */
  readonly w: Int32Array;
  /** A small random number, for what else an operation needs. */
  readonly n: number;
  readonly rounding: number;
  readonly ctx: FpContext;
  readonly oracle: FpOracle;
}

/** [operation, result width, ours, the oracle's]. */
type Operation = readonly [string, number, (c: Case) => number, (c: Case) => bigint];

const s = (c: Case, i: number): bigint => BigInt.asUintN(32, BigInt(c.w[2 * i]!));
const d = (c: Case, i: number): bigint => (BigInt.asUintN(32, BigInt(c.w[2 * i + 1]!)) << 32n) | s(c, i);
const half = (c: Case): bigint => BigInt(c.w[0]! & 0xffff);
const bitsOf = (c: Case): 16 | 32 => ((c.n & 1) === 0 ? 32 : 16);
const unsigned = (c: Case): boolean => (c.n & 2) !== 0;
const fraction = (c: Case): number => (c.n >> 2) % (bitsOf(c) + 1);

function integer(c: Case): number {
  const above = 32 - bitsOf(c);
  return unsigned(c) ? ((c.w[0]! << above) >>> above) | 0 : (c.w[0]! << above) >> above;
}

const fixed = (c: Case): bigint => (unsigned(c) ? BigInt(integer(c) >>> 0) : BigInt(integer(c)));

const OPERATIONS: readonly Operation[] = [
  ['f32 add', 32, ({ w, ctx }) => f32Add(w[0]!, w[2]!, ctx), (c) => c.oracle.add(s(c, 0), s(c, 1), 32)],
  ['f32 sub', 32, ({ w, ctx }) => f32Sub(w[0]!, w[2]!, ctx), (c) => c.oracle.sub(s(c, 0), s(c, 1), 32)],
  ['f32 mul', 32, ({ w, ctx }) => f32Mul(w[0]!, w[2]!, ctx), (c) => c.oracle.mul(s(c, 0), s(c, 1), 32)],
  ['f32 div', 32, ({ w, ctx }) => f32Div(w[0]!, w[2]!, ctx), (c) => c.oracle.div(s(c, 0), s(c, 1), 32)],
  ['f32 sqrt', 32, ({ w, ctx }) => f32Sqrt(w[0]!, ctx), (c) => c.oracle.sqrt(s(c, 0), 32)],
  [
    'f32 multiply-add',
    32,
    ({ w, ctx }) => f32MulAdd(w[4]!, w[0]!, w[2]!, ctx),
    (c) => c.oracle.mulAdd(s(c, 2), s(c, 0), s(c, 1), 32),
  ],
  [
    'f64 add',
    64,
    ({ w, ctx }) => f64Add(w[0]!, w[1]!, w[2]!, w[3]!, ctx),
    (c) => c.oracle.add(d(c, 0), d(c, 1), 64),
  ],
  [
    'f64 sub',
    64,
    ({ w, ctx }) => f64Sub(w[0]!, w[1]!, w[2]!, w[3]!, ctx),
    (c) => c.oracle.sub(d(c, 0), d(c, 1), 64),
  ],
  [
    'f64 mul',
    64,
    ({ w, ctx }) => f64Mul(w[0]!, w[1]!, w[2]!, w[3]!, ctx),
    (c) => c.oracle.mul(d(c, 0), d(c, 1), 64),
  ],
  [
    'f64 div',
    64,
    ({ w, ctx }) => f64Div(w[0]!, w[1]!, w[2]!, w[3]!, ctx),
    (c) => c.oracle.div(d(c, 0), d(c, 1), 64),
  ],
  ['f64 sqrt', 64, ({ w, ctx }) => f64Sqrt(w[0]!, w[1]!, ctx), (c) => c.oracle.sqrt(d(c, 0), 64)],
  [
    'f64 multiply-add',
    64,
    ({ w, ctx }) => f64MulAdd(w[4]!, w[5]!, w[0]!, w[1]!, w[2]!, w[3]!, ctx),
    (c) => c.oracle.mulAdd(d(c, 2), d(c, 0), d(c, 1), 64),
  ],
  [
    'f32 compare',
    4,
    ({ w, n, ctx }) => f32Compare(w[0]!, w[2]!, (n & 1) === 1, ctx) >>> 28,
    (c) => c.oracle.compare(s(c, 0), s(c, 1), (c.n & 1) === 1, 32),
  ],
  [
    'f64 compare',
    4,
    ({ w, n, ctx }) => f64Compare(w[0]!, w[1]!, w[2]!, w[3]!, (n & 1) === 1, ctx) >>> 28,
    (c) => c.oracle.compare(d(c, 0), d(c, 1), (c.n & 1) === 1, 64),
  ],
  ['f32 to f64', 64, ({ w, ctx }) => f32ToF64(w[0]!, ctx), (c) => c.oracle.convert(s(c, 0), 32, 64)],
  ['f64 to f32', 32, ({ w, ctx }) => f64ToF32(w[0]!, w[1]!, ctx), (c) => c.oracle.convert(d(c, 0), 64, 32)],
  ['f16 to f32', 32, ({ w, ctx }) => f16ToF32(w[0]! & 0xffff, ctx), (c) => c.oracle.convert(half(c), 16, 32)],
  ['f32 to f16', 32, ({ w, ctx }) => f32ToF16(w[0]!, ctx), (c) => c.oracle.convert(s(c, 0), 32, 16)],
  [
    'f32 to fixed',
    32,
    (c) => f32ToFixed(c.w[0]!, fraction(c), bitsOf(c), unsigned(c), c.rounding, c.ctx),
    (c) => c.oracle.toFixed(s(c, 0), 32, fraction(c), bitsOf(c), unsigned(c), c.rounding),
  ],
  [
    'f64 to fixed',
    32,
    (c) => f64ToFixed(c.w[0]!, c.w[1]!, fraction(c), bitsOf(c), unsigned(c), c.rounding, c.ctx),
    (c) => c.oracle.toFixed(d(c, 0), 64, fraction(c), bitsOf(c), unsigned(c), c.rounding),
  ],
  [
    'fixed to f32',
    32,
    (c) => fixedToF32(integer(c), fraction(c), unsigned(c), c.rounding, c.ctx),
    (c) => c.oracle.fromFixed(fixed(c), fraction(c), 32, c.rounding),
  ],
  [
    'fixed to f64',
    64,
    (c) => fixedToF64(integer(c), fraction(c), unsigned(c), c.ctx),
    (c) => c.oracle.fromFixed(fixed(c), fraction(c), 64, c.rounding),
  ],
];

const CASES = 2000;

describe('soft float agrees with exact arithmetic in result and flags, whatever FPSCR says', () => {
  it.each(OPERATIONS)('%s', (name, width, ours, theirs) => {
    const random = new Operands(name.length * 7919 + width);
    const ctx = new FpContext();
    for (let i = 0; i < CASES; i++) {
      const w = new Int32Array(6);
      for (let operand = 0; operand < 3; operand++) {
        if (/^f64/.test(name)) w.set(random.double(), 2 * operand);
        else w[2 * operand] = /^f16|^fixed/.test(name) ? random.word() >> random.below(32) : random.single();
      }
      const settings = {
        rounding: i & 3,
        flushToZero: (i & 4) !== 0,
        defaultNaN: (i & 8) !== 0,
        alternativeHalf: (i & 16) !== 0,
      };
      ctx.flags = 0;
      ctx.control =
        (settings.rounding << Fpscr.RMODE_SHIFT) |
        (settings.flushToZero ? Fpscr.FZ : 0) |
        (settings.defaultNaN ? Fpscr.DN : 0) |
        (settings.alternativeHalf ? Fpscr.AHP : 0) |
        ((i & 32) !== 0 ? Fpscr.IXC : 0);
      const oracle = new FpOracle(settings);
      const c: Case = { w, n: random.below(256), rounding: settings.rounding, ctx, oracle };
      const low = BigInt.asUintN(32, BigInt(ours(c)));
      const bits = width === 64 ? (BigInt.asUintN(32, BigInt(ctx.high)) << 32n) | low : low;
      const expected = BigInt.asUintN(Math.max(width, 32), theirs(c));
      // IXC may be left out where it is set already.
      const known = ctx.control & Fpscr.IXC;
      const flagsAgree = (ctx.flags | known) === (oracle.flags | known);
      if (bits !== expected || !flagsAgree) {
        const words = [...w].map((word) => (word >>> 0).toString(16)).join(' ');
        expect.fail(
          `${words} (n ${c.n}, FPSCR ${(ctx.control >>> 0).toString(16)}) gives ${bits.toString(16)} flags ${ctx.flags}, ` +
            `should be ${expected.toString(16)} flags ${oracle.flags}`,
        );
      }
    }
  });
});

describe('NaNs', () => {
  const SNAN = 0x7f800001;
  const QNAN_1 = 0x7fc00001;
  const QNAN_2 = 0xffc00002 | 0;

  function run(operation: (ctx: FpContext) => number, control = 0): readonly [bits: string, flags: number] {
    const ctx = new FpContext();
    ctx.control = control;
    const bits = operation(ctx);
    return [(bits >>> 0).toString(16), ctx.flags];
  }

  it('that are signalling come first, then the first operand, made quiet (FPProcessNaNs)', () => {
    expect(run((ctx) => f32Add(QNAN_1, QNAN_2, ctx))).toEqual(['7fc00001', 0]);
    expect(run((ctx) => f32Add(QNAN_2, SNAN, ctx))).toEqual(['7fc00001', Fpscr.IOC]);
    expect(run((ctx) => f32Sub(0, QNAN_2, ctx))).toEqual(['ffc00002', 0]);
  });

  it('of a fused multiply-add are taken from the addend first, but infinity times zero is invalid all the same', () => {
    expect(run((ctx) => f32MulAdd(QNAN_2, QNAN_1, 0, ctx))).toEqual(['ffc00002', 0]);
    expect(run((ctx) => f32MulAdd(QNAN_2, 0x7f800000, 0, ctx))).toEqual(['7fc00000', Fpscr.IOC]);
    expect(run((ctx) => f32MulAdd(QNAN_2, SNAN, 0, ctx))).toEqual(['7fc00001', Fpscr.IOC]);
  });

  it('are the default NaN where FPSCR.DN is set', () => {
    expect(run((ctx) => f32Mul(QNAN_2, QNAN_1, ctx), Fpscr.DN)).toEqual(['7fc00000', 0]);
  });
});

describe('flush-to-zero', () => {
  it('makes subnormal operands zeros of their sign and sets IDC alone', () => {
    const ctx = new FpContext();
    ctx.control = Fpscr.FZ;
    expect(f32Add(0x80000001 | 0, 0x80000000 | 0, ctx)).toBe(0x80000000 | 0);
    expect(ctx.flags).toBe(Fpscr.IDC);
  });

  it('makes tiny results zero and sets UFC, not IXC, judged before rounding', () => {
    const ctx = new FpContext();
    ctx.control = Fpscr.FZ;
    // (1 - 2^-24) * 2^-126 would round to the smallest normal number.
    expect(f32Mul(0x3f7fffff, 0x00800000, ctx)).toBe(0);
    expect(ctx.flags).toBe(Fpscr.UFC);
  });
});

describe('FPMax and FPMin', () => {
  it('take +0 for larger than -0', () => {
    const ctx = new FpContext();
    expect(f32Max(0x80000000 | 0, 0, ctx)).toBe(0);
    expect(f32Min(0, 0x80000000 | 0, ctx)).toBe(0x80000000 | 0);
    expect(f32Max(0xbf800000 | 0, 0xff800000 | 0, ctx)).toBe(0xbf800000 | 0);
  });
});
