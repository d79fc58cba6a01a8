import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine, StopReason } from '../arm/engine.ts';
import { StateSlot } from '../arm/state.ts';
import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { type HostClock, InstructionClock } from './clock.ts';

/** A slice is at most this long: an event word set by a native thread is seen within it even in one endless block. */
const MAX_SLICE = 20_000;
const MIN_SLICE = 500;
/** Host time that a slice should take, so that yielding in time is possible on slow hosts too. */
const SLICE_TARGET_MS = 1;
/** The event loop gets its turn at least every 5 ms; a slice more fits in between. */
const YIELD_AFTER_MS = 3.5;
/**
 * A machine whose CPUs all wait for an event (WFE) sleeps at most this long: an event may be one that nobody signals
 * here, such as a device that writes to memory.
 */
const LONGEST_DOZE_MS = 10;
/** A timer of the host can't wait longer. */
const LONGEST_SLEEP_MS = 0x7fffffff;

const EVENT = MemoryLayout.eventWord >>> 2;
const SLEEPING = MemoryLayout.sleepingWord >>> 2;

/** Goes on in the event loop's next turn, after timers, sockets and terminals had theirs. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/**
 * Runs the CPUs of a machine on the thread of its creator: slices of guest time, between them the devices' timers,
 * between groups of slices the host's event loop. Sleeps while every CPU waits.
 */
export class RunLoop {
  private readonly engine: ArmEngine;
  private readonly words: Int32Array;
  private readonly clock: HostClock | InstructionClock;
  /** Looks at what native threads have reported. */
  private readonly service: () => void;
  private slice = MAX_SLICE;
  /** Host time at which the event loop is due. */
  private yieldAt = 0;
  private readonly isLate = (): boolean => performance.now() >= this.yieldAt;
  /**
   * With the counting clock: the CPU whose slice was interrupted for the event loop, how much of it is left and how much
   * has run. Guest time moves at the ends of slices only, so that a run does not depend on the host's speed.
   */
  private interrupted: ArmCpu | undefined;
  private left = 0;
  private ran = 0;
  private stopped = false;
  private paused = false;
  private next = 0;
  /** For each CPU: the count of instructions when it last ran into a WFE without an event; -Infinity when it did not. */
  private readonly dozedAt: Float64Array;
  private stopReason: StopReason = 'budget';
  private wakeUp: (() => void) | undefined;
  running = false;

  constructor(
    engine: ArmEngine,
    memory: MachineMemory,
    clock: HostClock | InstructionClock,
    service: () => void,
  ) {
    this.engine = engine;
    this.words = memory.words;
    this.clock = clock;
    this.service = service;
    this.dozedAt = new Float64Array(engine.cpus.length).fill(Number.NEGATIVE_INFINITY);
    engine.exact = false;
    // Input that arrives while all CPUs wait may arm a timer (the PL011's receive timeout) before it interrupts.
    clock.onEarlierDeadline(() => this.wake());
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    this.running = true;
    if (!this.paused) this.resumeClock();
    try {
      while (!this.stopped) {
        if (this.paused) await this.sleep(Number.POSITIVE_INFINITY);
        else if (this.runUntilYield()) await nextTurn();
        // A timer or a device may have stopped the machine just now: nobody would wake it again.
        else if (!this.stopped) await this.idle();
      }
    } finally {
      this.running = false;
      this.pauseClock();
    }
  }

  stop(): void {
    this.stopped = true;
    this.wake();
  }

  pause(): void {
    this.paused = true;
    this.pauseClock();
    this.engine.lookAround();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.running) this.resumeClock();
    this.wake();
  }

  /** Ends a sleep; may be called at any time. */
  wake(): void {
    this.wakeUp?.();
  }

  /** @returns false when every CPU waits. */
  private runUntilYield(): boolean {
    this.yieldAt = performance.now() + YIELD_AFTER_MS;
    for (;;) {
      this.lookAround();
      const cpu = this.interrupted ?? this.nextCpu();
      if (cpu === undefined) return false;
      const before = performance.now();
      const executed =
        this.clock instanceof InstructionClock
          ? this.runCounted(cpu, this.clock)
          : this.runSlice(cpu, this.slice);
      const now = performance.now();
      this.adapt(now - before, executed);
      if (this.stopped || this.paused || now >= this.yieldAt) return true;
    }
  }

  /** Serves native threads and due timers. Clears the event word first: what comes later sets it again. */
  private lookAround(): void {
    if (Atomics.exchange(this.words, EVENT, 0) !== 0) this.service();
    if (this.interrupted === undefined) this.clock.runDue();
  }

  /** @returns instructions executed. */
  private runSlice(cpu: ArmCpu, budget: number): number {
    const { engine } = this;
    const before = engine.instructions;
    this.stopReason = engine.run(cpu, budget, this.isLate);
    this.dozedAt[cpu.cpu] = this.stopReason === 'wfe' ? engine.instructions : Number.NEGATIVE_INFINITY;
    return engine.instructions - before;
  }

  /** A piece of a slice as long as host time allows; the slice's own end depends on guest time alone. */
  private runCounted(cpu: ArmCpu, clock: InstructionClock): number {
    if (this.interrupted === undefined) {
      this.left = Math.max(1, Math.min(MAX_SLICE, clock.instructionsUntil(clock.nextDeadlineNs())));
      this.ran = 0;
    }
    // Only the slice's end has to be at exactly one instruction.
    this.engine.exact = this.left <= this.slice;
    const executed = this.runSlice(cpu, Math.min(this.left, this.slice));
    this.left -= executed;
    this.ran += executed;
    const goesOn = this.left > 0 && (this.stopReason === 'late' || this.stopReason === 'budget');
    this.interrupted = goesOn ? cpu : undefined;
    if (!goesOn) clock.advance(this.ran);
    return executed;
  }

  private adapt(elapsedMs: number, executed: number): void {
    if (elapsedMs > 2 * SLICE_TARGET_MS) this.slice = Math.max(MIN_SLICE, this.slice >> 1);
    // A slice may end a block early: it counts as spent when most of it is.
    else if (elapsedMs < SLICE_TARGET_MS / 2 && executed > this.slice / 2) {
      this.slice = Math.min(MAX_SLICE, this.slice * 2);
    }
  }

  /** The CPUs take turns; one that waits is passed over unless an interrupt came for it. */
  private nextCpu(): ArmCpu | undefined {
    const { cpus } = this.engine;
    for (let i = 0; i < cpus.length; i++) {
      const cpu = cpus[(this.next + i) % cpus.length];
      if (cpu.power !== 'on') continue;
      if ((cpu.waiting || this.isDozing(cpu)) && !cpu.irqPending && !cpu.fiqPending) continue;
      this.next = (this.next + i + 1) % cpus.length;
      return cpu;
    }
    return undefined;
  }

  /** After a WFE a CPU gets its next turn when there is an event, or when the others have had theirs. */
  private isDozing(cpu: ArmCpu): boolean {
    if (cpu.state.slots[StateSlot.Event] !== 0) return false;
    return this.engine.instructions - this.dozedAt[cpu.cpu] < MAX_SLICE;
  }

  private async idle(): Promise<void> {
    const { clock } = this;
    const longest = this.dozedAt.some((at) => at >= 0) ? LONGEST_DOZE_MS : Number.POSITIVE_INFINITY;
    this.dozedAt.fill(Number.NEGATIVE_INFINITY);
    const deadline = clock.nextDeadlineNs();
    if (clock instanceof InstructionClock && deadline !== Number.POSITIVE_INFINITY) {
      clock.skipTo(deadline);
      await nextTurn();
      return;
    }
    const ms = Math.min((deadline - clock.nowNs()) / 1e6, longest);
    // The host's timers count whole milliseconds: what is left of one is spent in turns of the event loop.
    if (ms < 1) await nextTurn();
    else await this.sleep(Math.floor(ms));
  }

  /** Sets sleeping, looks again, sleeps: whoever sets the event word after that sees the flag and wakes. */
  private async sleep(ms: number): Promise<void> {
    Atomics.store(this.words, SLEEPING, 1);
    if (Atomics.load(this.words, EVENT) === 0 || this.paused) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(ms, LONGEST_SLEEP_MS));
        this.wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wakeUp = undefined;
    }
    Atomics.store(this.words, SLEEPING, 0);
  }

  private resumeClock(): void {
    if (!(this.clock instanceof InstructionClock)) this.clock.resume();
  }

  private pauseClock(): void {
    if (!(this.clock instanceof InstructionClock)) this.clock.pause();
  }
}
