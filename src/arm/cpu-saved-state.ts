import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { PlainValue } from '../ports/saveable.ts';
import type { ArmCpu } from './cpu.ts';
import { CPU_STATE_SLOTS } from './state.ts';

/** Everything that one CPU remembers. Translations of code and of addresses are not part of it: they are made again. */
export type CpuSavedState = {
  /** The state slots: core registers, CPSR, monitor, vectors. */
  readonly slots: Int32Array;
  readonly banked: { readonly [name: string]: Int32Array };
  /** The system control coprocessor's registers by their names. */
  readonly system: { readonly [name: string]: PlainValue };
  readonly power: string;
  readonly waiting: boolean;
  /** Levels of the interrupt inputs. */
  readonly irq: boolean;
  readonly fiq: boolean;
};

/** A copy of a CPU's state, at an instruction boundary. */
export function saveCpu(cpu: ArmCpu): CpuSavedState {
  return {
    slots: cpu.state.slots.slice(),
    banked: copyPlain({ ...cpu.state.banked }),
    system: copyPlain(systemRegisters(cpu)),
    power: cpu.power,
    waiting: cpu.waiting,
    irq: cpu.irqPending,
    fiq: cpu.fiqPending,
  };
}

/**
 * Puts a saved state into a CPU of the same model.
 * @throws RangeError when it can't be one of it
 */
export function restoreCpu(cpu: ArmCpu, state: CpuSavedState): void {
  const what = `CPU ${cpu.cpu}`;
  const { power, waiting, irq, fiq } = state;
  if ((power !== 'on' && power !== 'off') || state.slots.length !== CPU_STATE_SLOTS) {
    throw new RangeError(`the state of ${what} is none of a CPU`);
  }
  assignPlain(cpu.state.slots, state.slots, what);
  assignPlain({ ...cpu.state.banked }, state.banked, what);
  const system = systemRegisters(cpu);
  assignPlain(system, state.system, what);
  Object.assign(cpu.regs, system);
  cpu.power = power;
  cpu.waiting = waiting;
  cpu.setIrq(irq);
  cpu.setFiq(fiq);
}

/** The registers themselves; the timer behind some of them is a device of its own. */
function systemRegisters(cpu: ArmCpu): { [name: string]: PlainValue } {
  const { timer: _timer, ...registers } = cpu.regs;
  return registers;
}
