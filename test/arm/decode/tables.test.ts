import { describe, expect, it } from 'vitest';
import { type Decoder, findRowProblems } from '../../../src/arm/decode/decoder.ts';
import { extractField, insertField } from '../../../src/arm/decode/pattern.ts';
import type { Row } from '../../../src/arm/decode/row.ts';
import {
  A32_CONDITIONAL_LIST,
  A32_DECODER,
  A32_ROWS,
  A32_UNCONDITIONAL_LIST,
  isWide,
  T16_DECODER,
  T16_LIST,
  T16_ROWS,
  T32_DECODER,
  T32_LIST,
  T32_ROWS,
} from '../../../src/arm/decode/tables.ts';
import { randomWords } from '../random-words.ts';

function randomEncoding(row: Row, random: () => number): number {
  let encoding = (row.value | row.shouldValue) >>> 0;
  for (const field of row.fields) {
    const value = random() % 2 ** field.width;
    const isCondition = field.pieces[0].shift === 28;
    encoding = insertField(field, encoding, isCondition ? value % 15 : value);
  }
  return encoding;
}

/** Rows that no random encoding reaches as themselves; the first that reaches none of them. */
function unreached(rows: readonly Row[], decoder: Decoder): string[] {
  const random = randomWords(7);
  return rows
    .filter((row) => {
      const encodings = Array.from({ length: 100 }, () => randomEncoding(row, random));
      return !encodings.some((encoding) => decoder.decode(encoding) === row);
    })
    .map((row) => row.name);
}

describe('the decode tables', () => {
  it.each([
    ['A32 with a condition', A32_CONDITIONAL_LIST],
    ['A32 without', A32_UNCONDITIONAL_LIST],
    ['T32', T32_LIST],
    ['T16', T16_LIST],
  ])('have no overlaps and no unreachable rows: %s', (_, list) => {
    expect(findRowProblems(list)).toEqual([]);
  });

  it.each([
    ['A32', A32_ROWS, A32_DECODER],
    ['T32', T32_ROWS, T32_DECODER],
    ['T16', T16_ROWS, T16_DECODER],
  ] as const)('reach each row of %s by encodings made from its pattern', (_, rows, decoder) => {
    expect(unreached(rows, decoder)).toEqual([]);
  });

  it.each([
    ['A32', A32_ROWS, A32_DECODER],
    ['T32', T32_ROWS, T32_DECODER],
    ['T16', T16_ROWS, T16_DECODER],
  ] as const)('never give a row of %s for an encoding that it does not match', (_, rows, decoder) => {
    const random = randomWords(11);
    for (const row of rows) {
      const encoding = randomEncoding(row, random);
      const found = decoder.decode(encoding);
      expect(found).toBeDefined();
      if (found === undefined) continue;
      expect(encoding & found.mask).toBe(found.value);
      for (const field of row.fields) {
        expect(insertField(field, 0, extractField(field, encoding)) & ~encoding).toBe(0);
      }
    }
  });

  it('name each encoding once in each set', () => {
    for (const rows of [A32_ROWS, T32_ROWS, T16_ROWS]) {
      const names = rows.map((row) => row.name);
      expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    }
  });

  it('have the widths of their instruction sets', () => {
    expect([...A32_ROWS, ...T32_ROWS].every((row) => row.width === 32)).toBe(true);
    expect(T16_ROWS.every((row) => row.width === 16)).toBe(true);
    expect(T32_ROWS.every((row) => isWide(row.value >>> 16))).toBe(true);
  });

  it('have a condition in all rows of A32 but UDF and those that begin with 1111', () => {
    const without = A32_ROWS.filter((row) => !row.pattern.startsWith('cccc') && row.value >>> 28 !== 15);
    expect(without.map((row) => row.name)).toEqual(['UDF A1']);
  });
});

describe('T16', () => {
  it('is UNDEFINED in the gaps of the miscellaneous instructions (A6.2.5) and nowhere else', () => {
    const gaps: [number, number][] = [];
    for (let halfword = 0; !isWide(halfword); halfword++) {
      if (T16_DECODER.decode(halfword) !== undefined) continue;
      const last = gaps.at(-1);
      if (last?.[1] === halfword - 1) last[1] = halfword;
      else gaps.push([halfword, halfword]);
    }
    expect(gaps.map((gap) => gap.map((h) => h.toString(16)))).toEqual([
      ['b600', 'b63f'],
      ['b680', 'b8ff'],
      ['ba80', 'babf'],
    ]);
  });

  it('ends where 32-bit encodings begin', () => {
    expect([0xe7ff, 0xe800, 0xf000, 0xffff].map(isWide)).toEqual([false, true, true, true]);
  });
});

describe('encodings that a newer architecture or an extension allocates are UNDEFINED', () => {
  it.each([
    ['CRC32B r0, r1, r2 (ARMv8)', 0xe1010042],
    ['HLT #0 (ARMv8)', 0xe1000070],
    ['an unallocated media encoding', 0xe7200010],
    ['an unallocated multiply', 0xe0500090],
  ])('A32: %s', (_, encoding) => {
    expect(A32_DECODER.decode(encoding)).toBeUndefined();
  });

  it.each([
    ['CRC32B r0, r1, r2 (ARMv8)', 0xfac1f082],
    ['a load of a doubleword', 0xf8710c00],
    ['a data-processing operation that does not exist', 0xf0a10100],
  ])('T32: %s', (_, encoding) => {
    expect(T32_DECODER.decode(encoding)).toBeUndefined();
  });
});
