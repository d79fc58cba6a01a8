import { beforeEach, describe, expect, test } from 'vitest';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE, RAM, smallPage } from './bench.ts';

const STACK = RAM + 0x20_0000;
const [F, G, MAINTAIN] = [CODE + 0x400, CODE + 0x480, CODE + 0x500];
const ICIALLU = a.mcr(0, 7, 0, 5, 0);

/** Instructions of the region after the call, which goes around the loop, each time that it was compiled. */
let sizes: number[];

/** As hot regions are compiled, but at once. */
const HOT: Promotion = {
  ...AT_ONCE,
  compile: (regions, context) => {
    for (const { region } of regions) if (region.pc === ((CODE + 4) | 0)) sizes.push(region.instructions);
    return AT_ONCE.compile(
      regions.map((region) => ({ ...region, callFree: true })),
      context,
    );
  },
};

beforeEach(() => {
  sizes = [];
});

/** A loop that calls what R1 points to, which R6 may change in each turn; R3 counts down. */
function load(bench: Bench, callee = F): void {
  bench.load(CODE, [
    ...[a.blx(1), a.eorReg(1, 1, 6), a.addReg(2, 2, 0)],
    ...[a.subsImm(3, 3, 1), a.b(4, 0, a.NE), a.B_SELF],
  ]);
  bench.load(F, [a.addImm(0, 0, 1), a.bx(14)]);
  bench.load(G, [a.cmpImm(0, 9), a.b(1, 3, a.EQ), a.addImm(0, 0, 3), a.addReg(2, 2, 3), a.bx(14)]);
  bench.load(MAINTAIN, [a.str(7, 8), ICIALLU, a.ISB, a.B_SELF]);
  bench.set(1, callee);
  bench.set(3, 100_000);
}

function both(prepare: (bench: Bench) => void): [Bench, Bench] {
  const guests: [Bench, Bench] = [new Bench(), new Bench({ kind: 'wasm', promotion: HOT })];
  for (const bench of guests) prepare(bench);
  return guests;
}

function agree(guests: readonly [Bench, Bench], runs: number, instructions: number): void {
  for (let i = 0; i < runs; i++) {
    for (const bench of guests) bench.run(instructions);
    expect(guests[1].snapshot()).toBe(guests[0].snapshot());
  }
}

describe('a loop that calls through a register', () => {
  test('has the functions that it often calls, each after a thousand calls', () => {
    const guests = both((bench) => {
      load(bench);
      bench.set(6, F ^ G);
    });
    agree(guests, 40, 1003);
    expect(sizes.length).toBe(3);
    expect(sizes).toEqual(sizes.toSorted((one, other) => one - other));
    expect(new Set(sizes).size).toBe(3);
  });

  test('goes elsewhere as soon as the register does', () => {
    const guests = both(load);
    agree(guests, 10, 2000);
    expect(sizes.length).toBe(2);
    for (const bench of guests) bench.set(1, G);
    agree(guests, 50, 7);
  });

  test('sees that the function is another one after maintenance', () => {
    const guests = both(load);
    agree(guests, 10, 2000);
    for (const bench of guests) {
      const pc = bench.pc();
      bench.set(7, a.addImm(0, 0, 5));
      bench.set(8, F);
      bench.jump(MAINTAIN);
      bench.run(4);
      bench.jump(pc);
    }
    agree(guests, 50, 7);
  });

  test('follows the page of the function when that is mapped elsewhere', () => {
    const va = RAM + 0x30_0000;
    const [one, other] = [va + 0x1_0000, va + 0x2_0000];
    const tablesOf = new Map<Bench, number>();
    const map = (bench: Bench, pa: number): void => {
      bench.load((tablesOf.get(bench) as number) + ((va >>> 12) & 0xff) * 4, [smallPage(pa)]);
      bench.cpu.invalidateTlb(false, va);
    };
    const guests = both((bench) => {
      load(bench, va);
      tablesOf.set(bench, bench.mmuOn().second(va));
      bench.load(one, [a.addImm(0, 0, 1), a.bx(14)]);
      bench.load(other, [a.addImm(0, 0, 11), a.bx(14)]);
      map(bench, one);
    });
    agree(guests, 10, 2000);
    expect(sizes.length).toBe(2);
    for (const pa of [other, one]) {
      for (const bench of guests) map(bench, pa);
      agree(guests, 50, 7);
    }
  });
});

test('a function that calls itself is in the same state after any number of instructions', () => {
  // R0: how deep; R1 counts the ways back of the one call, R2 those of the other.
  const guests = both((bench) => {
    const code = [a.subsImm(0, 0, 1), a.b(1, 9, a.EQ), a.subsImm(13, 13, 8), a.str(0, 13), a.str(14, 13, 4)];
    code.push(a.bl(5, 0), a.addImm(1, 1, 1), a.ldr(0, 13), a.b(8, 11), a.b(9, 15));
    code.push(a.NOP, a.bl(11, 0), a.addImm(2, 2, 1), a.ldr(14, 13, 4), a.addImm(13, 13, 8), a.bx(14));
    bench.load(CODE, code);
    bench.load(F, [a.movw(0, 6), a.bl((F - CODE) / 4 + 1, 0), a.b(2, 0)]);
    bench.set(13, STACK);
    bench.jump(F);
  });
  agree(guests, 400, 11);
  expect(guests[1].reg(2)).toBeGreaterThan(100);
});
