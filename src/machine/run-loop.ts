import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine, StopReason } from '../arm/engine.ts';
import { StateSlot } from '../arm/state.ts';
import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { Saveable } from '../ports/saveable.ts';
import { type HostClock, InstructionClock } from './clock.ts';

/** A slice is at most this long: an event word set by a native thread is seen within it even in one endless block. */
const MAX_SLICE = 20_000;
/**
 * With compiled code and the host's clock: compiled code sees the event word by itself, and comes back often enough for the
 * host's compiler to replace it by better code.
 */
const MAX_COMPILED_SLICE = 500_000;
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
/**
 * The host's timers count whole milliseconds. What is left of one is waited for in naps this long, between which a native
 * thread's event is seen.
 */
const NAP_MS = 0.1;
/** A timer of the host can't wait longer. */
const LONGEST_SLEEP_MS = 0x7fffffff;

const EVENT = MemoryLayout.eventWord >>> 2;
const SLEEPING = MemoryLayout.sleepingWord >>> 2;

/** Reasons to stop in the middle of a slice. */
const GOES_ON: readonly StopReason[] = ['late', 'budget', 'debug'];

/** Goes on in the event loop's next turn, after timers, sockets and terminals had theirs. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/** Blocks the thread for a part of a millisecond; the main thread of a browser may not. */
function nap(words: Int32Array, index: number, ms: number): boolean {
  try {
    return Atomics.wait(words, index, 0, ms) !== 'timed-out';
  } catch {
    return true;
  }
}

/** What runs a CPU for at most so many instructions: an engine, or more than one. */
export interface GuestRunner {
  run(cpu: ArmCpu, budget: number, isLate: () => boolean): StopReason;
}

/** What looks where CPUs are after an exact number of their instructions. */
export interface SliceSampler {
  /** Instructions that a CPU has to run until then, at least 1. */
  untilNext(cpu: ArmCpu): number;
  ran(cpu: ArmCpu, instructions: number): void;
}

/** Where a run loop is between two pieces of guest time, for a machine that is saved. */
export type RunLoopState = {
  /** Number of the CPU whose slice goes on, or -1, and how many instructions it has left. */
  readonly interrupted: number;
  readonly left: number;
  /** Number of the CPU that has the next turn. */
  readonly next: number;
  /** Whether the CPU of that slice gives way where it spins. */
  readonly spinsGiveWay: boolean;
  /** See RunLoop.dozedAt. */
  readonly dozedAt: Float64Array;
};

/**
 * Runs the CPUs of a machine on the thread of its creator: slices of guest time, between them the devices' timers,
 * between groups of slices the host's event loop. Sleeps while every CPU waits.
 */
export class RunLoop implements Saveable<RunLoopState> {
  private readonly engine: ArmEngine;
  private readonly runner: GuestRunner;
  private readonly words: Int32Array;
  private readonly clock: HostClock | InstructionClock;
  /** Looks at what native threads have reported. */
  private readonly service: () => void;
  private readonly maxSlice: number;
  private slice = MAX_SLICE;
  /** Host time at which the event loop is due. */
  private yieldAt = 0;
  private readonly isLate = (): boolean => performance.now() >= this.yieldAt;
  /**
   * With the counting clock: the CPU whose slice was interrupted for the event loop, how much of it is left and how much
   * has run. CPUs take turns at the ends of slices only, so that a run does not depend on the host's speed.
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
  sampler: SliceSampler | undefined;
  /** Called when a CPU's turn, or a piece of it, is over. */
  onSliceEnd: () => void = () => {};
  /** Called when a CPU stopped for the debugger, who pauses the machine then. */
  onDebugStop: (cpu: ArmCpu) => void = () => {};

  /** @param runner what runs the engine's CPUs; absent: the engine */
  constructor(
    engine: ArmEngine,
    memory: MachineMemory,
    clock: HostClock | InstructionClock,
    service: () => void,
    runner: GuestRunner = engine,
  ) {
    this.engine = engine;
    this.runner = runner;
    this.words = memory.words;
    this.clock = clock;
    this.service = service;
    this.dozedAt = new Float64Array(engine.cpus.length).fill(Number.NEGATIVE_INFINITY);
    engine.exact = false;
    const compiled = engine.kind === 'wasm' && !(clock instanceof InstructionClock);
    this.maxSlice = compiled ? MAX_COMPILED_SLICE : MAX_SLICE;
    // Input that arrives while all CPUs wait may arm a timer (the PL011's receive timeout) before it interrupts.
    clock.onEarlierDeadline(() => {
      if (clock instanceof InstructionClock) engine.shorten(clock.instructionsUntil(clock.nextDeadlineNs()));
      this.wake();
    });
    clock.onReleased(() => this.wake());
    clock.onOverdue(() => Atomics.store(this.words, EVENT, 1));
    if (clock instanceof InstructionClock) {
      engine.exactAccesses = true;
      clock.sinceAdvance = () => this.ran + engine.executed;
    }
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    this.running = true;
    if (!this.paused) this.resumeClock();
    try {
      while (!this.stopped) {
        if (this.paused || this.clock.isHeld) await this.sleep(Number.POSITIVE_INFINITY);
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
    // With the counting clock a pause must not end a slice: CPUs would take turns at another instruction.
    if (this.clock instanceof InstructionClock) this.yieldAt = 0;
    else this.engine.lookAround();
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

  /**
   * Runs one instruction of a CPU for the debugger while the machine is paused. A wait for an interrupt or an event ends:
   * it may at any time (B1.8.14).
   */
  step(cpu: ArmCpu, ignoreWatchpoints: boolean): void {
    const { engine, clock } = this;
    cpu.waiting = false;
    this.dozedAt[cpu.cpu] = Number.NEGATIVE_INFINITY;
    const before = engine.instructions;
    this.stopReason = engine.stepInstruction(cpu, ignoreWatchpoints);
    const executed = engine.instructions - before;
    this.sampler?.ran(cpu, executed);
    this.onSliceEnd();
    if (!(clock instanceof InstructionClock)) return;
    if (this.interrupted === undefined) {
      clock.advance(executed);
    } else {
      this.ran += executed;
      this.left = Math.max(1, this.left - executed);
    }
  }

  saveState(): RunLoopState {
    const { interrupted, left, next, dozedAt } = this;
    const { spinsGiveWay } = this.engine;
    return { interrupted: interrupted?.cpu ?? -1, left, next, spinsGiveWay, dozedAt: dozedAt.slice() };
  }

  restoreState({ interrupted, left, next, spinsGiveWay, dozedAt }: RunLoopState): void {
    const { cpus } = this.engine;
    if (dozedAt.length !== cpus.length || interrupted >= cpus.length || next >= cpus.length) {
      throw new RangeError('the saved machine has another number of CPUs');
    }
    this.interrupted = cpus[interrupted];
    this.left = left;
    this.ran = 0;
    this.next = next;
    this.engine.spinsGiveWay = spinsGiveWay;
    this.dozedAt.set(dozedAt);
  }

  /** @returns false when every CPU waits. */
  private runUntilYield(): boolean {
    this.yieldAt = performance.now() + YIELD_AFTER_MS;
    for (;;) {
      this.lookAround();
      if (this.clock.isHeld) return true;
      const cpu = this.interrupted ?? this.nextCpu();
      if (cpu === undefined) return false;
      const before = performance.now();
      const executed =
        this.clock instanceof InstructionClock
          ? this.runCounted(cpu, this.clock)
          : this.runTimed(cpu, this.clock);
      // An event that was there before its turn began does not cost a CPU its turn: others' timers would starve it.
      if (executed === 0 && this.stopReason === 'event') this.next = cpu.cpu;
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

  /** @param exact whether the budget is to be used up to its last instruction. @returns instructions executed. */
  private runSlice(cpu: ArmCpu, budget: number, exact: boolean): number {
    const { engine, sampler } = this;
    const before = engine.instructions;
    const untilSample = sampler?.untilNext(cpu) ?? Number.POSITIVE_INFINITY;
    engine.exact = exact || untilSample <= budget;
    this.stopReason = this.runner.run(cpu, Math.min(budget, untilSample), this.isLate);
    sampler?.ran(cpu, engine.instructions - before);
    this.onSliceEnd();
    if (this.stopReason === 'debug') this.onDebugStop(cpu);
    this.dozedAt[cpu.cpu] = this.stopReason === 'wfe' ? engine.instructions : Number.NEGATIVE_INFINITY;
    return engine.instructions - before;
  }

  private runTimed(cpu: ArmCpu, clock: HostClock): number {
    const executed = this.runSlice(cpu, this.slice, false);
    clock.worked(executed);
    return executed;
  }

  /** A piece of a slice as long as host time allows; the slice's own end depends on guest time alone. */
  private runCounted(cpu: ArmCpu, clock: InstructionClock): number {
    if (this.interrupted === undefined) {
      this.left = Math.max(1, Math.min(MAX_SLICE, clock.instructionsUntil(clock.nextDeadlineNs())));
    }
    // Only the slice's end has to be at exactly one instruction.
    const executed = this.runSlice(cpu, Math.min(this.left, this.slice), this.left <= this.slice);
    this.ran += executed;
    // A timer may have been armed in the slice, or a shorter deadline than the slice's end have come.
    this.left = Math.min(this.left - executed, clock.instructionsUntil(clock.nextDeadlineNs()));
    // Where the piece ended for the host's sake just when something happened to the guest, that ends the slice.
    const happened = Atomics.load(this.words, EVENT) !== 0;
    const goesOn = this.left > 0 && !happened && GOES_ON.includes(this.stopReason);
    this.interrupted = goesOn ? cpu : undefined;
    if (!goesOn) {
      const { ran } = this;
      this.ran = 0;
      clock.advance(ran);
    }
    return executed;
  }

  private adapt(elapsedMs: number, executed: number): void {
    if (elapsedMs > 2 * SLICE_TARGET_MS) this.slice = Math.max(MIN_SLICE, this.slice >> 1);
    // A slice may end a block early: it counts as spent when most of it is.
    else if (elapsedMs < SLICE_TARGET_MS / 2 && executed > this.slice / 2) {
      this.slice = Math.min(this.maxSlice, this.slice * 2);
    }
  }

  /**
   * The CPUs take turns; one that waits is passed over unless an interrupt came for it. One that spins gives way at once
   * where another can run; it gets its next turn when all others have had theirs.
   */
  private nextCpu(): ArmCpu | undefined {
    const { cpus } = this.engine;
    let chosen: ArmCpu | undefined;
    for (let i = 0; i < cpus.length; i++) {
      const cpu = cpus[(this.next + i) % cpus.length];
      if (cpu.power !== 'on') continue;
      if ((cpu.waiting || this.isDozing(cpu)) && !cpu.irqPending && !cpu.fiqPending) continue;
      this.engine.spinsGiveWay = chosen !== undefined;
      if (chosen !== undefined) break;
      chosen = cpu;
    }
    if (chosen !== undefined) this.next = (chosen.cpu + 1) % cpus.length;
    return chosen;
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
    if (ms >= 1) await this.sleep(Math.floor(ms));
    else await this.doze();
    if (!(clock instanceof InstructionClock)) clock.idled();
  }

  /** Waits for a deadline within the next millisecond. */
  private async doze(): Promise<void> {
    const { clock } = this;
    await nextTurn();
    while (this.wakeable()) {
      const left = (clock.nextDeadlineNs() - clock.nowNs()) / 1e6;
      if (!(left > 0 && left < 1) || nap(this.words, EVENT, Math.min(left, NAP_MS))) return;
    }
  }

  /** Whether nothing has happened in the event loop's turn that a sleep must end for. */
  private wakeable(): boolean {
    return !this.stopped && !this.paused && this.nextCpu() === undefined;
  }

  /** Sets sleeping, looks again, sleeps: whoever sets the event word after that sees the flag and wakes. */
  private async sleep(ms: number): Promise<void> {
    Atomics.store(this.words, SLEEPING, 1);
    if (Atomics.load(this.words, EVENT) === 0 || this.paused || this.clock.isHeld) {
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
