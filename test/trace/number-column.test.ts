import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberColumn, readColumn } from '../../src/trace/number-column.ts';

test('a column gives back every number that it was given', () => {
  const numbers = fc.oneof(
    fc.maxSafeNat(),
    fc.nat(200),
    fc.constantFrom(0, Number.MAX_SAFE_INTEGER, 63, 64, 127, 128),
  );
  fc.assert(
    fc.property(fc.array(numbers, { maxLength: 300 }), (values) => {
      const column = new NumberColumn();
      for (const value of values) column.push(value);
      expect([...readColumn(column.packed(), new Float64Array(values.length))]).toEqual(values);
    }),
  );
});

test('a column of what is alike is a byte a row', () => {
  const column = new NumberColumn();
  for (let row = 0; row < 10_000; row++) column.push(1_000_000 + row * 60);
  expect(column.packed().length).toBeLessThan(10_010);
});
