import { describe, expect, test } from 'vitest';
import * as a from './assembler.ts';
import { AT_ONCE, NEVER } from './at-once.ts';
import { type Bench, CODE, RAM, section, smallPage } from './bench.ts';
import { agree, type EnginePair, enginePair } from './engine-pair.ts';

const VA = 0x5000_0000;
const FIRST = RAM + 0x20_0000;
const SECOND = RAM + 0x30_0000;
/** All operations by address (ARM DDI 0406C B4.2.2), as MCR of R1. */
const OPERATIONS = [
  ['TLBIMVAIS', 3, 1],
  ['TLBIMVAAIS', 3, 3],
  ['ITLBIMVA', 5, 1],
  ['DTLBIMVA', 6, 1],
  ['TLBIMVA', 7, 1],
  ['TLBIMVAA', 7, 3],
] as const;

/** Loads from R8, stores descriptor R5 to R6, invalidates R1 by `operation`, and loads again to R3. */
type Map = (bench: Bench) => readonly [at: number, descriptor: number];

function pairWith(promotion: typeof AT_ONCE, operation: number, map: Map): EnginePair {
  return enginePair(promotion, (bench) => {
    const [at, descriptor] = map(bench);
    bench.load(FIRST, [111]);
    bench.load(SECOND, [222]);
    bench.set(8, VA);
    bench.set(1, VA);
    bench.set(5, descriptor);
    bench.set(6, at);
    bench.load(CODE, [a.ldr(2, 8), a.str(5, 6), operation, a.ldr(3, 8), a.B_SELF]);
  });
}

const calls = ([, { engine }]: EnginePair): number => {
  const { copWrite } = engine.statistics().helperCalls;
  return copWrite === undefined ? 0 : copWrite.interpreter + copWrite.wasm;
};

function smallPages(bench: Bench): readonly [number, number] {
  const tables = bench.mmuOn();
  const table = tables.second(VA);
  tables.page(table, VA, smallPage(FIRST));
  return [table + ((VA >>> 12) & 0xff) * 4, smallPage(SECOND)];
}

describe.each([
  ['in regions', AT_ONCE],
  ['interpreted', NEVER],
])('TLB maintenance by address (%s)', (_how, promotion) => {
  const pairOf = (operation: number, map: Map): EnginePair => pairWith(promotion, operation, map);

  test.each(OPERATIONS)('%s: the page that was used is where its descriptor says now', (_name, crm, opc2) => {
    const pair = pairOf(a.mcr(1, 8, 0, crm, opc2), smallPages);
    agree(pair, 1, 4);
    expect([pair[1].reg(2), pair[1].reg(3)]).toEqual([111, 222]);
    expect(calls(pair)).toBeGreaterThan(0);
  });

  test('of a section is of each page in it', () => {
    const pair = pairOf(a.mcr(1, 8, 0, 7, 1), (bench) => {
      const tables = bench.mmuOn();
      tables.first(VA, section(FIRST));
      return [tables.base + (VA >>> 20) * 4, section(SECOND)];
    });
    for (const bench of pair) bench.set(1, VA + 0x7_3000);
    agree(pair, 1, 4);
    expect([pair[1].reg(2), pair[1].reg(3)]).toEqual([111, 222]);
  });

  test('calls nobody for a page that nobody has used', () => {
    const pair = pairOf(a.mcr(1, 8, 0, 3, 3), smallPages);
    for (const bench of pair) bench.set(1, 0x7000_0000);
    const before = calls(pair);
    agree(pair, 1, 4);
    expect(calls(pair)).toBe(before);
    expect(pair[1].reg(3)).toBe(111);
  });

  test('is UNDEFINED in User mode, also for a page that nobody has used', () => {
    const pair = pairOf(a.mcr(1, 8, 0, 7, 1), smallPages);
    for (const bench of pair) {
      bench.set(1, 0x7000_0000);
      bench.cpu.state.cpsr = (bench.cpu.state.cpsr & ~0x1f) | 0x10;
      bench.set(8, VA);
      bench.set(5, smallPage(SECOND));
    }
    agree(pair, 1, 3);
    expect(pair[1].vector()).toBe(4);
  });
});
