import { describe, expect, it } from 'vitest';
import { Pl031, RTC } from '../../src/devices/pl031.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { Probe } from './gic-v2-fixture.ts';

const START = 1_700_000_000;
const SECOND = 1e9;

function rtcAt(unixSeconds = START) {
  const clock = new InstructionClock(1);
  const interrupt = new Probe();
  const rtc = new Pl031({ clock, wallClock: { unixSeconds: () => unixSeconds }, interrupt });
  const goTo = (ns: number) => {
    clock.skipTo(ns);
    clock.runDue();
  };
  return { rtc, interrupt, goTo, clock };
}

describe('RTCDR and RTCLR (ARM DDI 0224 3.3.1, 3.3.3)', () => {
  it('count seconds from the time of day at power on', () => {
    const { rtc, goTo } = rtcAt(START + 0.75);
    expect(rtc.read(RTC.DR)).toBe(START);
    goTo(SECOND - 1);
    expect(rtc.read(RTC.DR)).toBe(START);
    goTo(SECOND);
    expect(rtc.read(RTC.DR)).toBe(START + 1);
  });

  it('count on from a value that is loaded', () => {
    const { rtc, goTo } = rtcAt();
    goTo(5.5 * SECOND);
    rtc.write(RTC.LR, 4, 1000);
    expect([rtc.read(RTC.LR), rtc.read(RTC.DR)]).toEqual([1000, 1000]);
    goTo(7 * SECOND);
    expect([rtc.read(RTC.LR), rtc.read(RTC.DR)]).toEqual([1000, 1002]);
  });

  it('wrap after 32 bits', () => {
    const { rtc, goTo } = rtcAt();
    rtc.write(RTC.LR, 4, 0xffffffff);
    expect(rtc.read(RTC.DR)).toBe(0xffffffff);
    goTo(SECOND);
    expect(rtc.read(RTC.DR)).toBe(0);
  });

  it('ignore a write to RTCDR', () => {
    const { rtc } = rtcAt();
    rtc.write(RTC.DR, 4, 5);
    expect(rtc.read(RTC.DR)).toBe(START);
  });
});

describe('RTCCR (ARM DDI 0224 3.3.4)', () => {
  it('reads as started, and a write does not stop the counter', () => {
    const { rtc, goTo } = rtcAt();
    rtc.write(RTC.CR, 4, 0);
    goTo(SECOND);
    expect([rtc.read(RTC.CR), rtc.read(RTC.DR)]).toEqual([1, START + 1]);
  });
});

describe('RTCMR, RTCIMSC, RTCRIS, RTCMIS and RTCICR (ARM DDI 0224 3.3.2, 3.3.5 to 3.3.8)', () => {
  it('interrupt when the counter reaches the match value, until cleared', () => {
    const { rtc, interrupt, goTo } = rtcAt();
    rtc.write(RTC.IMSC, 4, 1);
    rtc.write(RTC.MR, 4, START + 2);
    expect(rtc.read(RTC.MR)).toBe(START + 2);
    goTo(2 * SECOND - 1);
    expect(interrupt.level).toBe(false);
    goTo(2 * SECOND);
    expect(interrupt.level).toBe(true);
    expect([rtc.read(RTC.RIS), rtc.read(RTC.MIS)]).toEqual([1, 1]);
    goTo(3 * SECOND);
    expect(interrupt.level).toBe(true);
    rtc.write(RTC.ICR, 4, 0);
    expect(interrupt.level).toBe(true);
    rtc.write(RTC.ICR, 4, 1);
    expect(interrupt.level).toBe(false);
    expect([rtc.read(RTC.RIS), rtc.read(RTC.MIS)]).toEqual([0, 0]);
  });

  it('have raw status without the mask, and the line only with it', () => {
    const { rtc, interrupt, goTo } = rtcAt();
    rtc.write(RTC.MR, 4, START + 1);
    goTo(SECOND);
    expect([rtc.read(RTC.IMSC), rtc.read(RTC.RIS), rtc.read(RTC.MIS)]).toEqual([0, 1, 0]);
    expect(interrupt.level).toBe(false);
    rtc.write(RTC.IMSC, 4, 0xff);
    expect([rtc.read(RTC.IMSC), rtc.read(RTC.MIS)]).toEqual([1, 1]);
    expect(interrupt.level).toBe(true);
  });

  it('match at once when the match value is the present one', () => {
    const { rtc } = rtcAt();
    rtc.write(RTC.MR, 4, START);
    expect(rtc.read(RTC.RIS)).toBe(1);
  });

  it('look for equality: a time in the past does not match', () => {
    const { rtc, goTo } = rtcAt();
    rtc.write(RTC.MR, 4, START - 1);
    goTo(10 * SECOND);
    expect(rtc.read(RTC.RIS)).toBe(0);
  });

  it('follow a counter that is loaded anew', () => {
    const { rtc, goTo } = rtcAt();
    rtc.write(RTC.MR, 4, 1001);
    rtc.write(RTC.LR, 4, 1000);
    goTo(SECOND);
    expect(rtc.read(RTC.RIS)).toBe(1);
  });
});

describe('the device', () => {
  it('identifies itself as PL031 revision 1 (ARM DDI 0224 3.3.9, 3.3.10)', () => {
    const { rtc } = rtcAt();
    const bytes = Array.from({ length: 8 }, (_, i) => rtc.read(RTC.PeriphID0 + i * 4));
    expect(bytes).toEqual([0x31, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
    expect(rtc.read(0x20)).toBe(0);
  });

  it('keeps the time over a reset and forgets the alarm', () => {
    const { rtc, interrupt, goTo, clock } = rtcAt();
    rtc.write(RTC.IMSC, 4, 1);
    rtc.write(RTC.MR, 4, START);
    goTo(SECOND);
    rtc.write(RTC.MR, 4, START + 9);
    rtc.reset();
    expect(interrupt.level).toBe(false);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect([rtc.read(RTC.DR), rtc.read(RTC.IMSC), rtc.read(RTC.RIS)]).toEqual([START + 1, 0, 0]);
  });

  it('goes on from a copy of its state', () => {
    const from = rtcAt();
    from.rtc.write(RTC.LR, 4, 50);
    from.rtc.write(RTC.MR, 4, 53);
    from.rtc.write(RTC.IMSC, 4, 1);
    const { rtc, interrupt, goTo } = rtcAt();
    rtc.restoreState(from.rtc.saveState());
    expect(rtc.read(RTC.DR)).toBe(50);
    expect(interrupt.level).toBe(false);
    goTo(3 * SECOND);
    expect(interrupt.level).toBe(true);
  });
});
