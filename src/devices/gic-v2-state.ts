import type { InterruptLine } from '../ports/interrupt-line.ts';
import {
  clearInterruptBits,
  createInterruptBits,
  type InterruptBits,
  SGI_COUNT,
  SGI_MASK,
} from './gic-interrupts.ts';

/** Wires from the interrupt controller to one CPU. */
export interface GicV2CpuOutputs {
  readonly irq: InterruptLine;
  readonly fiq: InterruptLine;
}

/** What a board decides about its GICv2. */
export interface GicV2Config {
  /** SGIs, PPIs and SPIs together: a multiple of 32 from 32 to 992 (IHI 0048B 4.3.2, GICD_TYPER.ITLinesNumber). */
  readonly interruptCount: number;
  /** One entry for each CPU, 1 to 8. */
  readonly cpus: readonly GicV2CpuOutputs[];
}

/** The highest priority pending interrupt is in Group 1 and has to be read through the alias (IHI 0048B 3.2.5). */
export const GROUP1_INTID = 1022;
/** Registers of one CPU interface. */
export type GicV2CpuInterfaceState = {
  /** GICC_CTLR */
  control: number;
  /** GICC_PMR */
  priorityMask: number;
  /** GICC_BPR */
  binaryPoint: number;
  /** GICC_ABPR */
  aliasedBinaryPoint: number;
  /** GICC_APR0 to 3: bit n is set while a Group 0 interrupt of group priority 2n is active. */
  readonly activeGroup0: Int32Array;
  /** GICC_NSAPR0 to 3, the same for Group 1. */
  readonly activeGroup1: Int32Array;
};

/** Everything that a GICv2 remembers. In `pendingLatch` of an SGI: some source is pending. */
export type GicV2State = InterruptBits & {
  /** GICD_CTLR */
  distributorControl: number;
  /** By slot: GICD_ITARGETSR. */
  readonly targets: Uint8Array;
  /** By `cpu * 16 + SGI`: the CPUs whose SGI waits for this one (GICD_SPENDSGIR). */
  readonly sgiSources: Uint8Array;
  readonly cpuInterfaces: readonly GicV2CpuInterfaceState[];
};

/** All zero; `resetGicV2State` brings it to the reset values. */
export function createGicV2State(cpuCount: number, interruptCount: number): GicV2State {
  const bits = createInterruptBits(cpuCount, interruptCount);
  return {
    distributorControl: 0,
    ...bits,
    targets: new Uint8Array(bits.priority.length),
    sgiSources: new Uint8Array(cpuCount * SGI_COUNT),
    cpuInterfaces: Array.from({ length: cpuCount }, () => ({
      control: 0,
      priorityMask: 0,
      binaryPoint: 0,
      aliasedBinaryPoint: 0,
      activeGroup0: new Int32Array(4),
      activeGroup1: new Int32Array(4),
    })),
  };
}

/** Reset values of every register; the levels of the input wires stay, nobody but their drivers changes them. */
export function resetGicV2State(state: GicV2State): void {
  const cpuCount = state.cpuInterfaces.length;
  state.distributorControl = 0;
  clearInterruptBits(state);
  state.sgiSources.fill(0);
  // On a uniprocessor all interrupts target the one CPU and the registers are RAZ/WI (IHI 0048B 4.3.12).
  state.targets.fill(cpuCount === 1 ? 1 : 0);
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    // Permanently enabled and edge-triggered: the implementation's choice of IHI 0048B 4.3.5 and 4.3.13.
    state.enabled[cpu] = SGI_MASK;
    state.edge[cpu] = SGI_MASK;
    state.targets.fill(1 << cpu, cpu * 32, cpu * 32 + 32);
    const cpuInterface = state.cpuInterfaces[cpu];
    cpuInterface.control = 0;
    cpuInterface.priorityMask = 0;
    cpuInterface.binaryPoint = 0;
    cpuInterface.aliasedBinaryPoint = MINIMUM_ABPR;
    cpuInterface.activeGroup0.fill(0);
    cpuInterface.activeGroup1.fill(0);
  }
}

/** All 8 priority bits exist, so GICC_BPR goes down to 0 and GICC_ABPR to one more (IHI 0048B 4.4.3, 4.4.8). */
export const MINIMUM_ABPR = 1;
