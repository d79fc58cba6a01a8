import { describe, expect, test } from 'vitest';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { Mode } from '../../src/arm/modes.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE, DEVICE, type Leaf, RAM, RecordingDevice, smallPage, VECTORS } from './bench.ts';

/** Regions of a few blocks that have run a few times, so that both ways of running take turns. */
const SOON: Promotion = { ...AT_ONCE, hot: 3, look: 3, again: 3, batch: 2 };
const DATA = RAM + 0x20_0000;
/** What is in the MiB of DATA, page by page. */
const PAGES: readonly ((Leaf & { readonly at: number }) | undefined)[] = [
  { at: 0 },
  { at: 1 },
  { at: 3, ap: 0b111 },
  { at: 2 },
  undefined,
  { at: 5, device: true },
  { at: 9 },
  { at: 7, ap: 0b111 },
];
/** A page whose translation changes between two pages with other code. */
const MOVING = RAM + 0x30_0000;
const FUNCTIONS = CODE + 0x2000;
const PATCHED = FUNCTIONS + 0x100;
const STACK = RAM + 0x3_0000;
const UART = 0x10;

// Encodings that no other test needs.
const PUSH_R0_LR = 0xe92d4001;
const POP_R0_PC_AND_PSR = 0xe8fd8001;
const SUB_LR_4 = 0xe24ee004;
const DSB = 0xf57ff04f;
const ICIALLU = a.mcr(0, 7, 0, 5, 0);
const TLBIMVA = a.mcr(0, 8, 0, 7, 1);
const EQ_NE_AND_SO_ON = 14;

/** Interrupts are acknowledged, and characters printed, by a store. */
class Console extends RecordingDevice {
  acknowledge: () => void = () => {};

  override write(
    offset: number,
    size: number,
    value: number,
    requester: Parameters<RecordingDevice['write']>[3],
  ) {
    super.write(offset, size, value, requester);
    if (offset === UART) this.acknowledge();
  }
}

function random(seed: number): (n: number) => number {
  let x = seed | 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 3) % n;
  };
}

/** The same guest in one engine. */
class Guest {
  readonly console = new Console();
  readonly bench: Bench;

  constructor(kind: EngineKind, program: readonly number[]) {
    const bench = new Bench({ kind, promotion: SOON, device: this.console });
    this.bench = bench;
    const { cpu } = bench;
    this.console.acknowledge = () => cpu.setIrq(false);
    const tables = bench.mmuOn();
    const data = tables.second(DATA);
    for (const [i, page] of PAGES.entries()) {
      if (page !== undefined) tables.page(data, DATA + 0x1000 * i, smallPage(DATA + 0x1000 * page.at, page));
    }
    const moving = tables.second(MOVING);
    tables.page(moving, MOVING, smallPage(MOVING + 0x1000));
    bench.load(MOVING + 0x1000, [a.addImm(7, 7, 1), a.eorReg(8, 8, 7), a.bx(14)]);
    bench.load(MOVING + 0x2000, [a.addImm(7, 7, 3), a.addReg(8, 8, 7), a.addImm(8, 8, 5), a.bx(14)]);
    bench.load(VECTORS, [
      a.B_SELF,
      a.subsPcLr(0),
      a.subsPcLr(0),
      a.subsPcLr(4),
      a.subsPcLr(4),
      a.B_SELF,
      SUB_LR_4,
      PUSH_R0_LR,
      ...a.mov32(0, DEVICE),
      a.str(0, 0, UART),
      POP_R0_PC_AND_PSR,
    ]);
    bench.load(CODE, program);
    // Functions: adds, patched, loads and stores, T32.
    bench.load(FUNCTIONS, [a.addReg(5, 5, 6), a.eorReg(6, 6, 5), a.bx(14)]);
    bench.load(PATCHED, [a.movw(7, 1), a.addReg(5, 5, 7), a.bx(14)]);
    bench.load(FUNCTIONS + 0x200, [a.ldr(5, 1, 4), a.strb(5, 2, 3), a.ldrh(6, 2, 2), a.bx(14)]);
    bench.load(FUNCTIONS + 0x300, a.pack([a.tAddImm(5, 3), a.tAddImm(6, 200), a.tBx(14), a.T_NOP]));
    cpu.state.cpsr = Mode.Supervisor;
    cpu.state.writeBanked(2, 13, STACK);
    bench.set(13, STACK + 0x1000);
    bench.set(9, moving + ((MOVING >>> 12) & 0xff) * 4);
    bench.set(10, MOVING);
    bench.set(11, PATCHED);
    for (let n = 1; n < 5; n++) bench.set(n, DATA + 0x1000 * n - 4 * n);
  }

  get ram(): Uint8Array {
    return this.bench.memory.bytes.subarray(MemoryLayout.ram);
  }
}

/** Instructions that belong together, at word `at` of the program. */
function piece(next: (n: number) => number, at: number): number[] {
  const pointer = 1 + next(4);
  const value = 5 + next(4);
  const bl = (to: number): number => a.bl(at, (to - CODE) / 4);
  const cond = (condition: number, word: number): number => ((word & 0x0fffffff) | (condition << 28)) >>> 0;
  const offset = next(64) * (next(3) === 0 ? 1 : 4);
  switch (next(20)) {
    case 0:
      return [a.ldr(value, pointer, offset)];
    case 1:
      return [a.str(value, pointer, offset)];
    case 2:
      return [a.ldrh(value, pointer, offset), a.strh(value, pointer, offset ^ 2)];
    case 3:
      return [a.ldrd(6, pointer, offset & ~3), a.strd(6, pointer, (offset & ~3) ^ 8)];
    case 4:
      return [a.stm(pointer, 0b1_1110_0000), a.ldm(pointer, 0b0_0110_0000)];
    case 5:
      return [a.ldrex(5, 1), a.addImm(5, 5, 1), a.strex(6, 5, 1)];
    case 6:
      return [bl([FUNCTIONS, PATCHED, FUNCTIONS + 0x200][next(3)]!)];
    case 7: {
      // BLX to T32 code.
      const distance = FUNCTIONS + 0x300 - (CODE + 4 * at) - 8;
      return [(0xfa000000 | ((distance >> 2) & 0xffffff)) >>> 0];
    }
    case 8:
      return [a.blx(10)];
    case 9: {
      // The moving page goes to the other page.
      const other = 0x1000 * (1 + next(2));
      return [
        ...a.mov32(0, smallPage(MOVING + other)),
        a.str(0, 9),
        DSB,
        a.movReg(0, 10),
        TLBIMVA,
        DSB,
        a.ISB,
        a.blx(10),
      ];
    }
    case 10:
      return [...a.mov32(0, a.movw(7, next(0x1000))), a.str(0, 11), DSB, ICIALLU, DSB, a.ISB, bl(PATCHED)];
    case 11:
      return [a.setend(1), a.ldr(5, pointer, offset), a.str(5, pointer, offset ^ 4), a.setend(0)];
    case 12:
      return [...a.mov32(0, DEVICE), a.ldr(value, 0, 4), a.strb(value, 0, next(8))];
    case 13:
      return [next(2) === 0 ? a.svc(next(100)) : a.UDF];
    case 14:
      return [next(2) === 0 ? a.cpsid(2) : a.cpsie(2)];
    case 15: {
      const rounds = 2 + next(9);
      return [
        a.movw(12, rounds),
        a.ldrb(value, 3, rounds),
        a.addReg(5, 5, value),
        a.subsImm(12, 12, 1),
        a.b(at + 4, at + 1, a.NE),
      ];
    }
    case 16:
      return [
        a.subsImm(value, value, next(256)),
        cond(next(EQ_NE_AND_SO_ON), a.addImm(6, 6, 1)),
        a.b(at + 2, at + 4, next(EQ_NE_AND_SO_ON)),
        a.eorReg(5, 5, 6),
      ];
    case 17:
      return [
        a.cmpImm(value, next(256)),
        cond(next(EQ_NE_AND_SO_ON), a.str(value, pointer, offset)),
        cond(next(EQ_NE_AND_SO_ON), a.movReg(5, value)),
      ];
    case 18:
      return [next(2) === 0 ? a.addImm(pointer, pointer, 4) : a.subsImm(pointer, pointer, 4)];
    default:
      return [a.mrsCpsr(value), a.ldrt(value, pointer), a.strt(value, pointer)];
  }
}

function programOf(seed: number): number[] {
  const next = random(seed);
  const code: number[] = [];
  for (let i = 0; i < 30; i++) code.push(...piece(next, code.length));
  // The pointers stay near the edges of pages.
  for (let n = 1; n < 5; n++) code.push(...a.mov32(n, DATA + 0x1000 * (1 + next(7)) - next(32)));
  code.push(a.b(code.length, 0));
  return code;
}

describe('two engines do the same with the same guest, looked at after any number of instructions', () => {
  test.each(Array.from({ length: 24 }, (_unused, i) => i + 1))('guest %i', (seed) => {
    const program = programOf(seed * 7919);
    const [one, two] = (['interpreter', 'wasm'] as const).map((kind) => new Guest(kind, program)) as [
      Guest,
      Guest,
    ];
    const next = random(seed);
    for (let i = 0; i < 60; i++) {
      const many = [1 + next(9), 1 + next(100), 1 + next(3000)][next(3)]!;
      const irq = next(4) === 0;
      for (const { bench } of [one, two]) {
        if (irq) bench.cpu.setIrq(true);
        bench.run(many);
      }
      const where = `step ${i}, ${one.bench.engine.instructions} instructions`;
      expect(`${where} ${two.bench.snapshot()}`).toBe(`${where} ${one.bench.snapshot()}`);
      expect(two.bench.engine.instructions).toBe(one.bench.engine.instructions);
      expect(two.console.log).toEqual(one.console.log);
      expect(Buffer.compare(one.ram, two.ram)).toBe(0);
    }
    const { instructions, instructionsBy } = two.bench.engine.statistics();
    expect(instructionsBy.wasm).toBeGreaterThan(instructions / 3);
    expect(instructionsBy.interpreter).toBeGreaterThanOrEqual(0);
  });
});
