import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostClock, InstructionClock } from '../../src/machine/clock.ts';

describe('timers of a clock', () => {
  it('are called back once, when their deadline has come', () => {
    const clock = new InstructionClock(1);
    const calls: string[] = [];
    const timer = clock.createTimer(() => calls.push('a'));
    expect(timer.deadlineNs).toBe(Number.POSITIVE_INFINITY);
    timer.arm(100);
    expect([timer.deadlineNs, clock.nextDeadlineNs()]).toEqual([100, 100]);
    clock.advance(99);
    clock.runDue();
    expect(calls).toEqual([]);
    clock.advance(1);
    clock.runDue();
    clock.advance(1000);
    clock.runDue();
    expect(calls).toEqual(['a']);
    expect([timer.deadlineNs, clock.nextDeadlineNs()]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('tell the sleeper of a deadline before all others, and of no other', () => {
    const clock = new InstructionClock(1);
    let calls = 0;
    clock.onEarlierDeadline(() => calls++);
    const [a, b] = [clock.createTimer(() => {}), clock.createTimer(() => {})];
    a.arm(100);
    b.arm(200);
    expect(calls).toBe(1);
    b.arm(50);
    expect(calls).toBe(2);
  });

  it('run in the order of deadlines, then of arming, whatever the order of creation', () => {
    const clock = new InstructionClock(1);
    const calls: string[] = [];
    const timer = (name: string) => clock.createTimer(() => calls.push(name));
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(timer);
    d.arm(5);
    c.arm(10);
    b.arm(10);
    a.arm(10);
    b.arm(10);
    clock.skipTo(20);
    clock.runDue();
    expect(calls).toEqual(['d', 'c', 'a', 'b']);
  });

  it('fire at the next opportunity when armed for the past, also from a callback', () => {
    const clock = new InstructionClock(1);
    const calls: string[] = [];
    const second = clock.createTimer(() => calls.push('second'));
    const first = clock.createTimer(() => {
      calls.push('first');
      second.arm(3);
    });
    clock.skipTo(100);
    first.arm(50);
    clock.runDue();
    expect(calls).toEqual(['first', 'second']);
  });

  it('may cancel another that is due in the same pass', () => {
    const clock = new InstructionClock(1);
    const calls: string[] = [];
    const other = clock.createTimer(() => calls.push('other'));
    const first = clock.createTimer(() => other.cancel());
    other.arm(20);
    first.arm(10);
    clock.skipTo(30);
    clock.runDue();
    expect(calls).toEqual([]);
  });

  it('are disarmed by a deadline of Infinity and refuse NaN', () => {
    const clock = new InstructionClock(1);
    const timer = clock.createTimer(() => {});
    timer.arm(5);
    timer.arm(Number.POSITIVE_INFINITY);
    expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect(() => timer.arm(Number.NaN)).toThrow(RangeError);
  });

  it('keep their order through any arming and cancelling', () => {
    const action = fc.record({ timer: fc.nat(9), deadline: fc.option(fc.nat(30)) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const clock = new InstructionClock(1);
        const fired: number[] = [];
        const timers = Array.from({ length: 10 }, (_, n) => clock.createTimer(() => fired.push(n)));
        const armed: { timer: number; deadline: number }[] = [];
        for (const { timer, deadline } of actions) {
          const old = armed.findIndex((entry) => entry.timer === timer);
          if (old >= 0) {
            armed.splice(old, 1);
          }
          if (deadline === null) {
            timers[timer].cancel();
          } else {
            timers[timer].arm(deadline);
            armed.push({ timer, deadline });
          }
          expect(clock.nextDeadlineNs()).toBe(
            Math.min(Number.POSITIVE_INFINITY, ...armed.map((entry) => entry.deadline)),
          );
        }
        clock.skipTo(30);
        clock.runDue();
        // Array.prototype.sort is stable, and `armed` is in arming order.
        expect(fired).toEqual(armed.sort((a, b) => a.deadline - b.deadline).map((entry) => entry.timer));
      }),
    );
  });
});

describe('InstructionClock', () => {
  it('counts executed instructions', () => {
    const clock = new InstructionClock(10);
    clock.advance(3);
    clock.advance(4);
    expect([clock.nowNs(), clock.instructions]).toEqual([70, 7]);
  });

  it('does not sum up rounding errors of a fraction', () => {
    const clock = new InstructionClock(0.1);
    for (let i = 0; i < 1000; i++) {
      clock.advance(7);
    }
    expect(clock.nowNs()).toBe(700);
  });

  it('skips idle time forward only', () => {
    const clock = new InstructionClock(1);
    clock.advance(10);
    clock.skipTo(100);
    expect(clock.nowNs()).toBe(100);
    clock.skipTo(50);
    expect(clock.nowNs()).toBe(100);
    clock.advance(1);
    expect([clock.nowNs(), clock.instructions]).toEqual([101, 11]);
  });

  it.each([1, 3, 0.3, 2.5])('tells how many instructions of %d ns lie before a deadline', (ns) => {
    const clock = new InstructionClock(ns);
    clock.advance(17);
    clock.skipTo(111);
    const count = clock.instructionsUntil(1234);
    clock.advance(count - 1);
    expect(clock.nowNs()).toBeLessThan(1234);
    clock.advance(1);
    expect(clock.nowNs()).toBeGreaterThanOrEqual(1234);
    expect(clock.instructionsUntil(1234)).toBe(0);
    expect(clock.instructionsUntil(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it('refuses instructions that take no time', () => {
    expect(() => new InstructionClock(0)).toThrow(RangeError);
    expect(() => new InstructionClock(Number.NaN)).toThrow(RangeError);
  });
});

describe('HostClock', () => {
  function hostClock() {
    const host = { ns: 5_000_000.5 };
    const clock = new HostClock(() => host.ns);
    return { host, clock };
  }

  it('starts paused at zero and follows the host from resume on', () => {
    const { host, clock } = hostClock();
    host.ns += 1000;
    expect(clock.nowNs()).toBe(0);
    clock.resume();
    host.ns += 123;
    expect(clock.nowNs()).toBe(123);
  });

  it('stands still while paused and goes on without a jump', () => {
    const { host, clock } = hostClock();
    clock.resume();
    host.ns += 100;
    clock.pause();
    host.ns += 1_000_000;
    expect(clock.nowNs()).toBe(100);
    clock.pause();
    clock.resume();
    clock.resume();
    host.ns += 10;
    clock.resume();
    expect(clock.nowNs()).toBe(110);
  });

  it('never goes back, and counts whole nanoseconds', () => {
    const { host, clock } = hostClock();
    clock.resume();
    host.ns += 10.7;
    expect(clock.nowNs()).toBe(10);
    host.ns -= 5;
    expect(clock.nowNs()).toBe(10);
  });

  /** A guest whose instructions take so many nanoseconds of the host, for a time of the host. */
  function work(clock: HostClock, host: { ns: number }, nsPerInstruction: number, forNs: number): number {
    const before = clock.nowNs();
    const SLICE_NS = 1e6;
    for (let ns = 0; ns < forNs; ns += SLICE_NS) {
      host.ns += SLICE_NS;
      clock.worked(SLICE_NS / nsPerInstruction);
    }
    return clock.nowNs() - before;
  }

  it('follows the host however few instructions a second of it has, down to 100 million', () => {
    const { host, clock } = hostClock();
    clock.resume();
    expect(work(clock, host, 1, 5e9)).toBe(5e9);
    expect(work(clock, host, 10, 5e9)).toBe(5e9);
  });

  it('goes on with the instructions where the host runs fewer, so that a guest has time for more than its ticks', () => {
    const { host, clock } = hostClock();
    clock.resume();
    const PATIENCE = 1e9;
    // What the first second has not brought is forgiven.
    expect(work(clock, host, 40, 12e9)).toBeCloseTo(12e9 / 4 + PATIENCE, -7);
    expect(work(clock, host, 40, 4e9)).toBeCloseTo(1e9, -7);
    expect(work(clock, host, 5, 4e9)).toBeCloseTo(4e9, -7);
  });

  it('forgives a fast guest that the host does something else now and then', () => {
    const { host, clock } = hostClock();
    clock.resume();
    for (let round = 0; round < 10; round++) {
      expect(work(clock, host, 5, 1e9)).toBe(1e9);
      const before = clock.nowNs();
      host.ns += 0.9e9;
      clock.worked(0);
      expect(clock.nowNs() - before).toBe(0.9e9);
    }
  });

  it('is the one of the host while every CPU waits, however slow they are', () => {
    const { host, clock } = hostClock();
    clock.resume();
    work(clock, host, 100, 20e9);
    const before = clock.nowNs();
    host.ns += 60e9;
    clock.idled();
    expect(clock.nowNs() - before).toBeCloseTo(60e9, -7);
  });

  it('does not go back when a slice was slower than allowed and its guest looked at the clock', () => {
    const { host, clock } = hostClock();
    clock.resume();
    work(clock, host, 100, 20e9);
    host.ns += 50e6;
    const seen = clock.nowNs();
    clock.worked(50_000);
    expect(clock.nowNs()).toBe(seen);
    work(clock, host, 100, 1e9);
    expect(clock.nowNs() - seen).toBeCloseTo(1e9 / 10, -8);
  });

  it('waits for a timer that is overdue: nobody sees a time-out pass before the interrupt that it waits for', () => {
    const { host, clock } = hostClock();
    clock.resume();
    const seen: number[] = [];
    let looks = 0;
    clock.onOverdue(() => looks++);
    clock.createTimer(() => seen.push(clock.nowNs())).arm(1000);
    clock.createTimer(() => seen.push(clock.nowNs())).arm(3000);
    host.ns += 1000;
    expect([clock.nowNs(), looks]).toEqual([1000, 0]);
    host.ns += 1000;
    expect([clock.nowNs(), looks]).toEqual([1000, 1]);
    clock.runDue();
    expect([clock.nowNs(), seen]).toEqual([2000, [2000]]);
    host.ns += 1_000_000;
    expect([clock.nowNs(), looks]).toEqual([3000, 2]);
    clock.runDue();
    expect([clock.nowNs(), seen]).toEqual([1_002_000, [2000, 1_002_000]]);
  });

  it('runs timers by host time', () => {
    const { host, clock } = hostClock();
    let calls = 0;
    clock.createTimer(() => calls++).arm(50);
    clock.resume();
    host.ns += 49;
    clock.runDue();
    expect(calls).toBe(0);
    host.ns += 1;
    clock.runDue();
    expect(calls).toBe(1);
  });
});
