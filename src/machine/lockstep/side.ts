import type { ArmCpu } from '../../arm/cpu.ts';
import type { ArmEngine, StopReason } from '../../arm/engine.ts';
import { MachineMemory, MemoryLayout } from '../../memory/machine-memory.ts';
import { PageWatches } from '../../memory/page-watches.ts';
import { PhysicalMemory } from '../../memory/physical-memory.ts';
import type { Requester } from '../../ports/mmio.ts';
import { type Answer, describeRequest, isSame, type Request, type Tape } from './tape.ts';
import type { TapedTimer } from './taped-ports.ts';
import { WrittenPages } from './written-pages.ts';

const EVENT = MemoryLayout.eventWord >>> 2;

/** An engine that comes back to its dispatcher so often for the same instruction never gets on. */
const ASKED_BEFORE_STUCK = 10_000;

/** Size and places of the memory that both sides have. */
export interface SideShape {
  readonly ramBytes: number;
  readonly ramBase: number;
  /** Storage of devices that CPUs read directly. */
  readonly directBytes: number;
}

/** Something that a test does to a side, each time that it has run so many instructions since the machine was made. */
export interface Disturbance {
  readonly after: number;
  /** @param piece how many instructions it has run in one go before that */
  apply(side: Side, piece: number): void;
}

type Mode = 'idle' | 'record' | 'replay';

/** Physical memory that tells of what bus masters, debuggers and semihosting write to RAM. */
class ReportingMemory extends PhysicalMemory {
  onOutsideWrite: (address: number, bytes: Uint8Array, requester: Requester) => void = () => {};

  override writeBytes(address: number, from: Uint8Array, requester: Requester): boolean {
    const done = super.writeBytes(address, from, requester);
    const start = Math.max(address, this.ramBase);
    const end = Math.min(address + from.length, this.ramBase + this.ramSize);
    // A transfer that failed before RAM has not come that far.
    if (start < end && (done || start === address)) {
      this.onOutsideWrite(start, from.slice(start - address, end - address), requester);
    }
    return done;
  }
}

/** One of two engines with the memory that it works on. */
export class Side {
  readonly memory: MachineMemory;
  readonly physical: ReportingMemory;
  readonly written: WrittenPages;
  readonly timers: (TapedTimer | undefined)[] = [];
  /** What the side asked that the tape does not have at this place. */
  mismatch: string | undefined;
  /** How much of the tape it has used up. */
  position = 0;
  private readonly tape: Tape;
  private readonly disturbance: Disturbance | undefined;
  private mode: Mode = 'idle';
  private ownEngine: ArmEngine | undefined;

  constructor(shape: SideShape, tape: Tape, disturbance?: Disturbance) {
    const watches = new PageWatches(shape.ramBytes);
    this.memory = new MachineMemory(shape.ramBytes, shape.directBytes);
    this.physical = new ReportingMemory(this.memory, shape.ramBase, watches);
    this.written = new WrittenPages(watches, shape.ramBytes);
    this.tape = tape;
    this.disturbance = disturbance;
  }

  /** There is one from {@link connect} on. */
  get engine(): ArmEngine {
    return this.ownEngine as ArmEngine;
  }

  connect(engine: ArmEngine): void {
    this.ownEngine = engine;
  }

  get isIdle(): boolean {
    return this.mode === 'idle';
  }

  get isReplaying(): boolean {
    return this.mode === 'replay';
  }

  get eventWord(): number {
    return this.memory.words[EVENT];
  }

  set eventWord(value: number) {
    this.memory.words[EVENT] = value;
  }

  /** Runs a slice against the world, and records that. */
  record(cpu: ArmCpu, budget: number, isLate: () => boolean): StopReason {
    this.mode = 'record';
    try {
      return this.engine.run(cpu, budget, isLate);
    } finally {
      this.mode = 'idle';
    }
  }

  /** Runs exactly so many instructions of a slice against the tape, from its beginning. */
  replay(cpu: number, budget: number): StopReason {
    this.position = 0;
    this.mismatch = undefined;
    return this.replayOn(cpu, budget);
  }

  /** The same, from where the tape is. */
  replayOn(cpu: number, budget: number): StopReason {
    const { engine, disturbance } = this;
    const { exact } = engine;
    engine.exact = true;
    this.mode = 'replay';
    try {
      const until = (disturbance?.after ?? 0) - engine.instructions;
      if (disturbance === undefined || until <= 0 || until > budget) return this.runOn(cpu, budget);
      const reason = this.runOn(cpu, until);
      if (engine.instructions !== disturbance.after) return reason;
      disturbance.apply(this, until);
      return budget > until ? this.runOn(cpu, budget - until) : reason;
    } finally {
      this.mode = 'idle';
      engine.exact = exact;
    }
  }

  /** An engine may look around for reasons of its own, such as translations that are void: it goes on then. */
  private runOn(cpu: number, count: number): StopReason {
    const { engine } = this;
    const end = engine.instructions + count;
    for (let progress = true; ; ) {
      const before = engine.instructions;
      const reason = engine.run(engine.cpus[cpu], end - before, this.isStuck());
      const goesOn = reason === 'event' && this.mismatch === undefined && engine.instructions < end;
      const stuck = !progress && engine.instructions === before;
      if (!goesOn || stuck) return reason;
      progress = engine.instructions > before;
      this.eventWord = 0;
    }
  }

  /** Asked between blocks: whether the engine has long run without executing an instruction. */
  private isStuck(): () => boolean {
    let executed = -1;
    let asked = 0;
    return () => {
      if (this.engine.executed !== executed) {
        executed = this.engine.executed;
        asked = 0;
      }
      return ++asked > ASKED_BEFORE_STUCK;
    };
  }

  /**
   * The engine asks something of the world.
   * @param real what answers; absent where nothing does, because the side only ever replays
   * @param nothing what the engine gets where the tape has no answer: its run ends soon
   */
  ask<A extends Answer>(request: Request, real: (() => A) | undefined, nothing: A): A {
    if (this.mode === 'record' && real !== undefined) {
      return this.tape.record(request, real, () => this.eventWord !== 0);
    }
    if (this.mode === 'idle') return real === undefined ? nothing : real();
    const interaction = this.mismatch === undefined ? this.tape.at(this.position) : undefined;
    if (interaction === undefined || !isSame(interaction.request, request)) {
      this.mismatch ??= describeRequest(request);
      this.engine.lookAround();
      return nothing;
    }
    this.position++;
    for (const effect of interaction.effects) effect(this);
    if (interaction.event) this.eventWord = 1;
    // The same request was answered.
    return interaction.answer as A;
  }
}
