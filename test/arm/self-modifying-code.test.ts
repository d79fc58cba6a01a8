import { beforeEach, describe, expect, test, vi } from 'vitest';
import * as a from './assembler.ts';
import { Bench, benchEngine, CODE, DEBUGGER, RAM, section, smallPage } from './bench.ts';

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

/** At CODE: R0 := n, then back to LR. */
function give(n: number): void {
  bench.load(CODE, [a.movw(0, n), a.bx(14)]);
}

/** Calls CODE from CODE + 0x100 and stops there. */
function call(): number {
  bench.load(CODE + 0x100, [a.bl(0x40, 0), a.B_SELF]);
  bench.jump(CODE + 0x100);
  bench.run(10);
  return bench.reg(0);
}

/** How often the code at CODE has been translated from now on. */
function translations(): () => number {
  const add = vi.spyOn(bench.engine.cache, 'add');
  return () => add.mock.calls.filter(([key]) => key.pa === CODE).length;
}

describe('code that was changed runs changed', () => {
  test('after a write by a debugger or a bus master', () => {
    give(1);
    expect(call()).toBe(1);
    give(2);
    expect(call()).toBe(2);
  });

  test('after a bus master wrote one byte of it', () => {
    give(1);
    expect(call()).toBe(1);
    bench.physical.writeBytes(CODE, Uint8Array.of(7), DEBUGGER);
    expect(call()).toBe(7);
  });

  test('after a transfer that only ends in it', () => {
    give(1);
    expect(call()).toBe(1);
    const bytes = new Uint8Array(0x2000 + 1);
    bytes[0x2000] = 9;
    bench.physical.writeBytes(CODE - 0x2000, bytes, DEBUGGER);
    expect(call()).toBe(9);
  });

  test('after a store by the CPU, in the next block', () => {
    // 0: the patched instruction; 1: counts; 2 to 4: writes over 0 and goes there.
    bench.load(CODE, [
      a.movw(0, 1),
      a.addImm(1, 1, 1),
      a.cmpImm(1, 2),
      a.b(3, 6, a.EQ),
      a.str(3, 2),
      a.b(5, 0),
      a.B_SELF,
    ]);
    bench.set(2, CODE);
    bench.set(3, a.movw(0, 2));
    bench.run(50);
    expect([bench.reg(0), bench.reg(1)]).toEqual([2, 2]);
  });

  test.each([
    ['byte', [a.strb(3, 2)], 5],
    ['halfword', [a.strh(3, 2)], a.movw(0, 5) & 0xffff],
    ['doubleword', [a.movReg(4, 3), a.movw(5, 0), a.strd(4, 2)], a.movw(0, 5)],
    ['multiple', [a.stm(2, 1 << 3)], a.movw(0, 5)],
  ])('after a store of a %s', (_name, store, value) => {
    give(1);
    expect(call()).toBe(1);
    bench.load(CODE + 0x200, [...store, a.B_SELF]);
    bench.set(2, CODE);
    bench.set(3, value);
    bench.jump(CODE + 0x200);
    bench.run(10);
    bench.load(CODE + 4, [a.bx(14)]);
    expect(call()).toBe(5);
  });

  test('after a store that begins before the page and ends in it', () => {
    const page = CODE + 0x1000;
    bench.load(page, [a.movw(0, 1), a.bx(14)]);
    bench.load(CODE, [a.str(3, 2), a.B_SELF]);
    bench.mmuOn();
    bench.set(14, CODE + 4);
    bench.jump(page);
    bench.run(4);
    expect(bench.reg(0)).toBe(1);
    bench.set(2, page - 2);
    bench.set(3, 0x0009_0000 | ((a.movw(0, 9) & 0xffff) << 16));
    bench.jump(CODE);
    bench.run(3);
    bench.jump(page);
    bench.run(4);
    expect(bench.reg(0)).toBe(9);
  });

  test('a block that stores into itself goes on as it was, and is new the next time', () => {
    bench.load(CODE, [a.str(3, 2, 8), a.NOP, a.movw(0, 1), a.B_SELF]);
    bench.set(2, CODE);
    bench.set(3, a.movw(0, 2));
    bench.run(6);
    const first = bench.reg(0);
    bench.jump(CODE + 4);
    bench.run(4);
    expect(first === 1 || first === 2).toBe(true);
    expect(bench.reg(0)).toBe(2);
  });

  test('a block that stores into itself and faults later still names the right instruction', () => {
    bench.load(CODE, [a.str(3, 2), a.NOP, a.ldr(0, 4), a.B_SELF]);
    bench.set(2, CODE);
    bench.set(3, a.NOP);
    bench.set(4, 0);
    bench.run(3);
    expect(bench.vector()).toBe(0x10);
    expect(bench.reg(14)).toBe(CODE + 8 + 8);
  });

  test('blocks that were linked to the changed one do not go to the old one', () => {
    // 0 and 2 jump to each other; 2 is patched to end the loop while the loop is hot.
    bench.load(CODE, [a.addImm(0, 0, 1), a.b(1, 2), a.addImm(1, 1, 1), a.b(3, 0)]);
    bench.run(5000);
    expect(bench.reg(0)).toBeGreaterThan(1000);
    bench.load(CODE + 8, [a.B_SELF]);
    const before = bench.reg(1);
    bench.run(100);
    expect(bench.reg(1) - before).toBeLessThanOrEqual(1);
    expect(bench.pc()).toBe(CODE + 8);
  });

  test('through another mapping of the same page', () => {
    const alias = 0x0020_0000;
    const tables = bench.mmuOn();
    tables.page(tables.second(alias), alias, smallPage(CODE));
    give(1);
    expect(call()).toBe(1);
    bench.load(CODE + 0x200, [a.str(3, 2), a.B_SELF]);
    // A store by the alias before, so that its TLB entry is there, writable, when code is translated.
    bench.set(2, alias + 0x800);
    bench.jump(CODE + 0x200);
    bench.run(3);
    bench.set(2, alias);
    bench.set(3, a.movw(0, 6));
    bench.jump(CODE + 0x200);
    bench.run(3);
    expect(call()).toBe(6);
  });

  test('in every translation context that has the page writable', () => {
    // Each context stores to a page first, so that it holds it writable; then code there runs, then each stores again.
    bench.mmuOn();
    const target = RAM + 0x5000;
    bench.load(CODE, [a.str(3, 2), a.B_SELF]);
    const store = (asid: number, address: number, value: number): void => {
      bench.cpu.regs.CONTEXTIDR = asid;
      bench.set(2, address);
      bench.set(3, value);
      bench.jump(CODE);
      bench.run(3);
    };
    const runTarget = (): number => {
      bench.set(14, CODE + 4);
      bench.jump(target);
      bench.run(3);
      return bench.reg(0);
    };
    for (let asid = 0; asid < 20; asid++) store(asid, target + 0x100, asid);
    bench.load(target, [a.movw(0, 100), a.bx(14)]);
    expect(runTarget()).toBe(100);
    for (let asid = 0; asid < 20; asid++) {
      store(asid, target, a.movw(0, asid));
      expect(runTarget()).toBe(asid);
    }
  });
});

describe('pages with code', () => {
  test('take stores beside the code without translating anew', () => {
    bench.load(CODE, [a.str(0, 2, 0x100), a.addImm(0, 0, 1), a.b(2, 0)]);
    bench.set(2, CODE);
    bench.run(1000);
    const { code } = bench.engine.cache.find(CODE, CODE, 0, () => -1)!;
    bench.run(1000);
    expect(bench.engine.cache.find(CODE, CODE, 0, () => -1)!.code).toBe(code);
    expect(bench.word(CODE + 0x100)).toBeGreaterThan(300);
  });

  test('are no longer watched when their code is gone', () => {
    give(1);
    call();
    const page = (CODE - RAM) >>> 12;
    expect(bench.watches.isWatched(page)).toBe(true);
    bench.load(CODE & ~0xfff, new Array(1024).fill(0));
    expect(bench.watches.isWatched(page)).toBe(false);
  });

  describe('that a real device wrote past the watches', () => {
    /** MCRs by R2: ICIMVAU, ICIALLU, ICIALLUIS. */
    const MAINTENANCE = { ICIMVAU: 0, ICIALLU: 8, ICIALLUIS: 16 };
    const device = (n: number, at = CODE): void => {
      bench.memory.words[(at + bench.physical.ramDelta) >>> 2] = a.movw(0, n) | 0;
    };
    const maintain = (name: keyof typeof MAINTENANCE, va = CODE): void => {
      bench.set(2, va);
      bench.jump(CODE + 0x200 + MAINTENANCE[name]);
      bench.run(1);
    };
    beforeEach(() => {
      bench.watches.bypassed = true;
      const stop = a.B_SELF;
      bench.load(CODE + 0x200, [
        a.mcr(2, 7, 0, 5, 1),
        stop,
        a.mcr(2, 7, 0, 5, 0),
        stop,
        a.mcr(2, 7, 0, 1, 0),
        stop,
      ]);
      give(1);
      expect(call()).toBe(1);
    });

    test.each(['ICIMVAU', 'ICIALLU', 'ICIALLUIS'] as const)('is seen after %s, every time', (name) => {
      for (const n of [2, 3, 1, 1, 4]) {
        device(n);
        maintain(name);
        expect(call()).toBe(n);
        expect(call()).toBe(n);
      }
    });

    test('is seen by a block that another one is linked to', () => {
      bench.load(CODE + 0x40, [a.b(0x10, 0)]);
      const jump = (): number => {
        bench.jump(CODE + 0x40);
        bench.run(2);
        return bench.reg(0);
      };
      for (let i = 0; i < 3; i++) expect(jump()).toBe(1);
      device(2);
      maintain('ICIALLU');
      expect(jump()).toBe(2);
    });

    // A caller that is compiled anew has what it calls in it, as it is then: it may.
    if (benchEngine() === 'interpreter') {
      test('ICIMVAU is for its line of 64 bytes', () => {
        device(2);
        maintain('ICIMVAU', CODE + 0x40);
        expect(call()).toBe(1);
        maintain('ICIMVAU', CODE + 0x3c);
        expect(call()).toBe(2);
      });
    }

    if (benchEngine() === 'wasm') {
      test('and that did not change runs compiled as before', () => {
        const compiled = (): number => {
          const before = bench.engine.statistics().instructionsBy.wasm;
          bench.jump(CODE + 0x80);
          bench.run(20);
          return bench.engine.statistics().instructionsBy.wasm - before;
        };
        bench.load(CODE + 0x80, [a.addImm(0, 0, 1), a.b(1, 0)]);
        compiled();
        expect(compiled()).toBe(20);
        maintain('ICIALLU');
        expect(compiled()).toBe(20);
      });
    }

    test('and that did not change is not translated again', () => {
      const translated = translations();
      for (let i = 0; i < 3; i++) {
        maintain('ICIALLU');
        expect(call()).toBe(1);
      }
      expect(translated()).toBe(0);
    });
  });

  test('is kept through instruction cache maintenance: watches have seen every store', () => {
    bench.load(CODE + 0x200, [a.mcr(2, 7, 0, 5, 0), a.B_SELF]);
    give(1);
    expect(call()).toBe(1);
    const translated = translations();
    bench.jump(CODE + 0x200);
    bench.run(1);
    expect(call()).toBe(1);
    expect(translated()).toBe(0);
  });

  test('stay right when all translations were thrown away', () => {
    bench.mmuOn();
    // One short function in each of many places, run round after round, with the cache thrown away in between.
    const places = Array.from({ length: 300 }, (_, i) => RAM + 0x20_0000 + i * 0x40);
    places.forEach((place, i) => {
      bench.load(place, [a.movw(0, i), a.bx(14)]);
    });
    for (let round = 0; round < 3; round++) {
      for (const [i, place] of places.entries()) {
        bench.set(14, CODE);
        bench.load(CODE, [a.B_SELF]);
        bench.jump(place);
        bench.run(3);
        expect(bench.reg(0)).toBe(i);
      }
      bench.engine.cache.flush();
    }
  });
});

test('a context that may not write to a page can still be changed under it', () => {
  const tables = bench.mmuOn();
  give(1);
  expect(call()).toBe(1);
  tables.first(RAM, section(RAM, { ap: 7 }));
  bench.cpu.invalidateTlb(true, undefined);
  expect(bench.reg(0)).toBe(1);
  give(4);
  expect(call()).toBe(4);
});

describe('a page with code whose other bytes are filled', () => {
  const PLACE = RAM + 0x30_0000;
  const page = (PLACE - RAM) >>> 12;

  /** Stores `count` words from an offset of the page on, one by one. */
  function fill(offset: number, count: number): void {
    // 0: stores and counts; 4: the end.
    bench.load(CODE, [
      a.str(3, 2),
      a.addImm(2, 2, 4),
      0xe152_0004 /* CMP R2, R4 */,
      a.b(3, 0, a.NE),
      a.B_SELF,
    ]);
    bench.set(2, PLACE + offset);
    bench.set(3, 0xdead_beef);
    bench.set(4, PLACE + offset + 4 * count);
    bench.jump(CODE);
    bench.run(4 * count);
    expect(bench.word(PLACE + offset + 4 * (count - 1))).toBe(0xdead_beef);
  }

  function run(): number {
    bench.jump(PLACE);
    bench.run(2);
    return bench.reg(0);
  }

  beforeEach(() => {
    bench.load(PLACE, [a.movw(0, 5), a.B_SELF]);
    expect(run()).toBe(5);
  });

  test('is watched while there are few stores', () => {
    fill(0x100, 60);
    expect(bench.physical.watches.isWatched(page)).toBe(true);
  });

  // Where some of it is compiled, it stays so.
  test('is watched no longer when there are many in a row, until its code runs again', () => {
    fill(0x100, 100);
    expect(bench.physical.watches.isWatched(page)).toBe(benchEngine() === 'wasm');
    bench.load(PLACE, [a.movw(0, 6)]);
    expect(run()).toBe(6);
    expect(bench.physical.watches.isWatched(page)).toBe(true);
    bench.load(PLACE, [a.movw(0, 7)]);
    expect(run()).toBe(7);
  });

  test('is watched whatever comes where code and data are neighbours', () => {
    for (let i = 0; i < 8; i++) {
      fill(0x100, 100);
      expect(run()).toBe(5);
    }
    const translated = vi.spyOn(bench.engine.cache, 'add');
    fill(0x100, 300);
    expect(bench.physical.watches.isWatched(page)).toBe(true);
    expect(run()).toBe(5);
    expect(translated.mock.calls.filter(([key]) => key.pa === PLACE)).toEqual([]);
  });
});
