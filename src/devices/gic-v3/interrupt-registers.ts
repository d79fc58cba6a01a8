import type { AccessSize } from '../../ports/mmio.ts';
import {
  configurationFields,
  INTERRUPT_REGISTERS,
  SGI_MASK,
  setBytes,
  withConfiguration,
  word32,
} from '../gic-interrupts.ts';
import type { GicV3Core } from './core.ts';
import { PRIORITY_MASK } from './state.ts';

/** Offsets that the Distributor (for SPIs) and SGI_base of a Redistributor (for SGIs and PPIs) share (tables 12-25, 12-29). */
const BANK = {
  ...INTERRUPT_REGISTERS,
  /** RAZ/WI with one Security state, and what follows it. */
  IGRPMODR: 0xd00,
  End: 0xf00,
} as const;

/** The part of a word that an access covers, shifted into its place. */
export interface Lanes {
  readonly offset: number;
  readonly value: number;
  readonly mask: number;
}

export function lanesOf(offset: number, size: AccessSize, value: number): Lanes {
  if (size === 4) return { offset, value, mask: -1 };
  const shift = (offset & 3) * 8;
  const mask = (size === 1 ? 0xff : 0xffff) << shift;
  return { offset: offset & ~3, value: (value << shift) & mask, mask };
}

export function partOf(word: number, offset: number, size: AccessSize): number {
  if (size === 4) return word >>> 0;
  return (word >>> ((offset & 3) * 8)) & (size === 1 ? 0xff : 0xffff);
}

export function isBankOffset(offset: number): boolean {
  return offset >= BANK.IGROUPR && offset < BANK.End;
}

/**
 * The registers that there is one of for each interrupt (IHI 0069 12.9, 12.11), by their offset in either frame.
 * @param firstWord 0 for a Redistributor's frame, which has INTIDs 0 to 31; 1 for the Distributor's, which has the others.
 */
export class InterruptRegisters {
  private readonly core: GicV3Core;
  private readonly firstWord: 0 | 1;

  constructor(core: GicV3Core, firstWord: 0 | 1) {
    this.core = core;
    this.firstWord = firstWord;
  }

  read(offset: number, cpu: number): number {
    const { core } = this;
    const { state } = core;
    if (offset >= BANK.IGRPMODR) return 0;
    if (offset >= BANK.ICFGR) return this.readConfiguration((offset - BANK.ICFGR) >>> 2, cpu);
    // RAZ/WI with affinity routing.
    if (offset >= BANK.ITARGETSR) return 0;
    if (offset >= BANK.IPRIORITYR) {
      const intid = offset - BANK.IPRIORITYR;
      if (!this.has(intid >>> 5)) return 0;
      return word32(state.priority, core.slot(cpu, intid));
    }
    const word = (offset & 0x7f) >>> 2;
    if (!this.has(word)) return 0;
    const index = core.wordIndex(cpu, word);
    switch (offset & ~0x7f) {
      case BANK.IGROUPR:
        return state.group[index];
      case BANK.ISENABLER:
      case BANK.ICENABLER:
        return state.enabled[index];
      case BANK.ISPENDR:
      case BANK.ICPENDR:
        return core.pending(index);
      default:
        return state.active[index];
    }
  }

  write({ offset, value, mask }: Lanes, cpu: number): void {
    if (offset >= BANK.IGRPMODR) return;
    if (offset >= BANK.ICFGR) this.writeConfiguration((offset - BANK.ICFGR) >>> 2, value, mask, cpu);
    else if (offset >= BANK.ITARGETSR) return;
    else if (offset >= BANK.IPRIORITYR) this.writePriorities(offset - BANK.IPRIORITYR, value, mask, cpu);
    else this.writeBitmap(offset, value, mask, cpu);
  }

  private has(word: number): boolean {
    return this.firstWord === 0 ? word === 0 : word > 0 && word < this.core.wordCount;
  }

  private writeBitmap(offset: number, value: number, mask: number, cpu: number): void {
    const { core } = this;
    const { group, enabled, pendingLatch, active } = core.state;
    const word = (offset & 0x7f) >>> 2;
    if (!this.has(word)) return;
    const index = core.wordIndex(cpu, word);
    switch (offset & ~0x7f) {
      case BANK.IGROUPR:
        group[index] = (group[index] & ~mask) | value;
        break;
      case BANK.ISENABLER:
        enabled[index] |= value;
        break;
      case BANK.ICENABLER:
        enabled[index] &= ~value;
        break;
      case BANK.ISPENDR:
        pendingLatch[index] |= value;
        break;
      case BANK.ICPENDR:
        pendingLatch[index] &= ~value;
        break;
      case BANK.ISACTIVER:
        active[index] |= value;
        break;
      default:
        core.deactivate(cpu, word, value);
    }
    core.refreshWord(cpu, word);
  }

  private writePriorities(intid: number, value: number, mask: number, cpu: number): void {
    const { core } = this;
    if (!this.has(intid >>> 5)) return;
    setBytes(core.state.priority, core.slot(cpu, intid), value, mask, PRIORITY_MASK);
    core.refreshWord(cpu, intid >>> 5);
  }

  private readConfiguration(half: number, cpu: number): number {
    if (!this.has(half >>> 1)) return 0;
    return configurationFields(this.core.state.edge[this.core.wordIndex(cpu, half >>> 1)], half & 1);
  }

  private writeConfiguration(half: number, value: number, mask: number, cpu: number): void {
    if (!this.has(half >>> 1)) return;
    const { edge } = this.core.state;
    const index = this.core.wordIndex(cpu, half >>> 1);
    edge[index] = withConfiguration(edge[index], half & 1, value, mask);
    // SGIs are edge-triggered for good (12.11.7).
    if (half >>> 1 === 0) edge[index] |= SGI_MASK;
    this.core.refreshWord(cpu, half >>> 1);
  }
}
