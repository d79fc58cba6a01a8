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
    const bytes = new Uint8Array(length);
    let done = 0;
    this.pieces(cpu, address, length, (physical, piece) => {
      const { mmu } = this.machine.engine.cpus[cpu];
      const into = bytes.subarray(done, done + piece);
      if (!this.machine.physical.readBytes(physical, into, mmu.privilegedRequester)) return false;
      done += piece;
      return true;
    });
    return bytes.subarray(0, done);
  }

  writeMemory(cpu: number, address: number, bytes: Uint8Array): boolean {
    let done = 0;
    this.pieces(cpu, address, bytes.length, (physical, piece) => {
      const { mmu } = this.machine.engine.cpus[cpu];
      const from = bytes.subarray(done, done + piece);
      if (!this.machine.physical.writeBytes(physical, from, mmu.privilegedRequester)) return false;
      done += piece;
      return true;
    });
    return done === bytes.length;
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

  /** Physical pieces of a virtual range, page by page, until one has no translation or is not taken. */
  private pieces(
    cpu: number,
    address: number,
    length: number,
    take: (physical: number, length: number) => boolean,
  ): void {
    const { mmu, state } = this.machine.engine.cpus[cpu];
    mmu.selectContext(state.privileged);
    for (let done = 0; done < length; ) {
      const va = (address + done) >>> 0;
      const piece = Math.min(length - done, PAGE - (va % PAGE));
      const physical = mmu.translateForDebug(va);
      if (physical < 0 || !take(physical, piece)) return;
      done += piece;
    }
  }
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
