import {
  driveBit,
  FIRST_SPI,
  IDLE_PRIORITY,
  pendingBits,
  SPURIOUS_INTID,
  slotOf,
  wordIndex,
} from '../gic-interrupts.ts';
import { Lpis } from './lpis.ts';
import {
  createGicV3State,
  FIRST_LPI,
  type GicV3Config,
  type GicV3CpuOutputs,
  type GicV3State,
  resetGicV3State,
} from './state.ts';

/** GICD_CTLR with one Security state (IHI 0069 12.9.4). */
export const DistributorControl = { EnableGrp0: 1 << 0, EnableGrp1: 1 << 1, Writable: 0x3 } as const;
/** ICC_CTLR (12.2.6 and the AArch32 form, 12.4.4). */
export const IccControl = { CBPR: 1 << 0, EOImode: 1 << 1, Writable: 0x3 } as const;

/**
 * The interrupts' state machines and their prioritization (IHI 0069 chapter 4), below the registers: one Security state,
 * affinity routing always on.
 *
 * For each CPU it keeps a bitmap of the interrupts that are ready: pending, not active, enabled, forwarded and routed.
 */
export class GicV3Core {
  readonly state: GicV3State;
  readonly cpuCount: number;
  readonly interruptCount: number;
  readonly wordCount: number;
  readonly lpis: readonly Lpis[];
  readonly #outputs: readonly GicV3CpuOutputs[];
  /** By `cpu * wordCount + word`, derived from GICD_IROUTER. */
  readonly #routed: Int32Array;
  readonly #ready: Int32Array;
  /** By CPU: the highest priority pending interrupt whose group is enabled, and its priority. */
  readonly #best: Int32Array;
  readonly #bestPriority: Int32Array;
  readonly #irq: Uint8Array;
  readonly #fiq: Uint8Array;
  readonly #endCallbacks: (() => void)[][];

  constructor(config: GicV3Config) {
    const { interruptCount } = config;
    const cpuCount = config.cpus.length;
    // A target list of ICC_SGI1R reaches 16 CPUs of one cluster.
    if (cpuCount < 1 || cpuCount > 16) throw new RangeError(`this GICv3 has 1 to 16 CPUs, not ${cpuCount}`);
    if (interruptCount % 32 !== 0 || interruptCount < 64 || interruptCount > 992) {
      throw new RangeError(`a GICv3 has a multiple of 32 interrupts from 64 to 992, not ${interruptCount}`);
    }
    this.cpuCount = cpuCount;
    this.interruptCount = interruptCount;
    this.wordCount = interruptCount / 32;
    this.#outputs = config.cpus;
    this.#routed = new Int32Array(cpuCount * this.wordCount);
    this.#ready = new Int32Array(cpuCount * this.wordCount);
    this.#best = new Int32Array(cpuCount).fill(SPURIOUS_INTID);
    this.#bestPriority = new Int32Array(cpuCount).fill(IDLE_PRIORITY);
    this.#irq = new Uint8Array(cpuCount);
    this.#fiq = new Uint8Array(cpuCount);
    this.#endCallbacks = Array.from({ length: interruptCount }, () => []);
    this.state = createGicV3State(cpuCount, interruptCount);
    this.lpis = this.state.redistributors.map((redistributor) => new Lpis(redistributor, config.memory));
    this.reset();
  }

  reset(): void {
    resetGicV3State(this.state);
    for (const lpis of this.lpis) lpis.reset();
    this.refreshAll();
  }

  /** Makes everything derived, and the outputs, follow the state. */
  refreshAll(): void {
    for (let word = 1; word < this.wordCount; word++) this.#deriveRoutes(word);
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      this.#routed[cpu * this.wordCount] = -1;
      for (let word = 0; word < this.wordCount; word++) this.#deriveReady(cpu, word);
      this.lpis[cpu].select();
      this.select(cpu);
    }
  }

  onEndOfInterrupt(intid: number, callback: () => void): void {
    this.#endCallbacks[intid].push(callback);
  }

  /** Index of a CPU's bitmap word in the arrays of `state`. */
  wordIndex(cpu: number, word: number): number {
    return wordIndex(this.cpuCount, cpu, word);
  }

  /** Index of an interrupt in the byte arrays of `state`. */
  slot(cpu: number, intid: number): number {
    return slotOf(this.cpuCount, cpu, intid);
  }

  /** Pending as ISPENDR reads it: the latch, or the wire where level-sensitive. */
  pending(index: number): number {
    return pendingBits(this.state, index);
  }

  setLevel(cpu: number, word: number, index: number, bit: number, asserted: boolean): void {
    if (driveBit(this.state, index, bit, asserted)) this.refreshWord(cpu, word);
  }

  /** 0 or 1; LPIs are in Group 1 (IHI 0069 5.1). */
  groupOf(cpu: number, intid: number): number {
    if (intid >= FIRST_LPI) return 1;
    return (this.state.group[this.wordIndex(cpu, intid >>> 5)] >>> (intid & 31)) & 1;
  }

  /** An SGI of `group` that a CPU sent; its target has the last word about the group (IHI 0069 table 12-14). */
  sendSgi(target: number, sgi: number, group: number): void {
    if (this.groupOf(target, sgi) !== group) return;
    this.state.pendingLatch[target] |= 1 << sgi;
    this.refreshWord(target, 0);
  }

  /** An LPI became pending or not, or its configuration may have changed. */
  refreshLpis(cpu: number): void {
    this.lpis[cpu].select();
    this.select(cpu);
  }

  setLpi(cpu: number, intid: number, level: boolean): void {
    this.lpis[cpu].setPending(intid, level);
    this.select(cpu);
  }

  /** Something that decides about a word's interrupts changed: pending, active, enabled, group, priority. */
  refreshWord(cpu: number, word: number): void {
    if (word === 0) {
      this.#deriveReady(cpu, 0);
      this.select(cpu);
      return;
    }
    for (let other = 0; other < this.cpuCount; other++) {
      const before = this.#ready[other * this.wordCount + word];
      this.#deriveReady(other, word);
      if ((before | this.#ready[other * this.wordCount + word]) !== 0) this.select(other);
    }
  }

  /** GICD_IROUTER of an SPI in this word changed. */
  refreshRoutes(word: number): void {
    this.#deriveRoutes(word);
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      this.#deriveReady(cpu, word);
      this.select(cpu);
    }
  }

  /** Running priority of a CPU, IDLE_PRIORITY when no interrupt is active on it. */
  runningPriority(cpu: number): number {
    const { activeGroup0, activeGroup1 } = this.state.cpuInterfaces[cpu];
    const active = activeGroup0 | activeGroup1;
    return active === 0 ? IDLE_PRIORITY : (31 - Math.clz32(active & -active)) << 3;
  }

  /** The highest priority pending interrupt whose priority is above the mask; SPURIOUS_INTID when there is none. */
  highestPending(cpu: number): number {
    return this.#bestPriority[cpu] < this.state.cpuInterfaces[cpu].priorityMask
      ? this.#best[cpu]
      : SPURIOUS_INTID;
  }

  /** As ICC_IAR0 and ICC_IAR1. @returns the INTID, now active, or SPURIOUS_INTID. */
  acknowledge(cpu: number, group: number): number {
    const intid = this.highestPending(cpu);
    if (intid === SPURIOUS_INTID || this.groupOf(cpu, intid) !== group || !this.#preempts(cpu))
      return SPURIOUS_INTID;
    const { state } = this;
    const cpuInterface = state.cpuInterfaces[cpu];
    const level = 1 << ((this.#bestPriority[cpu] & this.#groupMask(cpu, group)) >>> 3);
    if (group === 1) cpuInterface.activeGroup1 |= level;
    else cpuInterface.activeGroup0 |= level;
    if (intid >= FIRST_LPI) {
      // LPIs have no active state (IHI 0069 5.1).
      this.setLpi(cpu, intid, false);
      return intid;
    }
    const index = this.wordIndex(cpu, intid >>> 5);
    const bit = 1 << (intid & 31);
    state.active[index] |= bit;
    state.pendingLatch[index] &= ~bit;
    this.refreshWord(cpu, intid >>> 5);
    return intid;
  }

  /** Priority drop (IHI 0069 4.1.1). @returns false where the highest active priority is not of this group. */
  dropPriority(cpu: number, group: number): boolean {
    const cpuInterface = this.state.cpuInterfaces[cpu];
    const { activeGroup0, activeGroup1 } = cpuInterface;
    const active = activeGroup0 | activeGroup1;
    const highest = active & -active;
    if (highest === 0 || ((group === 1 ? activeGroup1 : activeGroup0) & highest) === 0) return false;
    if (group === 1) cpuInterface.activeGroup1 &= ~highest;
    else cpuInterface.activeGroup0 &= ~highest;
    this.signal(cpu);
    return true;
  }

  /** Active to inactive for the interrupts in `bits`; those that were active have come to their end. */
  deactivate(cpu: number, word: number, bits: number): void {
    const { active } = this.state;
    const index = this.wordIndex(cpu, word);
    const ended = active[index] & bits;
    if (ended === 0) return;
    active[index] &= ~ended;
    // Before the outputs follow: a listener may lower the wire, and the CPU should not see it high in between.
    for (let rest = ended; rest !== 0; rest &= rest - 1) {
      for (const callback of this.#endCallbacks[word * 32 + 31 - Math.clz32(rest & -rest)]) callback();
    }
    this.refreshWord(cpu, word);
  }

  /** Drives a CPU's wires; called when something in its CPU interface changed that does not change the selection. */
  signal(cpu: number): void {
    const intid = this.highestPending(cpu);
    const asserted = intid !== SPURIOUS_INTID && this.#preempts(cpu);
    const fiq = asserted && this.groupOf(cpu, intid) === 0;
    const irq = asserted && !fiq;
    if ((this.#irq[cpu] !== 0) !== irq) {
      this.#irq[cpu] = irq ? 1 : 0;
      this.#outputs[cpu].irq.set(irq);
    }
    if ((this.#fiq[cpu] !== 0) !== fiq) {
      this.#fiq[cpu] = fiq ? 1 : 0;
      this.#outputs[cpu].fiq.set(fiq);
    }
  }

  /** Of equal priorities the lowest INTID wins: the implementation's choice (IHI 0069 4.8). */
  select(cpu: number): void {
    const { state } = this;
    const { enableGroup0, enableGroup1 } = state.cpuInterfaces[cpu];
    let best = SPURIOUS_INTID;
    let bestPriority = IDLE_PRIORITY;
    // A Redistributor that sleeps forwards nothing (IHI 0069 11.1).
    const words = state.redistributors[cpu].asleep ? 0 : this.wordCount;
    for (let word = 0; word < words; word++) {
      const index = this.wordIndex(cpu, word);
      const { [index]: group } = state.group;
      const groups = (enableGroup0 !== 0 ? ~group : 0) | (enableGroup1 !== 0 ? group : 0);
      for (let bits = this.#ready[cpu * this.wordCount + word] & groups; bits !== 0; bits &= bits - 1) {
        const bit = 31 - Math.clz32(bits & -bits);
        const priority = state.priority[index * 32 + bit];
        if (priority < bestPriority) {
          best = word * 32 + bit;
          bestPriority = priority;
        }
      }
    }
    const lpis = this.lpis[cpu];
    const forwarded = (state.distributorControl & DistributorControl.EnableGrp1) !== 0 && words !== 0;
    if (forwarded && enableGroup1 !== 0 && lpis.bestPriority < bestPriority) {
      best = lpis.best;
      bestPriority = lpis.bestPriority;
    }
    this.#best[cpu] = best;
    this.#bestPriority[cpu] = bestPriority;
    this.signal(cpu);
  }

  /** The part of a priority that decides about preemption (IHI 0069 4.8.2). */
  #groupMask(cpu: number, group: number): number {
    const { control, binaryPoint0, binaryPoint1 } = this.state.cpuInterfaces[cpu];
    const own = group === 1 && (control & IccControl.CBPR) === 0;
    return -1 << (own ? binaryPoint1 : binaryPoint0 + 1);
  }

  #preempts(cpu: number): boolean {
    const running = this.runningPriority(cpu);
    if (running === IDLE_PRIORITY) return true;
    const mask = this.#groupMask(cpu, this.groupOf(cpu, this.#best[cpu]));
    return (this.#bestPriority[cpu] & mask) < running;
  }

  #deriveRoutes(word: number): void {
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      let routed = 0;
      for (let i = 0; i < 32; i++) {
        const spi = word * 32 + i - FIRST_SPI;
        if (this.state.route[spi] === cpu && this.state.routeAff3[spi] === 0) routed |= 1 << i;
      }
      this.#routed[cpu * this.wordCount + word] = routed;
    }
  }

  #deriveReady(cpu: number, word: number): void {
    const { distributorControl, group, enabled, active } = this.state;
    const index = this.wordIndex(cpu, word);
    const at = cpu * this.wordCount + word;
    const forwarded =
      (distributorControl & DistributorControl.EnableGrp0 ? ~group[index] : 0) |
      (distributorControl & DistributorControl.EnableGrp1 ? group[index] : 0);
    this.#ready[at] = this.pending(index) & enabled[index] & ~active[index] & forwarded & this.#routed[at];
  }
}
