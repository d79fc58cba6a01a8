import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';

/** Registers of the frame (Arm Server Base System Architecture, appendix E.3). */
export const GICV2M = {
  MSI_TYPER: 0x008,
  MSI_SETSPI_NS: 0x040,
  MSI_IIDR: 0xfcc,
} as const;

/** Product identifier and zero implementer, as QEMU's frame shows. */
const MSI_IIDR_VALUE = 0x05100000;
/** MSI_SETSPI_NS.SPI and both fields of MSI_TYPER. */
const INTID_MASK = 0x3ff;

export interface GicV2mConfig {
  /** INTID of the first interrupt, 32 or more. */
  readonly baseIntid: number;
  /** Inputs of the interrupt controller for `baseIntid` and those after it. The guest makes them edge-triggered. */
  readonly lines: readonly InterruptLine[];
}

/** GICv2m: turns the write of a message signaled interrupt into the pulse of an SPI. It has no state. */
export class GicV2m implements MmioDevice {
  readonly #config: GicV2mConfig;
  readonly #log: DeviceLog;

  constructor(config: GicV2mConfig, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
  }

  read(offset: number): number {
    switch (offset) {
      case GICV2M.MSI_TYPER:
        return (this.#config.baseIntid << 16) | this.#config.lines.length;
      case GICV2M.MSI_IIDR:
        return MSI_IIDR_VALUE;
      default:
        return 0;
    }
  }

  /** The doorbell takes the 16 bits of a PCI message as well as a word. */
  write(offset: number, size: AccessSize, value: number): void {
    if (offset !== GICV2M.MSI_SETSPI_NS || size === 1) {
      this.#log.guestError(`GICv2m: ${size}-byte write to 0x${offset.toString(16)} is not a message`);
      return;
    }
    const intid = value & INTID_MASK;
    const line = this.#config.lines[intid - this.#config.baseIntid];
    if (line === undefined) {
      this.#log.guestError(`GICv2m: message for INTID ${intid}, which is not in this frame`);
      return;
    }
    line.set(true);
    line.set(false);
  }
}
