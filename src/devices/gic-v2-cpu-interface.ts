import type { AccessSize, DeviceLog, MmioDevice, Requester } from '../ports/mmio.ts';
import { IDLE_PRIORITY, SGI_COUNT, SPURIOUS_INTID } from './gic-interrupts.ts';
import { CpuControl, type GicV2Core } from './gic-v2-core.ts';
import { GROUP1_INTID, MINIMUM_ABPR } from './gic-v2-state.ts';

/** CPU interface registers (IHI 0048B table 4-2). APR and NSAPR are four registers each. */
export const GICC = {
  CTLR: 0x0000,
  PMR: 0x0004,
  BPR: 0x0008,
  IAR: 0x000c,
  EOIR: 0x0010,
  RPR: 0x0014,
  HPPIR: 0x0018,
  ABPR: 0x001c,
  AIAR: 0x0020,
  AEOIR: 0x0024,
  AHPPIR: 0x0028,
  APR: 0x00d0,
  NSAPR: 0x00e0,
  IIDR: 0x00fc,
  DIR: 0x1000,
} as const;

/** Architecture version 2, implementer Arm (IHI 0048B 4.4.14). */
const IIDR_VALUE = 0x2043b;
/** INTID field of the acknowledge, end and pending registers. */
const INTID_MASK = 0x3ff;

/**
 * The CPU interfaces' registers (IHI 0048B 4.4), one set for each CPU, selected by `requester.cpu`. Without
 * Security Extensions every access behaves as a Secure one does with them; Group 1 active priorities are in
 * GICC_NSAPR, as in QEMU.
 */
export class GicV2CpuInterface implements MmioDevice {
  readonly #core: GicV2Core;
  readonly #log: DeviceLog;

  constructor(core: GicV2Core, log: DeviceLog) {
    this.#core = core;
    this.#log = log;
  }

  read(offset: number, size: AccessSize, requester: Requester): number {
    const { cpu } = requester;
    const core = this.#core;
    const state = core.state.cpuInterfaces[cpu];
    // All are word registers (IHI 0048B 4.1.4); a part of GICC_IAR would acknowledge and lose the INTID.
    if (size !== 4) {
      this.#log.guestError(`GICC: ${size}-byte read of 0x${offset.toString(16)}, words only`);
      return 0;
    }
    switch (offset) {
      case GICC.CTLR:
        return state.control;
      case GICC.PMR:
        return state.priorityMask;
      case GICC.BPR:
        return state.binaryPoint;
      case GICC.ABPR:
        return state.aliasedBinaryPoint;
      case GICC.IAR:
        return core.acknowledge(cpu);
      case GICC.AIAR:
        return core.acknowledgeGroup1(cpu);
      case GICC.RPR: {
        const running = core.runningPriority(cpu);
        return running === IDLE_PRIORITY ? 0xff : running;
      }
      case GICC.HPPIR:
        return this.#highestPending(cpu, state.control);
      case GICC.AHPPIR: {
        const intid = core.highestPending(cpu);
        return intid !== SPURIOUS_INTID && core.groupOf(cpu, intid) === 1
          ? this.#withSource(cpu, intid)
          : SPURIOUS_INTID;
      }
      case GICC.IIDR:
        return IIDR_VALUE;
      case GICC.APR:
      case GICC.APR + 4:
      case GICC.APR + 8:
      case GICC.APR + 12:
        return state.activeGroup0[(offset - GICC.APR) >>> 2] >>> 0;
      case GICC.NSAPR:
      case GICC.NSAPR + 4:
      case GICC.NSAPR + 8:
      case GICC.NSAPR + 12:
        return state.activeGroup1[(offset - GICC.NSAPR) >>> 2] >>> 0;
      default:
        this.#log.guestError(`GICC: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    const { cpu } = requester;
    const core = this.#core;
    const state = core.state.cpuInterfaces[cpu];
    if (size !== 4) {
      this.#log.guestError(`GICC: ${size}-byte write to 0x${offset.toString(16)}, words only`);
      return;
    }
    switch (offset) {
      case GICC.CTLR:
        state.control = value & CpuControl.Writable;
        core.signal(cpu);
        return;
      case GICC.PMR:
        state.priorityMask = value & 0xff;
        core.signal(cpu);
        return;
      case GICC.BPR:
        state.binaryPoint = value & 7;
        core.signal(cpu);
        return;
      case GICC.ABPR:
        state.aliasedBinaryPoint = Math.max(MINIMUM_ABPR, value & 7);
        core.signal(cpu);
        return;
      case GICC.EOIR:
        core.endOfInterrupt(cpu, value & INTID_MASK);
        return;
      case GICC.AEOIR:
        this.#aliasedEnd(cpu, value & INTID_MASK);
        return;
      case GICC.DIR:
        this.#deactivate(cpu, value & INTID_MASK, state.control);
        return;
      case GICC.APR:
      case GICC.APR + 4:
      case GICC.APR + 8:
      case GICC.APR + 12:
        state.activeGroup0[(offset - GICC.APR) >>> 2] = value;
        core.refreshRunningPriority(cpu);
        return;
      case GICC.NSAPR:
      case GICC.NSAPR + 4:
      case GICC.NSAPR + 8:
      case GICC.NSAPR + 12:
        state.activeGroup1[(offset - GICC.NSAPR) >>> 2] = value;
        core.refreshRunningPriority(cpu);
        return;
      default:
        this.#log.guestError(`GICC: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #highestPending(cpu: number, control: number): number {
    const intid = this.#core.highestPending(cpu);
    if (intid === SPURIOUS_INTID) {
      return SPURIOUS_INTID;
    }
    return this.#core.groupOf(cpu, intid) === 1 && !(control & CpuControl.AckCtl)
      ? GROUP1_INTID
      : this.#withSource(cpu, intid);
  }

  /** The CPUID field tells an SGI's source, here the one that a read of GICC_IAR would take (IHI 0048B 4.4.7). */
  #withSource(cpu: number, intid: number): number {
    if (intid >= SGI_COUNT) {
      return intid;
    }
    const sources = this.#core.state.sgiSources[cpu * SGI_COUNT + intid];
    return ((31 - Math.clz32(sources & -sources)) << 10) | intid;
  }

  #aliasedEnd(cpu: number, intid: number): void {
    if (intid < this.#core.interruptCount && this.#core.groupOf(cpu, intid) === 0) {
      this.#log.guestError(`GICC_AEOIR: INTID ${intid} is in Group 0`);
      return;
    }
    this.#core.endOfInterrupt(cpu, intid);
  }

  #deactivate(cpu: number, intid: number, control: number): void {
    // UNPREDICTABLE (IHI 0048B 4.4.15); QEMU ignores it too.
    if (!(control & CpuControl.EOImode)) {
      this.#log.guestError('GICC_DIR: written while GICC_CTLR.EOImode is 0');
      return;
    }
    if (intid < this.#core.interruptCount) {
      this.#core.deactivate(cpu, intid >>> 5, 1 << (intid & 31));
    }
  }
}
