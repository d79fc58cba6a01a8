import { describe, expect, test } from 'vitest';
import { callBefore } from '../../../src/machine/profile/call-site.ts';

/** Halfwords in front of a return address. */
function callAt(lr: number, ...halfwords: number[]) {
  const from = (lr & ~1) - 2 * halfwords.length;
  return callBefore(lr, (va) => halfwords[(va - from) / 2]);
}

const a32 = (lr: number, word: number) => callAt(lr, word & 0xffff, word >>> 16);

describe('A32', () => {
  test('BL forward and back, and conditional', () => {
    expect(a32(0x8004, 0xeb000003)).toEqual({ pc: 0x8000, target: 0x8014 });
    expect(a32(0x8004, 0xebfffffe)).toEqual({ pc: 0x8000, target: 0x8000 });
    expect(a32(0x8004, 0x1b000000)).toEqual({ pc: 0x8000, target: 0x8008 });
  });

  test('BLX to T32 code, H gives bit 1', () => {
    expect(a32(0x8004, 0xfa000001)).toEqual({ pc: 0x8000, target: 0x800c });
    expect(a32(0x8004, 0xfb000001)).toEqual({ pc: 0x8000, target: 0x800e });
  });

  test('BLX by register has no target that is known', () => {
    expect(a32(0x8004, 0xe12fff33)).toEqual({ pc: 0x8000, target: undefined });
  });

  test('what is no call gives nothing', () => {
    expect(a32(0x8004, 0xea000000)).toBeUndefined();
    expect(a32(0x8004, 0xe12fff13)).toBeUndefined();
    expect(a32(0x8004, 0xe1a00000)).toBeUndefined();
    expect(a32(0x8006, 0xeb000000)).toBeUndefined();
    expect(callBefore(0x8004, () => undefined)).toBeUndefined();
  });
});

describe('T32', () => {
  test('BL forward and back', () => {
    expect(callAt(0x8005, 0xf000, 0xf802)).toEqual({ pc: 0x8000, target: 0x8008 });
    expect(callAt(0x8005, 0xf7ff, 0xfffe)).toEqual({ pc: 0x8000, target: 0x8000 });
    expect(callAt(0x8005, 0xf400, 0xd000)).toEqual({ pc: 0x8000, target: (0x8004 - 0x1000000) | 0 });
  });

  test('BLX to A32 code begins at a word', () => {
    expect(callAt(0x8007, 0xf000, 0xe802)).toEqual({ pc: 0x8002, target: 0x8008 });
  });

  test('BLX by register', () => {
    expect(callAt(0x8003, 0x4798)).toEqual({ pc: 0x8000, target: undefined });
  });

  test('branches and other instructions are no calls', () => {
    expect(callAt(0x8005, 0xf000, 0xb802)).toBeUndefined();
    expect(callAt(0x8005, 0x4718, 0x4718)).toBeUndefined();
    expect(callAt(0x8005, 0xbf00, 0xbf00)).toBeUndefined();
  });
});
