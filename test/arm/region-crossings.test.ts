import { describe, expect, test } from 'vitest';
import type { StopReason } from '../../src/arm/engine.ts';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, section, VECTORS } from './bench.ts';

const UNMAPPED = RAM + 0x30_0000;
const HANDLERS = VECTORS + 0x100;
const DACR = [3, 0, 0, 0] as const;
const CONTEXTIDR = [13, 0, 0, 1] as const;
const AND_R3_R4_1 = 0xe2043001;
/** LSLS r1, r0, #31 and ITT EQ. */
const T_EVEN = 0x07c1;
const T_ITT_EQ = 0xbf04;

/** A branch from the vector at `offset` to a handler. */
const toHandler = (offset: number, handler: number): number => a.b(0, (handler - VECTORS - offset) / 4);

/**
 * Each round: a system call from User mode, whose handler changes the domains and the ASID and comes back to the next instruction; and
 * an access that aborts, whose handler comes back to the one after it, too.
 */
function guest(kind: EngineKind): Bench {
  const bench = new Bench({ kind });
  bench.mmuOn().first(UNMAPPED, 0);
  bench.load(VECTORS + 8, [toHandler(8, HANDLERS)]);
  bench.load(VECTORS + 0x10, [toHandler(0x10, HANDLERS + 0x80)]);
  bench.load(HANDLERS, [
    a.movw(3, 3),
    a.mcr(3, ...DACR),
    a.addImm(4, 4, 1),
    a.movw(3, 1),
    a.mcr(3, ...DACR),
    AND_R3_R4_1,
    a.mcr(3, ...CONTEXTIDR),
    a.subsPcLr(0),
  ]);
  bench.load(HANDLERS + 0x80, [a.mrc(6, 6, 0, 0, 0), a.addImm(5, 5, 1), a.subsPcLr(4)]);
  bench.load(CODE, [
    a.addImm(0, 0, 1),
    a.svc(7),
    a.cmpImm(0, 9),
    a.ldr(2, 1, 8),
    a.addImm(7, 7, 1),
    a.b(5, 0),
  ]);
  bench.set(1, UNMAPPED);
  bench.cpu.state.cpsr = Mode.User;
  return bench;
}

const both = (): [Bench, Bench] => [guest('interpreter'), guest('wasm')];

function exits(bench: Bench): number {
  return Object.values(bench.engine.statistics().regionExits).reduce((sum, count) => sum + count, 0);
}

describe('exceptions, their returns, and changes of the context', () => {
  test('go from region to region', () => {
    const [one, two] = both();
    for (const bench of [one, two]) bench.run(3000);
    const before = exits(two);
    for (const bench of [one, two]) bench.run(40_000);
    expect(two.reg(4)).toBeGreaterThan(2000);
    expect(two.reg(5)).toBe(two.reg(7));
    expect(two.snapshot()).toBe(one.snapshot());
    expect(exits(two) - before).toBeLessThan(100);
    const { resync, raise, fault } = two.engine.statistics().regionCrossings;
    // The handler of calls writes to three such registers and returns, that of aborts only returns.
    expect(raise).toBeGreaterThan(0.9 * two.reg(4));
    expect(fault).toBeGreaterThan(0.9 * two.reg(5));
    expect(resync).toBeGreaterThan(0.9 * (4 * two.reg(4) + two.reg(5)));
  });

  test('end at every instruction that a budget ends at', () => {
    const guests = both();
    const [one, two] = guests;
    for (let budget = 1; budget <= 120; budget++) {
      for (const bench of guests) bench.run(budget);
      expect(`${budget}: ${two.snapshot()}`).toBe(`${budget}: ${one.snapshot()}`);
      expect(two.engine.instructions).toBe(one.engine.instructions);
    }
  });

  test('count each instruction once, those that did not run for a fault not at all', () => {
    const [, two] = both();
    two.run(20_000);
    const { instructions, instructionsBy } = two.engine.statistics();
    expect(instructions).toBe(20_000);
    expect(instructionsBy.interpreter).toBeGreaterThan(0);
    expect(instructionsBy.interpreter).toBeLessThan(1000);
  });

  test('take the interrupt that a return unmasks, before the instruction that it returns to', () => {
    const guests = both();
    for (const bench of guests) {
      // The handler of interrupts acknowledges by a store; the one of calls comes back with them unmasked.
      bench.load(VECTORS + 0x18, [a.addImm(9, 9, 1), a.subsPcLr(4)]);
      bench.run(5000);
    }
    for (let n = 0; n < 200; n++) {
      for (const bench of guests) {
        bench.cpu.setIrq(true);
        bench.run(1 + (n % 17));
        bench.cpu.setIrq(false);
        bench.run(n % 5);
      }
      const [one, two] = guests;
      expect(`${n}: ${two.snapshot()}`).toBe(`${n}: ${one.snapshot()}`);
    }
  });

  test('leave to the interpreter what a return to an IT block has left of it', () => {
    const guests = (['interpreter', 'wasm'] as const).map((kind) => {
      const bench = new Bench({ kind });
      bench.load(VECTORS + 8, [a.subsPcLr(0)]);
      // ITT EQ: the call and the addition after it depend on Z, which changes with every round.
      const code = [a.tAddImm(0, 1), T_EVEN, T_ITT_EQ, a.tSvc(1), a.tAddImm(2, 1), a.tAddImm(3, 1)];
      bench.load(CODE, a.pack([...code, 0xe000 | (-(code.length + 2) & 0x7ff), a.T_NOP]));
      bench.jump(CODE | 1);
      bench.cpu.state.cpsr = Mode.User | 0x20;
      bench.run(9999);
      return bench;
    });
    const [one, two] = guests as [Bench, Bench];
    expect(two.snapshot()).toBe(one.snapshot());
    expect(two.reg(3)).toBeGreaterThan(two.reg(2));
    expect(two.reg(2)).toBeGreaterThan(500);
  });

  test('end a run that is late, wherever it is', () => {
    const [, two] = both();
    two.run(5000);
    for (let looks = 1; looks < 40; looks++) {
      let left = looks;
      const before = two.engine.instructions;
      expect(two.engine.run(two.cpu, 1_000_000, () => --left <= 0)).toBe('late');
      expect(two.engine.instructions - before).toBeLessThan(100 * looks + 1000);
    }
  });
});

/** BLX r4 and BX LR. */
const T_BLX_R4 = 0x47a0;
const T_BX_LR = 0x4770;
/** The last halfword of the page of code. */
const STRADDLING = CODE + 0xffe;

test('regions go to code that is only interpreted, and that to regions, without the dispatcher', () => {
  const guests = (['interpreter', 'wasm'] as const).map((kind) => {
    const bench = new Bench({ kind });
    // Its MOVW lies on two pages: no region begins there.
    bench.load(STRADDLING - 2, a.pack([a.T_NOP, ...a.tMovw(3, 0x1234), a.tAddImm(2, 1), T_BX_LR, a.T_NOP]));
    bench.load(CODE, a.pack([a.tAddImm(0, 1), T_BLX_R4, a.tAddImm(5, 1), 0xe7fb]));
    bench.set(4, STRADDLING | 1);
    bench.jump(CODE | 1);
    bench.run(3000);
    return bench;
  });
  const [one, two] = guests as [Bench, Bench];
  const before = two.engine.statistics();
  const exitsBefore = exits(two);
  for (const bench of guests) bench.run(7000);
  const after = two.engine.statistics();
  for (const kind of ['interpreter', 'wasm'] as const) {
    expect(after.instructionsBy[kind] - before.instructionsBy[kind]).toBeGreaterThan(900);
  }
  expect(exits(two) - exitsBefore).toBeLessThan(10);
  expect(two.reg(2)).toBeGreaterThan(1400);
  expect(two.snapshot()).toBe(one.snapshot());
});

test('a call of the debugger that has to wait stops there, and is made again', () => {
  const answers: ('wait' | 'done' | 'guest')[] = [];
  const bench = new Bench({ kind: 'wasm', hooks: { semihostingCall: () => answers.shift() ?? 'guest' } });
  bench.load(VECTORS + 8, [a.addImm(4, 4, 1), a.subsPcLr(0)]);
  bench.load(CODE, [a.addImm(0, 0, 1), a.svc(7), a.b(2, 0)]);
  bench.cpu.state.cpsr = Mode.User;
  bench.run(1000);
  const calls = bench.reg(4);
  answers.push('wait', 'wait', 'done', 'guest');
  const stops: StopReason[] = [1, 2, 3].map(() => bench.engine.run(bench.cpu, 10));
  expect(stops).toEqual(['wfe', 'wfe', 'budget']);
  expect(bench.reg(4) - calls).toBeLessThan(4);
});

test('a section that a handler maps is there when the access is made again', () => {
  const guests = (['interpreter', 'wasm'] as const).map((kind) => {
    const bench = new Bench({ kind });
    const tables = bench.mmuOn();
    tables.first(UNMAPPED, 0);
    const entry = tables.base + (UNMAPPED >>> 20) * 4;
    bench.load(VECTORS + 0x10, [toHandler(0x10, HANDLERS)]);
    bench.load(HANDLERS, [a.str(9, 8), a.mcr(1, 8, 0, 7, 1), a.addImm(5, 5, 1), a.subsPcLr(8)]);
    // Each round unmaps it again.
    const code = [a.str(5, 1, 4), a.addImm(0, 0, 1), a.str(6, 8), a.mcr(1, 8, 0, 7, 1), a.b(4, 0)];
    bench.load(CODE, code);
    bench.set(1, UNMAPPED);
    bench.set(6, 0);
    bench.set(8, entry);
    bench.set(9, section(UNMAPPED));
    bench.run(20_000);
    return bench;
  });
  const [one, two] = guests as [Bench, Bench];
  expect(two.snapshot()).toBe(one.snapshot());
  expect(two.reg(5)).toBeGreaterThan(1000);
  expect(Math.abs(two.reg(5) - two.reg(0))).toBeLessThanOrEqual(1);
});
