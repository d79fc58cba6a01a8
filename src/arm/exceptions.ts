import { DSCR_MOE, DSCR_MOE_BKPT } from './cp14.ts';
import { type CpuState, Psr } from './cpu-state.ts';
import { debugEventStatus } from './fault-status.ts';
import { Mode } from './modes.ts';
import { ExceptionKind, StateSlot } from './state.ts';
import { Sctlr, type SystemRegisters, TTBCR_EAE } from './system-registers.ts';

interface ExceptionRow {
  /** Offset from the vector base (Table B1-3). */
  readonly vector: number;
  readonly mode: number;
  /** What is added to the preferred return address for LR, in ARM and in Thumb state (Table B1-7). */
  readonly lrArm: number;
  readonly lrThumb: number;
  /** CPSR bits set on entry besides I (B1.9). */
  readonly masks: number;
}

const EXCEPTIONS: { readonly [K in ExceptionKind]: ExceptionRow } = {
  [ExceptionKind.Undefined]: { vector: 0x04, mode: Mode.Undefined, lrArm: 4, lrThumb: 2, masks: 0 },
  // Preferred return is the next instruction, which the caller gives.
  [ExceptionKind.SupervisorCall]: { vector: 0x08, mode: Mode.Supervisor, lrArm: 0, lrThumb: 0, masks: 0 },
  [ExceptionKind.Breakpoint]: { vector: 0x0c, mode: Mode.Abort, lrArm: 4, lrThumb: 4, masks: Psr.A },
  [ExceptionKind.PrefetchAbort]: { vector: 0x0c, mode: Mode.Abort, lrArm: 4, lrThumb: 4, masks: Psr.A },
  [ExceptionKind.DataAbort]: { vector: 0x10, mode: Mode.Abort, lrArm: 8, lrThumb: 8, masks: Psr.A },
  [ExceptionKind.Irq]: { vector: 0x18, mode: Mode.Irq, lrArm: 4, lrThumb: 4, masks: Psr.A },
  [ExceptionKind.Fiq]: { vector: 0x1c, mode: Mode.Fiq, lrArm: 4, lrThumb: 4, masks: Psr.A | Psr.F },
};

/**
 * Takes an exception (B1.8.3): saves the return state, changes mode, and sets PC to the vector.
 * @param pc preferred return address: the instruction itself, or the next one for SupervisorCall and interrupts.
 * @param it ITSTATE to be saved.
 */
export function enterException(
  cpu: CpuState,
  regs: SystemRegisters,
  kind: ExceptionKind,
  pc: number,
  it: number,
): void {
  const row = EXCEPTIONS[kind];
  const { slots } = cpu;
  const thumb = slots[StateSlot.T] === 1;
  slots[StateSlot.IT] = it;
  const spsr = cpu.cpsr;
  if (kind === ExceptionKind.Breakpoint) {
    regs.DBGDSCR = (regs.DBGDSCR & ~DSCR_MOE) | DSCR_MOE_BKPT;
    regs.IFSR = debugEventStatus((regs.TTBCR & TTBCR_EAE) !== 0);
  }
  cpu.switchMode(row.mode);
  cpu.spsr = spsr;
  slots[StateSlot.LR] = pc + (thumb ? row.lrThumb : row.lrArm);
  slots[StateSlot.IT] = 0;
  slots[StateSlot.AIFM] |= Psr.I | row.masks;
  slots[StateSlot.T] = (regs.SCTLR & Sctlr.TE) !== 0 ? 1 : 0;
  slots[StateSlot.E] = (regs.SCTLR & Sctlr.EE) !== 0 ? 1 : 0;
  const base = (regs.SCTLR & Sctlr.V) !== 0 ? 0xffff0000 : regs.VBAR;
  slots[StateSlot.PC] = base + row.vector;
}
