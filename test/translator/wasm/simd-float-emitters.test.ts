import { expect, test } from 'vitest';
import { Fpscr } from '../../../src/arm/fp/fp-context.ts';
import { SIMD_FLOAT, SIMD_FLOAT_SCALAR } from '../../../src/arm/fp/simd-families.ts';
import { rowsOf } from '../../../src/translator/vector/table.ts';
import type { VectorFunction } from '../../../src/translator/vector/vector-function.ts';
import { hasEmitter } from '../../../src/translator/wasm/vector-emitters.ts';
import { Operands } from '../../soft-float/operands.ts';
import { casesOf, randomFpscr, VectorHarness } from './vector-harness.ts';

const PLACES = 5;
const ROUNDS = 800;
const REGISTERS = 72;

const rows = rowsOf(SIMD_FLOAT, SIMD_FLOAT_SCALAR).filter(hasEmitter);
const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

function bitsOf(value: number): number {
  single[0] = value;
  return bits[0]!;
}

/** Whole numbers, ordinary ones, and ones near the ends: one element that is not ordinary takes all the slow way. */
function elements(operands: Operands): readonly number[] {
  const kind = operands.below(5);
  const rare = 1 + operands.below(12);
  return Array.from({ length: REGISTERS }, () => {
    if (operands.below(rare) === 0 && kind !== 0) return operands.single();
    if (kind === 1) return operands.word();
    if (kind <= 2) return bitsOf(operands.below(64) - 32);
    if (kind === 3) return bitsOf((operands.below(200) - 100) * 2 ** (operands.below(120) - 60));
    return (
      (operands.word() & -0x80000000) | ((100 + operands.below(50)) << 23) | (operands.word() & 0x7fffff)
    );
  });
}

for (const row of rows) {
  test(`${row.name} leaves the state that the interpreter leaves`, () => {
    const harness = new VectorHarness();
    const operands = new Operands(row.name.length * 43 + row.name.charCodeAt(2));
    const cases = casesOf(row, operands, PLACES);
    const compiled = harness.compile(cases);
    for (let round = 0; round < ROUNDS; round++) {
      const i = round % cases.length;
      const state = elements(operands);
      const fpscr = randomFpscr(operands);
      expect(harness.difference(cases[i]!, compiled[i]!, state, fpscr)).toBeUndefined();
    }
  });
}

test('estimates are right for every fraction and both kinds of exponents', () => {
  for (const row of rows.filter(({ name }) => /^vr(ecp|sqrt)e/.test(name))) {
    const harness = new VectorHarness();
    const [c] = casesOf(row, new Operands(1), 1);
    const [compiled] = harness.compile([c!]);
    for (let i = 0; i < 512; i += 4) {
      const state = Array.from({ length: REGISTERS }, (_unused, k) => (100 << 23) | ((i + (k % 4)) << 15));
      expect(harness.difference(c!, compiled!, state, 0)).toBeUndefined();
    }
    expect(`${row.name}: ${harness.fallbacks}`).toBe(`${row.name}: 0`);
  }
});

/** How often the interpreter's function is called for registers of certain elements. */
function fallbacks(row: VectorFunction, fpscr: number, element: () => number): string {
  const harness = new VectorHarness();
  const [compiled] = harness.compile(casesOf(row, new Operands(1), 1));
  for (let i = 0; i < 20; i++) harness.after(compiled!, Array.from({ length: REGISTERS }, element), fpscr);
  return `${row.name}: ${harness.fallbacks}`;
}

const never = (list: readonly VectorFunction[]): readonly string[] => list.map(({ name }) => `${name}: 0`);

test('ordinary elements never need the interpreter, once an inexact result was noted', () => {
  const operands = new Operands(7);
  const element = (): number => bitsOf(1 + operands.below(100000) / 7);
  expect(rows.map((row) => fallbacks(row, Fpscr.IXC, element))).toEqual(never(rows));
});

test('small whole numbers never need the interpreter, and zeros neither', () => {
  const operands = new Operands(8);
  // A fused sum that cancels to zero is left to the interpreter, bits are large as integers, and zero has no reciprocal.
  const list = rows.filter(({ name }) => !/fixed|from integer|vfm|vr.*e\./.test(name));
  expect(list.map((row) => fallbacks(row, 0, () => bitsOf(operands.below(30))))).toEqual(never(list));
});
