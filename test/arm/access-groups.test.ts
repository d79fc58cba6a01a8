import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { type Bench, CODE, DEVICE, RAM, RecordingDevice, smallPage } from './bench.ts';
import { agree, type EnginePair, enginePair, MovingPage } from './engine-pair.ts';

/** Two pages, which are not next to each other in RAM, and nothing behind them. */
const VA = 0x0030_0000;
const [ONE, OTHER] = [RAM + 0x20_0000, RAM + 0x30_0000];
const TLBIMVA_R1 = a.mcr(1, 8, 0, 7, 1);
const ne = (instruction: number): number => (instruction & 0x0fff_ffff) | (a.NE << 28);
const tst = (n: number, value: number): number => 0xe310_0000 | (n << 16) | value;

/** Whether accesses were in groups, each time that the loop was compiled. */
let grouped: boolean[];
beforeEach(() => {
  grouped = [];
});

/** Code as it is compiled at first, and what runs much. */
const KINDS: readonly [string, Promotion][] = [false, true].map((callFree) => [
  callFree ? 'compiled without calls' : 'as compiled at first',
  {
    ...AT_ONCE,
    compile: (regions, context) => {
      for (const region of regions) if (region.region.pc === CODE) grouped.push(region.grouped);
      return AT_ONCE.compile(
        regions.map((region) => ({ ...region, callFree })),
        context,
      );
    },
  },
]);

/** A loop around accesses from R1, which moves on by R4 with each turn; R3 counts down. */
function load(bench: Bench, accesses: readonly number[]): number {
  const code = [...accesses, a.addReg(1, 1, 4), a.subsImm(3, 3, 1)];
  code.push(a.b(code.length, 0, a.NE), a.B_SELF);
  bench.load(CODE, code);
  for (const page of [ONE, OTHER]) {
    bench.load(
      page,
      Array.from({ length: 1024 }, (_, i) => Math.imul(i + page, 0x9e37_79b1)),
    );
  }
  return accesses.length + 3;
}

function begin(bench: Bench, at: number, stride: number, turns = 100): void {
  for (let n = 5; n < 13; n++) bench.set(n, Math.imul(n, 0x0101_0101));
  bench.set(1, at);
  bench.set(3, turns);
  bench.set(4, stride);
  bench.cpu.state.cpsr = 0x1d3;
  bench.jump(CODE);
}

function ram({ memory }: Bench): Uint8Array {
  return memory.bytes.subarray(MemoryLayout.ram, MemoryLayout.ram + memory.ramBytes);
}

/** The same memory, too. */
function agreeInAll(pair: EnginePair, runs: number, instructions: number): void {
  agree(pair, runs, instructions);
  expect(Buffer.compare(ram(pair[1]), ram(pair[0]))).toBe(0);
}

const LOADS = [a.ldr(5, 1), a.ldr(6, 1, 8), a.ldrh(7, 1, 14), a.ldrb(8, 1, 17)];
const STORES = [a.str(5, 1, 4), a.strb(6, 1, 1), a.strh(7, 1, 10), a.str(8, 1, 12)];
const BOTH = [a.ldr(5, 1, 4), a.addImm(5, 5, 3), a.str(5, 1, 4), a.ldrd(6, 1, 8), a.strd(6, 1, 16)];
const SKIPPED = [
  tst(3, 1),
  a.ldr(5, 1),
  ne(a.ldr(6, 1, 4)),
  ne(a.str(6, 12)),
  ne(a.str(5, 12, 4)),
  a.ldr(7, 12, 8),
];
const WORDS = [a.ldm(1, 0x1e0), a.str(5, 1, 16), a.ldr(9, 1, 20), a.stm(1, 0x360)];

describe.each(KINDS)('accesses from one base, %s', (_kind, promotion) => {
  test.each([
    ['loads', LOADS],
    ['stores', STORES],
    ['loads and stores', BOTH],
    ['conditional ones', SKIPPED],
    ['words of one instruction among them', WORDS],
  ])('are exact over pages, up to the abort where there is none: %s', (_what, accesses) => {
    const pages = new MovingPage(VA);
    let length = 0;
    const pair = enginePair(promotion, (bench) => {
      length = load(bench, accesses);
      pages.begin(bench, ONE);
      pages.map(bench, OTHER, VA + 0x1000);
    });
    // Unaligned ones, too, which the loads and stores of one register may be.
    for (const [at, stride] of [
      [VA + 0xfd0, 4],
      [VA + 0x1fc0, 4],
      [VA + 0xfe1, 1],
      [VA + 0x1fe2, 3],
    ] as const) {
      for (const bench of pair) {
        begin(bench, at, stride);
        bench.set(12, VA + 0xff8);
      }
      agreeInAll(pair, 20, length);
      agreeInAll(pair, 20, 1);
      if (at >= VA + 0x1000) expect(pair[1].vector()).toBe(0x10);
    }
  });

  test('leave no store behind that an abort came before, and no register', () => {
    const pages = new MovingPage(VA);
    const pair = enginePair(promotion, (bench) => {
      load(bench, BOTH);
      pages.begin(bench, ONE);
      begin(bench, VA + 0x100, 4);
    });
    agreeInAll(pair, 4, 8);
    for (const bench of pair) {
      pages.map(bench, OTHER);
      bench.load(bench.cpu.regs.TTBR0 + 0x4000, [smallPage(ONE, { ap: 6 })]);
      bench.cpu.invalidateTlb(false, VA);
    }
    agreeInAll(pair, 20, 1);
    expect(pair[1].vector()).toBe(0x10);
  });

  test('reach a device one by one, in their order', () => {
    const devices: RecordingDevice[] = [];
    const pair = enginePair(
      promotion,
      (bench) => {
        bench.mmuOn();
        load(bench, [...LOADS, ...STORES]);
        begin(bench, DEVICE, 0);
      },
      () => {
        const device = new RecordingDevice();
        devices.push(device);
        return device;
      },
    );
    agree(pair, 10, 11);
    agree(pair, 30, 1);
    expect(devices[0]?.log.length).toBeGreaterThan(90);
    expect(devices[1]?.log).toEqual(devices[0]?.log);
  });

  test('see maintenance between them, and what another mapping has', () => {
    const pages = new MovingPage(VA);
    const pair = enginePair(promotion, (bench) => {
      const length = load(bench, [
        a.ldr(5, 1),
        a.ldr(6, 1, 4),
        a.str(9, 10),
        TLBIMVA_R1,
        a.ldr(7, 1, 8),
        a.ldr(8, 1),
      ]);
      expect(length).toBe(9);
      pages.begin(bench, ONE);
      begin(bench, VA, 0);
      bench.set(9, smallPage(OTHER));
      bench.set(10, bench.cpu.regs.TTBR0 + 0x4000);
    });
    agreeInAll(pair, 3, 9);
    expect(pair[1].reg(7)).toBe(pair[1].word(OTHER + 8));
  });

  test('write their own loop', () => {
    const pair = enginePair(promotion, (bench) => {
      load(bench, [a.NOP, a.ldr(5, 1, 4), a.str(6, 1), a.addImm(6, 6, 1)]);
      begin(bench, CODE, 0);
      bench.set(6, a.addImm(2, 2, 1));
    });
    agreeInAll(pair, 40, 7);
    agreeInAll(pair, 40, 3);
    expect(pair[1].reg(2)).toBeGreaterThan(0);
  });
});

test('groups that often leave a region, as those of devices do, are none from then on', () => {
  const [[, promotion]] = KINDS as [[string, Promotion]];
  const pair = enginePair(
    promotion,
    (bench) => {
      bench.mmuOn();
      load(bench, LOADS);
      begin(bench, DEVICE, 0, 20_000);
    },
    () => new RecordingDevice(),
  );
  agree(pair, 10, 10_000);
  expect(grouped).toEqual([true, false]);
  expect(pair[1].engine.statistics().regionExits.slow).toBeLessThan(5000);
});
