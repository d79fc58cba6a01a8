import type { AccessSize, DeviceLog, MmioDevice, Requester } from '../ports/mmio.ts';
import {
  configurationFields,
  FIRST_SPI,
  INTERRUPT_REGISTERS,
  SGI_COUNT,
  SGI_MASK,
  setBytes,
  withConfiguration,
  word32,
} from './gic-interrupts.ts';
import { DistributorControl, type GicV2Core } from './gic-v2-core.ts';

/** Distributor registers (IHI 0048B table 4-1). */
export const GICD = {
  CTLR: 0x000,
  TYPER: 0x004,
  IIDR: 0x008,
  ...INTERRUPT_REGISTERS,
  SGIR: 0xf00,
  CPENDSGIR: 0xf10,
  SPENDSGIR: 0xf20,
  /** Identification registers up to the end of the page: ICPIDR4 to 7, 0 to 3, ICCIDR0 to 3. */
  ICPIDR4: 0xfd0,
} as const;

/** Implementer Arm (IHI 0048B 4.3.3); the product and revision fields are zero, as QEMU has them. */
const IIDR_VALUE = 0x43b;
/** Peripheral and component identification of a GICv2 by Arm (IHI 0048B 4.3.18), from ICPIDR4 on. */
const IDENTIFICATION = [0x04, 0x00, 0x00, 0x00, 0x90, 0xb4, 0x2b, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** GICD_SGIR.TargetListFilter (IHI 0048B 4.3.15). */
const enum TargetListFilter {
  TargetList = 0,
  AllButSelf = 1,
  Self = 2,
}

/**
 * The Distributor's registers (IHI 0048B 4.3). Registers for INTIDs 0 to 31 are banked by `requester.cpu`.
 *
 * Parts of words are accepted everywhere but in GICD_SGIR, though only the byte registers need it (4.1.4).
 */
export class GicV2Distributor implements MmioDevice {
  readonly #core: GicV2Core;
  readonly #log: DeviceLog;

  constructor(core: GicV2Core, log: DeviceLog) {
    this.#core = core;
    this.#log = log;
  }

  read(offset: number, size: AccessSize, requester: Requester): number {
    const word = this.#readWord(offset & ~3, requester.cpu);
    return size === 4 ? word >>> 0 : (word >>> ((offset & 3) * 8)) & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    if (size === 4) {
      this.#writeWord(offset, value, -1, requester.cpu);
      return;
    }
    const shift = (offset & 3) * 8;
    const lanes = (size === 1 ? 0xff : 0xffff) << shift;
    this.#writeWord(offset & ~3, (value << shift) & lanes, lanes, requester.cpu);
  }

  #readWord(offset: number, cpu: number): number {
    const core = this.#core;
    const { state } = core;
    if (offset >= GICD.ICPIDR4) {
      return IDENTIFICATION[(offset - GICD.ICPIDR4) >>> 2] ?? 0;
    }
    if (offset >= GICD.CPENDSGIR && offset < GICD.SPENDSGIR + SGI_COUNT) {
      return word32(state.sgiSources, cpu * SGI_COUNT + (offset & (SGI_COUNT - 1)));
    }
    if (offset >= GICD.ICFGR) {
      return this.#readConfiguration(offset, cpu);
    }
    if (offset >= GICD.IPRIORITYR) {
      const intid = offset & 0x3ff;
      if (intid >= core.interruptCount) {
        return 0;
      }
      if (offset < GICD.ITARGETSR) {
        return word32(state.priority, core.slot(cpu, intid));
      }
      // RAZ/WI on a uniprocessor (IHI 0048B 4.3.12).
      return core.cpuCount === 1 ? 0 : word32(state.targets, core.slot(cpu, intid));
    }
    if (offset >= GICD.IGROUPR) {
      return this.#readBitmap(offset, cpu);
    }
    switch (offset) {
      case GICD.CTLR:
        return state.distributorControl;
      case GICD.TYPER:
        return ((core.cpuCount - 1) << 5) | (core.wordCount - 1);
      case GICD.IIDR:
        return IIDR_VALUE;
      default:
        this.#log.guestError(`GICD: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  #readBitmap(offset: number, cpu: number): number {
    const core = this.#core;
    const word = (offset & 0x7f) >>> 2;
    if (word >= core.wordCount) {
      return 0;
    }
    const index = core.wordIndex(cpu, word);
    switch (offset & ~0x7f) {
      case GICD.IGROUPR:
        return core.state.group[index];
      case GICD.ISENABLER:
      case GICD.ICENABLER:
        return core.state.enabled[index];
      case GICD.ISPENDR:
      case GICD.ICPENDR:
        return core.pending(index);
      default:
        return core.state.active[index];
    }
  }

  #readConfiguration(offset: number, cpu: number): number {
    const half = (offset - GICD.ICFGR) >>> 2;
    if (half >= this.#core.wordCount * 2) {
      return 0;
    }
    return configurationFields(this.#core.state.edge[this.#core.wordIndex(cpu, half >>> 1)], half & 1);
  }

  /** @param lanes the bits that the access covers; `value` is zero in the others. */
  #writeWord(offset: number, value: number, lanes: number, cpu: number): void {
    const core = this.#core;
    if (offset >= GICD.CPENDSGIR && offset < GICD.SPENDSGIR + SGI_COUNT) {
      this.#writeSgiPending(offset, value, cpu);
    } else if (offset === GICD.SGIR) {
      this.#generateSgi(value, lanes, cpu);
    } else if (offset >= GICD.ICFGR + 0x100) {
      this.#log.guestError(`GICD: write to read-only or reserved register 0x${offset.toString(16)}`);
    } else if (offset >= GICD.ICFGR) {
      this.#writeConfiguration(offset, value, lanes, cpu);
    } else if (offset >= GICD.ITARGETSR) {
      this.#writeTargets(offset - GICD.ITARGETSR, value, lanes);
    } else if (offset >= GICD.IPRIORITYR) {
      const intid = offset - GICD.IPRIORITYR;
      if (intid < core.interruptCount) {
        setBytes(core.state.priority, core.slot(cpu, intid), value, lanes, 0xff);
        core.refreshOrder(cpu, intid >>> 5);
      }
    } else if (offset >= GICD.IGROUPR) {
      this.#writeBitmap(offset, value, lanes, cpu);
    } else if (offset === GICD.CTLR) {
      const merged = (core.state.distributorControl & ~lanes) | value;
      core.state.distributorControl = merged & DistributorControl.Writable;
      core.refreshAll();
    } else {
      this.#log.guestError(`GICD: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #writeBitmap(offset: number, value: number, lanes: number, cpu: number): void {
    const core = this.#core;
    const { group, enabled, pendingLatch, active } = core.state;
    const word = (offset & 0x7f) >>> 2;
    if (word >= core.wordCount) {
      return;
    }
    const index = core.wordIndex(cpu, word);
    // SGIs are always enabled, and become pending by GICD_SGIR and GICD_SPENDSGIR only (IHI 0048B 4.3.5 to 4.3.8).
    const notSgi = word === 0 ? value & ~SGI_MASK : value;
    switch (offset & ~0x7f) {
      case GICD.IGROUPR:
        group[index] = (group[index] & ~lanes) | value;
        core.refreshWord(cpu, word);
        core.refreshOrder(cpu, word);
        return;
      case GICD.ISENABLER:
        enabled[index] |= notSgi;
        break;
      case GICD.ICENABLER:
        enabled[index] &= ~notSgi;
        break;
      case GICD.ISPENDR:
        pendingLatch[index] |= notSgi;
        break;
      case GICD.ICPENDR:
        pendingLatch[index] &= ~notSgi;
        break;
      case GICD.ISACTIVER:
        active[index] |= value;
        break;
      default:
        core.deactivate(cpu, word, value);
        return;
    }
    core.refreshWord(cpu, word);
  }

  #writeConfiguration(offset: number, value: number, lanes: number, cpu: number): void {
    const half = (offset - GICD.ICFGR) >>> 2;
    // SGIs' fields are read-only (IHI 0048B 4.3.13).
    if (half === 0 || half >= this.#core.wordCount * 2) {
      return;
    }
    const { edge } = this.#core.state;
    const index = this.#core.wordIndex(cpu, half >>> 1);
    edge[index] = withConfiguration(edge[index], half & 1, value, lanes);
    this.#core.refreshWord(cpu, half >>> 1);
  }

  #writeTargets(intid: number, value: number, lanes: number): void {
    const core = this.#core;
    // INTIDs 0 to 31 belong to one CPU each; their fields are read-only (IHI 0048B 4.3.12).
    if (intid < FIRST_SPI || intid >= core.interruptCount || core.cpuCount === 1) {
      return;
    }
    setBytes(core.state.targets, core.slot(0, intid), value, lanes, (1 << core.cpuCount) - 1);
    core.refreshTargets(intid >>> 5);
  }

  #generateSgi(value: number, lanes: number, cpu: number): void {
    const filter = (value >>> 24) & 3;
    if (lanes !== -1 || filter > TargetListFilter.Self) {
      this.#log.guestError(`GICD_SGIR: reserved TargetListFilter or no word access`);
      return;
    }
    const self = 1 << cpu;
    let targets = (value >>> 16) & 0xff;
    if (filter === TargetListFilter.AllButSelf) {
      targets = ~self;
    } else if (filter === TargetListFilter.Self) {
      targets = self;
    }
    for (let target = 0; target < this.#core.cpuCount; target++) {
      if ((targets >>> target) & 1) {
        this.#core.addSgiSources(target, value & (SGI_COUNT - 1), self);
      }
    }
  }

  #writeSgiPending(offset: number, value: number, cpu: number): void {
    const core = this.#core;
    const all = (1 << core.cpuCount) - 1;
    for (let i = 0; i < 4; i++) {
      const sources = (value >>> (i * 8)) & all;
      const sgi = (offset & (SGI_COUNT - 1)) + i;
      if (sources === 0) {
        continue;
      }
      if (offset >= GICD.SPENDSGIR) {
        core.addSgiSources(cpu, sgi, sources);
      } else {
        core.removeSgiSources(cpu, sgi, sources);
      }
    }
  }
}
