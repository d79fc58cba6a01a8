// Where a slice of guest time ends decides which CPU runs next. It must not hang on what was compiled by then, nor on the host's time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { Mode } from '../../src/arm/modes.ts';
import { StateSlot } from '../../src/arm/state.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { MmioDevice } from '../../src/ports/mmio.ts';
import { PROMOTION, type Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { Bench, CODE, DEVICE, VECTORS } from './bench.ts';

const EVENT = MemoryLayout.eventWord >>> 2;
const SUBS_PC_LR_4 = 0xe25e_f004;
/** Registers of the device: an interrupt for the CPU whose number is written, one that is taken back, one that only counts. */
const RAISE = 0;
const LOWER = 4;
const COUNT = 8;

/** CPUs that interrupt each other by a device, as by a GIC. */
class Doorbell implements MmioDevice {
  bench: Bench | undefined;
  private reads = 0;

  read(): number {
    return this.reads++;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset !== COUNT) this.bench?.engine.cpus[value]?.setIrq(offset === RAISE);
  }
}

function promotionAt(hot: number, batch: number): Promotion {
  return { ...PROMOTION, hot, look: hot, dearest: hot, again: hot, batch };
}

function doorbells(kind: EngineKind, promotion: Promotion): Bench {
  const doorbell = new Doorbell();
  const bench = new Bench({ cpus: 2, kind, promotion, device: doorbell });
  doorbell.bench = bench;
  bench.engine.exactAccesses = true;
  bench.engine.spinsGiveWay = true;
  return bench;
}

describe('a store that raises an interrupt ends the slice', () => {
  test.each([
    ['interpreter', 1],
    ['wasm', 1],
    ['wasm', 4],
    ['wasm', 1000],
  ] as const)('right after it, whatever comes next was compiled or not: %s, after %i runs', (kind, hot) => {
    const bench = doorbells(kind, promotionAt(hot, 1));
    bench.load(CODE, [a.str(0, 9), a.addImm(2, 2, 1), a.b(2, 0)]);
    bench.set(9, DEVICE + COUNT);
    bench.run(3 * 20);
    bench.set(9, DEVICE + RAISE);
    const before = bench.engine.instructions;
    expect(bench.engine.run(bench.cpu, 1000)).toBe('event');
    expect([bench.engine.instructions - before, bench.reg(2)]).toEqual([1, 20]);
  });
});

/**
 * Two CPUs that count, read a device, and interrupt each other now and then, by turns as the run loop's.
 * @param lates how many looks at the host's clock find it in time between two that find it late, in turn; none: it never is
 * @returns where each turn has ended, and why
 */
function turns(bench: Bench, slice: number, lates: readonly number[]): string[] {
  const { engine, memory } = bench;
  // 0: the loop; 8: a function
  bench.load(CODE, [
    a.addImm(0, 0, 1),
    a.bl(1, 8),
    a.ldr(3, 9, COUNT),
    a.subsImm(6, 6, 1),
    a.b(4, 0, a.NE),
    a.movw(6, 5),
    a.str(10, 9, RAISE),
    a.b(7, 0),
    a.addImm(1, 1, 1),
    a.subsImm(7, 7, 1),
    a.b(10, 9, a.NE),
    a.movw(7, 7),
    a.bx(14),
  ]);
  bench.load(VECTORS + 0x18, [a.b(0, 0x100 / 4)]);
  bench.load(VECTORS + 0x18 + 0x100, [a.str(8, 9, LOWER), a.addImm(11, 11, 1), SUBS_PC_LR_4]);
  for (const cpu of engine.cpus) {
    cpu.state.cpsr = Mode.Supervisor;
    for (const [register, value] of [
      [6, 3 + cpu.cpu],
      [7, 7],
      [8, cpu.cpu],
      [9, DEVICE],
      [10, 1 - cpu.cpu],
    ] as const) {
      bench.set(register, value, cpu);
    }
  }
  let looks = 0;
  const isLate = (): boolean => lates.length > 0 && looks++ % (1 + lates[looks % lates.length]!) === 0;
  return Array.from({ length: 120 }, (_unused, turn) => {
    const cpu = engine.cpus[turn % 2]!;
    let left = slice;
    let stop = 'late';
    while (stop === 'late' && left > 0 && memory.words[EVENT] === 0) {
      const before = engine.instructions;
      stop = engine.run(cpu, left, isLate);
      left -= engine.instructions - before;
    }
    const happened = memory.words[EVENT] !== 0;
    memory.words[EVENT] = 0;
    const at = (cpu.state.slots[StateSlot.PC]! >>> 0).toString(16);
    return `${cpu.cpu} ${happened ? 'event' : 'budget'} ${engine.instructions} ${at} ${bench.reg(11, cpu)}`;
  });
}

test('CPUs that interrupt each other take turns at the same instructions, whenever their code is compiled and the host is late', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 40, max: 400 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }),
      (hot, batch, slice, lates) => {
        const expected = turns(doorbells('interpreter', PROMOTION), slice, []);
        expect(expected.some((turn) => turn.includes('event'))).toBe(true);
        expect(turns(doorbells('wasm', promotionAt(hot, batch)), slice, lates)).toEqual(expected);
      },
    ),
    { numRuns: 20 },
  );
});
