import { describe, expect, test } from 'vitest';
import { SP804, Sp804, TimerControl } from '../../src/devices/sp804.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';

const US = 1000;
const PERIODIC =
  TimerControl.TimerEn | TimerControl.TimerMode | TimerControl.TimerSize | TimerControl.IntEnable;
const FREE = TimerControl.TimerEn | TimerControl.TimerSize;

function timerModule() {
  const clock = new InstructionClock(1);
  const interrupt = new Probe();
  const make = () => new Sp804({ clock, frequencies: [1_000_000, 1_000_000], interrupt });
  const sp804 = make();
  const goTo = (ns: number): void => {
    while (clock.nextDeadlineNs() <= ns) {
      clock.skipTo(clock.nextDeadlineNs());
      clock.runDue();
    }
    clock.skipTo(ns);
  };
  return { sp804, interrupt, goTo, make, clock };
}

describe('SP804 (ARM DDI 0271)', () => {
  test('has the values of 3.1 after reset, and its identification', () => {
    const { sp804 } = timerModule();
    expect(sp804.read(SP804.Control)).toBe(0x20);
    expect(sp804.read(SP804.Load)).toBe(0);
    const id = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => sp804.read(SP804.PeriphID0 + at));
    expect(id).toEqual([0x04, 0x18, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  test('counts down freely and wraps to all ones, which is how Linux reads the time', () => {
    const { sp804, goTo } = timerModule();
    sp804.write(SP804.Load + SP804.SECOND, 4, 0xffff_ffff);
    sp804.write(SP804.Control + SP804.SECOND, 4, FREE | TimerControl.TimerMode);
    goTo(7 * US + 500);
    expect(sp804.read(SP804.Value + SP804.SECOND)).toBe(0xffff_fff8);
    goTo(1e9);
    expect(sp804.read(SP804.Value + SP804.SECOND)).toBe(0xffff_ffff - 1_000_000);
  });

  test('in periodic mode raises its interrupt each time it has counted TimerXLoad to zero', () => {
    const { sp804, interrupt, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 100);
    sp804.write(SP804.Control, 4, PERIODIC);
    goTo(100 * US - 1);
    expect(interrupt.level).toBe(false);
    goTo(100 * US);
    expect([interrupt.level, sp804.read(SP804.RIS), sp804.read(SP804.MIS)]).toEqual([true, 1, 1]);
    expect(sp804.read(SP804.Value)).toBe(100);
    sp804.write(SP804.IntClr, 4, 1);
    expect(interrupt.level).toBe(false);
    goTo(199 * US);
    expect([interrupt.level, sp804.read(SP804.Value)]).toEqual([false, 1]);
    goTo(200 * US);
    expect(interrupt.level).toBe(true);
  });

  test('that has come to zero ten times on a slow host interrupts once, and keeps its phase', () => {
    const { sp804, interrupt, clock, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 100);
    sp804.write(SP804.Control, 4, PERIODIC);
    clock.skipTo(1030 * US);
    clock.runDue();
    expect([interrupt.level, sp804.read(SP804.Value)]).toEqual([true, 70]);
    sp804.write(SP804.IntClr, 4, 1);
    goTo(1099 * US);
    expect(interrupt.level).toBe(false);
    goTo(1100 * US);
    expect(interrupt.level).toBe(true);
  });

  test('in one-shot mode halts at zero until it is loaded again', () => {
    const { sp804, interrupt, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 10);
    sp804.write(SP804.Control, 4, PERIODIC | TimerControl.OneShot);
    goTo(10 * US);
    expect([interrupt.level, sp804.read(SP804.Value)]).toEqual([true, 0]);
    sp804.write(SP804.IntClr, 4, 1);
    goTo(1000 * US);
    expect([interrupt.level, sp804.read(SP804.Value)]).toEqual([false, 0]);
    sp804.write(SP804.Load, 4, 5);
    goTo(1005 * US);
    expect(interrupt.level).toBe(true);
  });

  test('divides its clock by 16 and 256, and counts 16 bits with TimerSize clear', () => {
    const { sp804, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 0x12_0064);
    sp804.write(SP804.Control, 4, TimerControl.TimerEn | TimerControl.TimerMode | (1 << 2));
    goTo(32 * US);
    expect(sp804.read(SP804.Value)).toBe(0x62);
    sp804.write(SP804.Control, 4, TimerControl.TimerEn | TimerControl.TimerMode | (2 << 2));
    goTo((32 + 512) * US);
    expect(sp804.read(SP804.Value)).toBe(0x60);
  });

  test('takes TimerXBGLoad only when it is reloaded', () => {
    const { sp804, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 10);
    sp804.write(SP804.Control, 4, PERIODIC);
    sp804.write(SP804.BGLoad, 4, 1000);
    goTo(9 * US);
    expect(sp804.read(SP804.Value)).toBe(1);
    goTo(10 * US);
    expect([sp804.read(SP804.Value), sp804.read(SP804.Load)]).toEqual([1000, 1000]);
  });

  test('with a tiny load does not keep the host busy', () => {
    const { sp804, clock, goTo } = timerModule();
    sp804.write(SP804.Load, 4, 0);
    sp804.write(SP804.Control, 4, PERIODIC);
    goTo(1 * US);
    expect(clock.nextDeadlineNs()).toBeGreaterThanOrEqual(10 * US);
  });

  test('goes on from a saved state at the same time', () => {
    const { sp804, interrupt, goTo, make } = timerModule();
    sp804.write(SP804.Load, 4, 100);
    sp804.write(SP804.Control, 4, PERIODIC);
    goTo(30 * US);
    const restored = make();
    restored.restoreState(sp804.saveState());
    sp804.reset();
    expect([interrupt.level, restored.read(SP804.Value)]).toEqual([false, 70]);
    goTo(100 * US);
    expect(interrupt.level).toBe(true);
  });
});
