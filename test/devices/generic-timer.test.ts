import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenericTimer } from '../../src/devices/generic-timer.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import type { ArmTimerRegister64 } from '../../src/ports/arm-timer.ts';
import { Probe } from './gic-v2-fixture.ts';

const ENABLE = 1;
const IMASK = 2;
const ISTATUS = 4;
const NS_PER_TICK = 16;

function timerAt(frequency = 62_500_000) {
  const clock = new InstructionClock(1);
  const physicalLine = new Probe();
  const virtualLine = new Probe();
  const timer = new GenericTimer({ clock, frequency, physicalLine, virtualLine });
  const read64 = (register: ArmTimerRegister64) => {
    const low = timer.read64(register);
    return (BigInt(timer.highWord) << 32n) | BigInt(low);
  };
  const write64 = (register: ArmTimerRegister64, value: bigint) =>
    timer.write64(register, Number(value & 0xffffffffn), Number(value >> 32n));
  const goTo = (ns: number) => {
    clock.skipTo(ns);
    clock.runDue();
  };
  return { clock, timer, physicalLine, virtualLine, read64, write64, goTo };
}

describe('the counter (ARM DDI 0406C B8.1.1, B8.1.2)', () => {
  it('counts at the frequency that CNTFRQ reads, from zero', () => {
    const { timer, read64, goTo } = timerAt();
    expect(timer.read('CNTFRQ')).toBe(62_500_000);
    expect(read64('CNTPCT')).toBe(0n);
    goTo(15);
    expect(read64('CNTPCT')).toBe(0n);
    goTo(16);
    expect(read64('CNTPCT')).toBe(1n);
    goTo(1e9);
    expect(read64('CNTPCT')).toBe(62_500_000n);
  });

  it('is 64 bits wide', () => {
    const { read64, goTo } = timerAt();
    goTo(2 ** 36 - 1);
    expect(read64('CNTPCT')).toBe(0xffffffffn);
    goTo(2 ** 36 + 33);
    expect(read64('CNTPCT')).toBe(0x100000002n);
  });

  it('has the same value in the virtual count, for CNTVOFF is zero', () => {
    const { read64, goTo } = timerAt();
    goTo(123_456_789);
    expect(read64('CNTVCT')).toBe(read64('CNTPCT'));
    expect(read64('CNTVOFF')).toBe(0n);
  });

  it('keeps its rate when software writes another into CNTFRQ', () => {
    const { timer, read64, goTo } = timerAt();
    timer.write('CNTFRQ', 24_000_000);
    goTo(1600);
    expect(timer.read('CNTFRQ')).toBe(24_000_000);
    expect(read64('CNTPCT')).toBe(100n);
  });

  it('is exact at any whole frequency and time', () => {
    const frequencies = [62_500_000, 24_000_000, 19_200_000, 1_000_000_000, 1, 32_768, 999_999_937];
    fc.assert(
      fc.property(fc.constantFrom(...frequencies), fc.nat(2 ** 22), (frequency, ms) => {
        const { read64, goTo } = timerAt(frequency);
        const ns = ms * 1000 + 7;
        goTo(ns);
        expect(read64('CNTPCT')).toBe((BigInt(ns) * BigInt(frequency)) / 1_000_000_000n);
      }),
    );
  });

  it('has a frequency of whole Hz up to 1 GHz', () => {
    expect(() => timerAt(0)).toThrow(RangeError);
    expect(() => timerAt(1.5)).toThrow(RangeError);
    expect(() => timerAt(2e9)).toThrow(RangeError);
  });
});

describe.each([
  ['physical', 'CNTP_CTL', 'CNTP_TVAL', 'CNTP_CVAL', 'physicalLine', 'virtualLine'],
  ['virtual', 'CNTV_CTL', 'CNTV_TVAL', 'CNTV_CVAL', 'virtualLine', 'physicalLine'],
] as const)('the %s timer (ARM DDI 0406C B8.1.5)', (_name, ctl, tval, cval, own, other) => {
  it('signals when the count reaches CompareValue, to the nanosecond', () => {
    const { timer, write64, goTo, ...lines } = timerAt();
    write64(cval, 1000n);
    timer.write(ctl, ENABLE);
    expect(lines.clock.nextDeadlineNs()).toBe(16_000);
    goTo(15_999);
    expect(lines[own].level).toBe(false);
    expect(timer.read(ctl)).toBe(ENABLE);
    goTo(16_000);
    expect(lines[own].level).toBe(true);
    expect(lines[other].level).toBe(false);
    expect(timer.read(ctl)).toBe(ENABLE | ISTATUS);
  });

  it('goes on signaling until CompareValue is moved, the output is masked or the timer disabled', () => {
    const { timer, write64, goTo, ...lines } = timerAt();
    timer.write(ctl, ENABLE);
    expect(lines[own].level).toBe(true);
    goTo(1_000_000);
    expect(lines[own].level).toBe(true);
    timer.write(ctl, ENABLE | IMASK);
    expect(lines[own].level).toBe(false);
    timer.write(ctl, ENABLE);
    expect(lines[own].level).toBe(true);
    write64(cval, 62_501n);
    expect(lines[own].level).toBe(false);
    goTo(1_000_016);
    expect(lines[own].level).toBe(true);
    timer.write(ctl, 0);
    expect(lines[own].level).toBe(false);
  });

  it('shows ISTATUS also while IMASK masks the output, but not while ENABLE is 0', () => {
    const { timer, goTo, ...lines } = timerAt();
    timer.write(tval, 10);
    timer.write(ctl, ENABLE | IMASK);
    goTo(160);
    expect(timer.read(ctl)).toBe(ENABLE | IMASK | ISTATUS);
    expect(lines[own].level).toBe(false);
    timer.write(ctl, IMASK);
    expect(timer.read(ctl)).toBe(IMASK);
  });

  it('ignores writes to ISTATUS and reserved bits of its control register', () => {
    const { timer, write64 } = timerAt();
    write64(cval, 1n);
    timer.write(ctl, 0xffffffff);
    expect(timer.read(ctl)).toBe(ENABLE | IMASK);
  });

  it('holds all 64 bits of CompareValue', () => {
    const { read64, write64 } = timerAt();
    for (const value of [0xffffffffffffffffn, 0x8000000000000001n, 0x123456789abcdef0n]) {
      write64(cval, value);
      expect(read64(cval)).toBe(value);
    }
  });

  it('compares unsigned: a CompareValue with bit 63 set is not reached', () => {
    const { timer, write64, goTo, ...lines } = timerAt();
    write64(cval, 0x8000000000000000n);
    timer.write(ctl, ENABLE);
    goTo(1e15);
    expect(lines[own].level).toBe(false);
    expect(lines.clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('sets CompareValue to the count plus the sign-extended TimerValue', () => {
    const { timer, read64, goTo } = timerAt();
    goTo(100 * NS_PER_TICK);
    timer.write(tval, 50);
    expect(read64(cval)).toBe(150n);
    timer.write(tval, 0xfffffff6);
    expect(read64(cval)).toBe(90n);
    timer.write(tval, 0x80000000);
    expect(read64(cval)).toBe(BigInt.asUintN(64, 100n - 0x80000000n));
    timer.write(tval, 0x7fffffff);
    expect(read64(cval)).toBe(100n + 0x7fffffffn);
  });

  it('reads TimerValue as a down-counter that goes on below zero', () => {
    const { timer, goTo } = timerAt();
    goTo(2 ** 36 - 5 * NS_PER_TICK);
    timer.write(tval, 20);
    goTo(2 ** 36);
    expect(timer.read(tval)).toBe(15);
    goTo(2 ** 36 + 18 * NS_PER_TICK);
    expect(timer.read(tval) | 0).toBe(-3);
  });

  it('signals at once when TimerValue is set to zero or below', () => {
    const { timer, goTo, ...lines } = timerAt();
    goTo(1_000_000);
    timer.write(ctl, ENABLE);
    timer.write(tval, 1000);
    expect(lines[own].level).toBe(false);
    timer.write(tval, 0xffffffff);
    expect(lines[own].level).toBe(true);
  });

  it('forgets an older deadline when it is set again', () => {
    const { timer, goTo, ...lines } = timerAt();
    timer.write(tval, 10);
    timer.write(ctl, ENABLE);
    timer.write(tval, 20);
    goTo(160);
    expect(lines[own].level).toBe(false);
    goTo(320);
    expect(lines[own].level).toBe(true);
  });

  it('is off after reset', () => {
    const { timer, goTo, clock, ...lines } = timerAt();
    goTo(1000);
    timer.write(ctl, ENABLE);
    timer.reset();
    expect(timer.read(ctl)).toBe(0);
    expect(lines[own].level).toBe(false);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('meets its deadline at a frequency that is no divisor of 1 GHz', () => {
    const { timer, goTo, clock, ...lines } = timerAt(24_000_000);
    timer.write(tval, 1);
    timer.write(ctl, ENABLE);
    expect(clock.nextDeadlineNs()).toBe(42);
    goTo(41);
    expect(lines[own].level).toBe(false);
    goTo(42);
    expect(lines[own].level).toBe(true);
  });

  it('goes on from a copy of its state', () => {
    const from = timerAt();
    from.timer.write(tval, 10);
    from.timer.write(ctl, ENABLE);
    const { timer, goTo, ...lines } = timerAt();
    timer.restoreState(from.timer.saveState());
    goTo(159);
    expect(lines[own].level).toBe(false);
    goTo(160);
    expect(lines[own].level).toBe(true);
  });
});

describe('CNTKCTL (ARM DDI 0406C B4.1.25)', () => {
  it('holds bits 9 to 0', () => {
    const { timer } = timerAt();
    timer.write('CNTKCTL', 0xffffffff);
    expect(timer.read('CNTKCTL')).toBe(0x3ff);
  });

  it('does not change the counters when they are written', () => {
    const { read64, write64 } = timerAt();
    write64('CNTPCT', 5n);
    write64('CNTVOFF', 5n);
    expect(read64('CNTPCT')).toBe(0n);
    expect(read64('CNTVCT')).toBe(0n);
  });
});
