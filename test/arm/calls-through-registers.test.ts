import { beforeEach, describe, expect, test } from 'vitest';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { type Bench, CODE, RAM } from './bench.ts';
import { agree, enginePair, MovingPage, rewrite } from './engine-pair.ts';

const STACK = RAM + 0x20_0000;
const [F, G] = [CODE + 0x400, CODE + 0x480];

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
  bench.set(1, callee);
  bench.set(3, 100_000);
}

describe('a loop that calls through a register', () => {
  test('has the functions that it often calls, each after a thousand calls', () => {
    const guests = enginePair(HOT, (bench) => {
      load(bench);
      bench.set(6, F ^ G);
    });
    agree(guests, 40, 1003);
    expect(sizes.length).toBe(3);
    expect(sizes).toEqual(sizes.toSorted((one, other) => one - other));
    expect(new Set(sizes).size).toBe(3);
  });

  test('goes elsewhere as soon as the register does', () => {
    const guests = enginePair(HOT, load);
    agree(guests, 10, 2000);
    expect(sizes.length).toBe(2);
    for (const bench of guests) bench.set(1, G);
    agree(guests, 50, 7);
  });

  test('sees that the function is another one after maintenance', () => {
    const guests = enginePair(HOT, load);
    agree(guests, 10, 2000);
    rewrite(guests, F, a.addImm(0, 0, 5));
    agree(guests, 50, 7);
  });

  test('follows the page of the function when that is mapped elsewhere', () => {
    const va = RAM + 0x30_0000;
    const [one, other] = [va + 0x1_0000, va + 0x2_0000];
    const page = new MovingPage(va);
    const guests = enginePair(HOT, (bench) => {
      load(bench, va);
      page.begin(bench, one);
      bench.load(one, [a.addImm(0, 0, 1), a.bx(14)]);
      bench.load(other, [a.addImm(0, 0, 11), a.bx(14)]);
    });
    agree(guests, 10, 2000);
    expect(sizes.length).toBe(2);
    for (const pa of [other, one]) {
      for (const bench of guests) page.map(bench, pa);
      agree(guests, 50, 7);
    }
  });
});

test('a function that calls itself is in the same state after any number of instructions', () => {
  // R0: how deep; R1 counts the ways back of the one call, R2 those of the other.
  const guests = enginePair(HOT, (bench) => {
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
