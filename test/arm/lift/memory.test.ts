import { describe, expect, it } from 'vitest';
import { lifted, reasons } from './lifted.ts';

describe('a single transfer', () => {
  it('writes back only after the access has succeeded (LDR r1, [r2], #4)', () => {
    expect(lifted([0xe4921004])).toEqual(['%0 = load32(r2)', 'r2 = add(r2, 4)', 'r1 = %0']);
  });

  it('stores before it writes back (STRB r1, [r2, #-1]!)', () => {
    expect(lifted([0xe5621001])).toEqual(['store8(sub(r2, 1), r1)', 'r2 = sub(r2, 1)']);
  });

  it('takes the aligned PC as the base of literals (LDR r1, [pc, #8] at a halfword)', () => {
    expect(lifted([0x4902], { thumb: true, pc: 0x8002 })).toEqual(['%0 = load32(0x800c)', 'r1 = %0']);
  });

  it('branches with interworking when it loads the PC (LDR pc, [r1])', () => {
    expect(lifted([0xe591f000])).toEqual(['%0 = load32(r1)', 'exitInterwork 0 0 %0']);
  });

  it('stores the PC as the instruction plus 8 (STR pc, [r1])', () => {
    expect(lifted([0xe581f000])).toEqual(['store32(r1, 0x8008)']);
  });

  it('sign extends what it loads narrow (LDRSH r1, [r2])', () => {
    expect(lifted([0xe1d210f0])).toEqual(['%0 = load16(r2)', 'r1 = sext16(%0)']);
  });

  it('is checked as User mode in the unprivileged forms (LDRT r1, [r2], #4; LDRHT r1, [r2, #4])', () => {
    expect(lifted([0xe4b21004])[0]).toBe('%0 = load32.4(r2)');
    expect(lifted([0xf832, 0x1e04], { thumb: true })).toEqual(['%0 = load16.4(add(r2, 4))', 'r1 = %0']);
  });

  it('reverses bytes in memory order when CPSR.E is set, after the load and before the store', () => {
    const bigEndian = true;
    expect(lifted([0xe5921000], { bigEndian })).toEqual(['%0 = load32(r2)', 'r1 = rev(%0)']);
    expect(lifted([0xe5821000], { bigEndian })).toEqual(['store32(r2, rev(r1))']);
    expect(lifted([0xe1d210f0], { bigEndian })).toEqual(['%0 = load16(r2)', 'r1 = sext16(rev16(%0))']);
    expect(lifted([0xe5d21000], { bigEndian })).toEqual(['%0 = load8(r2)', 'r1 = %0']);
  });

  it('is UNDEFINED as a T32 store relative to the PC', () => {
    expect(lifted([0xf8cf, 0x1000], { thumb: true })).toEqual(['exitRaise 1 0']);
  });

  it('is UNPREDICTABLE when it writes back to the register transferred, and to the PC', () => {
    expect(reasons([0xe5b11004])).toEqual(['LDR (immediate) A1: write-back to the register transferred']);
    expect(reasons([0xe5af1004])).toHaveLength(1);
    expect(lifted([0xe5af1004])).toEqual(['exitRaise 1 0']);
  });
});

describe('LDRD and STRD', () => {
  it('are one access of eight bytes that must be aligned to words (LDRD r2, r3, [r4, #8]!)', () => {
    expect(lifted([0xe1e420d8])).toEqual([
      '%0 = load64.2(add(r4, 8))',
      'r4 = add(r4, 8)',
      'r2 = low64(%0)',
      'r3 = high64(%0)',
    ]);
  });

  it('keep the first register at the lower address when CPSR.E is set', () => {
    expect(lifted([0xe1c420f0], { bigEndian: true })).toEqual(['store64.2(r4, pack64(rev(r2), rev(r3)))']);
  });

  it('need an even first register in A32', () => {
    expect(lifted([0xe1c410d0])).toEqual(['exitRaise 1 0']);
    expect(reasons([0xe1c410d0])).toHaveLength(1);
  });
});

describe('LDM', () => {
  it('changes no register before the last word is loaded, for a data abort may come half way', () => {
    expect(lifted([0xe8b0000e])).toEqual([
      '%0 = load32.2(r0)',
      '%1 = load32.2(add(r0, 4))',
      '%2 = load32.2(add(r0, 8))',
      'r0 = add(r0, 12)',
      'r1 = %0',
      'r2 = %1',
      'r3 = %2',
    ]);
  });

  it('loads the base like any other register, and the PC last (LDMDB r1, {r0, r1, pc})', () => {
    expect(lifted([0xe9118003])).toEqual([
      '%0 = load32.2(add(r1, -12))',
      '%1 = load32.2(add(r1, -8))',
      '%2 = load32.2(add(r1, -4))',
      'r0 = %0',
      'r1 = %1',
      'exitInterwork 0 0 %2',
    ]);
  });

  it('walks all four ways', () => {
    const addresses = [0xe8110006, 0xe8910006, 0xe9110006, 0xe9910006].map((word) => lifted([word])[0]);
    expect(addresses).toEqual([
      '%0 = load32.2(add(r1, -4))',
      '%0 = load32.2(r1)',
      '%0 = load32.2(add(r1, -8))',
      '%0 = load32.2(add(r1, 4))',
    ]);
  });

  it('of user registers writes the banked ones through the core, in privileged modes', () => {
    expect(lifted([0xe8d12001])).toEqual([
      'skipIfZero L0 eq(and(aifm, 15), 0)',
      'exitRaise 1 0',
      'label L0',
      '%0 = load32.2(r1)',
      '%1 = load32.2(add(r1, 4))',
      'r0 = %0',
      '%2 = writeUserRegister(13, %1)',
    ]);
  });

  it('of user registers writes R8 to R12 themselves in all modes but FIQ', () => {
    expect(lifted([0xe8d10300]).slice(5)).toEqual([
      'skipIfZero L1 eq(and(aifm, 31), 17)',
      '%2 = writeUserRegister(8, %0)',
      '%3 = writeUserRegister(9, %1)',
      'label L1',
      'r8 = select(eq(and(aifm, 31), 17), r8, %0)',
      'r9 = select(eq(and(aifm, 31), 17), r9, %1)',
    ]);
  });

  it('with exception return writes back in the old mode, then restores the CPSR', () => {
    expect(lifted([0xe8fd8001]).slice(3)).toEqual([
      '%0 = load32.2(r13)',
      '%1 = load32.2(add(r13, 4))',
      'r13 = add(r13, 8)',
      'r0 = %0',
      '%2 = exceptionReturn(%1)',
      'exitDynamic 0 0',
    ]);
  });

  it('of nothing is UNPREDICTABLE', () => {
    expect(reasons([0xe8910000])).toEqual(['LDM A1: an empty register list']);
  });

  it('writes back in T16 unless the base is loaded', () => {
    expect(lifted([0xc906], { thumb: true })).not.toContain('r1 = add(r1, 8)');
    expect(lifted([0xc90c], { thumb: true })).toContain('r1 = add(r1, 8)');
  });
});

describe('STM', () => {
  it('writes back after the last store (PUSH {r4, lr})', () => {
    expect(lifted([0xe92d4010])).toEqual([
      'store32.2(add(r13, -8), r4)',
      'store32.2(add(r13, -4), r14)',
      'r13 = add(r13, -8)',
    ]);
  });

  it('may store its base with write-back only as the first register', () => {
    expect(reasons([0xe8a10006])).toEqual([]);
    expect(reasons([0xe8a10003])).toEqual(['STM A1: the base stored after write-back']);
  });
});

describe('exclusives', () => {
  it('are aligned to their size, and give the status last', () => {
    expect(lifted([0xe1921f9f])).toEqual(['%0 = ldex32.1(r2)', 'r1 = %0']);
    expect(lifted([0xe1831f92])).toEqual(['%0 = stex32.1(r3, r2)', 'r1 = %0']);
    expect(lifted([0xe1b42f9f])).toEqual(['%0 = ldex64.1(r4)', 'r2 = low64(%0)', 'r3 = high64(%0)']);
  });

  it('count words in T32 (STREX r1, r2, [r3, #8])', () => {
    expect(lifted([0xe843, 0x2102], { thumb: true })[0]).toBe('%0 = stex32.1(add(r3, 8), r2)');
  });

  it('want a status register of their own', () => {
    expect(reasons([0xe1833f92])).toHaveLength(1);
  });
});

describe('SWP', () => {
  it('loads, stores, and only then writes its register', () => {
    expect(lifted([0xe1031092])).toEqual(['%0 = load32.1(r3)', 'store32.1(r3, r2)', 'r1 = %0']);
  });

  it('is UNDEFINED where it is not enabled', () => {
    expect(
      lifted([0xe1031092], {
        features: { divide: true, swp: false, virtualization: true, fusedMultiplyAdd: true },
      }),
    ).toEqual(['exitRaise 1 0']);
  });
});

describe('SRS and RFE', () => {
  it('store LR and SPSR on the stack of the mode named, which moves last (SRSDB sp!, #19)', () => {
    expect(lifted([0xf96d0513]).slice(3)).toEqual([
      '%0 = readBankedSp(19)',
      '%1 = mrsSpsr()',
      'store32.2(add(%0, -8), r14)',
      'store32.2(add(add(%0, -8), 4), %1)',
      '%2 = writeBankedSp(19, add(%0, -8))',
    ]);
  });

  it('load PC and CPSR, write back, and leave (RFEIA r1!)', () => {
    expect(lifted([0xf8b10a00]).slice(3)).toEqual([
      '%0 = load32.2(r1)',
      '%1 = load32.2(add(r1, 4))',
      'r1 = add(r1, 8)',
      '%2 = returnFromException(%0, %1)',
      'exitDynamic 0 0',
    ]);
  });
});
