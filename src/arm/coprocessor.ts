import type { GicCpuInterface } from '../ports/gic-cpu-interface.ts';
import type { Mmu } from './mmu.ts';
import type { SystemRegisters } from './system-registers.ts';

/** What a coprocessor register's functions may reach. */
export interface CoprocessorContext {
  readonly regs: SystemRegisters;
  readonly mmu: Mmu;
  /** CPU number: MPIDR.Aff0. */
  readonly cpu: number;
  readonly cpuCount: number;
  /** Physical base of the private peripherals, for CBAR; 0 where the board has none. */
  readonly peripheralBase: number;
  /** The GICv3's CPU interface of this CPU, where the model has system registers for it. */
  readonly gic: GicCpuInterface | undefined;
  /** Bits A, I, F of what is pending, as ISR reads them (B4.1.97). */
  pendingInterrupts(): number;
  /** Drops TLB entries of this CPU or of all. `va` is undefined for everything. */
  invalidateTlb(allCpus: boolean, va: number | undefined): void;
  /** Drops TLB entries of an ASID that are not global. */
  invalidateAsid(allCpus: boolean, asid: number): void;
  /** Instruction cache maintenance for one line, or for everything. */
  invalidateInstructions(va: number | undefined): void;
  /**
   * To be asked by registers that show time or arm timers, before anything else.
   * @returns true when the access must be left undone: the instruction will be run once more, at an exact count.
   */
  stepFirst(): boolean;
  /** Instructions executed since the reset: exact where `stepFirst` was asked before, of whole blocks elsewhere. */
  instructionsRetired(): number;
  /** Second word of a 64-bit read. */
  setHighWord(value: number): void;
}

/** Who may use a register: from User mode too, or only from privileged modes; conditionally by a function. */
export type UserAccess =
  | 'none'
  | 'read'
  | 'readWrite'
  | 'writeOnly'
  | ((c: CoprocessorContext, write: boolean) => boolean);

/** One coprocessor register or operation: a row of the tables in cp15-*.ts. */
export interface CoprocessorRegister {
  readonly name: string;
  /** packCop(...) */
  readonly at: number;
  readonly user: UserAccess;
  /** Absent: write only (an operation); an MRC is UNDEFINED. */
  readonly read?: (c: CoprocessorContext) => number;
  /** Absent: read only; an MCR is UNDEFINED. */
  readonly write?: (c: CoprocessorContext, value: number) => void;
}

/** A register that MRRC and MCRR reach. `read` gives the low word and leaves the high one by setHighWord. */
export interface CoprocessorRegister64 {
  readonly name: string;
  readonly at: number;
  readonly user: UserAccess;
  readonly read?: (c: CoprocessorContext) => number;
  readonly write?: (c: CoprocessorContext, low: number, high: number) => void;
}

export function userMay(row: { readonly user: UserAccess }, write: boolean, c: CoprocessorContext): boolean {
  switch (row.user) {
    case 'none':
      return false;
    case 'read':
      return !write;
    case 'writeOnly':
      return write;
    case 'readWrite':
      return true;
    default:
      return row.user(c, write);
  }
}
