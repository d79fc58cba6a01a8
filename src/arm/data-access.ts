import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { BUS_ERROR, type PhysicalMemory } from '../memory/physical-memory.ts';
import type { AccessSize, Requester } from '../ports/mmio.ts';
import { MemFlag } from '../translator/ir/ops.ts';
import type { PendingFault } from '../translator/pending-fault.ts';
import { AccessKind, FaultKind } from '../vmsa/walk.ts';
import type { Mmu } from './mmu.ts';
import { StateSlot } from './state.ts';
import { Sctlr, type SystemRegisters } from './system-registers.ts';
import { TlbFlag } from './tlb-entries.ts';

const STATE = MemoryLayout.state >>> 2;
const CALL_LOW = STATE + StateSlot.CallLow;
const CALL_HIGH = STATE + StateSlot.CallHigh;
const ARMED = STATE + StateSlot.ExclusiveArmed;
const EXCLUSIVE_ADDRESS = STATE + StateSlot.ExclusiveAddress;
const EXCLUSIVE_SIZE = STATE + StateSlot.ExclusiveSize;

/** Whether an access that is not aligned as a whole is made of elements that are (Advanced SIMD, A3.2.1). */
function alignedToElements(va: number, flags: number): boolean {
  const elements = flags & MemFlag.ElementWords;
  return elements !== 0 && (va & ((1 << ((elements >> 3) - 1)) - 1)) === 0;
}

/**
 * Loads and stores of one CPU that the fast path does not take: TLB misses, devices, watched pages, accesses that are
 * not aligned (ARM DDI 0406C A3.2), exclusives (A3.4). Results of 8 bytes have their high word in the CallHigh slot.
 */
export class DataAccess {
  private readonly words: Int32Array;
  private readonly u16: Uint16Array;
  private readonly bytes: Uint8Array;
  private readonly doubles: Float64Array;
  private readonly physical: PhysicalMemory;
  private readonly regs: SystemRegisters;
  private readonly mmu: Mmu;
  private readonly faults: PendingFault;
  private readonly stepFirst: () => boolean;

  /** @param stepFirst asked before each access to a device: true when it must be left undone for now. */
  constructor(
    memory: MachineMemory,
    physical: PhysicalMemory,
    regs: SystemRegisters,
    mmu: Mmu,
    faults: PendingFault,
    stepFirst: () => boolean,
  ) {
    this.words = memory.words;
    this.u16 = memory.u16;
    this.bytes = memory.bytes;
    this.doubles = memory.doubles;
    this.physical = physical;
    this.regs = regs;
    this.mmu = mmu;
    this.faults = faults;
    this.stepFirst = stepFirst;
  }

  slowLoad(va: number, size: number, flags: number): number {
    if (this.misaligned(va, size, flags)) return this.mmu.abort(va, FaultKind.Alignment, false);
    if ((va & (size - 1)) !== 0) return this.loadUnaligned(va, size, flags);
    const entry = this.mmu.entryFor(va, AccessKind.Read, flags);
    if (entry === 0) return 0;
    const pa = this.physicalOf(entry, va);
    if ((entry & TlbFlag.Ram) !== 0) return this.loadRam(pa + this.physical.ramDelta, size);
    return this.loadDevice(va, pa, size, this.requesterFor(flags));
  }

  slowStore(va: number, size: number, low: number, high: number, flags: number): void {
    if (this.misaligned(va, size, flags)) {
      this.mmu.abort(va, FaultKind.Alignment, true);
      return;
    }
    if ((va & (size - 1)) !== 0) {
      this.storeUnaligned(va, size, low, high, flags);
      return;
    }
    const entry = this.mmu.entryFor(va, AccessKind.Write, flags);
    if (entry === 0) return;
    const pa = this.physicalOf(entry, va);
    if ((entry & TlbFlag.Ram) !== 0) this.storeRam(pa, size, low, high);
    else this.storeDevice(va, pa, size, low, high, this.requesterFor(flags));
  }

  /** A3.4: marks the address for exclusive access. */
  loadExclusive(va: number, size: number): number {
    const at = size < 4 ? -1 : this.mmu.fastWord(va, size, false);
    const value = at < 0 ? this.slowLoad(va, size, MemFlag.Aligned) : this.loadWords(at, size);
    if (this.faults.faulted) return 0;
    this.words[ARMED] = 1;
    this.words[EXCLUSIVE_ADDRESS] = va;
    this.words[EXCLUSIVE_SIZE] = size;
    return value;
  }

  /**
   * @returns 0 when the store was done, 1 when the monitor did not allow it. The monitor is cleared whenever another
   * CPU runs, so what it covers can't have been changed by one in between.
   */
  storeExclusive(va: number, size: number, low: number, high: number): number {
    if ((va & (size - 1)) !== 0) return this.mmu.abort(va, FaultKind.Alignment, true);
    const armed =
      this.words[ARMED] === 1 && this.words[EXCLUSIVE_ADDRESS] === va && this.words[EXCLUSIVE_SIZE] === size;
    this.words[ARMED] = 0;
    if (!armed) return 1;
    const at = size < 4 ? -1 : this.mmu.fastWord(va, size, true);
    if (at < 0) this.slowStore(va, size, low, high, MemFlag.Aligned);
    else this.storeWords(at, size, low, high);
    return 0;
  }

  private requesterFor(flags: number): Requester {
    const { mmu } = this;
    return mmu.privileged && (flags & MemFlag.Unprivileged) === 0
      ? mmu.privilegedRequester
      : mmu.userRequester;
  }

  /** A3.2.1: whether an access must fault for its alignment alone, before translation. */
  private misaligned(va: number, size: number, flags: number): boolean {
    if ((va & (size - 1)) === 0) return false;
    if ((flags & MemFlag.Aligned) !== 0) return true;
    if ((flags & MemFlag.AlignedWord) !== 0) return (va & 3) !== 0;
    if ((this.regs.SCTLR & Sctlr.A) === 0) return false;
    return !alignedToElements(va, flags);
  }

  private physicalOf(entry: number, va: number): number {
    return ((entry & -4096) | (va & 0xfff)) >>> 0;
  }

  private loadRam(at: number, size: number): number {
    switch (size) {
      case 1:
        return this.bytes[at];
      case 2:
        return this.u16[at >>> 1];
      default:
        return this.loadWords(at >>> 2, size);
    }
  }

  /** Four or eight bytes of the machine's memory at a word index. */
  private loadWords(at: number, size: number): number {
    if (size === 4) return this.words[at];
    // One access of eight bytes: CallLow and CallHigh are an aligned pair.
    this.doubles[CALL_LOW >>> 1] = this.doubles[at >>> 1];
    return this.words[CALL_LOW];
  }

  private storeWords(at: number, size: number, low: number, high: number): void {
    if (size === 4) {
      this.words[at] = low;
      return;
    }
    this.words[CALL_LOW] = low;
    this.words[CALL_HIGH] = high;
    this.doubles[at >>> 1] = this.doubles[CALL_LOW >>> 1];
  }

  private storeRam(pa: number, size: number, low: number, high: number): void {
    const at = pa + this.physical.ramDelta;
    switch (size) {
      case 1:
        this.bytes[at] = low;
        break;
      case 2:
        this.u16[at >>> 1] = low;
        break;
      default:
        this.storeWords(at >>> 2, size, low, high);
    }
    this.physical.watches.written(pa - this.physical.ramBase, size);
  }

  private loadDevice(va: number, pa: number, size: number, requester: Requester): number {
    if (this.stepFirst()) return 0;
    if (size === 8) {
      const wide = this.physical.readDevice64(pa, requester);
      if (wide === undefined) return this.nothingAt(va, pa, false);
      this.words[CALL_HIGH] = Number(wide >> 32n) | 0;
      return Number(wide & 0xffffffffn) | 0;
    }
    const value = this.physical.read(pa, size as AccessSize, requester);
    if (value === BUS_ERROR) return this.nothingAt(va, pa, false);
    return value | 0;
  }

  /** An external abort, or a zero on a board that has none. */
  private nothingAt(va: number, pa: number, isWrite: boolean): number {
    const { onAbsent } = this.physical;
    if (onAbsent === undefined) return this.mmu.abort(va, FaultKind.External, isWrite);
    onAbsent(pa, isWrite);
    this.words[CALL_HIGH] = 0;
    return 0;
  }

  private storeDevice(
    va: number,
    pa: number,
    size: number,
    low: number,
    high: number,
    requester: Requester,
  ): void {
    if (this.stepFirst()) return;
    const done =
      size === 8
        ? this.physical.writeDevice64(pa, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0), requester)
        : this.physical.write(
            pa,
            size as AccessSize,
            size === 4 ? low : low & ((1 << (8 * size)) - 1),
            requester,
          );
    if (!done) this.nothingAt(va, pa, true);
  }

  /**
   * Where the bytes of an access are that is not aligned, where they are in one page of RAM and not Device memory.
   * @returns a byte address of the machine's memory; -1 where each byte must be looked at, or a fault was raised.
   */
  private unalignedInRam(va: number, size: number, kind: AccessKind, flags: number): number {
    if (((va ^ (va + size - 1)) & -4096) !== 0) return -1;
    const entry = this.mmu.entryFor(va, kind, flags);
    if ((entry & (TlbFlag.Ram | TlbFlag.Device)) !== TlbFlag.Ram) return -1;
    return this.physicalOf(entry, va) + this.physical.ramDelta;
  }

  /** Bytes of an access that is not aligned, or two words of a word-aligned doubleword. */
  private loadUnaligned(va: number, size: number, flags: number): number {
    if (size === 8) {
      const low = this.slowLoad(va, 4, flags);
      if (this.faults.faulted) return 0;
      const high = this.slowLoad((va + 4) | 0, 4, flags);
      this.words[CALL_HIGH] = high;
      return low;
    }
    const inRam = this.unalignedInRam(va, size, AccessKind.Read, flags);
    let value = 0;
    if (inRam >= 0) {
      for (let i = 0; i < size; i++) value |= this.bytes[inRam + i] << (8 * i);
      return value;
    }
    for (let i = 0; i < size && !this.faults.faulted; i++) {
      const at = (va + i) | 0;
      const entry = this.mmu.entryFor(at, AccessKind.Read, flags);
      if (entry === 0) return 0;
      if ((entry & TlbFlag.Device) !== 0 && !alignedToElements(va, flags)) {
        return this.mmu.abort(va, FaultKind.Alignment, false);
      }
      const pa = this.physicalOf(entry, at);
      const byte =
        (entry & TlbFlag.Ram) !== 0
          ? this.bytes[pa + this.physical.ramDelta]
          : this.loadDevice(at, pa, 1, this.requesterFor(flags));
      if (this.faults.faulted) return 0;
      value |= byte << (8 * i);
    }
    return value;
  }

  private storeUnaligned(va: number, size: number, low: number, high: number, flags: number): void {
    const inRam = size === 8 ? -1 : this.unalignedInRam(va, size, AccessKind.Write, flags);
    if (inRam >= 0) {
      for (let i = 0; i < size; i++) this.bytes[inRam + i] = low >>> (8 * i);
      this.physical.watches.written(inRam - MemoryLayout.ram, size);
      return;
    }
    if (this.faults.faulted) return;
    // STRD of a word-aligned doubleword is two accesses (A3.5.3), of which the first is done when the second aborts. For
    // elements and VSTR the manual leaves it open (B1.9.8: UNKNOWN); they write nothing then.
    const twoAccesses =
      size === 8 && (flags & (MemFlag.AlignedWord | MemFlag.ElementWords)) === MemFlag.AlignedWord;
    if (!twoAccesses && !this.writable(va, size, flags)) return;
    if (size === 8) {
      this.slowStore(va, 4, low, 0, flags);
      if (!this.faults.faulted) this.slowStore((va + 4) | 0, 4, high, 0, flags);
      return;
    }
    for (let i = 0; i < size && !this.faults.faulted; i++)
      this.slowStore((va + i) | 0, 1, low >>> (8 * i), 0, flags);
  }

  /**
   * Both pages are checked before the first byte is written, so that an abort leaves memory as it was. It is the first
   * byte that faults that DFAR names (MemU is made of accesses to bytes, A3.2.1).
   */
  private writable(va: number, size: number, flags: number): boolean {
    const last = (va + size - 1) | 0;
    for (const at of [va, ((va ^ last) & -4096) === 0 ? last : last & -4096]) {
      const entry = this.mmu.entryFor(at, AccessKind.Write, flags);
      if (entry === 0) return false;
      if ((entry & TlbFlag.Device) !== 0 && !alignedToElements(va, flags)) {
        this.mmu.abort(va, FaultKind.Alignment, true);
        return false;
      }
    }
    return true;
  }
}
