import { family, type SignedPair, type VectorFamily } from '../../translator/vector/family.ts';
import { A, B, D, flow, type Kernel } from '../../translator/vector/lanes.ts';
import { f16ToF32, f32ToF16, f32ToFixed, fixedToF32 } from './convert.ts';
import {
  f32RecipEstimate,
  f32RecipStep,
  f32RsqrtEstimate,
  f32RsqrtStep,
  u32RecipEstimate,
  u32RsqrtEstimate,
} from './estimate.ts';
import {
  f32Abs,
  f32Add,
  f32Equal,
  f32Greater,
  f32GreaterEqual,
  f32Max,
  f32Min,
  f32Mul,
  f32MulAdd,
  f32Neg,
  f32Sub,
} from './f32.ts';
import { FpContext, Rounding, standardFpscr } from './fp-context.ts';

/*
 * Vector functions on floating-point elements, as bits: Advanced SIMD arithmetic uses the standard FPSCR value, and its
 * exceptions accumulate in FPSCR (ARM DDI 0406C A2.7.6).
 */

const ctx = new FpContext();

/** A function of all elements, between the elements as numbers and their bits. */
type Body = (n: number, imm: number) => void;

function standard(body: Body): Kernel {
  return (n, imm) => {
    ctx.control = standardFpscr(flow.control);
    ctx.flags = 0;
    body(n, imm);
    flow.sticky = ctx.flags;
  };
}

function floats(name: string, body: Body, more: Partial<Parameters<typeof family>[1]> = {}): VectorFamily {
  return family(`${name}.f32`, {
    shape: 'same',
    sizes: [2],
    signed: true,
    sticky: true,
    kernel: standard(body),
    ...more,
  });
}

function each(f: (a: number, b: number, ctx: FpContext) => number): Body {
  return (n) => {
    for (let i = 0; i < n; i++) D[i] = f(A[i], B[i], ctx);
  };
}

/** Comparisons give all ones or zeros. */
function compares(f: (a: number, b: number, ctx: FpContext) => number): Body {
  return (n) => {
    for (let i = 0; i < n; i++) D[i] = -f(A[i], B[i], ctx);
  };
}

function pairwise(f: (a: number, b: number, ctx: FpContext) => number): Body {
  return () => {
    D[0] = f(A[0], A[1], ctx);
    D[1] = f(B[0], B[1], ctx);
  };
}

/** Two roundings. */
const multiplyAdd: Body = (n) => {
  for (let i = 0; i < n; i++) D[i] = f32Add(D[i], f32Mul(A[i], B[i], ctx), ctx);
};
const multiplySubtract: Body = (n) => {
  for (let i = 0; i < n; i++) D[i] = f32Add(D[i], f32Neg(f32Mul(A[i], B[i], ctx)), ctx);
};
/** One rounding. */
const fusedAdd: Body = (n) => {
  for (let i = 0; i < n; i++) D[i] = f32MulAdd(D[i], A[i], B[i], ctx);
};
const fusedSubtract: Body = (n) => {
  for (let i = 0; i < n; i++) D[i] = f32MulAdd(D[i], f32Neg(A[i]), B[i], ctx);
};

const accumulates = true;

/** Two and three registers. */
export const SIMD_FLOAT = {
  vadd: floats('vadd', each(f32Add)),
  vsub: floats('vsub', each(f32Sub)),
  vmul: floats('vmul', each(f32Mul)),
  vabd: floats(
    'vabd',
    each((a, b) => f32Abs(f32Sub(a, b, ctx))),
  ),
  vmla: floats('vmla', multiplyAdd, { accumulates }),
  vmls: floats('vmls', multiplySubtract, { accumulates }),
  vfma: floats('vfma', fusedAdd, { accumulates }),
  vfms: floats('vfms', fusedSubtract, { accumulates }),
  vmax: floats('vmax', each(f32Max)),
  vmin: floats('vmin', each(f32Min)),
  vpadd: floats('vpadd', pairwise(f32Add), { quad: false }),
  vpmax: floats('vpmax', pairwise(f32Max), { quad: false }),
  vpmin: floats('vpmin', pairwise(f32Min), { quad: false }),
  vceq: floats('vceq', compares(f32Equal)),
  vcge: floats('vcge', compares(f32GreaterEqual)),
  vcgt: floats('vcgt', compares(f32Greater)),
  vacge: floats(
    'vacge',
    compares((a, b) => f32GreaterEqual(f32Abs(a), f32Abs(b), ctx)),
  ),
  vacgt: floats(
    'vacgt',
    compares((a, b) => f32Greater(f32Abs(a), f32Abs(b), ctx)),
  ),
  vrecps: floats('vrecps', each(f32RecipStep)),
  vrsqrts: floats('vrsqrts', each(f32RsqrtStep)),
  vcgtZero: unary('vcgt #0', (a) => -f32Greater(a, 0, ctx)),
  vcgeZero: unary('vcge #0', (a) => -f32GreaterEqual(a, 0, ctx)),
  vceqZero: unary('vceq #0', (a) => -f32Equal(a, 0, ctx)),
  vcleZero: unary('vcle #0', (a) => -f32GreaterEqual(0, a, ctx)),
  vcltZero: unary('vclt #0', (a) => -f32Greater(0, a, ctx)),
  vabs: unary('vabs', f32Abs),
  vneg: unary('vneg', f32Neg),
  vrecpe: unary('vrecpe', (a) => f32RecipEstimate(a, ctx)),
  vrsqrte: unary('vrsqrte', (a) => f32RsqrtEstimate(a, ctx)),
  vrecpeUnsigned: unary('vrecpe.u32', u32RecipEstimate),
  vrsqrteUnsigned: unary('vrsqrte.u32', u32RsqrtEstimate),
  /** Towards zero; the result's sign is that of the pair. */
  toInteger: signs('vcvt to integer', (a, unsigned) => f32ToFixed(a, 0, 32, unsigned, Rounding.Zero, ctx)),
  fromInteger: signs('vcvt from integer', (a, unsigned) => fixedToF32(a, 0, unsigned, Rounding.Nearest, ctx)),
  /** `imm` fraction bits. */
  toFixed: signs('vcvt to fixed', (a, unsigned, bits) =>
    f32ToFixed(a, bits, 32, unsigned, Rounding.Zero, ctx),
  ),
  fromFixed: signs('vcvt from fixed', (a, unsigned, bits) =>
    fixedToF32(a, bits, unsigned, Rounding.Nearest, ctx),
  ),
  /** By size 01, that of the half-precision elements. */
  toHalf: halves('vcvt.f16.f32', 'unaryNarrow', (a) => f32ToF16(a, ctx)),
  fromHalf: halves('vcvt.f32.f16', 'unaryLong', (a) => f16ToF32(a, ctx)),
} as const;

const scalar = true;

/** Vectors and a scalar. */
export const SIMD_FLOAT_SCALAR = {
  vmla: floats('vmla scalar', multiplyAdd, { accumulates, scalar }),
  vmls: floats('vmls scalar', multiplySubtract, { accumulates, scalar }),
  vmul: floats('vmul scalar', each(f32Mul), { scalar }),
} as const;

function unary(name: string, f: (a: number) => number): VectorFamily {
  return floats(
    name,
    (n) => {
      for (let i = 0; i < n; i++) D[i] = f(A[i]);
    },
    { shape: 'unary' },
  );
}

/** The sign of the fixed-point side. */
function signs(name: string, f: (a: number, unsigned: boolean, imm: number) => number): SignedPair {
  const of = (unsigned: boolean): VectorFamily =>
    floats(
      `${name} ${unsigned ? 'u' : 's'}32`,
      (n, imm) => {
        for (let i = 0; i < n; i++) D[i] = f(A[i], unsigned, imm);
      },
      { shape: 'unary' },
    );
  return { signed: of(false), unsigned: of(true) };
}

function halves(name: string, shape: 'unaryNarrow' | 'unaryLong', f: (a: number) => number): VectorFamily {
  const body: Body = (n) => {
    for (let i = 0; i < n; i++) D[i] = f(A[i]);
  };
  return family(name, {
    shape,
    sizes: [1],
    signed: shape === 'unaryNarrow',
    sticky: true,
    kernel: standard(body),
  });
}
