import { describe, expect, it } from 'vitest';
import { blockOf, lifted, lines, reasons } from './lifted.ts';

describe('conditions', () => {
  it('skip the whole instruction, on the flags from before it (ADDSEQ r1, r2, r3)', () => {
    expect(lifted([0x00921003])).toEqual([
      'skipIfZero L0 cond(nzcv)',
      'r1 = add(r2, r3)',
      'nzcv = nzcvAdd(r2, r3, 0)',
      'label L0',
    ]);
  });

  it('hold for UNDEFINED encodings too', () => {
    expect(lifted([0x07200010])).toEqual(['skipIfZero L0 cond(nzcv)', 'exitRaise 1 0', 'label L0']);
  });

  it('make a branch leave to the next instruction otherwise (BNE)', () => {
    expect(lifted([0x1a000000])).toEqual(['skipIfZero L0 cond.1(nzcv)', 'exitJump 0x8008 0', 'label L0']);
  });
});

describe('branches', () => {
  it('go forwards and back (B)', () => {
    expect(lines(blockOf([0xea000001]))).toEqual(['exitJump 0x800c 0']);
    expect(lines(blockOf([0xeafffffe]))).toEqual(['exitJump 0x8000 0']);
    expect(lines(blockOf([0xe7fe], { thumb: true }))).toEqual(['exitJump 0x8000 0']);
    expect(lines(blockOf([0xf000, 0xb801], { thumb: true }))).toEqual(['exitJump 0x8006 0']);
    expect(lines(blockOf([0xf7ff, 0xbffe], { thumb: true }))).toEqual(['exitJump 0x8000 0']);
  });

  it('link with bit 0 set in T32 (BL)', () => {
    expect(lifted([0xf000, 0xf801], { thumb: true })).toEqual(['r14 = 0x8005']);
    expect(lifted([0xeb000000])).toEqual(['r14 = 0x8004']);
  });

  it('change the instruction set (BLX)', () => {
    expect(lifted([0xfb000000])).toEqual(['r14 = 0x8004', 'exitInterwork 0 0 0x800b']);
    expect(lifted([0xf000, 0xe802], { thumb: true, pc: 0x8002 })).toEqual([
      'r14 = 0x8007',
      'exitInterwork 0 0 0x8008',
    ]);
    expect(lifted([0xf000, 0xe803], { thumb: true })).toEqual(['exitRaise 1 0']);
  });

  it('read the target before they link (BLX lr)', () => {
    expect(lifted([0xe12fff3e])).toEqual(['r14 = 0x8004', 'exitInterwork 0 0 r14']);
  });

  it('compare without flags (CBNZ r1)', () => {
    expect(lifted([0xb909], { thumb: true })).toEqual([
      'skipIfZero L0 ne(r1, 0)',
      'exitJump 0x8006 0',
      'label L0',
    ]);
  });

  it('take halfword counts from tables (TBB [r1, r2], TBH [pc, r2])', () => {
    expect(lifted([0xe8d1, 0xf002], { thumb: true })).toEqual([
      '%0 = load8(add(r1, r2))',
      'exitJumpTo 0 0 and(add(0x8004, shl(%0, 1)), -2)',
    ]);
    expect(lifted([0xe8df, 0xf012], { thumb: true })[0]).toBe('%0 = load16(add(0x8004, shl(r2, 1)))');
  });
});

describe('status registers', () => {
  it('are written inline where only flags are (MSR APSR_nzcvqg, r1)', () => {
    expect(lifted([0xe12cf001])).toEqual([
      'nzcv = and(r1, 0xf0000000)',
      'q = and(shr(r1, 27), 1)',
      'ge = and(shr(r1, 16), 15)',
    ]);
  });

  it('end the block where the mode changes or an interrupt is unmasked (MSR CPSR_c, r1)', () => {
    const masks = 'or(andNot(aifm, 192), and(r1, 192))';
    expect(lifted([0xe121f001])).toEqual([
      'skipIfZero L0 select(and(aifm, 15), and(xor(r1, aifm), 31), 1)',
      '%0 = msrCpsr(r1, 1)',
      'exitResync 0x8004 0',
      'label L0',
      `aifm = ${masks}`,
      `skipIfZero L1 andNot(pending, ${masks})`,
      'exitResync 0x8004 0',
      'label L1',
    ]);
  });

  it('end the block where CPSR.E is written (MSR CPSR_x, r1)', () => {
    expect(lifted([0xe122f001])).toEqual(['%0 = msrCpsr(r1, 2)', 'exitResync 0x8004 0']);
  });

  it('are read from their parts (MRS r1, CPSR)', () => {
    expect(lifted([0xe10f1000])).toEqual(['r1 = or(or(or(nzcv, shl(q, 27)), shl(ge, 16)), aifm)']);
    expect(lifted([0xe10f1000], { bigEndian: true })[0]).toMatch(/, 512\)$/);
  });

  it('go on after SPSR (MSR SPSR_cxsf, r1) and banked registers (MRS r1, sp_irq)', () => {
    expect(lifted([0xe16ff001])).toEqual(['%0 = msrSpsr(r1, 15)']);
    expect(lifted([0xe1011300])).toEqual(['%0 = mrsBanked(17)', 'r1 = %0']);
  });

  it('mask interrupts within a block (CPSID i; CPSIE i)', () => {
    expect(lifted([0xf10c0080])).toEqual(['aifm = or(aifm, select(and(aifm, 15), 128, 0))']);
    expect(lifted([0xb672], { thumb: true })).toEqual(['aifm = or(aifm, select(and(aifm, 15), 128, 0))']);
    expect(lifted([0xf1080080]).slice(1)).toEqual([
      'skipIfZero L0 andNot(pending, andNot(aifm, select(and(aifm, 15), 128, 0)))',
      'exitResync 0x8004 0',
      'label L0',
    ]);
  });

  it('change by CPS to a mode and SETEND, which end the block (CPSID if, #19; SETEND BE)', () => {
    expect(lifted([0xf10e00d3])).toEqual(['%0 = cps(771, 19)', 'exitResync 0x8004 0']);
    expect(lifted([0xf1010200])).toEqual(['e = 1', 'exitResync 0x8004 0']);
  });
});

describe('coprocessors', () => {
  it('may change what blocks depend on when written, not when read (MCR, MRC p15, 0, r1, c1, c0, 0)', () => {
    expect(lifted([0xee011f10])).toEqual(['%0 = copWrite(0xf0100, r1)', 'exitResync 0x8004 0']);
    expect(lifted([0xee111f10])).toEqual(['%0 = copRead(0xf0100)', 'r1 = %0']);
  });

  it('are read in place where they are a word without side effects (MRC TPIDRURO, DACR)', () => {
    expect(lifted([0xee1d1f70])).toEqual(['r1 = tpidruro']);
    expect(lifted([0xee131f10])).toEqual([
      'skipIfZero L0 eq(and(aifm, 15), 0)',
      'exitRaise 1 0',
      'label L0',
      'r1 = dacr',
    ]);
  });

  it('are written in place, too, and end the block where translations depend on them (MCR DACR)', () => {
    expect(lifted([0xee031f10]).slice(2)).toEqual(['label L0', 'dacr = r1', 'exitResync 0x8004 0']);
  });

  it('ask for privilege once a block (MRC, MCR TPIDRPRW)', () => {
    expect(lifted([0xee1d1f90, 0xee0d2f90]).slice(2)).toEqual(['label L0', 'r1 = tpidrprw', 'tpidrprw = r2']);
  });

  it('let a block go on after what it does not depend on (MCR DFAR, DCCMVAC, BPIALLIS, TEEHBR)', () => {
    expect(lifted([0xeec11e10])).toEqual(['%0 = copWrite(0xe6100, r1)']);
    expect(lifted([0xee061f10])).toEqual(['%0 = copWrite(0xf0600, r1)']);
    expect(lifted([0xee071f3a]).slice(3)).toEqual(['%0 = dataCacheByAddress(0xf07a1, r1)']);
    expect(lifted([0xee071f35])).toEqual(['%0 = copWrite(0xf0751, r1)', 'exitResync 0x8004 0']);
    // BPIALLIS, DCCISW
    for (const encoding of [0xee071fd1, 0xee071f5e])
      expect(lifted([encoding])).toEqual(['skipIfZero L0 eq(and(aifm, 15), 0)', 'exitRaise 1 0', 'label L0']);
  });

  it('leave after TLB maintenance that moves code (TLBIMVAIS, TLBIALL), which for a page is only done where there is something to do', () => {
    expect(lifted([0xee081f33]).slice(3)).toEqual([
      '%0 = pageNoted(r1)',
      'skipIfZero L1 %0',
      '%1 = copWrite(0xf0831, r1)',
      'skipIfZero L2 codeMoved',
      'exitResync 0x8004 0',
      'label L2',
      'label L1',
    ]);
    expect(lifted([0xee081f17])).toEqual([
      '%0 = copWrite(0xf0870, r1)',
      'skipIfZero L0 codeMoved',
      'exitResync 0x8004 0',
      'label L0',
    ]);
  });

  it('have the barriers of old (MCR CP15DMB, CP15DSB, CP15ISB)', () => {
    expect(lifted([0xee071fba])).toEqual(['barrier()']);
    expect(lifted([0xee071f9a])).toEqual(['barrier.1()']);
    expect(lifted([0xee071f95])).toEqual([]);
  });

  it('give flags to R15 (MRC p14, 0, APSR_nzcv, c0, c1, 0)', () => {
    expect(lifted([0xee10fe11])).toEqual(['%0 = copRead(0xe0010)', 'nzcv = and(%0, 0xf0000000)']);
  });

  it('move two words (MRRC, MCRR p15, 0, r1, r2, c14)', () => {
    expect(lifted([0xec521f0e])).toEqual(['%0 = copRead64(0xf00e0)', 'r1 = %0', 'r2 = callHigh']);
    expect(lifted([0xec421f0e])).toEqual(['%0 = copWrite64(0xf00e0, r1, r2)', 'exitResync 0x8004 0']);
  });

  it('other than 10, 11, 14 and 15 are UNDEFINED (MRC p9, MCR p7)', () => {
    expect(lifted([0xee111910])).toEqual(['exitRaise 1 0']);
    expect(lifted([0xee011710])).toEqual(['exitRaise 1 0']);
  });
});

describe('exceptions and hints', () => {
  it('carry their comment (SVC #5, BKPT #0x1234)', () => {
    expect(lifted([0xef000005])).toEqual(['exitRaise 2 5']);
    expect(lifted([0xe1212374])).toEqual(['exitRaise 3 0x1234']);
  });

  it('wait at the next instruction (YIELD, WFE, WFI)', () => {
    expect([0xe320f001, 0xe320f002, 0xe320f003].map((word) => lifted([word])[0])).toEqual([
      'exitWait 2 0x8004',
      'exitWait 1 0x8004',
      'exitWait 0 0x8004',
    ]);
  });

  it('do nothing where they are not allocated', () => {
    expect(lifted([0xe320f080])).toEqual([]);
    expect(lifted([0xbf50], { thumb: true })).toEqual([]);
    expect(lifted([0xf5d1f000])).toEqual([]);
  });

  it('order memory and synchronise (DMB, DSB, ISB)', () => {
    expect(lifted([0xf57ff05b])).toEqual(['barrier()']);
    expect(lifted([0xf57ff04f])).toEqual(['barrier.1()']);
    expect(lifted([0xf57ff06f])).toEqual([]);
  });

  it('pass HVC and SMC to the board, which may change anything (HVC #1)', () => {
    expect(lifted([0xe1400071])).toEqual(['%0 = hvc(1)', 'exitResync 0x8004 0']);
  });

  it('call a condition on BKPT UNPREDICTABLE', () => {
    expect(reasons([0x01200070])).toEqual(['BKPT A1: a condition on BKPT']);
  });
});
