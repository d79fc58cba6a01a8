import { beforeEach, describe, expect, test } from 'vitest';
import { Psr } from '../../src/arm/cpu-state.ts';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, RAM, smallPage, type Tables } from './bench.ts';

/** Virtual: a page of code, and the one after it, where contexts differ. */
const FIRST = 0x0010_0000;
const SECOND = FIRST + 0x1000;
const FIRST_PA = RAM + 0x2_0000;
const SECOND_PA = RAM + 0x3_0000;
const OTHER_PA = RAM + 0x4_0000;

let bench: Bench;
let tables: Tables;
let table: number;

beforeEach(() => {
  bench = new Bench();
  tables = bench.mmuOn();
  table = tables.second(FIRST);
  tables.page(table, FIRST, smallPage(FIRST_PA));
  tables.page(table, SECOND, smallPage(SECOND_PA));
  bench.cpu.state.cpsr = Mode.Supervisor | Psr.T;
});

/** MOVW R0 of which the second half lies on the next page: its low byte is there. */
function straddling(): void {
  bench.load(
    FIRST_PA + 0xff8,
    a.pack([a.tMovImm(1, 1), a.tMovImm(2, 2), a.tMovImm(3, 3), a.tMovw(0, 0)[0]!]),
  );
  for (const [page, value] of [
    [SECOND_PA, 0x11],
    [OTHER_PA, 0x22],
  ] as const) {
    bench.load(page, a.pack([a.tMovw(0, value)[1]!, a.T_B_SELF]));
  }
}

function runFrom(at: number, n: number): void {
  bench.jump(at | 1);
  bench.run(n);
}

/** What a guest does after it has changed its tables. */
function changeSecondPage(descriptor: number): void {
  tables.page(table, SECOND, descriptor);
  bench.cpu.invalidateTlb(true, undefined);
}

describe('a wide instruction on two pages', () => {
  test('runs', () => {
    straddling();
    runFrom(FIRST + 0xff8, 4);
    expect([0, 1, 2, 3].map((n) => bench.reg(n))).toEqual([0x11, 1, 2, 3]);
  });

  test('is another instruction where the second page is mapped elsewhere', () => {
    straddling();
    runFrom(FIRST + 0xff8, 4);
    changeSecondPage(smallPage(OTHER_PA));
    runFrom(FIRST + 0xff8, 4);
    expect(bench.reg(0)).toBe(0x22);
    changeSecondPage(smallPage(SECOND_PA));
    runFrom(FIRST + 0xff8, 4);
    expect(bench.reg(0)).toBe(0x11);
  });

  test('aborts where the second page is no longer mapped, after the instructions before it', () => {
    straddling();
    runFrom(FIRST + 0xff8, 4);
    changeSecondPage(0);
    bench.set(3, 0);
    runFrom(FIRST + 0xff8, 4);
    expect(bench.vector()).toBe(0x0c);
    expect(bench.reg(3)).toBe(3);
    expect(bench.cpu.regs.IFAR >>> 0).toBe(SECOND);
    expect(bench.reg(14)).toBe(FIRST + 0xffe + 4);
  });

  test('aborts where the second page may not be executed', () => {
    straddling();
    changeSecondPage(smallPage(SECOND_PA, { xn: true }));
    runFrom(FIRST + 0xffe, 1);
    expect(bench.vector()).toBe(0x0c);
    expect(bench.cpu.regs.IFSR & 0x40f).toBe(0b01111);
  });

  test('is translated anew after a store to its second half', () => {
    straddling();
    runFrom(FIRST + 0xff8, 4);
    bench.load(SECOND_PA, a.pack([a.tMovw(0, 0x33)[1]!, a.T_B_SELF]));
    runFrom(FIRST + 0xff8, 4);
    expect(bench.reg(0)).toBe(0x33);
  });

  test('is that of each address space, when they take turns without TLB maintenance', () => {
    straddling();
    const { regs } = bench.cpu;
    const other = bench.flatTables(RAM + 0x18_0000);
    const otherTable = other.second(FIRST);
    other.page(otherTable, FIRST, smallPage(FIRST_PA, { notGlobal: true }));
    other.page(otherTable, SECOND, smallPage(OTHER_PA, { notGlobal: true }));
    tables.page(table, FIRST, smallPage(FIRST_PA, { notGlobal: true }));
    tables.page(table, SECOND, smallPage(SECOND_PA, { notGlobal: true }));
    bench.cpu.invalidateTlb(true, undefined);
    for (let round = 0; round < 4; round++) {
      for (const [asid, { base }, value] of [
        [1, tables, 0x11],
        [2, other, 0x22],
      ] as const) {
        regs.CONTEXTIDR = asid;
        regs.TTBR0 = base;
        runFrom(FIRST + 0xff8, 4);
        expect(bench.reg(0)).toBe(value);
      }
    }
  });
});
