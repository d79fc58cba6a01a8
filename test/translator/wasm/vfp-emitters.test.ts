import { describe, expect, test } from 'vitest';
import { fixedPoint } from '../../../src/arm/fp/conversion-rows.ts';
import { Fpscr } from '../../../src/arm/fp/fp-context.ts';
import { VFP_ROWS } from '../../../src/arm/fp/vfp-rows.ts';
import type { VectorFunction } from '../../../src/translator/vector/vector-function.ts';
import { hasEmitter } from '../../../src/translator/wasm/vector-emitters.ts';
import { Operands } from '../../soft-float/operands.ts';
import { casesOf, randomFpscr, type VectorCase, VectorHarness } from './vector-harness.ts';

const ROUNDS = 1200;
const PLACES = 5;

/** Registers with doubles, singles or small whole numbers, as the row's operands have them. */
function registers(row: VectorFunction, operands: Operands): number[] {
  const wide = /\.f64$|f64 #0$/.test(row.name);
  const whole = operands.below(3) === 0;
  return Array.from({ length: 32 }, () => {
    if (wide) return whole ? wordsOf(operands.below(2000) - 1000) : operands.double();
    return whole ? [singleOf(), singleOf()] : [operands.single(), operands.single()];
  }).flat();

  function singleOf(): number {
    return new Int32Array(Float32Array.of(operands.below(64) - 32).buffer)[0]!;
  }
}

function wordsOf(value: number): readonly [number, number] {
  const words = new Int32Array(Float64Array.of(value).buffer);
  return [words[0]!, words[1]!];
}

/** A result's old value near the product, so that it cancels most of it: what is left is what was rounded off. */
function cancelProduct(c: VectorCase, state: number[], operands: Operands): void {
  const slots = new Int32Array(state);
  const wide = c.row.name.endsWith('f64');
  const numbers = wide ? new Float64Array(slots.buffer) : new Float32Array(slots.buffer);
  const at = (slot: number): number => (slot - 32) / (wide ? 2 : 1);
  numbers[at(c.d)] = numbers[at(c.a)]! * numbers[at(c.b)]! * operands.pick([1, -1]);
  const low = c.d - 32;
  state.splice(low, wide ? 2 : 1, slots[low]! + operands.below(3) - 1, ...(wide ? [slots[low + 1]!] : []));
}

describe('VFP rows as code', () => {
  for (const row of VFP_ROWS.filter(hasEmitter)) {
    test(`${row.name} leaves the state that the interpreter leaves`, () => {
      const harness = new VectorHarness();
      const operands = new Operands(row.name.length * 37 + 1);
      const cases = casesOf(row, operands, PLACES);
      const compiled = harness.compile(cases);
      for (let round = 0; round < ROUNDS; round++) {
        const i = round % cases.length;
        const state = registers(row, operands);
        const fpscr = randomFpscr(operands);
        if (/^v(fn?m|n?ml)[as]/.test(row.name) && operands.below(3) === 0) {
          cancelProduct(cases[i]!, state, operands);
        }
        expect(harness.difference(cases[i]!, compiled[i]!, state, fpscr)).toBeUndefined();
      }
    });
  }
});

/** Doubles and singles of ordinary size, positive and of many bits, also read as integers. */
function ordinary(row: VectorFunction, operands: Operands): readonly number[] {
  return Array.from({ length: 32 }, () => {
    if (/^vcvt\..*fixed$/.test(row.name)) return [operands.word(), operands.word()];
    const value = 1 + operands.below(100000) / 7;
    const single = new Int32Array(Float32Array.of(value).buffer)[0]!;
    return /\.f64$|f64 #0$/.test(row.name) ? wordsOf(value) : [single, single];
  }).flat();
}

/** Of conversions: to and from words; of others, what there is. */
const USUAL = [0, fixedPoint(0, 32, false, 'FPSCR')];

test('ordinary operands never need the interpreter, once an inexact result was noted', () => {
  const operands = new Operands(5);
  const calls = VFP_ROWS.filter(hasEmitter).map((row) => {
    const harness = new VectorHarness();
    const [compiled] = harness.compile(casesOf(row, operands, 1).filter(({ imm }) => USUAL.includes(imm)));
    for (let i = 0; i < 50; i++) harness.after(compiled!, ordinary(row, operands), Fpscr.IXC);
    return `${row.name}: ${harness.fallbacks}`;
  });
  expect(calls).toEqual(VFP_ROWS.filter(hasEmitter).map((row) => `${row.name}: 0`));
});

test('whole numbers never need the interpreter, and zeros neither', () => {
  const operands = new Operands(6);
  const names = 'vadd vsub vmul vnmul vmla vmls vnmla vnmls vfma vfms vfnma vfnms'.split(' ');
  const rows = VFP_ROWS.filter(({ name }) => names.includes(name.replace(/\.f(32|64)$/, '')));
  const calls = rows.map((row) => {
    const harness = new VectorHarness();
    const [compiled] = harness.compile(casesOf(row, operands, 1));
    for (let i = 0; i < 50; i++) {
      const value = (): number => operands.below(i % 2 === 0 ? 3 : 100);
      const state = Array.from({ length: 32 }, () =>
        row.name.endsWith('f64')
          ? wordsOf(value())
          : new Int32Array(Float32Array.of(value(), value()).buffer),
      );
      harness.after(
        compiled!,
        state.flatMap((words) => [...words]),
        0,
      );
    }
    return `${row.name}: ${harness.fallbacks}`;
  });
  expect(calls).toEqual(rows.map((row) => `${row.name}: 0`));
});
