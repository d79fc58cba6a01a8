import type { ArmCpu } from './cpu.ts';
import type { CpuSavedState } from './cpu-saved-state.ts';

/** Why `ArmEngine.run` came back to the machine. */
export type StopReason =
  /** All instructions of the budget have run. */
  | 'budget'
  /** The event word is set: a device or a native thread wants attention. */
  | 'event'
  /** The caller has no more time: `isLate`. */
  | 'late'
  /** WFI: nothing to do until an interrupt is pending. */
  | 'wfi'
  /** WFE without an event: another CPU may run now, or the machine may sleep a little. */
  | 'wfe'
  /** YIELD: another CPU may run now. */
  | 'yield'
  /** A loop that can end only by what another CPU or a device does (see spin-exits): it has run once in vain. */
  | 'spin'
  /** A stop point of the debugger: `debugStop` says which. */
  | 'debug'
  /** PSCI switched the CPU off, or the machine was reset or powered off. */
  | 'off';

/** What the engine asks of the machine. */
export interface EngineHooks {
  hypervisorCall(cpu: ArmCpu, conduit: 'hvc' | 'smc'): boolean;
  /**
   * A supervisor call or a halting instruction that semihosting may take (ARM DUI 0471).
   * @returns `done` when it was handled: the guest goes on after the instruction; `wait` when it is to be executed again, a
   * little later; `guest` when it is none
   */
  semihostingCall(
    cpu: ArmCpu,
    thumb: boolean,
    instruction: 'svc' | 'hlt',
    comment: number,
  ): 'done' | 'wait' | 'guest';
  /** Called before a DMB or DSB is complete, while the dirty tables word is set. */
  synchronizeTables?(): void;
  /** An interrupt line into a CPU went up: a machine that sleeps must wake. */
  attention(): void;
}

/** The CPUs between two instructions. */
export type EngineState = {
  /** Number of the CPU that ran last: its exclusive monitor lives on when it goes on. */
  readonly active: number;
  readonly instructions: number;
  readonly eventWord: number;
  readonly cpus: readonly CpuSavedState[];
};
