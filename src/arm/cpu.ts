import type { MachineMemory } from '../memory/machine-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { ArmTimer } from '../ports/arm-timer.ts';
import type { GicCpuInterface } from '../ports/gic-cpu-interface.ts';
import type { PendingFault } from '../translator/pending-fault.ts';
import type { CoprocessorContext } from './coprocessor.ts';
import { CpuState, Psr } from './cpu-state.ts';
import { DataAccess } from './data-access.ts';
import { Mmu } from './mmu.ts';
import { Mode } from './modes.ts';
import { StateSlot } from './state.ts';
import { type CpuModel, SystemRegisters } from './system-registers.ts';
import type { TlbArrays } from './tlb.ts';

/** What a CPU asks of the engine that runs it and of the board around it. */
export interface CpuEnvironment {
  readonly cpuCount: number;
  readonly peripheralBase: number;
  /** HVC or SMC: PSCI by the board's conduit. @returns false where the instruction is UNDEFINED. */
  hypervisorCall(cpu: ArmCpu, conduit: 'hvc' | 'smc'): boolean;
  /** SEV: sets the event register of every CPU. */
  sendEvent(): void;
  /** Interrupt lines changed: the run loop must look at them soon. */
  lookAround(): void;
  invalidateTlb(cpu: number, va: number | undefined): void;
  /** Drops everything, whatever the tables of now have. */
  resetTlb(cpu: number): void;
  invalidateAsid(cpu: number, asid: number): void;
  invalidateInstructions(va: number | undefined): void;
  /** @returns true when an access must be left undone for now: see {@link CoprocessorContext.stepFirst}. */
  stepFirst(): boolean;
  /** Instructions that the CPU that runs has executed in the current run. */
  executed(): number;
}

/** Power state as PSCI sees it (ARM DEN 0022 5.7). */
export type PowerState = 'on' | 'off';

/** One CPU: registers, system registers, MMU, and its interrupt inputs. */
export class ArmCpu implements CoprocessorContext {
  readonly state: CpuState;
  readonly regs: SystemRegisters;
  readonly mmu: Mmu;
  readonly data: DataAccess;
  readonly model: CpuModel;
  readonly cpu: number;
  gic: GicCpuInterface | undefined;
  power: PowerState = 'on';
  /** WFI: waits for an interrupt, masked or not. */
  waiting = false;
  private readonly environment: CpuEnvironment;
  private irq = false;
  private fiq = false;

  constructor(
    cpu: number,
    model: CpuModel,
    memory: MachineMemory,
    physical: PhysicalMemory,
    tlb: TlbArrays,
    timer: ArmTimer | undefined,
    fault: PendingFault,
    environment: CpuEnvironment,
  ) {
    this.cpu = cpu;
    this.model = model;
    this.environment = environment;
    this.state = new CpuState(memory);
    this.regs = new SystemRegisters(model, timer, this.state);
    this.mmu = new Mmu(physical, tlb, this.regs, cpu, model.features.lpae, fault);
    this.data = new DataAccess(memory, physical, this.regs, this.mmu, fault, () => environment.stepFirst());
    this.initialise(0);
  }

  get cpuCount(): number {
    return this.environment.cpuCount;
  }

  get peripheralBase(): number {
    return this.environment.peripheralBase;
  }

  /** State after reset (B1.9.1), with the PC where boot code or PSCI wants it; bit 0 selects T32. */
  reset(entry: number): void {
    this.environment.resetTlb(this.cpu);
    this.initialise(entry);
  }

  private initialise(entry: number): void {
    const fresh = new SystemRegisters(this.model, this.regs.timer, this.state);
    Object.assign(this.regs, fresh);
    const { slots } = this.state;
    slots.fill(0);
    slots[StateSlot.AIFM] = Mode.Supervisor | Psr.A | Psr.I | Psr.F;
    slots[StateSlot.T] = entry & 1;
    slots[StateSlot.PC] = entry & ~1;
    slots[StateSlot.PendingInterrupts] = this.pendingInterrupts();
    this.waiting = false;
  }

  setIrq(level: boolean): void {
    this.irq = level;
    this.state.slots[StateSlot.PendingInterrupts] = this.pendingInterrupts();
    if (level) this.environment.lookAround();
  }

  setFiq(level: boolean): void {
    this.fiq = level;
    this.state.slots[StateSlot.PendingInterrupts] = this.pendingInterrupts();
    if (level) this.environment.lookAround();
  }

  get fiqPending(): boolean {
    return this.fiq;
  }

  get irqPending(): boolean {
    return this.irq;
  }

  pendingInterrupts(): number {
    return (this.irq ? Psr.I : 0) | (this.fiq ? Psr.F : 0);
  }

  invalidateTlb(allCpus: boolean, va: number | undefined): void {
    this.environment.invalidateTlb(allCpus ? -1 : this.cpu, va);
  }

  /** What was translated before the registers or the tables were set from outside is void on all CPUs. */
  resetTlb(): void {
    this.environment.resetTlb(-1);
  }

  invalidateAsid(allCpus: boolean, asid: number): void {
    this.environment.invalidateAsid(allCpus ? -1 : this.cpu, asid);
  }

  invalidateInstructions(va: number | undefined): void {
    this.environment.invalidateInstructions(va);
  }

  stepFirst(): boolean {
    return this.environment.stepFirst();
  }

  instructionsRetired(): number {
    return this.regs.instructionsRetired + this.environment.executed();
  }

  setHighWord(value: number): void {
    this.state.slots[StateSlot.CallHigh] = value;
  }

  hypervisorCall(conduit: 'hvc' | 'smc'): boolean {
    // HVC and SMC are UNDEFINED in User mode (A8.8.69, B9.3.14) whoever listens.
    return this.state.privileged && this.environment.hypervisorCall(this, conduit);
  }

  sendEvent(): void {
    this.environment.sendEvent();
  }

  /** An exception return: CPSR as given, PC aligned for the instruction set that it selects. */
  returnTo(pc: number, cpsr: number): void {
    this.state.cpsr = cpsr;
    const { slots } = this.state;
    slots[StateSlot.PC] = slots[StateSlot.T] === 1 ? pc & ~1 : pc & ~3;
    slots[StateSlot.ExclusiveArmed] = 0;
    // An exception return is an event (B1.8.13): the interrupt may have come between a look at a lock and the WFE.
    slots[StateSlot.Event] = 1;
  }
}
