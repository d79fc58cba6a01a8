import type { GicCpuInterface, IccRegister, IccSgiRegister } from '../../ports/gic-cpu-interface.ts';
import { IDLE_PRIORITY, SGI_COUNT, SPURIOUS_INTID } from '../gic-interrupts.ts';
import { type GicV3Core, IccControl } from './core.ts';
import {
  FIRST_LPI,
  FIRST_SPECIAL,
  type IccState,
  MINIMUM_BPR0,
  MINIMUM_BPR1,
  PRIORITY_BITS,
  PRIORITY_MASK,
} from './state.ts';

/** ICC_CTLR: affinity 3 valid (A3V), 24-bit INTIDs, number of priority bits less one. */
const CTLR_FIXED = (1 << 15) | (1 << 11) | ((PRIORITY_BITS - 1) << 8);
/** System registers only, no bypass wires: SRE, DFB and DIB are RAO/WI. */
const SRE_VALUE = 7;
const INTID_MASK = 0xffffff;

/** The system registers of one CPU's interface (IHI 0069 12.4), with one Security state. */
export class GicV3CpuInterface implements GicCpuInterface {
  private readonly core: GicV3Core;
  private readonly cpu: number;
  private readonly state: IccState;

  constructor(core: GicV3Core, cpu: number) {
    this.core = core;
    this.cpu = cpu;
    this.state = core.state.cpuInterfaces[cpu];
  }

  read(register: IccRegister): number {
    const { core, cpu, state } = this;
    switch (register) {
      case 'ICC_PMR':
        return state.priorityMask;
      case 'ICC_IAR0':
        return core.acknowledge(cpu, 0);
      case 'ICC_IAR1':
        return core.acknowledge(cpu, 1);
      case 'ICC_HPPIR0':
        return this.highestPending(0);
      case 'ICC_HPPIR1':
        return this.highestPending(1);
      case 'ICC_BPR0':
        return state.binaryPoint0;
      case 'ICC_BPR1':
        // With a common binary point it reads as ICC_BPR0 plus one, saturated (12.4.3).
        return (state.control & IccControl.CBPR) === 0
          ? state.binaryPoint1
          : Math.min(7, state.binaryPoint0 + 1);
      case 'ICC_AP0R0':
        return state.activeGroup0 >>> 0;
      case 'ICC_AP1R0':
        return state.activeGroup1 >>> 0;
      case 'ICC_RPR': {
        const running = core.runningPriority(cpu);
        return running === IDLE_PRIORITY ? 0xff : running;
      }
      case 'ICC_CTLR':
        return CTLR_FIXED | state.control;
      case 'ICC_SRE':
        return SRE_VALUE;
      case 'ICC_IGRPEN0':
        return state.enableGroup0;
      case 'ICC_IGRPEN1':
        return state.enableGroup1;
      default:
        return 0;
    }
  }

  write(register: IccRegister, value: number): void {
    const { core, cpu, state } = this;
    switch (register) {
      case 'ICC_PMR':
        state.priorityMask = value & PRIORITY_MASK;
        core.signal(cpu);
        return;
      case 'ICC_EOIR0':
        this.endOfInterrupt(value & INTID_MASK, 0);
        return;
      case 'ICC_EOIR1':
        this.endOfInterrupt(value & INTID_MASK, 1);
        return;
      case 'ICC_DIR':
        if ((state.control & IccControl.EOImode) !== 0) this.deactivate(value & INTID_MASK);
        return;
      case 'ICC_BPR0':
        state.binaryPoint0 = Math.max(MINIMUM_BPR0, value & 7);
        core.signal(cpu);
        return;
      case 'ICC_BPR1':
        // Writes are ignored while the binary point is common.
        if ((state.control & IccControl.CBPR) === 0) state.binaryPoint1 = Math.max(MINIMUM_BPR1, value & 7);
        core.signal(cpu);
        return;
      case 'ICC_AP0R0':
        state.activeGroup0 = value | 0;
        core.signal(cpu);
        return;
      case 'ICC_AP1R0':
        state.activeGroup1 = value | 0;
        core.signal(cpu);
        return;
      case 'ICC_CTLR':
        state.control = value & IccControl.Writable;
        core.signal(cpu);
        return;
      case 'ICC_IGRPEN0':
        state.enableGroup0 = value & 1;
        core.select(cpu);
        return;
      case 'ICC_IGRPEN1':
        state.enableGroup1 = value & 1;
        core.select(cpu);
        return;
      default:
    }
  }

  /** ICC_ASGI1R sends to the other Security state's Group 1, and there is none. */
  write64(register: IccSgiRegister, low: number, high: number): void {
    if (register === 'ICC_ASGI1R') return;
    const group = register === 'ICC_SGI1R' ? 1 : 0;
    const sgi = (low >>> 24) & (SGI_COUNT - 1);
    const toAllOthers = (high & (1 << 8)) !== 0;
    // Aff1, Aff2, Aff3 and the range selector are zero for every CPU here.
    const isOurCluster = (low & 0x00ff0000) === 0 && (high & 0x00fff0ff) === 0;
    for (let target = 0; target < this.core.cpuCount; target++) {
      const named = isOurCluster && ((low >>> target) & 1) !== 0;
      if (toAllOthers ? target !== this.cpu : named) this.core.sendSgi(target, sgi, group);
    }
  }

  private highestPending(group: number): number {
    const intid = this.core.highestPending(this.cpu);
    return intid !== SPURIOUS_INTID && this.core.groupOf(this.cpu, intid) === group ? intid : SPURIOUS_INTID;
  }

  private endOfInterrupt(intid: number, group: number): void {
    if (intid >= FIRST_SPECIAL && intid < FIRST_LPI) return;
    if (!this.core.dropPriority(this.cpu, group)) return;
    if ((this.state.control & IccControl.EOImode) === 0) this.deactivate(intid);
  }

  private deactivate(intid: number): void {
    if (intid < this.core.interruptCount) this.core.deactivate(this.cpu, intid >>> 5, 1 << (intid & 31));
  }
}
