import { expect, test } from 'vitest';
import { INTEGER_ROWS } from '../../../src/translator/vector/table.ts';
import type { VectorFunction } from '../../../src/translator/vector/vector-function.ts';
import { hasEmitter } from '../../../src/translator/wasm/vector-emitters.ts';
import { Operands } from '../../soft-float/operands.ts';
import { casesOf, randomFpscr, VectorHarness } from './vector-harness.ts';

/** Two registers apart, all the same one, and some that overlap. */
const PLACES = 5;
const ROUNDS_PER_CASE = 24;

/** Words that lean towards the ends of elements of every size. */
function integers(operands: Operands): readonly number[] {
  const edges = [0, -1, 1, 0x7fffffff, -0x80000000, 0x80008000, 0x7fff7fff, 0x80808080, 0x7f7f7f7f, 0xff01];
  const kind = operands.below(4);
  // The same amount for all elements, of a shift by register.
  if (operands.below(6) === 0) {
    const amount = operands.below(140) - 70;
    const word = operands.pick([amount, (amount & 0xffff) * 0x10001, (amount & 0xff) * 0x1010101]) | 0;
    const high = operands.pick([word, amount >> 31]);
    return Array.from({ length: 72 }, (_unused, i) =>
      Math.floor(i / 16) === 2 ? (i % 2 === 0 ? word : high) : operands.word(),
    );
  }
  return Array.from({ length: 72 }, () => {
    if (kind === 0 || operands.below(3) === 0) return operands.pick(edges) | 0;
    return kind === 1 ? operands.word() & 0x0f1f0f1f : operands.word();
  });
}

function firstDifference(row: VectorFunction): string | undefined {
  const harness = new VectorHarness();
  const operands = new Operands(row.name.length * 41 + row.name.charCodeAt(1));
  const cases = casesOf(row, operands, PLACES);
  const compiled = harness.compile(cases);
  for (const [i, c] of cases.entries()) {
    for (let round = 0; round < ROUNDS_PER_CASE; round++) {
      const difference = harness.difference(c, compiled[i]!, integers(operands), randomFpscr(operands));
      if (difference !== undefined) return difference;
    }
  }
  const mayCall = operationOf(row) === 'vshl';
  return harness.fallbacks === 0 || mayCall ? undefined : `${row.name} calls the interpreter`;
}

/** The operation of a row, without its element. */
function operationOf({ name }: VectorFunction): string {
  return name.replace(/\.[su]?\d+( q)?$/, '').replace(/ q$/, '');
}

const rows = INTEGER_ROWS.filter(hasEmitter);

for (const operation of new Set(rows.map(operationOf))) {
  test(`${operation} of integers leaves the state that the interpreter leaves`, () => {
    const differences = rows.filter((row) => operationOf(row) === operation).map(firstDifference);
    expect(differences.filter((difference) => difference !== undefined)).toEqual([]);
  });
}

test('shifts of all elements by the same amount never need the interpreter', () => {
  for (const row of rows.filter((r) => operationOf(r) === 'vshl')) {
    const harness = new VectorHarness();
    const cases = casesOf(row, new Operands(1), 1);
    const [compiled] = harness.compile(cases);
    const [, bits] = /(\d+)( q)?$/.exec(row.name) ?? [];
    for (const amount of [1, -1, 0, Number(bits) - 1, 1 - Number(bits)]) {
      const words = { 8: (amount & 0xff) * 0x1010101, 16: (amount & 0xffff) * 0x10001 }[bits!] ?? amount;
      const high = bits === '64' ? amount >> 31 : words;
      const state = Array.from({ length: 72 }, (_unused, i) => (i % 2 === 0 ? words : high) | 0);
      expect(harness.difference(cases[0]!, compiled!, state, 0)).toBeUndefined();
    }
    expect(`${row.name}: ${harness.fallbacks}`).toBe(`${row.name}: 0`);
  }
});
