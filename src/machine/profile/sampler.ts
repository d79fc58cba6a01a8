import type { ArmCpu } from '../../arm/cpu.ts';
import { StateSlot } from '../../arm/state.ts';
import type { PhysicalMemory } from '../../memory/physical-memory.ts';
import { callBefore } from './call-site.ts';

/** A place where the guest was when samples were taken. */
export interface ProfileSample {
  readonly cpu: number;
  /** `user`: an unprivileged mode; `kernel`: any other. */
  readonly mode: 'kernel' | 'user';
  /** Virtual address of the instruction that was next. */
  readonly pc: number;
  /** The call that the link register came from, if it is one. */
  readonly caller: { readonly pc: number; readonly target: number | undefined } | undefined;
  /** Guest instructions that the CPU had run since its sample before. */
  readonly instructions: number;
}

/** What was counted so far; the instructions of all samples together are those of the CPUs since `profile` was called. */
export interface Profile {
  /** By CPU, mode, address and caller, in the order of their first samples. */
  samples(): readonly ProfileSample[];
}

/** Samples on average this many instructions of a CPU apart. */
const SAMPLE_INTERVAL = 50_000;

interface Place {
  readonly sample: Omit<ProfileSample, 'instructions'>;
  instructions: number;
}

/**
 * Looks where each CPU is after exactly so many of its instructions. The distances vary, by a sequence that is always the
 * same: a loop whose length divides a constant distance would be seen at one of its instructions only.
 */
export class Sampler implements Profile {
  private readonly interval: number;
  private readonly cpus: readonly ArmCpu[];
  private readonly physical: PhysicalMemory;
  private readonly places = new Map<string, Place>();
  /** For each CPU. */
  private readonly left: number[];
  private readonly since: number[];
  private readonly random: Int32Array;

  constructor(cpus: readonly ArmCpu[], physical: PhysicalMemory, interval = SAMPLE_INTERVAL) {
    this.interval = interval;
    this.cpus = cpus;
    this.physical = physical;
    this.random = Int32Array.from(cpus, (_cpu, i) => 0x2545f491 + i);
    this.left = cpus.map((_cpu, i) => this.distance(i));
    this.since = cpus.map(() => 0);
  }

  /** Instructions that a CPU has to run until its next sample, at least 1. */
  untilNext(cpu: ArmCpu): number {
    return this.left[cpu.cpu];
  }

  /** A CPU has run, and stands between two instructions. */
  ran(cpu: ArmCpu, instructions: number): void {
    const number = cpu.cpu;
    this.since[number] += instructions;
    this.left[number] -= instructions;
    if (this.left[number] > 0) return;
    this.left[number] = this.distance(number);
    this.add(cpu);
  }

  samples(): readonly ProfileSample[] {
    // What came after the last sample counts for where the CPU is now.
    for (const cpu of this.cpus) if (this.since[cpu.cpu] > 0) this.add(cpu);
    return [...this.places.values()].map(({ sample, instructions }) => ({ ...sample, instructions }));
  }

  private add(cpu: ArmCpu): void {
    const { slots, privileged } = cpu.state;
    const pc = slots[StateSlot.PC] >>> 0;
    const call = callBefore(slots[StateSlot.LR], (va) => this.readCode(cpu, va));
    const caller = call && { pc: call.pc >>> 0, target: call.target && call.target >>> 0 };
    const key = `${cpu.cpu} ${privileged} ${pc} ${caller?.pc} ${caller?.target}`;
    let place = this.places.get(key);
    if (place === undefined) {
      const sample = { cpu: cpu.cpu, mode: privileged ? 'kernel' : 'user', pc, caller } as const;
      place = { sample, instructions: 0 };
      this.places.set(key, place);
    }
    place.instructions += this.since[cpu.cpu];
    this.since[cpu.cpu] = 0;
  }

  private readCode(cpu: ArmCpu, va: number): number | undefined {
    const { mmu } = cpu;
    const pa = mmu.translateForDebug(va);
    return pa >= 0 && this.physical.isRam(pa)
      ? this.physical.read(pa, 2, mmu.privilegedRequester)
      : undefined;
  }

  /** Between half the interval and one and a half of it (xorshift, Marsaglia 2003). */
  private distance(cpu: number): number {
    const { random } = this;
    random[cpu] ^= random[cpu] << 13;
    random[cpu] ^= random[cpu] >>> 17;
    random[cpu] ^= random[cpu] << 5;
    return Math.max(1, Math.floor(this.interval * (0.5 + (random[cpu] >>> 0) / 2 ** 32)));
  }
}
