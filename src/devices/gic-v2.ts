import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { ppiWire, spiWire } from './gic-interrupts.ts';
import { GicV2Core } from './gic-v2-core.ts';
import { GicV2CpuInterface } from './gic-v2-cpu-interface.ts';
import { GicV2Distributor } from './gic-v2-distributor.ts';
import type { GicV2Config, GicV2State } from './gic-v2-state.ts';

export type { GicV2Config, GicV2CpuOutputs, GicV2State } from './gic-v2-state.ts';

/**
 * Generic Interrupt Controller, architecture version 2 (ARM IHI 0048B), without Security and Virtualization
 * Extensions but with interrupt groups, as QEMU's `virt` board presents it.
 *
 * Takes level and edge inputs, drives an IRQ and an FIQ wire for each CPU.
 */
export class GicV2 implements Saveable<GicV2State> {
  /** 4 KiB of registers. */
  readonly distributor: MmioDevice;
  /** 8 KiB of registers. */
  readonly cpuInterface: MmioDevice;
  readonly #core: GicV2Core;

  /** @throws RangeError for a number of CPUs or interrupts that the architecture has not. */
  constructor(config: GicV2Config, log: DeviceLog = silentLog) {
    this.#core = new GicV2Core(config);
    this.distributor = new GicV2Distributor(this.#core, log);
    this.cpuInterface = new GicV2CpuInterface(this.#core, log);
  }

  get state(): GicV2State {
    return this.#core.state;
  }

  /** Registers to their reset values; the input wires keep their levels. */
  reset(): void {
    this.#core.reset();
  }

  saveState(): GicV2State {
    return copyPlain(this.state);
  }

  /** The levels of the inputs are part of the state. */
  restoreState(state: GicV2State): void {
    assignPlain(this.state, state, 'the GICv2');
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

  /**
   * Calls back whenever an interrupt stops being active: GICC_EOIR with EOImode 0, GICC_DIR with EOImode 1, or
   * GICD_ICACTIVER. On a banked interrupt: for any CPU. What shares a level-sensitive wire with a device of the
   * host unmasks it there.
   */
  onEndOfInterrupt(intid: number, callback: () => void): void {
    this.#core.onEndOfInterrupt(intid, callback);
  }
}
