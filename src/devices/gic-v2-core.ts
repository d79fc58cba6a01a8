import {
  driveBit,
  IDLE_PRIORITY,
  pendingBits,
  SGI_COUNT,
  SPURIOUS_INTID,
  slotOf,
  wordIndex,
} from './gic-interrupts.ts';
import {
  createGicV2State,
  type GicV2Config,
  type GicV2CpuOutputs,
  type GicV2State,
  GROUP1_INTID,
  resetGicV2State,
} from './gic-v2-state.ts';

/** GICD_CTLR: forwarding of pending interrupts to the CPU interfaces (IHI 0048B 4.3.1). */
export const enum DistributorControl {
  EnableGrp0 = 1 << 0,
  EnableGrp1 = 1 << 1,
  Writable = 0x3,
}

/** GICC_CTLR of a GICv2 without Security Extensions (IHI 0048B 4.4.1); it has no bypass wires. */
export const enum CpuControl {
  EnableGrp0 = 1 << 0,
  EnableGrp1 = 1 << 1,
  AckCtl = 1 << 2,
  FIQEn = 1 << 3,
  CBPR = 1 << 4,
  EOImode = 1 << 9,
  Writable = 0x21f,
}

/**
 * The interrupts' state machines and their prioritization (IHI 0048B 3.2.4, 3.3), below the registers.
 *
 * For each CPU it keeps a bitmap of the interrupts that are ready: pending, not active, enabled, forwarded and
 * targeted. A change touches one word of it, and only ready interrupts, usually one or none, are compared.
 */
export class GicV2Core {
  readonly state: GicV2State;
  readonly cpuCount: number;
  readonly interruptCount: number;
  /** Bitmap words that one CPU sees. */
  readonly wordCount: number;
  readonly #outputs: readonly GicV2CpuOutputs[];
  /** By `cpu * wordCount + word`, derived from GICD_ITARGETSR. */
  readonly #targeted: Int32Array;
  /** By `cpu * wordCount + word`. */
  readonly #ready: Int32Array;
  /** By CPU: bit n is set where word n of its ready bitmap is not zero. */
  readonly #readyWords: Int32Array;
  /** By CPU: highest priority pending interrupt and its priority. */
  readonly #best: Int32Array;
  readonly #bestPriority: Int32Array;
  /** By CPU, derived from the active priorities registers. */
  readonly #runningPriority: Int32Array;
  readonly #irq: Uint8Array;
  readonly #fiq: Uint8Array;
  readonly #endCallbacks: (() => void)[][];

  constructor(config: GicV2Config) {
    const { interruptCount } = config;
    const cpuCount = config.cpus.length;
    if (cpuCount < 1 || cpuCount > 8) {
      throw new RangeError(`A GICv2 has 1 to 8 CPUs, not ${cpuCount}`);
    }
    if (interruptCount % 32 !== 0 || interruptCount < 32 || interruptCount > 992) {
      throw new RangeError(`A GICv2 has a multiple of 32 interrupts up to 992, not ${interruptCount}`);
    }
    this.cpuCount = cpuCount;
    this.interruptCount = interruptCount;
    this.wordCount = interruptCount / 32;
    this.#outputs = config.cpus;
    this.#targeted = new Int32Array(cpuCount * this.wordCount);
    this.#ready = new Int32Array(cpuCount * this.wordCount);
    this.#readyWords = new Int32Array(cpuCount);
    this.#best = new Int32Array(cpuCount).fill(SPURIOUS_INTID);
    this.#bestPriority = new Int32Array(cpuCount).fill(IDLE_PRIORITY);
    this.#runningPriority = new Int32Array(cpuCount).fill(IDLE_PRIORITY);
    this.#irq = new Uint8Array(cpuCount);
    this.#fiq = new Uint8Array(cpuCount);
    this.#endCallbacks = Array.from({ length: interruptCount }, () => []);
    this.state = createGicV2State(cpuCount, interruptCount);
    this.reset();
  }

  reset(): void {
    resetGicV2State(this.state);
    this.refreshAll();
  }

  /** Makes everything derived, and the outputs, follow `state`. */
  refreshAll(): void {
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      for (let word = 0; word < this.wordCount; word++) {
        this.#deriveTargets(cpu, word);
        this.#deriveReady(cpu, word);
      }
      this.#select(cpu);
      this.refreshRunningPriority(cpu);
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

  /** Pending as GICD_ISPENDR reads it: the latch, or the wire where level-sensitive (IHI 0048B figure 4-10). */
  pending(index: number): number {
    return pendingBits(this.state, index);
  }

  /** A wire changed; `index` and `bit` are its place in the bitmaps, `cpu` its owner for a banked one. */
  setLevel(cpu: number, word: number, index: number, bit: number, asserted: boolean): void {
    if (driveBit(this.state, index, bit, asserted)) this.refreshWord(cpu, word);
  }

  /** Adds source CPUs to a pending SGI of `cpu` (IHI 0048B 4.3.15, 4.3.17). */
  addSgiSources(cpu: number, sgi: number, sources: number): void {
    this.#setSgiSources(cpu, sgi, this.state.sgiSources[cpu * SGI_COUNT + sgi] | sources);
  }

  /** Takes source CPUs from a pending SGI of `cpu` (IHI 0048B 4.3.16). */
  removeSgiSources(cpu: number, sgi: number, sources: number): void {
    this.#setSgiSources(cpu, sgi, this.state.sgiSources[cpu * SGI_COUNT + sgi] & ~sources);
  }

  #setSgiSources(cpu: number, sgi: number, sources: number): void {
    this.state.sgiSources[cpu * SGI_COUNT + sgi] = sources;
    if (sources !== 0) {
      this.state.pendingLatch[cpu] |= 1 << sgi;
    } else {
      this.state.pendingLatch[cpu] &= ~(1 << sgi);
    }
    this.refreshWord(cpu, 0);
  }

  /** Group 1 membership: 0 or 1. */
  groupOf(cpu: number, intid: number): number {
    return (this.state.group[this.wordIndex(cpu, intid >>> 5)] >>> (intid & 31)) & 1;
  }

  /** Running priority of a CPU, IDLE_PRIORITY when no interrupt is active on it. */
  runningPriority(cpu: number): number {
    return this.#runningPriority[cpu];
  }

  /**
   * The highest priority pending interrupt that the CPU interface lets through: its priority is above the mask
   * and its group enabled (IHI 0048B 4.4.2, 4.4.1). SPURIOUS_INTID when there is none.
   */
  highestPending(cpu: number): number {
    const best = this.#best[cpu];
    const { control, priorityMask } = this.state.cpuInterfaces[cpu];
    if (this.#bestPriority[cpu] >= priorityMask) {
      return SPURIOUS_INTID;
    }
    return (control >>> this.groupOf(cpu, best)) & 1 ? best : SPURIOUS_INTID;
  }

  /** As GICC_IAR (IHI 0048B 4.4.4): makes the interrupt active. @returns source CPU << 10 | INTID. */
  acknowledge(cpu: number): number {
    const intid = this.highestPending(cpu);
    if (intid === SPURIOUS_INTID || !this.#preempts(cpu, intid)) {
      return SPURIOUS_INTID;
    }
    if (this.groupOf(cpu, intid) === 1 && !(this.state.cpuInterfaces[cpu].control & CpuControl.AckCtl)) {
      return GROUP1_INTID;
    }
    return this.#activate(cpu, intid);
  }

  /** As GICC_AIAR (IHI 0048B 4.4.9): Group 1 only. */
  acknowledgeGroup1(cpu: number): number {
    const intid = this.highestPending(cpu);
    if (intid === SPURIOUS_INTID || this.groupOf(cpu, intid) === 0 || !this.#preempts(cpu, intid)) {
      return SPURIOUS_INTID;
    }
    return this.#activate(cpu, intid);
  }

  /** GICC_EOIR: priority drop, and deactivation where GICC_CTLR.EOImode is 0 (IHI 0048B 3.2.1). */
  endOfInterrupt(cpu: number, intid: number): void {
    if (intid >= this.interruptCount) {
      return;
    }
    const cpuInterface = this.state.cpuInterfaces[cpu];
    const group1 = this.groupOf(cpu, intid) === 1;
    clearHighest(group1 ? cpuInterface.activeGroup1 : cpuInterface.activeGroup0);
    this.refreshRunningPriority(cpu);
    if (!(cpuInterface.control & CpuControl.EOImode)) {
      this.deactivate(cpu, intid >>> 5, 1 << (intid & 31));
    }
  }

  /** Active to inactive for the interrupts in `bits`; those that were active have come to their end. */
  deactivate(cpu: number, word: number, bits: number): void {
    const { active } = this.state;
    const index = this.wordIndex(cpu, word);
    const ended = active[index] & bits;
    if (ended === 0) {
      return;
    }
    active[index] &= ~ended;
    // Before the outputs follow: a listener may lower the wire, and the CPU should not see it high in between.
    for (let rest = ended; rest !== 0; rest &= rest - 1) {
      const callbacks = this.#endCallbacks[word * 32 + 31 - Math.clz32(rest & -rest)];
      for (let i = 0; i < callbacks.length; i++) {
        callbacks[i]();
      }
    }
    this.refreshWord(cpu, word);
  }

  /** Something that decides about a word's interrupts changed: pending, active, enabled, group. */
  refreshWord(cpu: number, word: number): void {
    if (word === 0) {
      if (this.#deriveReady(cpu, 0)) {
        this.#select(cpu);
      }
      return;
    }
    for (let other = 0; other < this.cpuCount; other++) {
      if (this.#deriveReady(other, word)) {
        this.#select(other);
      }
    }
  }

  /** GICD_ITARGETSR of an SPI in this word changed. */
  refreshTargets(word: number): void {
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      this.#deriveTargets(cpu, word);
    }
    this.refreshWord(0, word);
  }

  /** What orders or routes this word's ready interrupts changed: priorities, groups. */
  refreshOrder(cpu: number, word: number): void {
    for (let other = 0; other < this.cpuCount; other++) {
      if ((word !== 0 || other === cpu) && this.#ready[other * this.wordCount + word] !== 0) {
        this.#select(other);
      }
    }
  }

  /** GICC_APR or GICC_NSAPR changed. */
  refreshRunningPriority(cpu: number): void {
    const { activeGroup0, activeGroup1 } = this.state.cpuInterfaces[cpu];
    this.#runningPriority[cpu] = Math.min(highestActive(activeGroup0), highestActive(activeGroup1));
    this.signal(cpu);
  }

  /** Drives a CPU's wires (IHI 0048B 2.3.2, 3.3.3). Called when something in its CPU interface changed. */
  signal(cpu: number): void {
    const intid = this.highestPending(cpu);
    const asserted = intid !== SPURIOUS_INTID && this.#preempts(cpu, intid);
    const fiq =
      asserted &&
      (this.state.cpuInterfaces[cpu].control & CpuControl.FIQEn) !== 0 &&
      this.groupOf(cpu, intid) === 0;
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

  /** The part of a priority that decides about preemption (IHI 0048B 3.3.2). */
  #groupPriority(cpu: number, intid: number): number {
    const { control, binaryPoint, aliasedBinaryPoint } = this.state.cpuInterfaces[cpu];
    const aliased = this.groupOf(cpu, intid) === 1 && !(control & CpuControl.CBPR);
    const point = aliased ? aliasedBinaryPoint - 1 : binaryPoint;
    return this.state.priority[this.slot(cpu, intid)] & (-1 << (point + 1));
  }

  /**
   * Against the running group priority the whole priority decides as its group priority would. It differs only where
   * the guest moved the binary point since the acknowledge; there QEMU decides so.
   */
  #preempts(cpu: number, intid: number): boolean {
    return this.state.priority[this.slot(cpu, intid)] < this.#runningPriority[cpu];
  }

  #activate(cpu: number, intid: number): number {
    const { state } = this;
    const word = intid >>> 5;
    const index = this.wordIndex(cpu, word);
    const bit = 1 << (intid & 31);
    const { activeGroup0, activeGroup1 } = state.cpuInterfaces[cpu];
    const activePriorities = this.groupOf(cpu, intid) === 1 ? activeGroup1 : activeGroup0;
    const level = this.#groupPriority(cpu, intid) >>> 1;
    activePriorities[level >>> 5] |= 1 << (level & 31);
    // First, so that the outputs never show a lower priority interrupt against the old running priority.
    this.refreshRunningPriority(cpu);
    state.active[index] |= bit;
    state.pendingLatch[index] &= ~bit;
    let source = 0;
    if (intid < SGI_COUNT) {
      // Each source CPU's SGI is an interrupt of its own; one is taken, the others stay pending (IHI 0048B 4.4.4).
      const sources = state.sgiSources[cpu * SGI_COUNT + intid];
      source = 31 - Math.clz32(sources & -sources);
      this.removeSgiSources(cpu, intid, 1 << source);
    } else {
      this.refreshWord(cpu, word);
    }
    return (source << 10) | intid;
  }

  #deriveTargets(cpu: number, word: number): void {
    const slot = this.wordIndex(cpu, word) * 32;
    let targeted = 0;
    for (let i = 0; i < 32; i++) {
      targeted |= ((this.state.targets[slot + i] >>> cpu) & 1) << i;
    }
    this.#targeted[cpu * this.wordCount + word] = targeted;
  }

  /** @returns whether a word of a CPU's ready bitmap changed. */
  #deriveReady(cpu: number, word: number): boolean {
    const { distributorControl, group, enabled, active } = this.state;
    const index = this.wordIndex(cpu, word);
    const at = cpu * this.wordCount + word;
    const forwarded =
      (distributorControl & DistributorControl.EnableGrp0 ? ~group[index] : 0) |
      (distributorControl & DistributorControl.EnableGrp1 ? group[index] : 0);
    const ready = this.pending(index) & enabled[index] & ~active[index] & forwarded & this.#targeted[at];
    if (ready === this.#ready[at]) {
      return false;
    }
    this.#ready[at] = ready;
    if (ready !== 0) {
      this.#readyWords[cpu] |= 1 << word;
    } else {
      this.#readyWords[cpu] &= ~(1 << word);
    }
    return true;
  }

  /** Of equal priorities the lowest INTID wins: the implementation's choice (IHI 0048B 3.3). */
  #select(cpu: number): void {
    let best = SPURIOUS_INTID;
    let bestPriority = IDLE_PRIORITY;
    for (let words = this.#readyWords[cpu]; words !== 0; words &= words - 1) {
      const word = 31 - Math.clz32(words & -words);
      const slot = this.wordIndex(cpu, word) * 32;
      for (let bits = this.#ready[cpu * this.wordCount + word]; bits !== 0; bits &= bits - 1) {
        const bit = 31 - Math.clz32(bits & -bits);
        const priority = this.state.priority[slot + bit];
        if (priority < bestPriority) {
          best = word * 32 + bit;
          bestPriority = priority;
        }
      }
    }
    this.#best[cpu] = best;
    this.#bestPriority[cpu] = bestPriority;
    this.signal(cpu);
  }
}

function highestActive(activePriorities: Int32Array): number {
  for (let word = 0; word < activePriorities.length; word++) {
    const bits = activePriorities[word];
    if (bits !== 0) {
      return (word * 32 + 31 - Math.clz32(bits & -bits)) << 1;
    }
  }
  return IDLE_PRIORITY;
}

function clearHighest(activePriorities: Int32Array): void {
  for (let word = 0; word < activePriorities.length; word++) {
    if (activePriorities[word] !== 0) {
      activePriorities[word] &= activePriorities[word] - 1;
      return;
    }
  }
}
