import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE, RAM, smallPage, type Tables } from './bench.ts';

const VA = 0x0030_0000;
const ONE = RAM + 0x20_0000;
const OTHER = RAM + 0x30_0000;
const [READS, WRITES, DOUBLES, MAINTAIN] = [CODE, CODE + 0x40, CODE + 0x80, CODE + 0xc0];
const TURNS = 8;

/** As hot regions are compiled: what calls nothing has memos. */
const HOT: Promotion = {
  ...AT_ONCE,
  compile: (regions, context) =>
    AT_ONCE.compile(
      regions.map((region) => ({ ...region, callFree: true })),
      context,
    ),
};

let bench: Bench;
let tables: Tables;
/** Second-level table of the MiB of VA. */
let pages: number;

beforeEach(() => {
  bench = new Bench({ kind: 'wasm', promotion: HOT });
  tables = bench.mmuOn();
  pages = tables.second(VA);
  const rest = [a.addReg(1, 1, 4), a.subsImm(3, 3, 1)];
  bench.load(READS, [a.ldr(0, 1), a.addReg(2, 2, 0), ...rest, a.b(4, 0, a.NE), a.B_SELF]);
  bench.load(WRITES, [a.str(5, 1), ...rest, a.b(3, 0, a.NE), a.B_SELF]);
  bench.load(DOUBLES, [
    a.ldrd(6, 1),
    a.addReg(2, 2, 6),
    a.addReg(2, 2, 7),
    ...rest,
    a.b(5, 0, a.NE),
    a.B_SELF,
  ]);
});

function loop(code: number, va: number, stride: number, turns = TURNS): number {
  bench.set(1, va);
  bench.set(2, 0);
  bench.set(3, turns);
  bench.set(4, stride);
  bench.jump(code);
  bench.run(7 * turns + 2);
  expect(bench.reg(3)).toBe(0);
  return bench.reg(2);
}

function map(va: number, pa: number): void {
  tables.page(pages, va, smallPage(pa, { notGlobal: true }));
}

/** Whether an access has left something in a memo of any array. */
function hasMemo(): boolean {
  const arrays = Array.from({ length: MemoryLayout.tlbArrays }, (_unused, i) => i);
  const bytes = MemoryLayout.tlbEntries * 16;
  return arrays.some(
    (i) => bench.memory.words[(MemoryLayout.tlb + i * bytes + MemoryLayout.tlbMemos) >>> 2] !== 0,
  );
}

describe('a loop that knows the page of its last access', () => {
  test.each([
    ['TLBIMVA', a.mcr(1, 8, 0, 7, 1)],
    ['TLBIMVAA', a.mcr(1, 8, 0, 7, 3)],
    ['TLBIASID', a.mcr(6, 8, 0, 7, 2)],
    ['TLBIALL', a.mcr(1, 8, 0, 7, 0)],
  ])('sees a changed descriptor after %s', (_name, instruction) => {
    map(VA, ONE);
    bench.load(ONE, [5]);
    bench.load(OTHER, [7]);
    bench.load(MAINTAIN, [instruction, a.B_SELF]);
    expect(loop(READS, VA, 0)).toBe(5 * TURNS);
    expect(hasMemo()).toBe(true);
    map(VA, OTHER);
    bench.set(1, VA);
    bench.set(6, 0);
    bench.jump(MAINTAIN);
    bench.run(1);
    expect(hasMemo()).toBe(false);
    expect(loop(READS, VA, 0)).toBe(7 * TURNS);
  });

  test('goes from page to page', () => {
    const places = [ONE, OTHER, ONE + 0x1000, OTHER + 0x1000];
    for (const [i, pa] of places.entries()) {
      map(VA + i * 0x1000, pa);
      bench.load(pa, [1 << i]);
    }
    expect(loop(READS, VA, 0x1000, 4)).toBe(15);
    expect(loop(READS, VA, 0x1000, 4)).toBe(15);
    expect(loop(READS, VA + 0x3000, -0x1000, 4)).toBe(15);
  });

  test.each([
    ['that ends where a page does, and', -8],
    ['that lies in two pages, and', -4],
    ['that begins where a page does, and', 0],
  ])('reads a doubleword %s is aligned to words only or to itself', (_name, offset) => {
    map(VA, ONE);
    map(VA + 0x1000, OTHER);
    bench.load(ONE + 0xff8, [1, 2]);
    bench.load(OTHER, [4, 8, 16]);
    bench.load(ONE + 0x1000, [1000, 1000]);
    const words = [1, 2, 4, 8].slice((offset + 8) / 4);
    expect(loop(DOUBLES, VA + 0x1000 + offset, 0)).toBe((words[0] + words[1]) * TURNS);
  });

  test('writes to a page whose code has been translated since, and the code is what was written', () => {
    const code = OTHER;
    map(VA, code);
    bench.load(code, [a.movw(0, 1), a.B_SELF]);
    bench.set(5, a.movw(0, 1));
    loop(WRITES, VA, 0);
    expect(hasMemo()).toBe(true);
    for (const value of [1, 2, 3]) {
      bench.set(5, a.movw(0, value));
      loop(WRITES, VA, 0);
      bench.jump(code);
      bench.run(2);
      expect(bench.reg(0)).toBe(value);
    }
  });

  test('is stopped by a page that may no longer be written', () => {
    map(VA, ONE);
    bench.set(5, 3);
    loop(WRITES, VA, 0);
    tables.page(pages, VA, smallPage(ONE, { ap: 5 }));
    bench.load(MAINTAIN, [a.mcr(1, 8, 0, 7, 1), a.B_SELF]);
    bench.set(1, VA);
    bench.jump(MAINTAIN);
    bench.run(1);
    bench.set(3, TURNS);
    bench.jump(WRITES);
    bench.run(2);
    expect(bench.vector()).toBe(0x10);
  });
});
