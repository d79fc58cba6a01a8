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
  return harness.fallbacks === 0 ? undefined : `${row.name} calls the interpreter`;
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
