import type { ArmCpu } from '../../arm/cpu.ts';
import type { ArmEngine, EngineHooks, StopReason } from '../../arm/engine.ts';
import type { EngineKind } from '../../arm/engine-kind.ts';
import { type BoardMemory, directStorageOf } from '../../boards/assemble-board.ts';
import type { MachineMemory } from '../../memory/machine-memory.ts';
import type { PhysicalMemory } from '../../memory/physical-memory.ts';
import type { ArmTimer } from '../../ports/arm-timer.ts';
import type { DirectReads } from '../../ports/direct-reads.ts';
import type { GicCpuInterface } from '../../ports/gic-cpu-interface.ts';
import type { NormalizedOptions } from '../options.ts';
import { type Difference, firstDifferentWord, pageDifferences } from './comparison.ts';
import { Investigation, table } from './investigation.ts';
import { type Disturbance, Side, type SideShape } from './side.ts';
import { type Outcome, Slice } from './slice.ts';
import { type Effect, Tape } from './tape.ts';
import { TapedDevice, TapedGic, TapedTimer, tapedHooks } from './taped-ports.ts';

/** Words of RAM compared after each slice beside those that were written, for each instruction and at least. */
const SCANNED_PER_INSTRUCTION = 2;
const SCANNED_AT_LEAST = 1024;
const PAGE_WORDS = 1024;

/** Two engines have come to different results: one of them, or this comparison, is wrong. */
export class EngineDifference extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineDifference';
    // Where the comparison stands in our code is no help.
    this.stack = `${this.name}: ${message}`;
  }
}

/** Makes an engine over a side's memory. */
export type MakeEngine = (
  side: { readonly memory: MachineMemory; readonly physical: PhysicalMemory },
  timers: readonly (ArmTimer | undefined)[],
  hooks: EngineHooks,
  kind: EngineKind,
) => ArmEngine;

/** The lockstep that options ask for. */
export function lockstepOf({ engine, memory, board }: NormalizedOptions): Lockstep | undefined {
  if (engine !== 'lockstep') return undefined;
  return new Lockstep({ ramBytes: memory, ramBase: board.ram.base, directBytes: directStorageOf(board) });
}

/**
 * Runs everything in two engines. The first is the machine's own: devices, clock and run loop know it alone. What it
 * and the world do to each other in a slice is put on a tape; then the second runs as many instructions, gets from the
 * tape what the first got from the world, at the same instruction, and is compared: all that the CPUs remember, every
 * page of RAM that one of them has written, and a piece of the rest in turn.
 */
export class Lockstep {
  readonly first: Side;
  readonly second: Side;
  private readonly tape = new Tape();
  private readonly kinds: readonly [EngineKind, EngineKind];
  private ownSlice: Slice | undefined;
  /** Word of RAM where the comparison in turn goes on. */
  private scanned = 0;
  /** Storage of devices that both sides read directly. */
  private readonly storages: { readonly first: Uint8Array; readonly second: Uint8Array }[] = [];
  private started = false;

  /** @param disturbance what a test does to the second side */
  constructor(
    shape: SideShape,
    kinds: readonly [EngineKind, EngineKind] = ['interpreter', 'wasm'],
    disturbance?: Disturbance,
  ) {
    this.kinds = kinds;
    this.first = new Side(shape, this.tape);
    this.second = new Side(shape, this.tape, disturbance);
    this.first.physical.onOutsideWrite = (address, bytes, requester) =>
      this.outside((side) => side.physical.writeBytes(address, bytes, requester));
  }

  /** The address space that a board is put into: that of both sides. */
  get boardMemory(): BoardMemory {
    const { first, second } = this;
    return {
      map: (base, size, device, name) => {
        first.physical.map(base, size, new TapedDevice(first, name, base, device, true), name);
        second.physical.map(base, size, new TapedDevice(second, name, base, device, false), name);
      },
      directReads: (base, size, alias) => this.directReads(base, size, alias),
      isRam: (address) => first.physical.isRam(address),
      readBytes: (address, into, requester) => first.physical.readBytes(address, into, requester),
      writeBytes: (address, from, requester) => first.physical.writeBytes(address, from, requester),
    };
  }

  /** Makes both engines. @returns the first, which is the machine's */
  connect(make: MakeEngine, timers: readonly (ArmTimer | undefined)[], hooks: EngineHooks): ArmEngine {
    for (const side of [this.first, this.second]) {
      const isFirst = side === this.first;
      for (const [cpu, timer] of timers.entries()) {
        const taped = timer && new TapedTimer(side, cpu, isFirst ? timer : undefined);
        if (taped !== undefined) taped.kernelControl = timer?.read('CNTKCTL') ?? 0;
        side.timers.push(taped);
      }
      const engine = make(
        side,
        side.timers,
        tapedHooks(side, isFirst ? hooks : undefined),
        this.kinds[isFirst ? 0 : 1],
      );
      side.connect(engine);
    }
    this.ownSlice = new Slice(this.first, this.second, this.tape);
    return this.first.engine;
  }

  /** Gives a CPU of each side its GICv3 interface. */
  connectGic(cpu: number, gic: GicCpuInterface): void {
    this.first.engine.cpus[cpu].gic = new TapedGic(this.first, cpu, gic);
    this.second.engine.cpus[cpu].gic = new TapedGic(this.second, cpu, undefined);
  }

  /**
   * Something has been done to the first side from outside: it is done to the second where that is at the same instruction.
   * @param repeatable false where doing it once more makes another thing of it
   */
  outside(effect: Effect, repeatable = true): void {
    const { first, second, tape } = this;
    // What a side does that runs a slice once more is on the tape already.
    if (first.isReplaying || this.ownSlice === undefined) return;
    if (first.isIdle) {
      effect(second);
      return;
    }
    tape.addEffect(effect);
    if (!repeatable) tape.repeatable = false;
  }

  /**
   * Runs a slice of one of the first engine's CPUs in both, as {@link ArmEngine.run} does in one.
   * @throws EngineDifference when they differ after it
   */
  run(cpu: ArmCpu, budget: number, isLate: () => boolean): StopReason {
    const { first, second, tape } = this;
    const slice = this.ownSlice as Slice;
    if (!this.started) this.copyStorage();
    this.started = true;
    slice.begin(cpu.cpu);
    const reason = first.record(cpu, budget, isLate);
    const executed = first.engine.instructions - slice.instructions;
    slice.keepPages();
    second.engine.exactAccesses = first.engine.exactAccesses;
    const found = slice.compare(executed, tape.length, { reason }, this.follow(cpu.cpu, executed));
    if (found.length > 0) {
      throw new EngineDifference(
        this.explain(new Investigation(first, second, tape, slice, executed), found),
      );
    }
    this.scan(executed * SCANNED_PER_INSTRUCTION + SCANNED_AT_LEAST);
    return reason;
  }

  /** Compares all of RAM. @throws EngineDifference */
  compareAll(): void {
    this.scanned = 0;
    this.scan(this.first.physical.ramSize >>> 2);
  }

  /** An engine that is wrong may leave nothing behind that can be run again. */
  private explain(investigation: Investigation, found: readonly Difference[]): string {
    try {
      return investigation.report(found);
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return [
        'the engines differ at the end of a slice:',
        '',
        ...table(found),
        '',
        `running it again failed: ${why}`,
      ].join('\n');
    }
  }

  private follow(cpu: number, executed: number): Outcome {
    try {
      return { reason: this.second.replay(cpu, executed) };
    } catch (failure) {
      return { reason: undefined, failure };
    }
  }

  /** Finds what was written past every check of pages. */
  private scan(words: number): void {
    const { first, second } = this;
    const end = first.physical.ramSize >>> 2;
    const to = Math.min(end, this.scanned + words);
    const word = firstDifferentWord(first, second, this.scanned, to);
    this.scanned = to === end ? 0 : to;
    if (word < 0) return;
    const differences = pageDifferences(first, second, [Math.floor(word / PAGE_WORDS)]);
    throw new EngineDifference(
      [
        `the engines differ, seen after ${first.engine.instructions.toLocaleString('en')} guest instructions:`,
        'one of them has written RAM in a slice before without a way through its TLB, or the second missed what came from outside',
        '',
        ...table(differences),
      ].join('\n'),
    );
  }

  private directReads(base: number, size: number, alias: number | undefined): DirectReads {
    const first = this.first.physical.directReads(base, size, alias);
    const second = this.second.physical.directReads(base, size, alias);
    this.storages.push({ first: first.storage, second: second.storage });
    return {
      storage: first.storage,
      set: (on) => {
        first.set(on);
        this.outside(() => second.set(on), false);
      },
      changed: (offset, length) => {
        first.changed(offset, length);
        const bytes = first.storage.slice(offset, offset + length);
        this.outside(() => {
          second.storage.set(bytes, offset);
          second.changed(offset, length);
        }, false);
      },
    };
  }

  /** What devices had in their storage from the beginning; most of it is zeros and stays untouched. */
  private copyStorage(): void {
    for (const { first, second } of this.storages) {
      const words = new Int32Array(first.buffer, first.byteOffset, first.length >>> 2);
      for (let at = 0; at < words.length; at += PAGE_WORDS) {
        let end = at;
        while (end < at + PAGE_WORDS && words[end] === 0) end++;
        if (end < at + PAGE_WORDS) second.set(first.subarray(4 * at, 4 * (at + PAGE_WORDS)), 4 * at);
      }
    }
  }
}
