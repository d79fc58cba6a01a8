import { describe, expect, test } from 'vitest';
import { disassemble } from '../../src/arm/disassemble.ts';
import * as a from './assembler.ts';

const PC = 0x8000;

function text(halfwords: readonly number[], thumb: boolean): string | undefined {
  return disassemble(PC, thumb, (at) => halfwords[(at - PC) >> 1] ?? -1)?.text;
}

const a32 = (word: number): string | undefined => text([word & 0xffff, word >>> 16], false);

describe('an instruction for a person to read', () => {
  test('has encoding, name and fields by the letters of its row', () => {
    expect(a32(a.addImm(3, 3, 1))).toBe('e2833001  ADD (immediate) A1  S=0 n=3 d=3 i=1');
    expect(a32(a.mcr(0, 12, 0, 0, 0))).toMatch(/^ee0c0f10 {2}MCR A1 /);
  });

  test('has its condition as such, and large fields in hexadecimal', () => {
    expect(a32(a.b(4, 2, a.NE))).toBe('1afffffc  B A1  ne i=0xfffffc');
  });

  test('in T32 may have two bytes or four', () => {
    expect(text([a.tAddImm(2, 5)], true)).toBe('3205      ADD (immediate) T2  d=2 i=5');
    expect(text(a.tMovw(1, 0x1234), true)).toMatch(/^f2412134 {2}MOV \(immediate\) T3 /);
  });

  test('that is none says so; where there is no memory there is nothing', () => {
    expect(a32(0xfff0_00f0)).toBe('fff000f0  UNDEFINED');
    expect(text([], false)).toBeUndefined();
    expect(text([0xf240], true)).toBeUndefined();
  });
});
