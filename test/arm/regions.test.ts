import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE, DEVICE, RAM, RAM_BYTES, RecordingDevice, section, smallPage } from './bench.ts';

const EVENT = MemoryLayout.eventWord >>> 2;
const DATA = RAM + 0x20_0000;
const ICIALLU = a.mcr(0, 7, 0, 5, 0);
const FUNCTION = CODE + 0x400;

const compiled = (): Bench => new Bench({ kind: 'wasm' });

/** Regions that have been compiled. */
function regionsOf(bench: Bench): number {
  return bench.engine.statistics().regions.compiled;
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** R0 counts; R1 is where a function is that is written again each round, which adds to R2. */
function rewriting(patch: readonly number[]): number[] {
  const code = [a.addImm(0, 0, 1), a.str(3, 1), ...patch, ICIALLU, a.ISB];
  code.push(a.bl(code.length, (FUNCTION - CODE) / 4), a.addImm(3, 3, 1), a.b(code.length + 2, 0));
  return code;
}

test('what ran while compiling was dear is compiled soon after it has become cheap', () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const promotion: Promotion = {
    ...AT_ONCE,
    hot: 10,
    look: 10,
    dearest: 640,
    compile: (regions, context) => {
      now += 100;
      return AT_ONCE.compile(regions, context);
    },
  };
  const bench = new Bench({ kind: 'wasm', promotion });
  const turn = (loop: number, turns: number): void => {
    bench.jump(CODE + 0x100 * loop);
    bench.run(2 * turns);
  };
  for (let loop = 0; loop < 16; loop++) bench.load(CODE + 0x100 * loop, [a.addImm(0, 0, 1), a.b(1, 0)]);
  for (let loop = 1; loop < 8; loop++) turn(loop, 700);
  expect(regionsOf(bench)).toBe(7);
  turn(0, 300);
  expect(regionsOf(bench)).toBe(7);
  for (let loop = 8; loop < 15; loop++) {
    now += 1_000_000;
    turn(loop, 700);
  }
  expect(regionsOf(bench)).toBe(14);
  turn(0, 20);
  expect(regionsOf(bench)).toBe(15);
});

describe('code that rewrites code', () => {
  const make = (bench: Bench): Bench => {
    bench.load(CODE, rewriting([]));
    bench.load(FUNCTION, [a.movw(4, 0), a.addReg(2, 2, 4), a.bx(14)]);
    bench.set(1, FUNCTION);
    bench.set(3, a.movw(4, 1));
    return bench;
  };

  test('ends no run early: when its code is compiled, nobody can tell', () => {
    const bench = make(compiled());
    for (let i = 0; i < 20; i++) expect(bench.engine.run(bench.cpu, 100)).toBe('budget');
    expect(bench.engine.instructions).toBe(2000);
    expect(bench.memory.words[EVENT]).toBe(0);
    expect(regionsOf(bench)).toBeGreaterThan(20);
  });

  test('thousands of times stays exact, and is left to the interpreter in the end', () => {
    const guests = [new Bench(), new Bench({ kind: 'wasm', promotion: { ...AT_ONCE, rewrites: 8 } })].map(
      (bench) => make(bench),
    );
    for (const bench of guests) bench.run(30_000);
    const [one, two] = guests as [Bench, Bench];
    expect(two.snapshot()).toBe(one.snapshot());
    expect(regionsOf(two)).toBeLessThan(40);
  });

  test('in the region that runs is seen after ISB', () => {
    const bench = compiled();
    // The loop's own second instruction is rewritten by each round.
    const code = [a.addImm(0, 0, 1), a.movw(4, 0), a.addReg(2, 2, 4), a.str(3, 1), a.addImm(3, 3, 1)];
    code.push(ICIALLU, a.ISB, a.b(code.length + 2, 0));
    bench.load(CODE, code);
    bench.set(1, CODE + 4);
    bench.set(3, a.movw(4, 1));
    bench.run(8 * 50);
    expect([bench.reg(0), bench.reg(2)]).toEqual([50, (49 * 50) / 2]);
  });

  test('by another CPU is seen there after its maintenance', () => {
    const bench = new Bench({ kind: 'wasm', cpus: 2 });
    const [one, two] = bench.engine.cpus as unknown as [typeof bench.cpu, typeof bench.cpu];
    bench.load(CODE, [a.bl(0, 0x100), a.b(1, 0)]);
    bench.load(FUNCTION, [a.movw(4, 1), a.bx(14)]);
    bench.load(CODE + 0x800, [a.str(3, 1), a.mcr(0, 7, 0, 1, 0), a.ISB, a.B_SELF]);
    for (const n of [5, 6, 7]) {
      bench.run(40, one);
      bench.jump(CODE + 0x800, two);
      bench.set(1, FUNCTION, two);
      bench.set(3, a.movw(4, n), two);
      bench.run(4, two);
      bench.run(8, one);
      expect(bench.reg(4, one)).toBe(n);
    }
  });
});

test('every budget from 1 on leaves the state that the interpreter leaves', () => {
  const code = [
    a.ldr(4, 1, 2),
    a.addReg(5, 5, 4),
    a.str(5, 1, 7),
    a.bl(3, 0x100),
    a.subsImm(2, 2, 1),
    a.b(5, 0, a.NE),
  ];
  code.push(a.addImm(2, 2, 9), a.strd(4, 1, 16), a.b(8, 0));
  const guests = (['interpreter', 'wasm'] as const).map((kind) => {
    const bench = new Bench({ kind });
    bench.load(CODE, code);
    bench.load(FUNCTION, [a.cmpImm(4, 40), a.b(1, 3, a.EQ), a.addImm(5, 5, 3), a.bx(14)]);
    bench.set(1, DATA);
    bench.set(2, 4);
    return bench;
  });
  const [one, two] = guests as [Bench, Bench];
  for (let budget = 1; budget <= 400; budget++) {
    for (const bench of guests) bench.run(budget);
    expect(`${budget}: ${two.snapshot()}`).toBe(`${budget}: ${one.snapshot()}`);
  }
});

test('code that a bus master writes over while its region runs is seen after ISB', () => {
  const device = new RecordingDevice();
  const bench = new Bench({ kind: 'wasm', device });
  const code = [a.addImm(0, 0, 1), a.bl(1, (FUNCTION - CODE) / 4), a.addReg(2, 2, 4)];
  code.push(a.str(0, 1), a.ISB, a.b(code.length + 2, 0));
  bench.load(CODE, code);
  bench.load(FUNCTION, [a.movw(4, 0), a.bx(14)]);
  // The device answers a store of n by writing a function that gives n.
  device.write = (_offset, _size, value) => bench.load(FUNCTION, [a.movw(4, value)]);
  bench.set(1, DEVICE);
  bench.run(8 * 50);
  expect([bench.reg(0), bench.reg(2)]).toEqual([50, (49 * 50) / 2]);
});

test('a state that was saved between two regions goes on as it did', () => {
  const bench = compiled();
  bench.load(CODE, [a.ldr(4, 1), a.addReg(5, 5, 4), a.str(5, 1), a.addImm(5, 5, 1), a.b(4, 0)]);
  bench.set(1, DATA);
  bench.run(777);
  const saved = bench.engine.saveState();
  const word = bench.word(DATA);
  bench.run(1234);
  const after = bench.snapshot();
  bench.engine.restoreState(saved);
  bench.load(DATA, [word]);
  expect(bench.engine.instructions).toBe(777);
  bench.run(1234);
  expect(bench.snapshot()).toBe(after);
});

describe('regions and where code is', () => {
  test('code that ends with RAM is compiled up to there, and the fetch behind it aborts', () => {
    const bench = compiled();
    const last = RAM + RAM_BYTES - 16;
    bench.load(last, [a.addImm(0, 0, 1), a.cmpImm(0, 200), a.b(2, 0, a.NE), a.addImm(1, 1, 1)]);
    bench.jump(last);
    bench.run(3 * 200 + 2);
    expect([bench.reg(0), bench.reg(1), bench.vector()]).toEqual([200, 1, 0xc]);
    expect(regionsOf(bench)).toBeGreaterThan(0);
  });

  test('a loop over two pages follows the second one when that is mapped elsewhere', () => {
    const bench = compiled();
    const tables = bench.mmuOn();
    const [va, one, other] = [RAM + 0x30_0000, RAM + 0x31_0000, RAM + 0x32_0000];
    const table = tables.second(va);
    tables.page(table, va, smallPage(one));
    tables.page(table, va + 0x1000, smallPage(one + 0x1000));
    tables.page(table, va + 0x8000, smallPage(DATA));
    // Word 0x3fe and 0x3ff of the first page, 0x400 and 0x401 of the second.
    bench.load(one + 0xff8, [a.addImm(0, 0, 1), a.NOP]);
    bench.load(one + 0x1000, [a.addImm(1, 1, 1), a.b(1, -2)]);
    bench.load(other, [a.addImm(2, 2, 1), a.b(1, -2)]);
    bench.jump(va + 0xff8);
    bench.run(400);
    const remap = (pa: number): void => {
      bench.load(table + (((va + 0x1000) >>> 12) & 0xff) * 4, [smallPage(pa)]);
      bench.cpu.invalidateTlb(false, va + 0x1000);
    };
    remap(other);
    bench.run(400);
    remap(one + 0x1000);
    bench.run(400);
    expect([0, 1, 2].map((n) => bench.reg(n))).toEqual([300, 200, 100]);
  });

  test('the same code at thousands of addresses', () => {
    const bench = compiled();
    const tables = bench.mmuOn();
    bench.load(DATA, [a.addImm(0, 0, 1), a.cmpImm(1, 0), a.b(2, 0, a.EQ), a.bx(14)]);
    for (let at = 0x8000_0000; at < 0xc000_0000; at += 0x10_0000) tables.first(at, section(DATA));
    let rounds = 0;
    for (let at = 0x8000_0000; at < 0xc000_0000; at += 0x10_0000) {
      for (let page = 0; page < 3; page++, rounds++) {
        bench.jump(at);
        bench.run(6);
      }
    }
    expect(bench.reg(0)).toBe(2 * rounds);
    expect(bench.vector()).toBeUndefined();
  });

  test('thousands of address spaces with other code at the same address', () => {
    const bench = compiled();
    const tables = bench.mmuOn();
    const va = 0x8000_0000;
    const table = tables.second(va);
    for (let n = 0; n < 16; n++) bench.load(DATA + 0x1000 * n, [a.movw(0, n), a.b(1, 0)]);
    for (let i = 0; i < 3000; i++) {
      const n = (i * 7) % 16;
      bench.load(table, [smallPage(DATA + 0x1000 * n, { notGlobal: true })]);
      bench.cpu.regs.CONTEXTIDR = i % 256;
      if (i % 256 === 255) bench.cpu.invalidateTlb(false, undefined);
      bench.cpu.invalidateAsid(false, i % 256);
      bench.jump(va);
      bench.run(5);
      expect(bench.reg(0)).toBe(n);
    }
  });
});

describe('a host that refuses to compile', () => {
  const loop = (bench: Bench): void => {
    bench.load(CODE, [a.addImm(0, 0, 1), a.b(1, 0)]);
    bench.run(1000);
    expect(bench.reg(0)).toBe(500);
  };

  test('from the beginning: the interpreter runs everything, and this is told', () => {
    vi.spyOn(WebAssembly, 'Module').mockImplementation(function refuse() {
      throw new Error('no code today');
    });
    const bench = compiled();
    const told: unknown[] = [];
    bench.engine.whenRefused((error) => told.push(error));
    loop(bench);
    expect(told).toEqual([new Error('no code today')]);
  });

  test('later: what is compiled is given back, and this is told once', () => {
    let left = 2;
    const promotion = {
      ...AT_ONCE,
      compile: (...args: Parameters<typeof AT_ONCE.compile>) => {
        if (left-- <= 0) throw new RangeError('out of memory');
        return AT_ONCE.compile(...args);
      },
    };
    const bench = new Bench({ kind: 'wasm', promotion });
    const told: unknown[] = [];
    bench.engine.whenRefused((error) => told.push(error));
    loop(bench);
    for (const at of [0x100, 0x200, 0x300]) {
      bench.load(CODE + at, [a.addImm(1, 1, 1), a.b(1, 0)]);
      bench.jump(CODE + at);
      bench.run(100);
    }
    bench.jump(CODE);
    bench.run(1000);
    expect([bench.reg(0), bench.reg(1)]).toEqual([1000, 150]);
    expect(told).toEqual([new RangeError('out of memory')]);
  });
});

test('an event that an access raises in the midst of a way makes no instruction count otherwise', () => {
  class Raising extends RecordingDevice {
    override read(): number {
      Atomics.store(bench.memory.words, EVENT, 1);
      return 0;
    }
  }
  const bench: Bench = new Bench({ kind: 'wasm', device: new Raising() });
  const code = [
    a.ldr(0, 1),
    a.addImm(2, 2, 1),
    a.b(2, 4),
    a.NOP,
    a.addImm(3, 3, 1),
    a.addImm(3, 3, 1),
    a.b(6, 0),
  ];
  bench.load(CODE, code);
  bench.set(1, DEVICE);
  bench.run(600);
  const { instructions, instructionsBy } = bench.engine.statistics();
  expect([instructions, bench.reg(2), bench.reg(3)]).toEqual([600, 100, 200]);
  expect(instructionsBy.interpreter + instructionsBy.wasm).toBe(600);
  expect(instructionsBy.wasm).toBeGreaterThan(200);
  expect(instructionsBy.interpreter).toBeGreaterThanOrEqual(0);
});
