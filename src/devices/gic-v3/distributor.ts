import type { AccessSize, DeviceLog, MmioDevice, Requester } from '../../ports/mmio.ts';
import { FIRST_SPI } from '../gic-interrupts.ts';
import { DistributorControl, type GicV3Core } from './core.ts';
import { identification } from './identification.ts';
import { InterruptRegisters, isBankOffset, lanesOf, partOf } from './interrupt-registers.ts';
import { INTID_BITS } from './state.ts';

/** Distributor registers that a Redistributor has not (IHI 0069 table 12-25). */
const GICD = {
  CTLR: 0x0000,
  TYPER: 0x0004,
  IIDR: 0x0008,
  TYPER2: 0x000c,
  STATUSR: 0x0010,
  IROUTER: 0x6000,
  PIDR4: 0xffd0,
} as const;

/** One Security state (DS), affinity routing for good (ARE): RAO/WI. */
const CTLR_FIXED = (1 << 6) | (1 << 4);
/** No 1 of N routing (No1N), affinity level 3 (A3V), an ITS (LPIS). */
const TYPER_FIXED = (1 << 25) | (1 << 24) | (1 << 17) | ((INTID_BITS - 1) << 19);
/** Implementer Arm. */
export const IIDR_VALUE = 0x43b;
/** Aff2, Aff1, Aff0 of GICD_IROUTER's low word. */
const AFFINITY_LOW = 0x00ffffff;

/** The Distributor's registers (IHI 0069 12.9), without message-based SPIs. */
export class GicV3Distributor implements MmioDevice {
  private readonly core: GicV3Core;
  private readonly log: DeviceLog;
  private readonly interrupts: InterruptRegisters;

  constructor(core: GicV3Core, log: DeviceLog) {
    this.core = core;
    this.log = log;
    this.interrupts = new InterruptRegisters(core, 1);
  }

  read(offset: number, size: AccessSize): number {
    return partOf(this.readWord(offset & ~3), offset, size);
  }

  write(offset: number, size: AccessSize, value: number, _requester: Requester): void {
    const lanes = lanesOf(offset, size, value);
    const { core } = this;
    if (isBankOffset(lanes.offset)) {
      this.interrupts.write(lanes, 0);
    } else if (lanes.offset >= GICD.IROUTER && lanes.offset < GICD.IROUTER + core.interruptCount * 8) {
      this.writeRoute(lanes.offset - GICD.IROUTER, lanes.value, lanes.mask);
    } else if (lanes.offset === GICD.CTLR) {
      const merged = (core.state.distributorControl & ~lanes.mask) | lanes.value;
      core.state.distributorControl = merged & DistributorControl.Writable;
      core.refreshAll();
    } else if (lanes.offset !== GICD.STATUSR) {
      this.log.guestError(`GICD: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  private readWord(offset: number): number {
    const { core } = this;
    if (isBankOffset(offset)) return this.interrupts.read(offset, 0);
    if (offset >= GICD.IROUTER && offset < GICD.IROUTER + core.interruptCount * 8) {
      const spi = ((offset - GICD.IROUTER) >>> 3) - FIRST_SPI;
      if (spi < 0) return 0;
      return (offset & 4) === 0 ? core.state.route[spi] : core.state.routeAff3[spi];
    }
    if (offset >= GICD.PIDR4) return identification(offset - GICD.PIDR4, 'distributor');
    switch (offset) {
      case GICD.CTLR:
        return CTLR_FIXED | core.state.distributorControl;
      case GICD.TYPER:
        return TYPER_FIXED | (core.wordCount - 1);
      case GICD.IIDR:
        return IIDR_VALUE;
      case GICD.TYPER2:
      case GICD.STATUSR:
        return 0;
      default:
        this.log.guestError(`GICD: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  /** Interrupt_Routing_Mode is RAZ/WI, as GICD_TYPER.No1N says (12.9.22). */
  private writeRoute(offset: number, value: number, mask: number): void {
    const { state } = this.core;
    const spi = (offset >>> 3) - FIRST_SPI;
    if (spi < 0) return;
    if ((offset & 4) === 0) state.route[spi] = ((state.route[spi] & ~mask) | value) & AFFINITY_LOW;
    else if ((mask & 0xff) !== 0) state.routeAff3[spi] = value;
    this.core.refreshRoutes((spi + FIRST_SPI) >>> 5);
  }
}
