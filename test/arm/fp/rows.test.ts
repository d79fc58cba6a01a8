import { describe, expect, it } from 'vitest';
import { CONVERSION_ROWS } from '../../../src/arm/fp/conversion-rows.ts';
import { f32Add, f32Div, f32Mul, f32MulAdd, f32Sqrt, f32Sub } from '../../../src/arm/fp/f32.ts';
import { F32_ROWS } from '../../../src/arm/fp/f32-rows.ts';
import { f64Add, f64Div, f64Mul, f64MulAdd, f64Sqrt, f64Sub } from '../../../src/arm/fp/f64.ts';
import { F64_ROWS } from '../../../src/arm/fp/f64-rows.ts';
import { FpContext, Fpscr } from '../../../src/arm/fp/fp-context.ts';
import { CPU_STATE_SLOTS, StateSlot } from '../../../src/arm/state.ts';
import { MemoryLayout } from '../../../src/memory/machine-memory.ts';
import type { VectorFunction } from '../../../src/translator/vector/vector-function.ts';
import { VectorMemory } from '../../../src/translator/vector/vector-memory.ts';
import { Operands } from '../../soft-float/operands.ts';

const STATE = MemoryLayout.state >>> 2;
const FPSCR = STATE + StateSlot.Fpscr;
const [D, A, B] = [0, 2, 4].map((offset) => STATE + StateSlot.V0 + offset) as [number, number, number];
const SIGN = -0x80000000;
const CASES = 4000;

const memory = new VectorMemory(new Int32Array(STATE + CPU_STATE_SLOTS));
const w = memory.words;

type Expected = (ctx: FpContext) => number;
type Mnemonic = keyof typeof F64_ROWS;

/** What each instruction is, as the manual composes it; the operands are in the registers. */
const DOUBLE: { readonly [M in Mnemonic]: Expected } = {
  vadd: (ctx) => f64Add(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx),
  vsub: (ctx) => f64Sub(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx),
  vmul: (ctx) => f64Mul(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx),
  vnmul: (ctx) => negated(f64Mul(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx), ctx),
  vdiv: (ctx) => f64Div(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx),
  vsqrt: (ctx) => f64Sqrt(w[A]!, w[A + 1]!, ctx),
  vmla: (ctx) => multiplyAdd(0, 0, ctx),
  vmls: (ctx) => multiplyAdd(SIGN, 0, ctx),
  vnmla: (ctx) => multiplyAdd(SIGN, SIGN, ctx),
  vnmls: (ctx) => multiplyAdd(0, SIGN, ctx),
  vfma: (ctx) => fused(0, 0, ctx),
  vfms: (ctx) => fused(SIGN, 0, ctx),
  vfnma: (ctx) => fused(SIGN, SIGN, ctx),
  vfnms: (ctx) => fused(0, SIGN, ctx),
};

const SINGLE: { readonly [M in keyof typeof F32_ROWS]: Expected } = {
  vadd: (ctx) => f32Add(w[A]!, w[B]!, ctx),
  vsub: (ctx) => f32Sub(w[A]!, w[B]!, ctx),
  vmul: (ctx) => f32Mul(w[A]!, w[B]!, ctx),
  vnmul: (ctx) => f32Mul(w[A]!, w[B]!, ctx) ^ SIGN,
  vdiv: (ctx) => f32Div(w[A]!, w[B]!, ctx),
  vsqrt: (ctx) => f32Sqrt(w[A]!, ctx),
  vmla: (ctx) => f32Add(w[D]!, f32Mul(w[A]!, w[B]!, ctx), ctx),
  vmls: (ctx) => f32Add(w[D]!, f32Mul(w[A]!, w[B]!, ctx) ^ SIGN, ctx),
  vnmla: (ctx) => f32Add(w[D]! ^ SIGN, f32Mul(w[A]!, w[B]!, ctx) ^ SIGN, ctx),
  vnmls: (ctx) => f32Add(w[D]! ^ SIGN, f32Mul(w[A]!, w[B]!, ctx), ctx),
  vfma: (ctx) => f32MulAdd(w[D]!, w[A]!, w[B]!, ctx),
  vfms: (ctx) => f32MulAdd(w[D]!, w[A]! ^ SIGN, w[B]!, ctx),
  vfnma: (ctx) => f32MulAdd(w[D]! ^ SIGN, w[A]! ^ SIGN, w[B]!, ctx),
  vfnms: (ctx) => f32MulAdd(w[D]! ^ SIGN, w[A]!, w[B]!, ctx),
};

function negated(low: number, ctx: FpContext): number {
  ctx.high ^= SIGN;
  return low;
}

function multiplyAdd(product: number, addend: number, ctx: FpContext): number {
  const low = f64Mul(w[A]!, w[A + 1]!, w[B]!, w[B + 1]!, ctx);
  return f64Add(w[D]!, w[D + 1]! ^ addend, low, ctx.high ^ product, ctx);
}

function fused(factor: number, addend: number, ctx: FpContext): number {
  return f64MulAdd(w[D]!, w[D + 1]! ^ addend, w[A]!, w[A + 1]! ^ factor, w[B]!, w[B + 1]!, ctx);
}

/** Runs the row and the manual's composition on random operands; describes the first difference. */
function firstDifference(row: VectorFunction, expected: Expected, double: boolean): string | undefined {
  const random = new Operands(row.name.length * 31 + (double ? 64 : 32));
  const ctx = new FpContext();
  for (let i = 0; i < CASES; i++) {
    for (const register of [D, A, B]) {
      if (double) w.set(random.double(), register);
      else w[register] = random.single();
    }
    // Mostly to nearest, where there are short ways.
    const rounding = random.below(8) < 6 ? 0 : random.below(4);
    const modes = random.pick([0, Fpscr.FZ, Fpscr.DN, Fpscr.FZ | Fpscr.DN]) | random.pick([0, Fpscr.IXC]);
    w[FPSCR] = (rounding << Fpscr.RMODE_SHIFT) | modes;
    ctx.control = w[FPSCR];
    ctx.flags = 0;
    const before = [...w.subarray(D, D + 6)].map((word) => (word >>> 0).toString(16)).join(' ');
    const low = expected(ctx);
    const flags = ctx.flags | (w[FPSCR] & Fpscr.IXC);
    const raised = row.run(memory, D, A, B, 0) | (w[FPSCR] & Fpscr.IXC);
    if (w[D] !== low || (double && w[D + 1] !== ctx.high) || raised !== flags) {
      return `${before} FPSCR ${(ctx.control >>> 0).toString(16)}: flags ${raised}, should be ${flags}`;
    }
  }
  return undefined;
}

describe('the short ways of VFP give the same results and flags as the long ones', () => {
  it.each(Object.keys(F64_ROWS) as Mnemonic[])('%s.f64', (name) => {
    expect(firstDifference(F64_ROWS[name], DOUBLE[name], true)).toBeUndefined();
  });

  it.each(Object.keys(F32_ROWS) as (keyof typeof F32_ROWS)[])('%s.f32', (name) => {
    expect(firstDifference(F32_ROWS[name], SINGLE[name], false)).toBeUndefined();
  });
});

describe('VCMP', () => {
  it('replaces N, Z, C, V of FPSCR and leaves the rest', () => {
    w[FPSCR] = 0x60000000 | Fpscr.FZ | Fpscr.OFC;
    w[A] = 0x3f800000; // 1.0
    w[B] = 0x40000000; // 2.0
    const raised = CONVERSION_ROWS.vcmpF32.run(memory, A, A, B, 0);
    expect(w[FPSCR]! | raised).toBe(0x80000000 | Fpscr.FZ | Fpscr.OFC | 0);
  });

  it('sets C and V for NaNs; VCMPE Invalid Operation as well', () => {
    w[FPSCR] = 0;
    w[A] = 0x7fc00000;
    expect(CONVERSION_ROWS.vcmpZeroF32.run(memory, A, A, A, 0)).toBe(0x30000000);
    expect(CONVERSION_ROWS.vcmpZeroF32.run(memory, A, A, A, 1)).toBe(0x30000000 | Fpscr.IOC);
  });
});
