import type { ArmCpu } from '../../arm/cpu.ts';
import { StateSlot } from '../../arm/state.ts';

/** Of no meaning between two instructions, or derived from others. */
const MEANINGLESS: readonly number[] = [
  StateSlot.FpDenied,
  StateSlot.CallLow,
  StateSlot.CallHigh,
  StateSlot.PendingInterrupts,
  StateSlot.CodeMoved,
];
/** Of meaning while the exclusive monitor is armed. */
const MONITOR: readonly number[] = [StateSlot.ExclusiveAddress, StateSlot.ExclusiveSize];

const SLOT_NAMES: Readonly<Record<number, string>> = {
  [StateSlot.SP]: 'SP',
  [StateSlot.LR]: 'LR',
  [StateSlot.PC]: 'PC',
  [StateSlot.NZCV]: 'CPSR.NZCV',
  [StateSlot.Q]: 'CPSR.Q',
  [StateSlot.GE]: 'CPSR.GE',
  [StateSlot.T]: 'CPSR.T',
  [StateSlot.IT]: 'CPSR.IT',
  [StateSlot.E]: 'CPSR.E',
  [StateSlot.AIFM]: 'CPSR.AIFM',
  [StateSlot.ExclusiveArmed]: 'exclusive monitor armed',
  [StateSlot.ExclusiveAddress]: 'exclusive monitor address',
  [StateSlot.ExclusiveSize]: 'exclusive monitor size',
  [StateSlot.Event]: 'event register',
  [StateSlot.Fpscr]: 'FPSCR',
  [StateSlot.Fpexc]: 'FPEXC',
  [StateSlot.TPIDRURW]: 'TPIDRURW',
  [StateSlot.TPIDRURO]: 'TPIDRURO',
  [StateSlot.TPIDRPRW]: 'TPIDRPRW',
  [StateSlot.DACR]: 'DACR',
};
const MODES = ['User', 'FIQ', 'IRQ', 'Supervisor', 'Abort', 'Undefined'] as const;

/** A place in the state of a CPU that has another value on the other side. */
export interface CpuDifference {
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

function slotName(slot: number): string {
  const vector = slot - StateSlot.V0;
  if (vector >= 0 && vector < 64) {
    const half = (vector & 1) === 0 ? '31:0' : '63:32';
    return `D${vector >> 1}[${half}]${vector < 32 ? ` (S${vector})` : ''}`;
  }
  return SLOT_NAMES[slot] ?? (slot < 13 ? `R${slot}` : `state slot ${slot}`);
}

type Arrays = { readonly [name: string]: Int32Array };
type Numbers = { [name: string]: number };

/**
 * All that one CPU remembers, as a list of numbers: to be copied, compared and put back within microseconds. The order
 * is that of the CPU's own properties, which every CPU of a model has in common.
 */
export class CpuImage {
  readonly values: Float64Array;
  private readonly cpu: ArmCpu;
  private readonly arrays: readonly { readonly name: string; readonly words: () => Int32Array }[];
  private readonly numbers: readonly string[];

  constructor(cpu: ArmCpu) {
    this.cpu = cpu;
    const { banked } = cpu.state;
    const arrays = (of: object): [string, Int32Array][] =>
      Object.entries(of).filter((entry): entry is [string, Int32Array] => entry[1] instanceof Int32Array);
    this.arrays = [
      // Another array while the CPU is the active one.
      { name: 'slot', words: () => cpu.state.slots },
      ...arrays(banked).map(([name, words]) => ({ name, words: () => words })),
      // A reset replaces them.
      ...arrays(cpu.regs).map(([name]) => ({ name, words: () => (cpu.regs as unknown as Arrays)[name] })),
    ];
    this.numbers = Object.entries(cpu.regs).flatMap(([name, value]) =>
      typeof value === 'number' ? [name] : [],
    );
    const length = this.arrays.reduce((sum, { words }) => sum + words().length, 0);
    this.values = new Float64Array(length + this.numbers.length + 4);
  }

  /** Takes the CPU's state. */
  capture(): void {
    const { cpu, values } = this;
    const registers = cpu.regs as unknown as Numbers;
    let at = 0;
    for (const { words } of this.arrays) {
      const source = words();
      values.set(source, at);
      at += source.length;
    }
    for (const name of this.numbers) values[at++] = registers[name];
    values[at++] = cpu.power === 'on' ? 1 : 0;
    values[at++] = cpu.waiting ? 1 : 0;
    values[at++] = cpu.irqPending ? 1 : 0;
    values[at] = cpu.fiqPending ? 1 : 0;
  }

  /** Puts a state into the CPU; one that was captured of it, or of the CPU of the other side. */
  restore(values: Float64Array): void {
    const { cpu } = this;
    const registers = cpu.regs as unknown as Numbers;
    let at = 0;
    for (const { words } of this.arrays) {
      const target = words();
      target.set(values.subarray(at, at + target.length));
      at += target.length;
    }
    for (const name of this.numbers) registers[name] = values[at++];
    cpu.power = values[at++] === 1 ? 'on' : 'off';
    cpu.waiting = values[at++] === 1;
    cpu.setIrq(values[at++] === 1);
    cpu.setFiq(values[at] === 1);
  }

  /** A CPU that gets its turn loses what its exclusive monitor watched (CpuState.activate). */
  disarmMonitor(): void {
    this.values[StateSlot.ExclusiveArmed] = 0;
  }

  /** Where two captured states differ in what a guest can see. */
  differences(other: CpuImage): CpuDifference[] {
    const found: CpuDifference[] = [];
    const { values } = this;
    for (let at = 0; at < values.length; at++) {
      const [first, second] = [values[at], other.values[at]];
      if (first === second || MEANINGLESS.includes(at)) continue;
      if (MONITOR.includes(at) && values[StateSlot.ExclusiveArmed] === 0) continue;
      found.push({ name: this.nameOf(at), first, second });
    }
    return found;
  }

  private nameOf(index: number): string {
    let at = index;
    for (const { name, words } of this.arrays) {
      const { length } = words();
      if (at < length) return name === 'slot' ? slotName(at) : arrayElement(name, at);
      at -= length;
    }
    const names = [...this.numbers, 'power', 'waits for an interrupt', 'IRQ line', 'FIQ line'];
    return names[at];
  }
}

function arrayElement(name: string, index: number): string {
  if (name === 'sp' || name === 'lr' || name === 'spsr')
    return `${name.toUpperCase()} of mode ${MODES[index]}`;
  if (name === 'highUser' || name === 'highFiq') {
    return `R${index + 8} of ${name === 'highFiq' ? 'mode FIQ' : 'the other modes'}`;
  }
  return `${name}${index}`;
}
