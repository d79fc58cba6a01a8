import { beforeEach, describe, expect, test } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

type Register = readonly [coprocessor: 14 | 15, opc1: number, crn: number, crm: number, opc2: number];

const transfer = ([coprocessor, opc1, crn, crm, opc2]: Register, read: boolean): number =>
  ((read ? a.mrc(0, crn, opc1, crm, opc2) : a.mcr(0, crn, opc1, crm, opc2)) & ~0xf00) | (coprocessor << 8);

/** Executes one instruction at CODE. @returns R0, or undefined when it was UNDEFINED. */
function execute(word: number, r0 = 0, mode: number = Mode.Supervisor): number | undefined {
  bench.load(CODE, [word >>> 0, a.B_SELF]);
  bench.cpu.state.cpsr = mode;
  bench.jump(CODE);
  bench.set(0, r0);
  bench.run(1);
  return bench.vector() === 0x04 ? undefined : bench.reg(0);
}
const read = (register: Register, mode?: number): number | undefined =>
  execute(transfer(register, true), 0, mode);
const write = (register: Register, value: number, mode?: number): boolean =>
  execute(transfer(register, false), value, mode) !== undefined;

describe('performance monitors (C12)', () => {
  const PMCR: Register = [15, 0, 9, 12, 0];
  const PMCNTENSET: Register = [15, 0, 9, 12, 1];
  const PMCNTENCLR: Register = [15, 0, 9, 12, 2];
  const PMOVSR: Register = [15, 0, 9, 12, 3];
  const PMSWINC: Register = [15, 0, 9, 12, 4];
  const PMSELR: Register = [15, 0, 9, 12, 5];
  const PMCEID0: Register = [15, 0, 9, 12, 6];
  const PMCCNTR: Register = [15, 0, 9, 13, 0];
  const PMXEVTYPER: Register = [15, 0, 9, 13, 1];
  const PMXEVCNTR: Register = [15, 0, 9, 13, 2];
  const PMUSERENR: Register = [15, 0, 9, 14, 0];
  const PMINTENSET: Register = [15, 0, 9, 14, 1];
  const PMINTENCLR: Register = [15, 0, 9, 14, 2];
  const PMOVSSET: Register = [15, 0, 9, 14, 3];
  const ID = 0x410f3000;
  const [E, P, C, D] = [1, 2, 4, 8];
  const CYCLES = 0x8000_0000;

  const counter = (n: number, event: number, value = 0): void => {
    write(PMSELR, n);
    write(PMXEVTYPER, event);
    write(PMXEVCNTR, value);
  };

  test('PMCR names the implementation and six counters; P and C read as zero', () => {
    expect(read(PMCR)).toBe(ID);
    write(PMCR, 0xffff_ffff);
    expect(read(PMCR)).toBe(ID | 0x39);
  });

  test('PMCCNTR counts instructions while it is enabled', () => {
    write(PMCCNTR, 100);
    expect(read(PMCCNTR)).toBe(100);
    write(PMCNTENSET, CYCLES);
    expect(read(PMCCNTR)).toBe(100);
    write(PMCR, E);
    // Each access is one instruction, and counted when it is done.
    const first = read(PMCCNTR)!;
    expect(read(PMCCNTR)).toBe(first + 1);
    bench.load(CODE + 0x100, [...new Array<number>(20).fill(a.movw(1, 0)), a.B_SELF]);
    bench.jump(CODE + 0x100);
    bench.run(20);
    expect(read(PMCCNTR)).toBe(first + 22);
    write(PMCNTENCLR, CYCLES);
    const stopped = read(PMCCNTR);
    expect(read(PMCCNTR)).toBe(stopped);
    write(PMCR, E | C);
    expect(read(PMCCNTR)).toBe(0);
  });

  test('with PMCR.D it counts every 64th', () => {
    write(PMCNTENSET, CYCLES);
    write(PMCR, E | C | D);
    bench.load(CODE + 0x100, [a.b(0, 0)]);
    bench.jump(CODE + 0x100);
    bench.run(640);
    expect(read(PMCCNTR)).toBe(10);
    bench.jump(CODE + 0x100);
    bench.run(63);
    expect(read(PMCCNTR)).toBe(11);
  });

  test("counts the CPU's own instructions only", () => {
    const both = new Bench({ cpus: 2 });
    const [, second] = both.engine.cpus;
    bench = both;
    write(PMCNTENSET, CYCLES);
    write(PMCR, E | C);
    const before = read(PMCCNTR)!;
    both.load(CODE + 0x100, [a.b(0, 0)]);
    both.jump(CODE + 0x100, second);
    both.run(1000, second);
    expect(read(PMCCNTR)).toBe(before + 1);
  });

  test('goes on from its wrap, with its flag in PMOVSR, which is cleared by ones and set by PMOVSSET', () => {
    write(PMCNTENSET, CYCLES);
    write(PMCCNTR, 0xffff_fffe);
    write(PMCR, E);
    for (let i = 0; i < 4; i++) read(PMCR);
    expect(read(PMOVSR)).toBe(CYCLES);
    expect(read(PMCCNTR)).toBeLessThan(16);
    write(PMOVSR, CYCLES);
    expect(read(PMOVSR)).toBe(0);
    write(PMOVSSET, 0xffff_ffff);
    expect(read(PMOVSR)).toBe(0x8000_003f);
  });

  test('six event counters count instructions (0x08) and cycles (0x11)', () => {
    expect(read(PMCEID0)).toBe((1 << 0) | (1 << 8) | (1 << 17));
    counter(0, 0x08);
    counter(5, 0x11, 7);
    counter(3, 0x03);
    write(PMCNTENSET, 0x3f);
    write(PMCR, E);
    for (let i = 0; i < 10; i++) read(PMCEID0);
    const value = (n: number): number => {
      write(PMSELR, n);
      return read(PMXEVCNTR)!;
    };
    // The write of PMCR counts, and what reads a counter.
    expect(value(0)).toBe(12);
    expect(value(5)).toBe(7 + 14);
    expect(value(3)).toBe(0);
    write(PMCR, E | P);
    expect(value(0)).toBeLessThan(4);
  });

  test('PMSWINC counts for counters of event 0 that are enabled', () => {
    counter(1, 0, 0xffff_ffff);
    counter(2, 0);
    counter(3, 8);
    write(PMSWINC, 0xf);
    write(PMCR, E);
    write(PMCNTENSET, 0b0010);
    write(PMSWINC, 0xf);
    write(PMSELR, 1);
    expect(read(PMXEVCNTR)).toBe(0);
    expect(read(PMOVSR)).toBe(0b0010);
    write(PMSELR, 2);
    expect(read(PMXEVCNTR)).toBe(0);
  });

  test("PMSELR 31 is the cycle counter's filter; 6 to 30 select nothing", () => {
    counter(31, 0xffff_ffff, 5);
    write(PMSELR, 31);
    expect(read(PMXEVTYPER)).toBe(0xf800_0000);
    counter(6, 0xffff_ffff, 5);
    expect([read(PMXEVTYPER), read(PMXEVCNTR)]).toEqual([0, 0]);
  });

  test('enables and interrupt enables exist for the counters that there are', () => {
    write(PMCNTENSET, 0xffff_ffff);
    expect(read(PMCNTENCLR)).toBe(0x8000_003f);
    write(PMINTENSET, 0xffff_ffff);
    write(PMINTENCLR, 1);
    expect(read(PMINTENSET)).toBe(0x8000_003e);
  });

  test('User mode may use them when PMUSERENR.EN is set, but not the interrupt enables', () => {
    expect(read(PMCCNTR, Mode.User)).toBeUndefined();
    expect(read(PMUSERENR, Mode.User)).toBe(0);
    expect(write(PMUSERENR, 1, Mode.User)).toBe(false);
    write(PMUSERENR, 0xffff_ffff);
    expect(read(PMUSERENR, Mode.User)).toBe(1);
    expect(read(PMCCNTR, Mode.User)).toBe(0);
    expect(write(PMCR, 0, Mode.User)).toBe(true);
    expect(read(PMINTENSET, Mode.User)).toBeUndefined();
  });
});

describe('debug registers (C11)', () => {
  const value = (n: number): Register => [14, 0, 0, n, 4];
  const control = (n: number): Register => [14, 0, 0, n, 5];
  const DBGDSCRint: Register = [14, 0, 0, 1, 0];
  const DBGDSCRext: Register = [14, 0, 0, 2, 2];
  const DBGOSLAR: Register = [14, 0, 1, 0, 4];
  const DBGOSLSR: Register = [14, 0, 1, 1, 4];

  test('there are as many breakpoints and watchpoints as DBGDIDR says: 6 and 4', () => {
    expect(read([14, 0, 0, 0, 0])).toBe(0x3515_f021);
    for (let n = 0; n < 6; n++) {
      write(value(n), 0x1234_5670 + n);
      write(control(n), 0xffff_ffff);
    }
    expect(read(value(5))).toBe(0x1234_5675);
    expect(read(control(5))).toBe(0x00ff_e1e7);
    expect(read(value(6))).toBeUndefined();
    write([14, 0, 0, 3, 6], 0xffff_ffff);
    write([14, 0, 0, 3, 7], 0xffff_ffff);
    expect(read([14, 0, 0, 3, 6])).toBe(0xffff_fffc);
    expect(read([14, 0, 0, 3, 7])).toBe(0x1f1f_ffff);
    expect(read([14, 0, 0, 4, 7])).toBeUndefined();
  });

  test('MDBGen is set by DBGDSCRext and seen in DBGDSCRint', () => {
    expect(read(DBGDSCRint)).toBe(0);
    write(DBGDSCRext, 0x8000);
    expect(read(DBGDSCRint)).toBe(0x8000);
  });

  test('BKPT leaves its kind in DBGDSCR.MOE', () => {
    bench.load(CODE, [a.bkpt(0)]);
    bench.jump(CODE);
    bench.run(1);
    expect(read(DBGDSCRint)).toBe(0b0011 << 2);
  });

  test('UDCCdis keeps User mode from reading DBGDSCRint, DBGDIDR, DBGDRAR and DBGDSAR', () => {
    const registers: Register[] = [DBGDSCRint, [14, 0, 0, 0, 0], [14, 0, 1, 0, 0], [14, 0, 2, 0, 0]];
    for (const register of registers) expect(read(register, Mode.User)).toBeDefined();
    write(DBGDSCRext, 1 << 12);
    for (const register of registers) {
      expect(read(register, Mode.User)).toBeUndefined();
      expect(read(register)).toBeDefined();
    }
    expect(read(DBGDSCRext, Mode.User)).toBeUndefined();
  });

  test('the OS lock is set after a reset; only its key sets it again', () => {
    expect(read(DBGOSLSR)).toBe(0b1010);
    write(DBGOSLAR, 0);
    expect(read(DBGOSLSR)).toBe(0b1000);
    write(DBGOSLAR, 0xc5ac_ce55);
    expect(read(DBGOSLSR)).toBe(0b1010);
    expect(read(DBGOSLAR)).toBeUndefined();
  });

  test('the debug logic has power, and no ROM table', () => {
    expect(read([14, 0, 1, 5, 4])).toBe(1);
    expect(read([14, 0, 1, 0, 0])).toBe(0);
    bench.set(1, 0x55);
    expect(execute((a.mrrc(0, 1, 0, 1) & ~0xf00) | 0xe00, 0x55)).toBe(0);
    expect(bench.reg(1)).toBe(0);
  });
});

describe('ThumbEE and Jazelle', () => {
  const TEECR: Register = [14, 6, 0, 0, 0];
  const TEEHBR: Register = [14, 6, 1, 0, 0];

  test("TEEHBR is User mode's unless TEECR.XED", () => {
    expect(write(TEEHBR, 0xffff_ffff, Mode.User)).toBe(true);
    expect(read(TEEHBR, Mode.User)).toBe(0xffff_fffc);
    expect(write(TEECR, 1, Mode.User)).toBe(false);
    write(TEECR, 0xffff_ffff);
    expect(read(TEECR)).toBe(1);
    expect(read(TEEHBR, Mode.User)).toBeUndefined();
    expect(read(TEEHBR)).toBe(0xffff_fffc);
  });

  test('a trivial Jazelle has registers that are zero', () => {
    for (const crn of [0, 1, 2]) expect(read([14, 7, crn, 0, 0])).toBe(0);
    for (const crn of [1, 2]) {
      expect(write([14, 7, crn, 0, 0], 0xffff_ffff)).toBe(true);
      expect(read([14, 7, crn, 0, 0])).toBe(0);
    }
    expect(write([14, 7, 0, 0, 0], 0)).toBe(false);
  });
});
