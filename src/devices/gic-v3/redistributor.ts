import type { AccessSize, DeviceLog, MmioDevice } from '../../ports/mmio.ts';
import type { GicV3Core } from './core.ts';
import { IIDR_VALUE } from './distributor.ts';
import { identification } from './identification.ts';
import { InterruptRegisters, isBankOffset, lanesOf, partOf } from './interrupt-registers.ts';

/** Redistributor registers in RD_base (IHI 0069 table 12-27). */
const GICR = {
  CTLR: 0x0000,
  IIDR: 0x0004,
  TYPER: 0x0008,
  STATUSR: 0x0010,
  WAKER: 0x0014,
  PROPBASER: 0x0070,
  PENDBASER: 0x0078,
  PIDR4: 0xffd0,
} as const;

const FRAME = 0x10000;
/** RD_base and SGI_base of one CPU. */
export const REDISTRIBUTOR_SIZE = 2 * FRAME;

const CTLR_ENABLE_LPIS = 1 << 0;
/** EnableLPIs can be cleared again. */
const CTLR_CES = 1 << 1;
const TYPER_PLPIS = 1 << 0;
const TYPER_LAST = 1 << 4;
/** CommonLPIAff 1: Redistributors with the same Aff3 share one LPI configuration table. */
const TYPER_COMMON_LPI_AFF = 1 << 24;
const WAKER_PROCESSOR_SLEEP = 1 << 1;
const WAKER_CHILDREN_ASLEEP = 1 << 2;
/** Writable bits of PROPBASER and PENDBASER: addresses, cacheability, shareability, IDbits and PTZ. */
const PROPBASER_WRITABLE = [0xffff_ff9f, 0x070f_ffff] as const;
const PENDBASER_WRITABLE = [0xffff_0f80, 0x470f_ffff] as const;
/** PTZ reads as zero. */
const PENDBASER_READABLE_HIGH = 0x070f_ffff;

/** The Redistributors' registers (IHI 0069 12.10, 12.11), two frames of 64 KiB for each CPU, one CPU after the other. */
export class GicV3Redistributors implements MmioDevice {
  private readonly core: GicV3Core;
  private readonly log: DeviceLog;
  private readonly interrupts: InterruptRegisters;

  constructor(core: GicV3Core, log: DeviceLog) {
    this.core = core;
    this.log = log;
    this.interrupts = new InterruptRegisters(core, 0);
  }

  read(offset: number, size: AccessSize): number {
    const cpu = Math.floor(offset / REDISTRIBUTOR_SIZE);
    if (cpu >= this.core.cpuCount) return 0;
    const at = (offset % REDISTRIBUTOR_SIZE) & ~3;
    const word = at >= FRAME ? this.readSgiFrame(at - FRAME, cpu) : this.readWord(at, cpu);
    return partOf(word, offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const cpu = Math.floor(offset / REDISTRIBUTOR_SIZE);
    if (cpu >= this.core.cpuCount) return;
    const lanes = lanesOf(offset % REDISTRIBUTOR_SIZE, size, value);
    if (lanes.offset >= FRAME) {
      const at = lanes.offset - FRAME;
      if (isBankOffset(at)) this.interrupts.write({ ...lanes, offset: at }, cpu);
      else this.log.guestError(`GICR: write to reserved register 0x${lanes.offset.toString(16)}`);
      return;
    }
    this.writeWord(lanes.offset, lanes.value, lanes.mask, cpu);
  }

  private readSgiFrame(offset: number, cpu: number): number {
    if (isBankOffset(offset)) return this.interrupts.read(offset, cpu);
    if (offset >= GICR.PIDR4) return identification(offset - GICR.PIDR4, 'redistributor');
    return 0;
  }

  private readWord(offset: number, cpu: number): number {
    const redistributor = this.core.state.redistributors[cpu];
    if (offset >= GICR.PIDR4) return identification(offset - GICR.PIDR4, 'redistributor');
    switch (offset) {
      case GICR.CTLR:
        return CTLR_CES | (redistributor.enableLpis ? CTLR_ENABLE_LPIS : 0);
      case GICR.IIDR:
        return IIDR_VALUE;
      case GICR.TYPER:
        return (
          TYPER_PLPIS | TYPER_COMMON_LPI_AFF | (cpu << 8) | (cpu === this.core.cpuCount - 1 ? TYPER_LAST : 0)
        );
      case GICR.TYPER + 4:
        // Affinity 0.0.0.n
        return cpu;
      case GICR.STATUSR:
        return 0;
      case GICR.WAKER:
        return redistributor.asleep ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0;
      case GICR.PROPBASER:
      case GICR.PROPBASER + 4:
        return redistributor.propbaser[(offset & 4) >>> 2];
      case GICR.PENDBASER:
        return redistributor.pendbaser[0];
      case GICR.PENDBASER + 4:
        return redistributor.pendbaser[1] & PENDBASER_READABLE_HIGH;
      default:
        this.log.guestError(`GICR: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  private writeWord(offset: number, value: number, mask: number, cpu: number): void {
    const { core } = this;
    const redistributor = core.state.redistributors[cpu];
    const lpis = core.lpis[cpu];
    const half = (offset & 4) >>> 2;
    switch (offset) {
      case GICR.CTLR: {
        const enable = (mask & 1) === 0 ? redistributor.enableLpis : (value & CTLR_ENABLE_LPIS) !== 0;
        if (enable === redistributor.enableLpis) return;
        redistributor.enableLpis = enable;
        if (enable) lpis.load();
        else lpis.store();
        core.select(cpu);
        return;
      }
      case GICR.WAKER:
        redistributor.asleep = (value & WAKER_PROCESSOR_SLEEP) !== 0;
        core.select(cpu);
        return;
      case GICR.PROPBASER:
      case GICR.PROPBASER + 4:
        merge(redistributor.propbaser, half, value, mask, PROPBASER_WRITABLE[half], redistributor.enableLpis);
        return;
      case GICR.PENDBASER:
      case GICR.PENDBASER + 4:
        merge(redistributor.pendbaser, half, value, mask, PENDBASER_WRITABLE[half], redistributor.enableLpis);
        return;
      case GICR.STATUSR:
        return;
      default:
        this.log.guestError(`GICR: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }
}

/** The tables' places are fixed while LPIs are enabled (12.11.31, 12.11.33: UNPREDICTABLE; here the write is ignored). */
function merge(
  words: Uint32Array,
  half: number,
  value: number,
  mask: number,
  writable: number,
  isFixed: boolean,
): void {
  if (!isFixed) words[half] = ((words[half] & ~mask) | value) & writable;
}
