import { describe, expect, test } from 'vitest';
import { Psr } from '../../src/arm/cpu-state.ts';
import { Mode } from '../../src/arm/modes.ts';
import { StateSlot } from '../../src/arm/state.ts';
import * as a from './assembler.ts';
import { Bench, CODE } from './bench.ts';

const IRQ_VECTOR = 0x18;
const FIQ_VECTOR = 0x1c;

/** A CPU in Supervisor mode with interrupts masked, before instructions that count in R0, of which the first `n` are given. */
function prepared(...first: number[]): Bench {
  const bench = new Bench();
  bench.load(CODE, [...first, ...new Array<number>(8).fill(a.addImm(0, 0, 1)), a.B_SELF]);
  bench.cpu.state.cpsr = Mode.Supervisor | Psr.I | Psr.F;
  return bench;
}

const UNMASKING: readonly (readonly [string, number])[] = [
  ['CPSIE i', a.cpsie(2)],
  ['MSR CPSR_c', a.msrCpsr(1, 1)],
  ['MSR CPSR_fsc', a.msrCpsr(13, 1)],
  ['MSR CPSR_cx', a.msrCpsr(3, 1)],
];

describe('an interrupt that is pending', () => {
  test.each(UNMASKING)('is taken right after %s', (_name, instruction) => {
    const bench = prepared(a.addImm(0, 0, 1), instruction);
    bench.set(1, Mode.Supervisor);
    bench.cpu.setIrq(true);
    bench.run(20);
    expect(bench.vector()).toBe(IRQ_VECTOR);
    expect(bench.reg(0)).toBe(1);
    expect(bench.reg(14)).toBe(CODE + 8 + 4);
  });

  test.each(UNMASKING)('lets the block go on after %s where it is none', (_name, instruction) => {
    const bench = prepared(a.addImm(0, 0, 1), instruction);
    bench.set(1, Mode.Supervisor);
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([undefined, 9]);
    expect(bench.cpu.state.cpsr & Psr.I).toBe(0);
  });

  test('waits while the other mask is cleared', () => {
    const bench = prepared(a.cpsie(1));
    bench.cpu.setIrq(true);
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([undefined, 8]);
  });

  test('is an FIQ as well', () => {
    const bench = prepared(a.cpsie(1));
    bench.cpu.setFiq(true);
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([FIQ_VECTOR, 0]);
    expect(bench.reg(14)).toBe(CODE + 4 + 4);
  });

  test('is taken in T32 with the ITSTATE of the instruction after MSR', () => {
    const bench = prepared();
    // ITT EQ; MSREQ CPSR_c, R1; MOVEQ R0, #7.
    bench.load(CODE, a.pack([0xbf04, 0xf381, 0x8100, a.tMovImm(0, 7), a.T_B_SELF, a.T_NOP]));
    bench.cpu.state.cpsr = 0x4000_0000 | Mode.Supervisor | Psr.I | Psr.T;
    bench.set(1, Mode.Supervisor);
    bench.cpu.setIrq(true);
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([IRQ_VECTOR, 0]);
    expect(bench.reg(14)).toBe(CODE + 6 + 4);
    expect(bench.cpu.state.spsr & 0x0600fc00).toBe(0x08 << 8);
  });

  test('is no longer taken when its line is down', () => {
    const bench = prepared(a.cpsie(2));
    bench.cpu.setIrq(true);
    bench.cpu.setIrq(false);
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([undefined, 8]);
  });

  test('is taken after a reset of the CPU, whose line stays up', () => {
    const bench = prepared(a.cpsie(2));
    bench.cpu.setIrq(true);
    bench.cpu.reset(CODE);
    bench.cpu.regs.VBAR = 0x4000_1000;
    bench.run(20);
    expect([bench.vector(), bench.reg(0)]).toEqual([IRQ_VECTOR, 0]);
  });

  test('belongs to the CPU whose line it is, also while that is parked', () => {
    const bench = new Bench({ cpus: 2 });
    bench.load(CODE, [a.cpsie(2), a.addImm(0, 0, 1), a.B_SELF]);
    const [first, second] = bench.engine.cpus;
    second!.setIrq(true);
    bench.run(5, first);
    expect([bench.vector(first), bench.reg(0, first)]).toEqual([undefined, 1]);
    bench.run(5, second);
    expect([bench.vector(second), bench.reg(0, second)]).toEqual([IRQ_VECTOR, 0]);
  });
});

describe('masking', () => {
  test('by CPSID and MSR holds an interrupt off', () => {
    const bench = prepared(a.cpsie(2), a.cpsid(2));
    bench.run(1);
    bench.cpu.setIrq(false);
    bench.run(1);
    bench.cpu.setIrq(true);
    bench.run(12);
    expect([bench.vector(), bench.reg(0)]).toEqual([undefined, 8]);
  });

  test('in User mode is without effect: CPS, MSR CPSR_c', () => {
    for (const instruction of [a.cpsid(7), a.cpsie(7), a.msrCpsr(1, 1)]) {
      const bench = prepared(instruction);
      bench.cpu.state.cpsr = Mode.User | Psr.A;
      bench.set(1, Mode.User | Psr.I | Psr.F);
      bench.run(12);
      expect(bench.cpu.state.cpsr).toBe(Mode.User | Psr.A);
      expect(bench.reg(0)).toBe(8);
    }
  });

  test('by MSR CPSR_c leaves A as it is, and changes flags and GE by their fields only', () => {
    const bench = prepared(a.msrCpsr(1 | 8, 1));
    bench.cpu.state.cpsr = Mode.Supervisor | Psr.A | Psr.I | (3 << 16);
    bench.set(1, 0xf80c_0000 | Mode.Supervisor | Psr.F);
    bench.run(1);
    expect(bench.cpu.state.cpsr >>> 0).toBe((0xf803_0000 | Mode.Supervisor | Psr.A | Psr.F) >>> 0);
  });
});

describe('MRS', () => {
  test('reads the CPSR with IT, J and T as zero', () => {
    const bench = new Bench();
    // IT EQ; MRSEQ R0, CPSR.
    bench.load(CODE, a.pack([0xbf08, 0xf3ef, 0x8000, a.T_NOP]));
    bench.cpu.state.cpsr = 0x6805_0000 | Psr.E | Psr.A | Psr.F | Psr.T | Mode.System;
    bench.run(2);
    expect(bench.reg(0)).toBe(0x6805_0000 | Psr.E | Psr.A | Psr.F | Mode.System);
    expect(bench.cpu.state.slots[StateSlot.IT]).toBe(0);
  });
});
