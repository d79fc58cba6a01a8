import { describe, expect, it } from 'vitest';
import { blockOf, lifted, reasons } from './lifted.ts';

/** The lines after the check that VFP is switched on. */
function afterCheck(code: readonly number[], options: Parameters<typeof lifted>[1] = {}): readonly string[] {
  const all = lifted(code, options);
  expect(all.slice(1, 3)).toEqual(['exitRaise 1 0', 'label L0']);
  return all.slice(3);
}

/** Names of the vector functions of a block, with their slots d, a, b. */
function functions(code: readonly number[]): readonly string[] {
  return blockOf(code)
    .ops.filter(({ op }) => op === 'vector')
    .map(({ helper, imm }) => `${helper?.name} ${imm & 0xff} ${(imm >> 8) & 0xff} ${(imm >> 16) & 0xff}`);
}

const UNDEFINED = ['exitRaise 1 0'];

describe('VFP instructions', () => {
  it('are UNDEFINED where CPACR or FPEXC.EN denies them, before they do anything (VMOV s1, r2)', () => {
    expect(lifted([0xee002a90])).toEqual([
      'skipIfZero L0 and(r23, 1)',
      'exitRaise 1 0',
      'label L0',
      'r33 = r2',
    ]);
  });

  it('ask that once in a block (VMOV s1, r2; VMOV s2, r2)', () => {
    expect(lifted([0xee002a90, 0xee012a10]).filter((line) => line.startsWith('skip'))).toHaveLength(1);
  });

  it('ask again after one that a condition may have skipped (VMOVEQ s1, r2; VMOV s2, r2)', () => {
    const asked = lifted([0x0e002a90, 0xee012a10]).filter((line) => line.includes('r23'));
    expect(asked).toHaveLength(2);
  });

  it('are UNDEFINED in D16 to D31 where CPACR.D32DIS is set (VLDR d16, [r1])', () => {
    expect(lifted([0xedd10b00])[0]).toBe('skipIfZero L0 and(r23, 5)');
    expect(lifted([0xed910b00])[0]).toBe('skipIfZero L0 and(r23, 1)');
  });

  it('that could work on vectors are UNDEFINED where FPSCR.LEN or STRIDE is not 0; others are not', () => {
    // VADD.F32 s0, s1, s2; VNEG.F64 d0, d1; VMOV.F32 s0, #1.0; then VCMP.F32 s0, s1; VCVT.S32.F32 s0, s1.
    for (const code of [0xee300a81, 0xeeb10b41, 0xeeb70a00]) {
      expect(lifted([code])[0]).toBe('skipIfZero L0 and(r23, 17)');
    }
    for (const code of [0xeeb40a60, 0xeebd0ae0]) expect(lifted([code])[0]).toBe('skipIfZero L0 and(r23, 1)');
  });
});

describe('VFP data processing', () => {
  it('names single registers Vx:x and double ones x:Vx', () => {
    expect(functions([0xee300a81])).toEqual(['vadd.f32 32 33 34']); // s0, s1, s2
    expect(functions([0xee710ba2])).toEqual(['vadd.f64 64 66 68']); // d16, d17, d18
  });

  it('with three operands and more is one function each', () => {
    const names = (codes: readonly number[]): readonly string[] =>
      codes.flatMap((code) => functions([code])).map((line) => line.split(' ')[0] as string);
    expect(names([0xee000a81, 0xee000ac1, 0xee100ac1, 0xee100a81])).toEqual([
      'vmla.f32',
      'vmls.f32',
      'vnmla.f32',
      'vnmls.f32',
    ]);
    expect(names([0xee200b01, 0xee200b41, 0xee300b41, 0xee800b01])).toEqual([
      'vmul.f64',
      'vnmul.f64',
      'vsub.f64',
      'vdiv.f64',
    ]);
    expect(names([0xeea00a81, 0xeea00ac1, 0xee900ac1, 0xee900a81])).toEqual([
      'vfma.f32',
      'vfms.f32',
      'vfnma.f32',
      'vfnms.f32',
    ]);
  });

  it('has no fused multiply-add without VFPv4', () => {
    const features = { divide: false, swp: true, virtualization: true, fusedMultiplyAdd: false };
    for (const code of [0xeea00a81, 0xeea00ac1, 0xee900ac1, 0xee900a81]) {
      expect(lifted([code], { features })).toEqual(UNDEFINED);
    }
  });

  it('changes the sign of NaNs as of anything: VABS, VNEG and VMOV are of bits', () => {
    expect(afterCheck([0xeeb00ae0])).toEqual(['r32 = and(r33, 0x7fffffff)']); // VABS.F32 s0, s1
    expect(afterCheck([0xeeb10b41])).toEqual(['r32 = r34', 'r33 = xor(r35, 0x80000000)']); // VNEG.F64 d0, d1
    expect(afterCheck([0xeeb00b41])).toEqual(['r32 = r34', 'r33 = r35']); // VMOV.F64 d0, d1
  });

  it('expands immediates to a sign, an exponent and four bits of fraction (A7.5.1)', () => {
    expect(afterCheck([0xeeb70a00])).toEqual(['r32 = 0x3f800000']); // 1.0
    expect(afterCheck([0xeefc0a04])).toEqual(['r33 = 0xbe200000']); // s1, -0.15625 = -1.25 * 2^-3
    expect(afterCheck([0xeeb00b00])).toEqual(['r32 = 0', 'r33 = 0x40000000']); // 2.0
  });
});

describe('VFP conversions', () => {
  const immediates = (codes: readonly number[]): readonly (number | undefined)[] =>
    codes.map((code) => blockOf([code]).ops.find(({ op }) => op === 'vector')?.imm2);

  it('to integers go towards zero, VCVTR as FPSCR says, those to fixed-point towards zero, from it to nearest', () => {
    // VCVT.S32.F32, VCVTR.S32.F32, VCVT.U32.F32 s0, s0; VCVT.S32.F32 s0, s0, #8; VCVT.F32.U16 s0, s0, #16.
    const [signed, towardsMode, unsigned, toFixed, fromFixed] = immediates([
      0xeebd0ac0, 0xeebd0a40, 0xeebc0ac0, 0xeebe0acc, 0xeebb0a40,
    ]);
    expect(signed).toBe((32 << 8) | (1 << 17));
    expect(towardsMode).toBe(32 << 8);
    expect(unsigned).toBe((32 << 8) | (1 << 16) | (1 << 17));
    expect(toFixed).toBe(8 | (32 << 8) | (1 << 17));
    expect(fromFixed).toBe(16 | (16 << 8) | (1 << 16) | (2 << 17));
  });

  it('with fewer than no fraction bits are UNPREDICTABLE', () => {
    expect(reasons([0xeeba0a48 + 1])).toHaveLength(1);
  });

  it('to half precision leave the other half of the register (VCVTT.F16.F32 s0, s1)', () => {
    const lines = afterCheck([0xeeb30ae0]);
    expect(lines.at(-1)).toBe('r32 = or(and(r32, 0xffff), shl(r32, 16))');
  });
});

describe('VFP loads and stores', () => {
  it('transfer doublewords that are aligned to words (VLDR d1, [r2, #8]; VSTR d1, [r2, #-8])', () => {
    expect(afterCheck([0xed921b02])).toEqual(['%0 = load64.2(add(r2, 8))', 'set64.34(%0)']);
    expect(afterCheck([0xed021b02])).toEqual(['%0 = get64.34()', 'store64.26(add(r2, -8), %0)']);
  });

  it('take the word at the lower address for the high one when CPSR.E is set (VLDR d0, [r1])', () => {
    expect(afterCheck([0xed910b00], { bigEndian: true })).toEqual([
      '%0 = load64.2(r1)',
      'r32 = rev(high64(%0))',
      'r33 = rev(low64(%0))',
    ]);
  });

  it('load literals from the aligned PC, and store to it in A32 only (VLDR s0, [pc, #4]; VSTR s0, [pc])', () => {
    expect(afterCheck([0xed9f, 0x0a01], { thumb: true, pc: 0x8002 })[0]).toBe('%0 = load32.2(0x8008)');
    expect(reasons([0xed8f, 0x0a00], { thumb: true })).toHaveLength(1);
    expect(reasons([0xed8f0a00])).toHaveLength(0);
  });

  it('write the base last, so that a data abort leaves it (VLDMIA r1!, {s0, s1}; VPUSH {d8})', () => {
    expect(afterCheck([0xecb10a02])).toEqual([
      '%0 = load32.2(r1)',
      'r32 = %0',
      '%1 = load32.2(add(r1, 4))',
      'r33 = %1',
      'r1 = add(r1, 8)',
    ]);
    expect(afterCheck([0xed2d8b02]).at(-1)).toBe('r13 = add(r13, -8)');
  });

  it('count one word more in FLDMX and FSTMX (FLDMIAX r1!, {d0})', () => {
    expect(afterCheck([0xecb10b03]).filter((line) => line.includes('load'))).toHaveLength(1);
    expect(afterCheck([0xecb10b03]).at(-1)).toBe('r1 = add(r1, 12)');
  });

  it('of no register, or of registers that do not exist, are UNPREDICTABLE', () => {
    expect(reasons([0xecb10a00])).toHaveLength(1);
    expect(reasons([0xecf1fa02])).toHaveLength(1); // {s31, s32}
    expect(reasons([0xecf1fb04])).toHaveLength(1); // {d31, d32}
  });

  it('with P equal to U and W set are UNDEFINED', () => {
    expect(lifted([0xedb10a01])).toEqual(UNDEFINED);
  });
});

describe('VMRS and VMSR', () => {
  it('move the comparison to the flags (VMRS APSR_nzcv, FPSCR)', () => {
    expect(afterCheck([0xeef1fa10])).toEqual(['nzcv = and(r30, 0xf0000000)']);
  });

  it('reach FPEXC and the identification registers with FPEXC.EN clear, in privileged modes only', () => {
    expect(lifted([0xeef81a10])[0]).toBe('skipIfZero L0 and(r23, 8)'); // FPEXC
    expect(lifted([0xeef01a10])[0]).toBe('skipIfZero L0 and(r23, 8)'); // FPSID
  });

  it('end the block when they write FPEXC, for it changes which instructions exist', () => {
    expect(lifted([0xeee81a10]).slice(3)).toEqual(['r31 = and(r1, 0x40000000)', 'exitResync 0x8004 0']);
  });

  it('keep what of FPSCR there is, and ask anew after it (VMSR FPSCR, r1; VADD.F32 s0, s1, s2)', () => {
    const lines = lifted([0xeee11a10, 0xee300a81]);
    expect(lines[3]).toBe('r30 = and(r1, 0xfff7009f)');
    expect(lines.filter((line) => line.startsWith('skip'))).toHaveLength(2);
  });

  it('of other registers are UNPREDICTABLE, as is R15 but for the flags', () => {
    expect(reasons([0xeef21a10])).toHaveLength(1);
    expect(reasons([0xeef8fa10])).toHaveLength(1);
    expect(reasons([0xeee1fa10])).toHaveLength(1);
  });
});

describe('transfers to and from core registers', () => {
  it('move words of doublewords, and pairs (VMOV.32 d1[1], r2; VMOV r1, r2, d1; VMOV s1, s2, r1, r2)', () => {
    expect(afterCheck([0xee212b10])).toEqual(['r35 = r2']);
    expect(afterCheck([0xec521b11])).toEqual(['r1 = r34', 'r2 = r35']);
    expect(afterCheck([0xec421a30])).toEqual(['r33 = r1', 'r34 = r2']);
  });

  it('of S31 and the one after it are UNPREDICTABLE', () => {
    expect(reasons([0xec421a3f])).toHaveLength(1);
  });
});
