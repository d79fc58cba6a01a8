import { describe, expect, test } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, section, smallPage } from './bench.ts';

const NOWHERE = 0x2000_0000;
/** Reads PAR into R1 after ATS1CPR of the address in R0. */
const TRANSLATE = [a.mcr(0, 7, 0, 8, 0), a.mrc(1, 7, 0, 4, 0), a.B_SELF];

test('ATS1CPR: an external abort of the walk is in PAR as in DFSR, ExT next to FS[4] (B4.1.112)', () => {
  const bench = new Bench();
  bench.mmuOn();
  bench.load(CODE, TRANSLATE);
  // Only addresses from 0x80000000 on are translated by TTBR1, whose table nobody has.
  bench.cpu.regs.TTBCR = 1;
  bench.cpu.regs.TTBR1 = NOWHERE;
  bench.jump(CODE);
  bench.set(0, 0x9000_0000);
  bench.run(2);
  const FS_EXTERNAL_FIRST_LEVEL = 0b01100;
  expect(bench.reg(1)).toBe((1 << 6) | (FS_EXTERNAL_FIRST_LEVEL << 1) | 1);
});

describe('ATS1CPR gives the attributes of a page in PAR (B4.1.112)', () => {
  const VA = 0x0030_0000;
  const parOf = (attributes: number, set: (bench: Bench) => void = () => {}): number => {
    const bench = new Bench();
    const tables = bench.mmuOn();
    set(bench);
    const clean = smallPage(RAM) & ~0b1100;
    tables.page(tables.second(VA), VA, clean | attributes);
    bench.load(CODE, TRANSLATE);
    bench.set(0, VA | 0x123);
    bench.run(2);
    return bench.reg(1) - RAM;
  };
  const TEX = 6;
  const S = 1 << 10;
  const SH = 1 << 7;
  const inner = (n: number): number => n << 4;
  const outer = (n: number): number => n << 2;

  test.each([
    ['Strongly-ordered', 0, SH | inner(1)],
    ['shareable Device', 1 << 2, inner(3)],
    ['non-shareable Device', 2 << TEX, inner(3)],
    ['write-through', 2 << 2, inner(6) | outer(2)],
    ['write-back, no write-allocate', 3 << 2, inner(7) | outer(3)],
    ['non-cacheable', 1 << TEX, 0],
    ['write-back, write-allocate', (1 << TEX) | (3 << 2), inner(5) | outer(1)],
    ['inner and outer apart, shareable', (6 << TEX) | (1 << 2) | S, SH | inner(5) | outer(2)],
  ])('%s', (_name, descriptor, expected) => {
    expect(parOf(descriptor)).toBe(expected);
  });

  test('with TEX remap by PRRR and NMRR', () => {
    const TRE = 1 << 28;
    const remap = (bench: Bench): void => {
      bench.cpu.regs.SCTLR |= TRE;
      // 1: Normal, inner write-through, outer write-back; NS0 shareable, NS1 not; NOS1.
      bench.cpu.regs.PRRR = (2 << 2) | (1 << 18) | (1 << 25) | 2;
      bench.cpu.regs.NMRR = (2 << 2) | (1 << 18);
    };
    expect(parOf(1 << 2, remap)).toBe(inner(6) | outer(1) | SH | (1 << 10));
    expect(parOf((1 << 2) | S, remap)).toBe(inner(6) | outer(1));
  });

  test('a supersection has PA[31:24] and SS', () => {
    const bench = new Bench();
    const tables = bench.mmuOn();
    for (let i = 0; i < 16; i++)
      tables.first(0x0200_0000 + (i << 20), section(RAM, { supersection: true }) | (9 << 20));
    bench.load(CODE, TRANSLATE);
    bench.set(0, 0x0212_3456);
    bench.run(2);
    expect(bench.reg(1)).toBe(RAM | (9 << 16) | inner(7) | 2);
  });
});

describe('cache maintenance by address', () => {
  const VA = 0x0030_0000;
  const CM = 1 << 13;
  const WNR = 1 << 11;
  const OPERATIONS: readonly [string, number][] = [
    ['DCIMVAC', a.mcr(0, 7, 0, 6, 1)],
    ['DCCMVAC', a.mcr(0, 7, 0, 10, 1)],
    ['DCCMVAU', a.mcr(0, 7, 0, 11, 1)],
    ['DCCIMVAC', a.mcr(0, 7, 0, 14, 1)],
    ['ICIMVAU', a.mcr(0, 7, 0, 5, 1)],
  ];
  /** DFSR after the operation on VA; undefined when it did not fault. */
  const faultOf = (operation: number, set: (bench: Bench) => void): number | undefined => {
    const bench = new Bench();
    bench.mmuOn();
    set(bench);
    bench.load(CODE, [operation, a.B_SELF]);
    bench.set(0, VA);
    bench.run(2);
    if (bench.vector() === undefined) return undefined;
    expect(bench.vector()).toBe(0x10);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(VA);
    return bench.cpu.regs.DFSR;
  };
  const map = (bench: Bench, ap: number, domain = 0): void => {
    const tables = bench.flatTables(RAM + 0x10_0000);
    tables.first(VA, section(RAM, { ap, domain }));
  };

  test.each(OPERATIONS)(
    '%s of an address without a translation is a data abort (B3.12.3)',
    (_name, operation) => {
      expect(faultOf(operation, () => {})).toBe(CM | WNR | 0b00101);
      expect(faultOf(operation, (bench) => map(bench, 3, 5))).toBe(CM | WNR | (5 << 4) | 0b01001);
      expect(faultOf(operation, (bench) => map(bench, 3))).toBeUndefined();
    },
  );

  test.each(OPERATIONS)(
    '%s of an address that is in the TLB is nothing, until maintenance of that; and UNDEFINED in User mode',
    (_name, operation) => {
      const bench = new Bench();
      bench.mmuOn();
      const tables = bench.flatTables(RAM + 0x10_0000);
      tables.first(VA, section(RAM));
      bench.load(CODE, [a.ldr(1, 0, 0), operation, operation, a.B_SELF]);
      bench.set(0, VA);
      bench.run(4);
      expect([bench.vector(), bench.reg(15)]).toEqual([undefined, CODE + 12]);
      bench.jump(CODE);
      bench.cpu.state.cpsr = Mode.User;
      bench.run(2);
      expect(bench.vector()).toBe(0x04);
      bench.cpu.state.cpsr = Mode.System;
      tables.first(VA, 0);
      bench.cpu.invalidateTlb(false, VA);
      bench.jump(CODE + 4);
      bench.run(1);
      expect([bench.vector(), bench.cpu.regs.DFAR >>> 0]).toEqual([0x10, VA]);
    },
  );

  test.each(OPERATIONS)('%s asks for no permission, and for nothing with the MMU off', (_name, operation) => {
    expect(faultOf(operation, (bench) => map(bench, 0))).toBeUndefined();
    expect(
      faultOf(operation, (bench) => {
        bench.cpu.regs.SCTLR &= ~1;
      }),
    ).toBeUndefined();
  });
});
