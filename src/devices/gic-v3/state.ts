import type { DmaPort } from '../../ports/dma.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import {
  clearInterruptBits,
  createInterruptBits,
  FIRST_SPI,
  type InterruptBits,
  SGI_MASK,
} from '../gic-interrupts.ts';

/** Wires from the interrupt controller to one CPU: Group 0 by FIQ, Group 1 by IRQ (IHI 0069 4.6.2, one Security state). */
export interface GicV3CpuOutputs {
  readonly irq: InterruptLine;
  readonly fiq: InterruptLine;
}

/** What a board decides about its GICv3. */
export interface GicV3Config {
  /** SGIs, PPIs and SPIs together: a multiple of 32 from 32 to 992 (IHI 0069 12.9.38, GICD_TYPER.ITLinesNumber). */
  readonly interruptCount: number;
  /** One entry for each CPU: CPU n has affinity 0.0.0.n. */
  readonly cpus: readonly GicV3CpuOutputs[];
  /** Where the LPI configuration and pending tables and the ITS's tables are. */
  readonly memory: DmaPort;
}

/** First of the INTIDs that mean something special (IHI 0069 2.2.1). */
export const FIRST_SPECIAL = 1020;
export const FIRST_LPI = 8192;
/** INTIDs have 16 bits: GICD_TYPER.IDbits is one less. */
export const INTID_BITS = 16;
/** Priorities have the upper 5 of 8 bits, and all of them decide about preemption. */
export const PRIORITY_BITS = 5;
export const PRIORITY_MASK = 0xf8;
/** Smallest binary points (IHI 0069 4.8.5): one bit of subpriority less for Group 0. */
export const MINIMUM_BPR0 = 7 - PRIORITY_BITS;
export const MINIMUM_BPR1 = MINIMUM_BPR0 + 1;

/** System registers of one CPU interface. */
export type IccState = {
  /** ICC_CTLR: CBPR and EOImode. */
  control: number;
  priorityMask: number;
  binaryPoint0: number;
  binaryPoint1: number;
  enableGroup0: number;
  enableGroup1: number;
  /** ICC_AP0R0 and ICC_AP1R0: bit n is set while an interrupt of group priority 8n is active. */
  activeGroup0: number;
  activeGroup1: number;
};

/** One Redistributor beside its SGIs and PPIs. */
export type RedistributorState = {
  /** GICR_CTLR.EnableLPIs. */
  enableLpis: boolean;
  /** GICR_WAKER.ProcessorSleep. */
  asleep: boolean;
  /** GICR_PROPBASER and GICR_PENDBASER, low word first. */
  propbaser: Uint32Array;
  pendbaser: Uint32Array;
};

/** Everything that a GICv3 remembers beside its pending LPIs. */
export type GicV3State = InterruptBits & {
  /** GICD_CTLR: EnableGrp0 and EnableGrp1. */
  distributorControl: number;
  /** GICD_IROUTER by SPI, low word: Aff2.Aff1.Aff0; and Aff3. */
  route: Uint32Array;
  routeAff3: Uint8Array;
  redistributors: RedistributorState[];
  cpuInterfaces: IccState[];
};

export function createGicV3State(cpuCount: number, interruptCount: number): GicV3State {
  return {
    distributorControl: 0,
    ...createInterruptBits(cpuCount, interruptCount),
    route: new Uint32Array(interruptCount - FIRST_SPI),
    routeAff3: new Uint8Array(interruptCount - FIRST_SPI),
    redistributors: Array.from({ length: cpuCount }, () => ({
      enableLpis: false,
      asleep: true,
      propbaser: new Uint32Array(2),
      pendbaser: new Uint32Array(2),
    })),
    cpuInterfaces: Array.from({ length: cpuCount }, freshCpuInterface),
  };
}

function freshCpuInterface(): IccState {
  return {
    control: 0,
    priorityMask: 0,
    binaryPoint0: MINIMUM_BPR0,
    binaryPoint1: MINIMUM_BPR1,
    enableGroup0: 0,
    enableGroup1: 0,
    activeGroup0: 0,
    activeGroup1: 0,
  };
}

/** Reset values of every register; the levels of the input wires stay, nobody but their drivers changes them. */
export function resetGicV3State(state: GicV3State): void {
  state.distributorControl = 0;
  clearInterruptBits(state);
  state.route.fill(0);
  state.routeAff3.fill(0);
  for (const [cpu, redistributor] of state.redistributors.entries()) {
    state.edge[cpu] = SGI_MASK;
    redistributor.enableLpis = false;
    redistributor.asleep = true;
    redistributor.propbaser.fill(0);
    redistributor.pendbaser.fill(0);
    Object.assign(state.cpuInterfaces[cpu], freshCpuInterface());
  }
}
