import { describe, expect, test } from 'vitest';
import { SP805, Sp805, UNLOCK, WdogControl } from '../../src/devices/sp805.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';

const SECOND = 1e9;

function watchdog() {
  const clock = new InstructionClock(1);
  const interrupt = new Probe();
  const resets: number[] = [];
  const make = () =>
    new Sp805({ clock, frequency: 32_768, interrupt, reset: () => resets.push(clock.nowNs()) });
  const goTo = (ns: number): void => {
    while (clock.nextDeadlineNs() <= ns) {
      clock.skipTo(clock.nextDeadlineNs());
      clock.runDue();
    }
    clock.skipTo(ns);
  };
  return { wdog: make(), make, interrupt, resets, goTo };
}

describe('SP805 (ARM DDI 0270)', () => {
  test('is off after reset, with all ones in WdogLoad and WdogValue', () => {
    const { wdog, goTo, interrupt } = watchdog();
    goTo(10 * SECOND);
    expect([wdog.read(SP805.Load), wdog.read(SP805.Value), wdog.read(SP805.Control)]).toEqual([
      0xffff_ffff, 0xffff_ffff, 0,
    ]);
    expect(interrupt.level).toBe(false);
    expect([0, 4, 8].map((at) => wdog.read(SP805.PeriphID0 + at))).toEqual([0x05, 0x18, 0x24]);
  });

  test('interrupts at zero, and is reloaded by WdogIntClr', () => {
    const { wdog, goTo, interrupt, resets } = watchdog();
    wdog.write(SP805.Load, 4, 32_768);
    wdog.write(SP805.Control, 4, WdogControl.INTEN | WdogControl.RESEN);
    goTo(SECOND);
    expect([interrupt.level, wdog.read(SP805.RIS), wdog.read(SP805.MIS)]).toEqual([true, 1, 1]);
    goTo(1.5 * SECOND);
    wdog.write(SP805.IntClr, 4, 1);
    expect([interrupt.level, wdog.read(SP805.Value)]).toEqual([false, 32_768]);
    goTo(2.4 * SECOND);
    expect([interrupt.level, resets.length]).toEqual([false, 0]);
  });

  test('asks for a reset at the second zero with the interrupt still pending, once', () => {
    const { wdog, goTo, resets } = watchdog();
    wdog.write(SP805.Load, 4, 32_768);
    wdog.write(SP805.Control, 4, WdogControl.INTEN | WdogControl.RESEN);
    goTo(2 * SECOND);
    goTo(10 * SECOND);
    expect(resets).toEqual([2 * SECOND]);
  });

  test('without RESEN only interrupts', () => {
    const { wdog, goTo, resets } = watchdog();
    wdog.write(SP805.Load, 4, 32_768);
    wdog.write(SP805.Control, 4, WdogControl.INTEN);
    goTo(5 * SECOND);
    expect(resets).toEqual([]);
  });

  test('keeps its registers while WdogLock is closed', () => {
    const { wdog } = watchdog();
    wdog.write(SP805.Lock, 4, 1);
    wdog.write(SP805.Load, 4, 5);
    expect([wdog.read(SP805.Lock), wdog.read(SP805.Load)]).toEqual([1, 0xffff_ffff]);
    wdog.write(SP805.Lock, 4, UNLOCK);
    wdog.write(SP805.Load, 4, 5);
    expect([wdog.read(SP805.Lock), wdog.read(SP805.Load)]).toEqual([0, 5]);
  });

  test('a saved one that has interrupted resets the restored machine', () => {
    const { wdog, make, goTo, resets } = watchdog();
    wdog.write(SP805.Load, 4, 32_768);
    wdog.write(SP805.Control, 4, WdogControl.INTEN | WdogControl.RESEN);
    goTo(1.5 * SECOND);
    const restored = make();
    restored.restoreState(wdog.saveState());
    wdog.reset();
    goTo(3 * SECOND);
    expect(resets).toEqual([2 * SECOND]);
  });
});
