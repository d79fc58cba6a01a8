import { describe, expect, it } from 'vitest';
import { fieldsOf, findRowProblems, TableDecoder } from '../../../src/arm/decode/decoder.ts';
import { ordered, row } from '../../../src/arm/decode/row.ts';

const nothing = (): void => {};
const add = row('ADD', '0001 dddd nnnn mmmm', nothing);
const addPc = row('ADD PC', '0001 1111 nnnn mmmm', nothing);
const sub = row('SUB', '0010 dddd zzzz mmmm', nothing);

describe('a list of rows', () => {
  it('is sound when no encoding belongs to two rows', () => {
    expect(findRowProblems([add, sub])).toEqual([]);
  });

  it('must not hold two rows that overlap', () => {
    expect(findRowProblems([add, sub, addPc])).toEqual(['ADD overlaps ADD PC']);
  });

  it('may hold rows that overlap in an ordered group', () => {
    expect(findRowProblems([ordered([addPc, add]), sub])).toEqual([]);
  });

  it('must not hold a row of a group that an earlier one hides', () => {
    expect(findRowProblems([ordered([add, addPc])])).toEqual(['ADD PC is unreachable']);
  });

  it('must not hold a row of a group that earlier ones hide together', () => {
    const even = row('EVEN', '0001 ddd0 nnnn mmmm', nothing);
    const odd = row('ODD', '0001 ddd1 nnnn mmmm', nothing);
    expect(findRowProblems([ordered([even, odd, add])])).toEqual(['ADD is unreachable']);
    expect(findRowProblems([ordered([even, add])])).toEqual([]);
  });

  it('must overlap with a group in no row of it', () => {
    expect(findRowProblems([ordered([addPc, add]), row('X', '0001 0000 0000 0000', nothing)])).toEqual([
      'ADD overlaps X',
    ]);
  });

  it('names each row once', () => {
    expect(findRowProblems([add, row('ADD', '0011 dddd nnnn mmmm', nothing)])).toEqual([
      'two rows are named ADD',
    ]);
  });
});

describe('a decoder', () => {
  const decoder = new TableDecoder([ordered([addPc, add]), sub], [{ shift: 10, width: 6 }]);

  it('takes the first row of a group that matches', () => {
    expect(decoder.decode(0x1f12)).toBe(addPc);
    expect(decoder.decode(0x1e12)).toBe(add);
  });

  it('looks at the bits that its selectors leave out', () => {
    const fine = new TableDecoder([ordered([addPc, add])], [{ shift: 12, width: 4 }]);
    expect(fine.decode(0x1f12)).toBe(addPc);
    expect(fine.decode(0x1012)).toBe(add);
  });

  it('matches should-be bits loosely', () => {
    expect(decoder.decode(0x23f4)).toBe(sub);
  });

  it('knows no row for what matches none', () => {
    expect(decoder.decode(0x3000)).toBeUndefined();
  });

  it('takes the fields apart', () => {
    expect(fieldsOf(add, 0x1234)).toEqual({ d: 2, n: 3, m: 4 });
  });
});
