import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine } from '../arm/engine.ts';
import { StateSlot } from '../arm/state.ts';
import { StopPoints } from '../arm/stop-points.ts';
import {
  type DebugListener,
  type DebugTarget,
  RegisterNumber,
  type StopPoint,
  type StopReport,
} from '../debug/debug-target.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { RunLoop } from './run-loop.ts';

/** What a debugger needs of its machine. */
export interface DebuggedMachine {
  readonly engine: ArmEngine;
  readonly loop: RunLoop;
  readonly physical: PhysicalMemory;
  /** Makes the machine stand still for the debugger, until `release`. */
  hold(): void;
  release(): void;
  kill(): void;
}

const PAGE = 4096;

/** A machine as its debugger sees it. It stands still from the beginning. */
export class MachineDebugger implements DebugTarget {
  readonly cpuCount: number;
  private readonly machine: DebuggedMachine;
  private readonly points = new StopPoints();
  private pointsChanged = false;
  private listener: DebugListener | undefined;
  private held = true;
  /** A stop point that its CPU is still at: going on, it must not stop there again. */
  private standsAt: { readonly cpu: ArmCpu; readonly pc: number; readonly watched: boolean } | undefined;

  constructor(machine: DebuggedMachine) {
    this.machine = machine;
    this.cpuCount = machine.engine.cpus.length;
    machine.loop.onDebugStop = (cpu) => this.stoppedAtPoint(cpu);
    machine.hold();
  }

  /** Who hears of stops. */
  listen(listener: DebugListener): void {
    this.listener = listener;
  }

  /** The machine has ended. */
  ended(code: number): void {
    this.listener?.ended(code);
  }

  describeCpu(cpu: number): string {
    return describeCpu(this.machine.engine.cpus[cpu]);
  }

  readRegister(cpu: number, register: number): Uint8Array {
    const { state } = this.machine.engine.cpus[cpu];
    if (register === RegisterNumber.cpsr) return bytesOf(state.cpsr);
    const slot = slotOf(register);
    const isDouble = slot >= StateSlot.V0;
    return bytesOf(...state.slots.subarray(slot, slot + (isDouble ? 2 : 1)));
  }

  writeRegister(cpu: number, register: number, value: Uint8Array): void {
    const { state } = this.machine.engine.cpus[cpu];
    const words = new Int32Array(value.slice().buffer);
    if (register === RegisterNumber.cpsr) state.cpsr = words[0];
    else state.slots.set(words, slotOf(register));
  }

  readMemory(cpu: number, address: number, length: number): Uint8Array {
    const { engine, physical } = this.machine;
    return readVirtual(this.inContext(engine.cpus[cpu]), physical, address, length);
  }

  writeMemory(cpu: number, address: number, bytes: Uint8Array): boolean {
    const { engine, physical } = this.machine;
    return writeVirtual(this.inContext(engine.cpus[cpu]), physical, address, bytes);
  }

  addStopPoint(point: StopPoint): void {
    this.pointsChanged = true;
    if (point.kind === 'execute') this.points.breakpoints.add(point.address);
    else this.points.addWatchpoint(point);
  }

  removeStopPoint(point: StopPoint): void {
    this.pointsChanged = true;
    if (point.kind === 'execute') this.points.breakpoints.delete(point.address);
    else this.points.removeWatchpoint(point);
  }

  clearStopPoints(): void {
    this.pointsChanged = true;
    this.points.clear();
  }

  stop(): void {
    this.standStill();
    this.tell({ cpu: this.machine.engine.activeCpu, reason: 'request' });
  }

  resume(): void {
    if (!this.held) return;
    this.applyPoints();
    const at = this.standsAt;
    this.standsAt = undefined;
    if (at !== undefined && at.cpu.state.slots[StateSlot.PC] === at.pc) {
      this.machine.loop.step(at.cpu, true);
    }
    this.held = false;
    this.machine.release();
  }

  step(cpu: number, others: readonly number[]): void {
    const { engine, loop } = this.machine;
    this.applyPoints();
    const stepped = engine.cpus[cpu];
    const at = this.standsAt;
    this.standsAt = undefined;
    const knows = at?.cpu === stepped && at.watched && at.pc === stepped.state.slots[StateSlot.PC];
    loop.step(stepped, knows);
    const stop = engine.debugStop;
    for (const other of others) {
      const { state, power, waiting } = engine.cpus[other];
      const runs = power === 'on' && !waiting && !this.points.isBreakpoint(state.slots[StateSlot.PC]);
      if (runs && stop === undefined) loop.step(engine.cpus[other], false);
    }
    if (stop === undefined) this.tell({ cpu, reason: 'step' });
    else this.tell(this.reportOf(stepped));
  }

  kill(): void {
    this.machine.kill();
  }

  private stoppedAtPoint(cpu: ArmCpu): void {
    this.standStill();
    this.tell(this.reportOf(cpu));
  }

  private reportOf(cpu: ArmCpu): StopReport {
    const stop = this.machine.engine.debugStop;
    const watch = stop?.reason === 'watchpoint' ? stop.watchpoint : undefined;
    this.standsAt = { cpu, pc: cpu.state.slots[StateSlot.PC], watched: watch !== undefined };
    if (watch === undefined) return { cpu: cpu.cpu, reason: 'breakpoint' };
    return { cpu: cpu.cpu, reason: 'watchpoint', watch };
  }

  private standStill(): void {
    this.held = true;
    this.machine.hold();
  }

  /** When whatever runs now has come to its end. */
  private tell(report: StopReport): void {
    queueMicrotask(() => this.listener?.stopped(report));
  }

  private applyPoints(): void {
    if (!this.pointsChanged) return;
    this.pointsChanged = false;
    this.machine.engine.setStopPoints(this.points.isEmpty ? undefined : this.points);
  }

  /** What the guest, or the debugger, has changed of the registers since the CPU ran last counts. */
  private inContext(cpu: ArmCpu): ArmCpu {
    cpu.mmu.selectContext(cpu.state.privileged);
    return cpu;
  }
}

/** Reads by a CPU's translation, as privileged code. @returns what can be read from the start on */
export function readVirtual(
  cpu: ArmCpu,
  physical: PhysicalMemory,
  address: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length);
  const done = pieces(cpu, address, length, (at, from, to) =>
    physical.readBytes(at, bytes.subarray(from, to), cpu.mmu.privilegedRequester),
  );
  return bytes.subarray(0, done);
}

/** @returns false when a byte can't be written; those before it have been */
export function writeVirtual(
  cpu: ArmCpu,
  physical: PhysicalMemory,
  address: number,
  bytes: Uint8Array,
): boolean {
  const done = pieces(cpu, address, bytes.length, (at, from, to) =>
    physical.writeBytes(at, bytes.subarray(from, to), cpu.mmu.privilegedRequester),
  );
  return done === bytes.length;
}

/** Physical pieces of a virtual range, page by page, until one has no translation or is not taken. @returns bytes taken */
function pieces(
  cpu: ArmCpu,
  address: number,
  length: number,
  take: (physical: number, from: number, to: number) => boolean,
): number {
  let done = 0;
  while (done < length) {
    const va = (address + done) >>> 0;
    const to = done + Math.min(length - done, PAGE - (va % PAGE));
    const physical = cpu.mmu.translateForDebug(va);
    if (physical < 0 || !take(physical, done, to)) break;
    done = to;
  }
  return done;
}

/** A CPU's state in a word or two. */
export function describeCpu(cpu: ArmCpu): string {
  if (cpu.power === 'off') return 'off';
  return cpu.waiting ? 'waits for an interrupt' : 'on';
}

function slotOf(register: number): number {
  if (register === RegisterNumber.fpscr) return StateSlot.Fpscr;
  return register >= RegisterNumber.d0 ? StateSlot.V0 + 2 * (register - RegisterNumber.d0) : register;
}

function bytesOf(...words: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(words).buffer);
}
