import { beforeEach, describe, expect, test } from 'vitest';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { type Bench, CODE, RAM } from './bench.ts';
import { agree, type EnginePair, enginePair, MovingPage, rewrite } from './engine-pair.ts';

const [F, G, H] = [CODE + 0x400, CODE + 0x480, CODE + 0x4c0];
const TABLE = RAM + 0x20_0000;
const TST_R3_1 = 0xe3130001;
const TST_R3_3 = 0xe3130003;
/** Of each of the two regions, until the first of them is worth a better compilation: 1,024 pieces of the budget, with a margin. */
const UNTIL_IMPROVED = 40_000_000;

/** How many entries each region had that was compiled. */
let entries: number[];

/** As code is compiled that is hot, but at once. */
const HOT: Promotion = {
  ...AT_ONCE,
  compile: (regions, context) => {
    for (const { region } of regions) entries.push(region.entries.length);
    return AT_ONCE.compile(regions, context);
  },
};

beforeEach(() => {
  entries = [];
});

/**
 * A loop, in every other turn of which F is called. It is not inlined, for it jumps to an address in memory: by turns to G, which returns, and
 * to H, which goes to the loop's beginning. So the loop is entered there and behind the call, and both regions are all of it.
 */
function load(bench: Bench, at: number): void {
  bench.load(at, [
    ...[a.movw(5, 50), a.subsImm(5, 5, 1), a.b(2, 1, a.NE), TST_R3_1, a.b(4, 7, a.EQ)],
    ...[
      a.bl(5, (F - CODE) / 4),
      a.addImm(2, 2, 1),
      a.addReg(4, 4, 3),
      a.subsImm(3, 3, 1),
      a.b(9, 0, a.NE),
      a.B_SELF,
    ],
  ]);
  bench.load(at + (F - CODE), [a.ldr(12, 10), a.bx(12)]);
  bench.load(at + (G - CODE), [a.addImm(0, 0, 1), a.eorReg(10, 10, 11), a.bx(14)]);
  bench.load(at + (H - CODE), [a.addImm(0, 0, 3), a.eorReg(10, 10, 11), a.subsImm(3, 3, 1), a.bx(9)]);
}

/** @param va where the loop is */
function begin(bench: Bench, va: number): void {
  bench.load(TABLE, [va + (H - CODE), va + (G - CODE)]);
  bench.set(10, TABLE);
  bench.set(11, 4);
  bench.set(9, va);
  bench.set(3, 100_000_001);
  bench.jump(va);
}

/** Until both ways in have been found to lead into one region. */
function improve(guests: EnginePair): void {
  agree(guests, 1, UNTIL_IMPROVED);
  expect(entries).toContain(2);
  agree(guests, 1, 10_000);
}

describe('a loop that calls what is not inlined', () => {
  test('becomes one region, which is entered behind the call, too', () => {
    const guests = enginePair(HOT, (bench) => {
      load(bench, CODE);
      begin(bench, CODE);
    });
    agree(guests, 1, 5000);
    expect(new Set(entries)).toEqual(new Set([1]));
    improve(guests);
    agree(guests, 100, 97);
    agree(guests, 1, 1_000_000);
  });

  test.each([
    ['at its beginning', CODE, a.movw(5, 40)],
    ['in the middle', CODE + 12, TST_R3_3],
    ['behind the call', CODE + 24, a.addImm(2, 2, 5)],
  ])('is another one after it was rewritten %s', (_where, address, word) => {
    const guests = enginePair(HOT, (bench) => {
      load(bench, CODE);
      begin(bench, CODE);
    });
    improve(guests);
    rewrite(guests, address, word);
    agree(guests, 50, 97);
    agree(guests, 1, 100_000);
  });

  test('follows its page when that is mapped elsewhere', () => {
    const va = RAM + 0x30_0000;
    const [one, other] = [va + 0x1_0000, va + 0x2_0000];
    const page = new MovingPage(va);
    const guests = enginePair(HOT, (bench) => {
      page.begin(bench, one);
      load(bench, one);
      load(bench, other);
      bench.load(other, [a.movw(5, 30)]);
      begin(bench, va);
    });
    improve(guests);
    for (const pa of [other, one]) {
      for (const bench of guests) page.map(bench, pa);
      agree(guests, 50, 97);
    }
  });

  test.each([
    ['first', 0],
    ['second', 0x1000],
  ])('follows the %s of its pages, where it is entered in both', (_which, moved) => {
    const va = RAM + 0x30_0000;
    const begins = va + 0x1000 - 24;
    const [one, other] = [va + 0x1_0000, va + 0x2_0000];
    const pages = new MovingPage(va);
    const guests = enginePair(HOT, (bench) => {
      pages.begin(bench, one);
      pages.map(bench, one + 0x1000, va + 0x1000);
      for (const base of [one, other]) load(bench, base + 0x1000 - 24);
      bench.load(other + 0x1000 - 24, [a.movw(5, 30)]);
      bench.load(other + 0x1000, [a.addImm(2, 2, 7), a.addReg(4, 4, 0)]);
      begin(bench, begins);
    });
    improve(guests);
    for (const base of [other, one]) {
      for (const bench of guests) pages.map(bench, base + moved, va + moved);
      agree(guests, 50, 97);
      agree(guests, 1, 100_000);
    }
  });
});
