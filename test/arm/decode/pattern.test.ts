import { describe, expect, expectTypeOf, it } from 'vitest';
import { extractField, type Fields, insertField, parsePattern } from '../../../src/arm/decode/pattern.ts';

describe('a pattern', () => {
  it('has its most significant bit first', () => {
    const { mask, value, width } = parsePattern('1nnn nnnn nnnn nnn0');
    expect({ mask, value, width }).toEqual({ mask: 0x8001, value: 0x8000, width: 16 });
  });

  it('keeps should-be bits apart from those that must match', () => {
    const parsed = parsePattern('cccc 00010010 oooo oooo oooo 0001 mmmm');
    expect(parsed.mask).toBe(0x0ff000f0);
    expect(parsed.value).toBe(0x01200010);
    expect(parsed.shouldMask).toBe(0x000fff00);
    expect(parsed.shouldValue).toBe(0x000fff00);
    expect(parsePattern('zo00000000000000')).toMatchObject({ shouldMask: 0xc000, shouldValue: 0x4000 });
  });

  it('puts the pieces of a field together from high to low', () => {
    const { fields } = parsePattern('1011 x0i1 iiiii nnn');
    const i = fields.find((field) => field.name === 'i');
    expect(i).toEqual({
      name: 'i',
      letter: 105,
      width: 6,
      pieces: [
        { shift: 9, width: 1 },
        { shift: 3, width: 5 },
      ],
    });
    if (i === undefined) throw new Error('no field i');
    expect(extractField(i, 0b1011_0011_00001_000)).toBe(0b100001);
    expect(insertField(i, 0b1011_0001_00000_000, 0b100001)).toBe(0b1011_0011_00001_000);
  });

  it('may name bit 31', () => {
    const { fields } = parsePattern('cccc 1010 iiiiiiiiiiiiiiiiiiiiiiii');
    expect(extractField(fields[0], 0xea000001)).toBe(14);
    expect(insertField(fields[0], 1, 15)).toBe(0xf0000001);
  });

  it('is 16 or 32 bits long', () => {
    expect(() => parsePattern('0101 010')).toThrow(/7 bits/);
  });

  it('names its fields to the compiler', () => {
    expectTypeOf<Fields<'cccc 00nn zz oo dddd S'>>().toEqualTypeOf<{
      readonly c: number;
      readonly n: number;
      readonly d: number;
      readonly S: number;
    }>();
  });
});
