import type { GicCpuInterface } from '../ports/gic-cpu-interface.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { ppiWire, spiWire } from './gic-interrupts.ts';
import { GicV3Core } from './gic-v3/core.ts';
import { GicV3CpuInterface } from './gic-v3/cpu-interface.ts';
import { GicV3Distributor } from './gic-v3/distributor.ts';
import { Its, type ItsState } from './gic-v3/its.ts';
import { GicV3Redistributors, REDISTRIBUTOR_SIZE } from './gic-v3/redistributor.ts';
import type { GicV3Config, GicV3State } from './gic-v3/state.ts';

export type { GicV3Config, GicV3CpuOutputs } from './gic-v3/state.ts';
export { REDISTRIBUTOR_SIZE };

/** A GICv3 with its ITS: registers, pending LPIs by CPU, the ITS's registers. */
export type GicV3SavedState = {
  readonly registers: GicV3State;
  readonly pendingLpis: readonly Uint32Array[];
  readonly its: ItsState;
};

/**
 * Generic Interrupt Controller, architecture version 3 (ARM IHI 0069), with one Security state, affinity routing and
 * system registers only, 5 bits of priority, LPIs and an ITS, as QEMU's `virt` board presents it.
 */
export class GicV3 implements Saveable<GicV3SavedState> {
  /** 64 KiB of registers. */
  readonly distributor: MmioDevice;
  /** REDISTRIBUTOR_SIZE bytes of registers for each CPU. */
  readonly redistributors: MmioDevice;
  /** 128 KiB: registers, and the doorbell of message signaled interrupts. */
  readonly its: MmioDevice;
  /** System registers of each CPU. */
  readonly cpuInterfaces: readonly GicCpuInterface[];
  readonly #core: GicV3Core;
  readonly #its: Its;

  /** @throws RangeError for a number of CPUs or interrupts that the architecture has not. */
  constructor(config: GicV3Config, log: DeviceLog = silentLog) {
    const core = new GicV3Core(config);
    this.#core = core;
    this.#its = new Its(core, config.memory, log);
    this.distributor = new GicV3Distributor(core, log);
    this.redistributors = new GicV3Redistributors(core, log);
    this.its = this.#its;
    this.cpuInterfaces = config.cpus.map((_unused, cpu) => new GicV3CpuInterface(core, cpu));
  }

  /** Registers to their reset values; the input wires keep their levels. */
  reset(): void {
    this.#core.reset();
    this.#its.reset();
  }

  saveState(): GicV3SavedState {
    return {
      registers: copyPlain(this.#core.state),
      pendingLpis: this.#core.lpis.map((lpis) => lpis.pendingIntids),
      its: this.#its.saveState(),
    };
  }

  /** The levels of the inputs are part of the state. Guest memory, where the tables are, is restored before. */
  restoreState(state: GicV3SavedState): void {
    if (state.pendingLpis.length !== this.#core.cpuCount)
      throw new RangeError('the GICv3 has another number of CPUs');
    assignPlain(this.#core.state, state.registers, 'the GICv3');
    for (const [cpu, lpis] of this.#core.lpis.entries()) lpis.pendingIntids = state.pendingLpis[cpu];
    this.#its.restoreState(state.its);
    this.#core.refreshAll();
  }

  /**
   * The input wire of a shared peripheral interrupt. One driver for each.
   * @param n from 0 for INTID 32
   * @throws RangeError where the controller has no such SPI
   */
  spi(n: number): InterruptLine {
    return spiWire(this.#core, n);
  }

  /**
   * The input wire of a CPU's private peripheral interrupt. One driver for each.
   * @param n 0 to 15 for INTIDs 16 to 31
   * @throws RangeError where there is no such CPU or PPI
   */
  ppi(cpu: number, n: number): InterruptLine {
    return ppiWire(this.#core, cpu, n);
  }

  /** Calls back whenever an interrupt stops being active, as GicV2.onEndOfInterrupt. */
  onEndOfInterrupt(intid: number, callback: () => void): void {
    this.#core.onEndOfInterrupt(intid, callback);
  }
}
