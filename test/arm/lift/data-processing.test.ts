import { describe, expect, it } from 'vitest';
import { lifted, reasons } from './lifted.ts';

describe('flags', () => {
  it('of an addition or subtraction come from one operation (CMP r1, #1; ADDS r1, r2, r3)', () => {
    expect(lifted([0xe3510001])).toEqual(['nzcv = nzcvSub(r1, 1)']);
    expect(lifted([0xe0921003])).toEqual(['r1 = add(r2, r3)', 'nzcv = nzcvAdd(r2, r3, 0)']);
  });

  it('of ADC, SBC, RSB and RSC are those of AddWithCarry (A2.2.1)', () => {
    const carry = 'carryOf(nzcv)';
    expect(lifted([0xe0b21003])).toEqual([`r1 = adc(r2, r3, ${carry})`, `nzcv = nzcvAdd(r2, r3, ${carry})`]);
    expect(lifted([0xe0d21003])).toEqual([
      `r1 = adc(r2, not(r3), ${carry})`,
      `nzcv = nzcvAdd(r2, not(r3), ${carry})`,
    ]);
    expect(lifted([0xe0721003])).toEqual(['r1 = sub(r3, r2)', 'nzcv = nzcvSub(r3, r2)']);
    expect(lifted([0xe0f21003])).toEqual([
      `r1 = adc(r3, not(r2), ${carry})`,
      `nzcv = nzcvAdd(r3, not(r2), ${carry})`,
    ]);
  });

  it('of a logical operation have the carry of the shifter and keep V (MOVS r1, r2, LSL #1)', () => {
    expect(lifted([0xe1b01082])).toEqual([
      'r1 = shl(r2, 1)',
      'nzcv = nzcvLogic(shl(r2, 1), shlCarry(r2, 1, 0), nzcv)',
    ]);
  });

  it('of a logical operation keep C when nothing is shifted (ANDS r1, r2, r3; ANDS r1, r2, #255)', () => {
    expect(lifted([0xe0121003])).toEqual(['r1 = and(r2, r3)', 'nzcv = nzcvNz(and(r2, r3), nzcv)']);
    expect(lifted([0xe21210ff])[1]).toBe('nzcv = nzcvNz(and(r2, 255), nzcv)');
  });

  it('of a rotated immediate have its bit 31 as carry (TST r1, #0xff000000; TST r1, #0x3f0)', () => {
    expect(lifted([0xe31104ff])).toEqual(['nzcv = nzcvLogic(and(r1, 0xff000000), 1, nzcv)']);
    expect(lifted([0xe3110e3f])).toEqual(['nzcv = nzcvLogic(and(r1, 1008), 0, nzcv)']);
  });

  it('see the registers from before the result is written (SUBS r1, r1, r1)', () => {
    expect(lifted([0xe0511001])[1]).toBe('nzcv = nzcvSub(r1, r1)');
  });
});

describe('shifts', () => {
  it('by an immediate 0 mean 32 for LSR and ASR, and RRX for ROR', () => {
    expect(lifted([0xe1a01022])).toEqual(['r1 = shr(r2, 32)']);
    expect(lifted([0xe1a01042])).toEqual(['r1 = sar(r2, 32)']);
    expect(lifted([0xe1a01062])).toEqual(['r1 = rrx(r2, carryOf(nzcv))']);
  });

  it('by a register take its value, with the old carry for an amount of 0 (MOVS r1, r2, LSR r3)', () => {
    expect(lifted([0xe1b01332])).toEqual([
      'r1 = shr(r2, r3)',
      'nzcv = nzcvLogic(shr(r2, r3), shrCarry(r2, r3, carryOf(nzcv)), nzcv)',
    ]);
  });

  it('by a register may not involve the PC', () => {
    expect(lifted([0xe08f1112])).toEqual(['exitRaise 1 0']);
  });
});

describe('the PC', () => {
  it('reads as the instruction plus 8 in A32, plus 4 in T32', () => {
    expect(lifted([0xe28f1000])).toEqual(['r1 = 0x8008']);
    expect(lifted([0x4679], { thumb: true })).toEqual(['r1 = 0x8004']);
  });

  it('is aligned for ADR', () => {
    expect(lifted([0xa101], { thumb: true, pc: 0x8002 })).toEqual(['r1 = 0x8008']);
  });

  it('as a destination interworks in A32 and does not in T32', () => {
    expect(lifted([0xe081f002])).toEqual(['exitInterwork 0 0 add(r1, r2)']);
    expect(lifted([0x4497], { thumb: true })).toEqual(['exitJumpTo 0 0 and(add(0x8004, r2), -2)']);
  });

  it('as a destination with S returns from an exception, in modes with an SPSR (SUBS pc, lr, #4)', () => {
    const expected = [
      'skipIfZero L0 eq(and(add(aifm, 1), 14), 0)',
      'exitRaise 1 0',
      'label L0',
      '%0 = exceptionReturn(sub(r14, 4))',
      'exitDynamic 0 0',
    ];
    expect(lifted([0xe25ef004])).toEqual(expected);
    expect(lifted([0xf3de, 0x8f04], { thumb: true })).toEqual(expected);
  });
});

describe('T32 modified immediates (A6.3.2)', () => {
  it.each([
    ['00XY00XY', [0xf04f, 0x11ab], 'r1 = 0xab00ab'],
    ['XY00XY00', [0xf04f, 0x21ab], 'r1 = 0xab00ab00'],
    ['XYXYXYXY', [0xf04f, 0x31ab], 'r1 = 0xabababab'],
    ['1BCDEFGH rotated by 8', [0xf04f, 0x412b], 'r1 = 0xab000000'],
    ['1BCDEFGH rotated by 31', [0xf44f, 0x71ab], 'r1 = 342'],
  ])('%s', (_, halfwords, line) => {
    expect(lifted(halfwords, { thumb: true })).toEqual([line]);
  });

  it('that repeat a zero byte are UNPREDICTABLE', () => {
    expect(reasons([0xf04f, 0x1100], { thumb: true })).toHaveLength(1);
    expect(reasons([0xf04f, 0x0100], { thumb: true })).toEqual([]);
  });
});

describe('should-be bits', () => {
  it('that are not as they should be make an encoding UNPREDICTABLE, not another one', () => {
    expect(reasons([0xe3511001])).toEqual(['CMP (immediate) A1: should-be bits']);
    expect(lifted([0xe3511001])).toEqual(['nzcv = nzcvSub(r1, 1)']);
  });
});

describe('saturation and multiplication', () => {
  it('accumulate Q (QADD r1, r2, r3)', () => {
    expect(lifted([0xe1031052])).toEqual(['r1 = addSat(r2, r3)', 'q = or(q, addSatOverflow(r2, r3))']);
  });

  it('saturate to one bit more than encoded when signed, to as many when not (SSAT, USAT r1, #5, r2)', () => {
    expect(lifted([0xe6a41012])[0]).toBe('r1 = satS.5(r2)');
    expect(lifted([0xe6e51012])[0]).toBe('r1 = satU.5(r2)');
  });

  it('set N and Z from all 64 bits and keep C and V (UMULLS r1, r2, r3, r4)', () => {
    expect(lifted([0xe0921493])[2]).toBe('nzcv = nzcvNz64(mulU64(r3, r4), nzcv)');
  });

  it('read all operands before they write (UMULL r3, r4, r3, r4)', () => {
    expect(lifted([0xe0843493])).toEqual(['r3 = low64(mulU64(r3, r4))', 'r4 = high64(mulU64(r3, r4))']);
  });

  it('divide only where the CPU can', () => {
    expect(lifted([0xe711f312])).toEqual(['r1 = divS(r2, r3)']);
    expect(
      lifted([0xe711f312], {
        features: { divide: false, swp: true, virtualization: true, fusedMultiplyAdd: true },
      }),
    ).toEqual(['exitRaise 1 0']);
  });

  it('set GE in the modular parallel forms only (SADD16, QADD16 r1, r2, r3)', () => {
    expect(lifted([0xe6121f13])).toEqual(['ge = packedGe(r2, r3)', 'r1 = packed(r2, r3)']);
    expect(lifted([0xe6221f13])).toEqual(['r1 = packed.16(r2, r3)']);
  });
});
