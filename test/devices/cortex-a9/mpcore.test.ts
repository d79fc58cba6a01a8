import { describe, expect, test } from 'vitest';
import { GlobalTimer, GTIMER, GTimerControl } from '../../../src/devices/cortex-a9/global-timer.ts';
import { PrivateTimers, PTIMER, PTimerControl } from '../../../src/devices/cortex-a9/private-timers.ts';
import { SCU, Scu } from '../../../src/devices/cortex-a9/scu.ts';
import { InstructionClock } from '../../../src/machine/clock.ts';
import type { Requester } from '../../../src/ports/mmio.ts';
import { Probe } from '../gic-v2-fixture.ts';

const cpu = (n: number): Requester => ({ kind: 'cpu', cpu: n, streamId: 0, secure: true, privileged: true });
/** One tick of PERIPHCLK. */
const TICK = 10;
const FREQUENCY = 100_000_000;

function clockThatRuns() {
  const clock = new InstructionClock(1);
  const goTo = (ns: number): void => {
    while (clock.nextDeadlineNs() <= ns) {
      clock.skipTo(clock.nextDeadlineNs());
      clock.runDue();
    }
    clock.skipTo(ns);
  };
  return { clock, goTo };
}

function privateTimers() {
  const { clock, goTo } = clockThatRuns();
  const cpus = [0, 1].map(() => ({ timer: new Probe(), watchdog: new Probe() }));
  const resets: number[] = [];
  const config = { clock, frequency: FREQUENCY, cpus, reset: () => resets.push(clock.nowNs()) };
  return {
    timers: new PrivateTimers(config),
    make: () => new PrivateTimers(config),
    cpus,
    resets,
    clock,
    goTo,
  };
}

describe('the private timers of a Cortex-A9 MPCore (ARM DDI 0407 chapter 4)', () => {
  test('count (PRESCALER + 1) * (Load + 1) ticks from one event to the next', () => {
    const { timers, cpus, goTo } = privateTimers();
    timers.write(PTIMER.Load, 4, 1999, cpu(0));
    const on = PTimerControl.Enable | PTimerControl.AutoReload | PTimerControl.IrqEnable;
    timers.write(PTIMER.Control, 4, on | (4 << 8), cpu(0));
    goTo(1999 * 5 * TICK);
    expect(cpus[0].timer.level).toBe(true);
    timers.write(PTIMER.InterruptStatus, 4, 1, cpu(0));
    expect(cpus[0].timer.level).toBe(false);
    goTo((1999 + 2000) * 5 * TICK - 1);
    expect(cpus[0].timer.level).toBe(false);
    goTo((1999 + 2000) * 5 * TICK);
    expect(cpus[0].timer.level).toBe(true);
  });

  test('that have come to zero several times on a slow host interrupt once, and keep their phase', () => {
    const { timers, cpus, clock, goTo } = privateTimers();
    timers.write(PTIMER.Load, 4, 99_999, cpu(0));
    const on = PTimerControl.Enable | PTimerControl.AutoReload | PTimerControl.IrqEnable;
    timers.write(PTIMER.Control, 4, on, cpu(0));
    clock.skipTo(530_000 * TICK);
    clock.runDue();
    expect(cpus[0].timer.level).toBe(true);
    timers.write(PTIMER.InterruptStatus, 4, 1, cpu(0));
    // The first event comes one tick early: the counter was loaded with 99,999.
    goTo(599_999 * TICK - 1);
    expect(cpus[0].timer.level).toBe(false);
    goTo(599_999 * TICK);
    expect(cpus[0].timer.level).toBe(true);
  });

  test('are each CPU’s own at the same address', () => {
    const { timers, cpus, goTo } = privateTimers();
    timers.write(PTIMER.Load, 4, 5000, cpu(1));
    timers.write(PTIMER.Control, 4, PTimerControl.Enable | PTimerControl.IrqEnable, cpu(1));
    expect([timers.read(PTIMER.Load, 4, cpu(0)), timers.read(PTIMER.Load, 4, cpu(1))]).toEqual([0, 5000]);
    goTo(1000 * TICK);
    expect(timers.read(PTIMER.Counter, 4, cpu(1))).toBe(4000);
    goTo(5000 * TICK);
    expect([cpus[0].timer.level, cpus[1].timer.level]).toEqual([false, true]);
  });

  test('without auto reload stop at zero, with the event set, and go on with a new counter', () => {
    const { timers, goTo } = privateTimers();
    timers.write(PTIMER.Control, 4, PTimerControl.Enable, cpu(0));
    timers.write(PTIMER.Counter, 4, 100, cpu(0));
    goTo(100 * TICK);
    expect(timers.read(PTIMER.InterruptStatus, 4, cpu(0))).toBe(1);
    timers.write(PTIMER.InterruptStatus, 4, 1, cpu(0));
    goTo(10_000 * TICK);
    expect([timers.read(PTIMER.Counter, 4, cpu(0)), timers.read(PTIMER.InterruptStatus, 4, cpu(0))]).toEqual([
      0, 0,
    ]);
    timers.write(PTIMER.Counter, 4, 100, cpu(0));
    goTo(10_100 * TICK);
    expect(timers.read(PTIMER.InterruptStatus, 4, cpu(0))).toBe(1);
  });

  test('the watchdog is a second timer, and in watchdog mode resets', () => {
    const { timers, cpus, resets, goTo } = privateTimers();
    const { WATCHDOG } = PTIMER;
    timers.write(WATCHDOG + PTIMER.Load, 4, 1000, cpu(0));
    timers.write(WATCHDOG + PTIMER.Control, 4, PTimerControl.Enable | PTimerControl.IrqEnable, cpu(0));
    goTo(1000 * TICK);
    expect([cpus[0].watchdog.level, cpus[0].timer.level, resets.length]).toEqual([true, false, 0]);
    timers.write(WATCHDOG + PTIMER.InterruptStatus, 4, 1, cpu(0));
    timers.write(WATCHDOG + PTIMER.Control, 4, PTimerControl.Enable | PTimerControl.WatchdogMode, cpu(0));
    timers.write(WATCHDOG + PTIMER.Load, 4, 1000, cpu(0));
    goTo(2000 * TICK);
    expect(resets).toEqual([2000 * TICK]);
    expect([timers.read(PTIMER.ResetStatus, 4, cpu(0)), timers.read(PTIMER.ResetStatus, 4, cpu(1))]).toEqual([
      1, 0,
    ]);
  });

  test('watchdog mode is only left by the two words of the disable register', () => {
    const { timers, resets, goTo } = privateTimers();
    const control = PTIMER.WATCHDOG + PTIMER.Control;
    timers.write(control, 4, PTimerControl.WatchdogMode, cpu(0));
    timers.write(control, 4, 0, cpu(0));
    expect(timers.read(control, 4, cpu(0))).toBe(PTimerControl.WatchdogMode);
    timers.write(PTIMER.Disable, 4, 0x87654321, cpu(0));
    timers.write(PTIMER.Disable, 4, 0x12345678, cpu(0));
    expect(timers.read(control, 4, cpu(0))).toBe(PTimerControl.WatchdogMode);
    timers.write(PTIMER.Disable, 4, 0x87654321, cpu(0));
    expect(timers.read(control, 4, cpu(0))).toBe(0);
    goTo(1e6);
    expect(resets).toEqual([]);
  });

  test('go on from a saved state', () => {
    const { timers, make, cpus, goTo } = privateTimers();
    timers.write(PTIMER.Load, 4, 5000, cpu(1));
    timers.write(PTIMER.Control, 4, PTimerControl.Enable | PTimerControl.IrqEnable, cpu(1));
    goTo(2000 * TICK);
    const restored = make();
    restored.restoreState(timers.saveState());
    timers.reset();
    expect(restored.read(PTIMER.Counter, 4, cpu(1))).toBe(3000);
    goTo(5000 * TICK);
    expect(cpus[1].timer.level).toBe(true);
  });
});

describe('the global timer (ARM DDI 0407 4.3)', () => {
  function globalTimer() {
    const { clock, goTo } = clockThatRuns();
    const interrupts = [new Probe(), new Probe()];
    const config = { clock, frequency: FREQUENCY, interrupts };
    return { timer: new GlobalTimer(config), make: () => new GlobalTimer(config), interrupts, goTo };
  }
  const enable = GTimerControl.Enable | GTimerControl.CompEnable | GTimerControl.IrqEnable;

  test('counts 64 bits, seen by every CPU', () => {
    const { timer, goTo } = globalTimer();
    timer.write(GTIMER.CounterLow, 4, 0xffff_fff0, cpu(0));
    timer.write(GTIMER.Control, 4, GTimerControl.Enable, cpu(0));
    goTo(0x20 * TICK);
    expect([timer.read(GTIMER.CounterLow, 4, cpu(1)), timer.read(GTIMER.CounterHigh, 4, cpu(1))]).toEqual([
      0x10, 1,
    ]);
  });

  test('has a comparator for each CPU', () => {
    const { timer, interrupts, goTo } = globalTimer();
    timer.write(GTIMER.ComparatorLow, 4, 1000, cpu(1));
    timer.write(GTIMER.Control, 4, enable, cpu(1));
    goTo(999 * TICK);
    expect(interrupts.map(({ level }) => level)).toEqual([false, false]);
    goTo(1000 * TICK);
    expect(interrupts.map(({ level }) => level)).toEqual([false, true]);
    expect([timer.read(GTIMER.Control, 4, cpu(0)), timer.read(GTIMER.Control, 4, cpu(1))]).toEqual([1, 7]);
  });

  test('with auto increment comes again after that many ticks', () => {
    const { timer, interrupts, goTo } = globalTimer();
    timer.write(GTIMER.ComparatorLow, 4, 2000, cpu(0));
    timer.write(GTIMER.AutoIncrement, 4, 3000, cpu(0));
    timer.write(GTIMER.Control, 4, enable | GTimerControl.AutoIncrement, cpu(0));
    goTo(2000 * TICK);
    expect(timer.read(GTIMER.ComparatorLow, 4, cpu(0))).toBe(5000);
    timer.write(GTIMER.InterruptStatus, 4, 1, cpu(0));
    goTo(4999 * TICK);
    expect(interrupts[0].level).toBe(false);
    goTo(5000 * TICK);
    expect(interrupts[0].level).toBe(true);
  });

  test('goes on from a saved state', () => {
    const { timer, make, interrupts, goTo } = globalTimer();
    timer.write(GTIMER.ComparatorLow, 4, 1000, cpu(1));
    timer.write(GTIMER.Control, 4, enable | (1 << 8), cpu(1));
    goTo(1000 * TICK);
    const restored = make();
    restored.restoreState(timer.saveState());
    timer.reset();
    expect(restored.read(GTIMER.CounterLow, 4, cpu(0))).toBe(500);
    goTo(2000 * TICK);
    expect(interrupts[1].level).toBe(true);
  });
});

describe('the SCU (ARM DDI 0407 chapter 2)', () => {
  test('tells in its configuration how many CPUs there are, all in SMP mode', () => {
    expect(new Scu(1).read(SCU.Configuration, 4)).toBe(0x10);
    expect(new Scu(4).read(SCU.Configuration, 4)).toBe(0xf3);
  });

  test('keeps what is written, a byte of the power status for each CPU, and is saved', () => {
    const scu = new Scu(2);
    scu.write(SCU.Control, 4, 0xffff_ffff);
    scu.write(SCU.PowerStatus + 1, 1, 0xff);
    scu.write(SCU.FilteringStart, 4, 0x4123_4567);
    const restored = new Scu(2);
    restored.restoreState(scu.saveState());
    scu.reset();
    expect(restored.read(SCU.Control, 4)).toBe(0x7f);
    expect([restored.read(SCU.PowerStatus, 4), restored.read(SCU.PowerStatus + 1, 1)]).toEqual([0x300, 3]);
    expect(restored.read(SCU.FilteringStart, 4)).toBe(0x4120_0000);
    expect(scu.read(SCU.Control, 4)).toBe(0);
  });
});
