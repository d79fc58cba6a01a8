import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Where a timer is in the heap while it is not armed. */
const NOT_ARMED = -1;

class HeapTimer implements ClockTimer {
  readonly #queue: TimerQueue;
  readonly callback: () => void;
  deadlineNs = Number.POSITIVE_INFINITY;
  /** Arming order: decides between equal deadlines. */
  sequence = 0;
  heapIndex = NOT_ARMED;

  constructor(queue: TimerQueue, callback: () => void) {
    this.#queue = queue;
    this.callback = callback;
  }

  arm(deadlineNs: number): void {
    this.#queue.arm(this, deadlineNs);
  }

  cancel(): void {
    this.#queue.remove(this);
  }
}

/** Armed timers as a binary heap, the earliest at the root. Nothing here allocates once the timers exist. */
class TimerQueue {
  readonly #heap: HeapTimer[] = [];
  #sequence = 0;
  onEarlier: () => void = () => {};

  get first(): HeapTimer | undefined {
    return this.#heap[0];
  }

  arm(timer: HeapTimer, deadlineNs: number): void {
    if (Number.isNaN(deadlineNs)) {
      throw new RangeError('A deadline is a number of nanoseconds, not NaN');
    }
    this.remove(timer);
    if (deadlineNs === Number.POSITIVE_INFINITY) {
      return;
    }
    timer.deadlineNs = deadlineNs;
    timer.sequence = this.#sequence++;
    timer.heapIndex = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer);
    if (timer.heapIndex === 0) {
      this.onEarlier();
    }
  }

  remove(timer: HeapTimer): void {
    const index = timer.heapIndex;
    if (index === NOT_ARMED) {
      return;
    }
    timer.heapIndex = NOT_ARMED;
    timer.deadlineNs = Number.POSITIVE_INFINITY;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#place(last, index);
      this.#up(last);
      this.#down(last);
    }
  }

  #place(timer: HeapTimer, index: number): void {
    this.#heap[index] = timer;
    timer.heapIndex = index;
  }

  #up(timer: HeapTimer): void {
    while (timer.heapIndex > 0) {
      const index = timer.heapIndex;
      const parent = this.#heap[(index - 1) >> 1];
      if (!isEarlier(timer, parent)) {
        return;
      }
      this.#place(timer, parent.heapIndex);
      this.#place(parent, index);
    }
  }

  #down(timer: HeapTimer): void {
    for (;;) {
      const index = timer.heapIndex;
      const left: HeapTimer | undefined = this.#heap[index * 2 + 1];
      const right: HeapTimer | undefined = this.#heap[index * 2 + 2];
      if (left === undefined) {
        return;
      }
      const child = right !== undefined && isEarlier(right, left) ? right : left;
      if (!isEarlier(child, timer)) {
        return;
      }
      this.#place(timer, child.heapIndex);
      this.#place(child, index);
    }
  }
}

function isEarlier(a: HeapTimer, b: HeapTimer): boolean {
  return a.deadlineNs < b.deadlineNs || (a.deadlineNs === b.deadlineNs && a.sequence < b.sequence);
}

/** What the run loop needs of a machine's clock beside what devices need. */
export interface MachineClock extends Clock {
  /** Deadline of the next timer in virtual nanoseconds, Infinity when none is armed. */
  nextDeadlineNs(): number;
  /** Calls back the timers whose deadline has come, in the order of deadlines, then of arming. */
  runDue(): void;
  /** The one listener is called when a timer was armed for a deadline before all others: who sleeps sleeps too long. */
  onEarlierDeadline(listener: () => void): void;
  /** Whether the guest must not go on before work of the host has settled. */
  readonly isHeld: boolean;
  /** The one listener is called when the guest may go on again. */
  onReleased(listener: () => void): void;
  /** The one listener is called when somebody looks at a clock that waits for `runDue`. */
  onOverdue(listener: () => void): void;
}

abstract class TimedClock implements MachineClock {
  readonly #timers = new TimerQueue();
  protected released: () => void = () => {};
  protected overdue: () => void = () => {};

  abstract nowNs(): number;
  abstract readonly isHeld: boolean;
  abstract whenSettled(work: Promise<unknown>, latencyNs: number, callback: () => void): void;

  onReleased(listener: () => void): void {
    this.released = listener;
  }

  onOverdue(listener: () => void): void {
    this.overdue = listener;
  }

  createTimer(callback: () => void): ClockTimer {
    return new HeapTimer(this.#timers, callback);
  }

  onEarlierDeadline(listener: () => void): void {
    this.#timers.onEarlier = listener;
  }

  nextDeadlineNs(): number {
    return this.#timers.first?.deadlineNs ?? Number.POSITIVE_INFINITY;
  }

  /** Up to when deadlines have come. */
  protected dueNs(): number {
    return this.nowNs();
  }

  runDue(): void {
    // One sample: a callback that arms itself again for a later time must not keep a moving clock here for ever.
    const now = this.dueNs();
    for (let timer = this.#timers.first; timer !== undefined; timer = this.#timers.first) {
      if (timer.deadlineNs > now || this.isHeld) {
        return;
      }
      timer.cancel();
      timer.callback();
    }
  }
}

/** Virtual nanoseconds. */
export type HostClockState = { readonly nowNs: number };

/**
 * What an instruction takes of a guest's time: by the counting clock always, by the host's at most. 100 million instructions a
 * second are a tenth of what the boards' CPUs run, and enough for what software takes for granted: systemd waits 90 s for a
 * console, and Linux' 250 timer ticks leave a CPU time for other things.
 */
export const NS_PER_INSTRUCTION = 10;
/** How long a guest may be slower than that before its time is: hosts have other things to do now and then. */
const PATIENCE_NS = 1e9;

/**
 * Follows the host's monotonic time while it runs; more slowly where the host is slower than {@link NS_PER_INSTRUCTION}. Made
 * paused, at zero.
 */
export class HostClock extends TimedClock implements Saveable<HostClockState> {
  readonly isHeld = false;
  readonly #hostNs: () => number;
  /** Host time up to which `worked` and `idled` have accounted for. */
  #accountedNs = 0;
  /** Host time that may yet pass without instructions. */
  #patienceNs = PATIENCE_NS;
  /** Virtual time at the last pause, or at the last sample while running: it never goes back. */
  #virtualNs = 0;
  /** Host time that is virtual time zero. */
  #originNs = 0;
  #running = false;

  /** @param hostNs monotonic host time in nanoseconds, from any origin. */
  constructor(hostNs: () => number) {
    super();
    this.#hostNs = hostNs;
  }

  /**
   * No later than the next deadline until `runDue` has called back: a guest whose slice the host holds up would see a time-out
   * pass before the interrupt that it waits for.
   */
  nowNs(): number {
    if (this.#running) {
      const now = this.hostedNs();
      const deadline = this.nextDeadlineNs();
      if (now > deadline) this.overdue();
      this.#virtualNs = Math.max(this.#virtualNs, Math.min(now, Math.ceil(deadline)));
    }
    return this.#virtualNs;
  }

  protected override dueNs(): number {
    if (this.#running) this.#virtualNs = Math.max(this.#virtualNs, this.hostedNs());
    return this.#virtualNs;
  }

  private hostedNs(): number {
    return Math.floor(this.#hostNs() - this.#originNs);
  }

  whenSettled(work: Promise<unknown>, _latencyNs: number, callback: () => void): void {
    work.then(callback, callback);
  }

  saveState(): HostClockState {
    return { nowNs: this.nowNs() };
  }

  /** Virtual time goes on from the saved one. */
  restoreState({ nowNs }: HostClockState): void {
    this.#virtualNs = nowNs;
    if (this.#running) this.#originNs = this.#hostNs() - nowNs;
  }

  /** @param instructions that ran since the last call of this or of `idled`: time goes no further than they allow. */
  worked(instructions: number): void {
    const host = this.#hostNs();
    const allowed = this.#patienceNs + instructions * NS_PER_INSTRUCTION;
    const left = allowed - (host - this.#accountedNs);
    this.#accountedNs = host;
    this.#patienceNs = Math.min(Math.max(left, 0), PATIENCE_NS);
    // Who has looked at the clock in the meantime has seen more: it stands still until it is that late.
    if (left < 0) this.#originNs -= left;
  }

  /** Every CPU has waited since the last call of this or of `worked`: that costs the guest nothing. */
  idled(): void {
    this.#accountedNs = this.#hostNs();
  }

  /** Virtual time stands still until `resume`. */
  pause(): void {
    this.nowNs();
    this.#running = false;
  }

  /** Virtual time goes on from where it stood. */
  resume(): void {
    if (!this.#running) {
      this.#accountedNs = this.#hostNs();
      this.#originNs = this.#accountedNs - this.#virtualNs;
      this.#running = true;
    }
  }
}

/** Instructions counted, and virtual nanoseconds that an idle machine skipped. */
export type InstructionClockState = { readonly instructions: number; readonly skippedNs: number };

/**
 * Counts executed instructions, so that a run is the same each time. Time moves by `advance` and `skipTo`, and with the
 * instructions that have run since.
 */
export class InstructionClock extends TimedClock implements Saveable<InstructionClockState> {
  readonly nsPerInstruction: number;
  /** Instructions executed since the last `advance`: who runs them says it, so that a clock read sees the exact count. */
  sinceAdvance: () => number = () => 0;
  #instructions = 0;
  #skippedNs = 0;
  #held = false;

  /** @param nsPerInstruction more than 0; a fraction does no harm, time is computed from the count. */
  constructor(nsPerInstruction: number) {
    super();
    if (!(nsPerInstruction > 0 && nsPerInstruction < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`An instruction takes some time above 0 ns, not ${nsPerInstruction}`);
    }
    this.nsPerInstruction = nsPerInstruction;
  }

  /** Instructions executed since the machine was made. */
  get instructions(): number {
    return this.#instructions + this.sinceAdvance();
  }

  nowNs(): number {
    return Math.floor(this.instructions * this.nsPerInstruction) + this.#skippedNs;
  }

  /** @param instructions executed since the last call; `sinceAdvance` gives 0 then. */
  advance(instructions: number): void {
    this.#instructions += instructions;
  }

  /** An idle machine goes straight to a time, as a rule its next deadline; one in the past changes nothing. */
  skipTo(ns: number): void {
    const now = this.nowNs();
    if (ns > now) {
      this.#skippedNs += Math.ceil(ns) - now;
    }
  }

  /** Instructions until a time is reached: the run loop's budget. 0 when it has come, Infinity for Infinity. */
  instructionsUntil(ns: number): number {
    const exact = Math.ceil((ns - this.#skippedNs) / this.nsPerInstruction) - this.instructions;
    return Math.max(0, exact);
  }

  /** While work of the host is waited for, no timer goes off either: what follows it comes in the same order each time. */
  get isHeld(): boolean {
    return this.#held;
  }

  whenSettled(work: Promise<unknown>, latencyNs: number, callback: () => void): void {
    let settled = false;
    let due = false;
    const timer = this.createTimer(() => {
      due = true;
      if (settled) callback();
      else this.#held = true;
    });
    timer.arm(this.nowNs() + latencyNs);
    const finish = (): void => {
      settled = true;
      if (!due) return;
      this.#held = false;
      callback();
      this.released();
    };
    work.then(finish, finish);
  }

  saveState(): InstructionClockState {
    return { instructions: this.instructions, skippedNs: this.#skippedNs };
  }

  restoreState({ instructions, skippedNs }: InstructionClockState): void {
    this.#instructions = instructions;
    this.#skippedNs = skippedNs;
  }
}
