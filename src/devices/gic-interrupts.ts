import type { InterruptLine } from '../ports/interrupt-line.ts';

// What GICv2 (IHI 0048B) and GICv3 (IHI 0069) have alike: interrupts by INTID, their bits, their input wires.

/** INTIDs 0 to 15 are software generated (IHI 0048B 2.2.1). */
export const SGI_COUNT = 16;
/** INTIDs 16 to 31 are private peripheral interrupts. */
const FIRST_PPI = 16;
/** INTIDs from 32 on are shared. */
export const FIRST_SPI = 32;
/** "No pending interrupt with sufficient priority" (IHI 0048B 3.2.5). */
export const SPURIOUS_INTID = 1023;
/** Running priority of a CPU that handles no interrupt: below every priority. */
export const IDLE_PRIORITY = 0x100;
/** The SGIs' bits in the first word of a bitmap. */
export const SGI_MASK = 0xffff;

/**
 * Offsets of the registers that there is a bit, a field or a byte of for each interrupt (IHI 0048B table 4-1; IHI 0069
 * tables 12-25, 12-29). Where a name has a number of registers it is the first's.
 */
export const INTERRUPT_REGISTERS = {
  IGROUPR: 0x080,
  ISENABLER: 0x100,
  ICENABLER: 0x180,
  ISPENDR: 0x200,
  ICPENDR: 0x280,
  ISACTIVER: 0x300,
  ICACTIVER: 0x380,
  IPRIORITYR: 0x400,
  ITARGETSR: 0x800,
  ICFGR: 0xc00,
} as const;

/**
 * What a GIC remembers of each interrupt. Bitmaps hold 32 interrupts in a word. INTIDs 0 to 31 are banked (IHI 0048B
 * 2.2.1), so there are as many first words as CPUs, then come those of the SPIs: {@link wordIndex}. An interrupt's slot
 * indexes the arrays of bytes.
 */
export type InterruptBits = {
  readonly group: Int32Array;
  readonly enabled: Int32Array;
  /** What edges and ISPENDR set: the latch of IHI 0048B figure 4-10. */
  readonly pendingLatch: Int32Array;
  /** Level of the input wires. */
  readonly level: Int32Array;
  readonly active: Int32Array;
  /** 1 for edge-triggered (ICFGR). */
  readonly edge: Int32Array;
  /** By slot. */
  readonly priority: Uint8Array;
};

/** All zero. */
export function createInterruptBits(cpuCount: number, interruptCount: number): InterruptBits {
  const words = cpuCount - 1 + interruptCount / 32;
  return {
    group: new Int32Array(words),
    enabled: new Int32Array(words),
    pendingLatch: new Int32Array(words),
    level: new Int32Array(words),
    active: new Int32Array(words),
    edge: new Int32Array(words),
    priority: new Uint8Array(words * 32),
  };
}

/** To zero but for the levels of the input wires: nobody but their drivers changes them. */
export function clearInterruptBits(bits: InterruptBits): void {
  for (const words of [bits.group, bits.enabled, bits.pendingLatch, bits.active, bits.edge]) words.fill(0);
  bits.priority.fill(0);
}

/** Index of a CPU's bitmap word: word `cpu` for INTIDs 0 to 31, word `cpuCount - 1 + n` for INTIDs 32n to 32n + 31. */
export function wordIndex(cpuCount: number, cpu: number, word: number): number {
  return word === 0 ? cpu : cpuCount - 1 + word;
}

/** Index of an interrupt in the arrays of bytes. */
export function slotOf(cpuCount: number, cpu: number, intid: number): number {
  return intid < FIRST_SPI ? cpu * 32 + intid : (cpuCount - 1) * 32 + intid;
}

/** Pending as ISPENDR reads it: the latch, or the wire where level-sensitive (IHI 0048B figure 4-10). */
export function pendingBits(bits: InterruptBits, index: number): number {
  return bits.pendingLatch[index] | (bits.level[index] & ~bits.edge[index]);
}

/**
 * An input wire has a level.
 * @returns whether it had another
 */
export function driveBit(bits: InterruptBits, index: number, bit: number, asserted: boolean): boolean {
  const { level, edge, pendingLatch } = bits;
  if (asserted === ((level[index] & bit) !== 0)) return false;
  if (asserted) {
    level[index] |= bit;
    pendingLatch[index] |= edge[index] & bit;
  } else {
    level[index] &= ~bit;
  }
  return true;
}

/**
 * The two bits of ICFGR for each of 16 interrupts, of which the upper one says edge-triggered.
 * @param half 0 for the lower 16 interrupts of the word, 1 for the upper
 */
export function configurationFields(edge: number, half: number): number {
  const bits = edge >>> (half * 16);
  let fields = 0;
  for (let i = 0; i < 16; i++) fields |= ((bits >>> i) & 1) << (i * 2 + 1);
  return fields;
}

/** The bitmap word `edge` after a write of ICFGR. @param lanes the bits that the access covers */
export function withConfiguration(edge: number, half: number, value: number, lanes: number): number {
  let result = edge;
  for (let i = 0; i < 16; i++) {
    const field = i * 2 + 1;
    if (((lanes >>> field) & 1) === 0) continue;
    const bit = 1 << (half * 16 + i);
    result = (value >>> field) & 1 ? result | bit : result & ~bit;
  }
  return result;
}

/** Four bytes as a little-endian word. */
export function word32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Writes the bytes of a word that an access covers. @param writable the bits of each that can be written */
export function setBytes(
  bytes: Uint8Array,
  at: number,
  value: number,
  lanes: number,
  writable: number,
): void {
  for (let i = 0; i < 4; i++) {
    if ((lanes >>> (i * 8)) & 1) bytes[at + i] = (value >>> (i * 8)) & writable;
  }
}

/** What input wires drive. */
interface WiredCore {
  readonly cpuCount: number;
  readonly interruptCount: number;
  /** A wire changed; `index` and `bit` are its place in the bitmaps, `cpu` its owner for a banked one. */
  setLevel(cpu: number, word: number, index: number, bit: number, asserted: boolean): void;
}

/** @throws RangeError where the controller has no SPI `n` */
export function spiWire(core: WiredCore, n: number): InterruptLine {
  const intid = FIRST_SPI + n;
  if (!Number.isInteger(n) || n < 0 || intid >= core.interruptCount) {
    throw new RangeError(`This GIC has SPIs 0 to ${core.interruptCount - FIRST_SPI - 1}, not ${n}`);
  }
  return wire(core, 0, intid);
}

/** @throws RangeError where there is no such CPU, or no PPI `n` */
export function ppiWire(core: WiredCore, cpu: number, n: number): InterruptLine {
  const isCpu = Number.isInteger(cpu) && cpu >= 0 && cpu < core.cpuCount;
  if (!Number.isInteger(n) || n < 0 || n >= FIRST_SPI - FIRST_PPI || !isCpu) {
    throw new RangeError(`This GIC has PPIs 0 to 15 of ${core.cpuCount} CPUs, not ${n} of CPU ${cpu}`);
  }
  return wire(core, cpu, FIRST_PPI + n);
}

function wire(core: WiredCore, cpu: number, intid: number): InterruptLine {
  const word = intid >>> 5;
  const index = wordIndex(core.cpuCount, cpu, word);
  const bit = 1 << (intid & 31);
  return { set: (level) => core.setLevel(cpu, word, index, bit, level) };
}
