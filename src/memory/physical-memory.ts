import { ArmemuError, rangeText } from '../errors.ts';
import { type DirectReads, privateStorage } from '../ports/direct-reads.ts';
import type { AccessSize, MmioDevice, Requester } from '../ports/mmio.ts';
import { type MachineMemory, MemoryLayout } from './machine-memory.ts';
import type { PageWatches } from './page-watches.ts';

/** What a read of an address without a device gives: an external abort for a CPU, an error for a bus master. */
export const BUS_ERROR = -1;

const PAGE_SHIFT = 12;
const SHARED_PAGE = 0xffff;

/** One mapped range of the physical address space. */
export interface MappedRegion {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly device: MmioDevice;
}

/** Storage of a device that CPUs read without asking it. */
interface DirectRange {
  readonly base: number;
  readonly size: number;
  /** A physical address of the range plus this is a byte offset in the machine's memory. */
  readonly delta: number;
  on: boolean;
}

/** Two ranges of a board's memory map overlap: an error in the board's table. */
export class MemoryMapError extends ArmemuError {}

/**
 * The 32-bit physical address space: one range of RAM and any number of devices. CPUs, bus masters and debuggers
 * all come through here; writes to RAM by anyone but translated code are reported to the page watches.
 */
export class PhysicalMemory {
  readonly ramBase: number;
  readonly ramSize: number;
  /** ramOffset - ramBase: a physical RAM address plus this is a byte offset in the machine's memory. */
  readonly ramDelta: number;
  readonly watches: PageWatches;
  readonly memory: MachineMemory;
  /** Called when direct reads were switched on or off (`mapping`), or what they give has changed. */
  onDirectReadsChanged: (mapping: boolean) => void = () => {};
  /** Hears of CPUs' accesses to addresses where nothing is, which then read as zero; undefined: they are external aborts. */
  onAbsent: ((address: number, isWrite: boolean) => void) | undefined;
  private busMasterWrote: () => void = () => {};
  private readonly regions: MappedRegion[] = [];
  private readonly direct: DirectRange[] = [];
  /** Bytes of the storage that are given away. */
  private directUsed = 0;
  /** For each 4 KiB page: 0 nothing or RAM, n region n - 1, SHARED_PAGE more than one region. */
  private readonly pageOwner = new Uint16Array(1 << (32 - PAGE_SHIFT));

  constructor(memory: MachineMemory, ramBase: number, watches: PageWatches) {
    this.memory = memory;
    this.ramBase = ramBase;
    this.ramSize = memory.ramBytes;
    this.ramDelta = MemoryLayout.ram - ramBase;
    this.watches = watches;
  }

  /** @throws MemoryMapError when the range overlaps RAM or another device; names both. */
  map(base: number, size: number, device: MmioDevice, name: string): void {
    const end = base + size;
    if (base < this.ramBase + this.ramSize && end > this.ramBase) {
      throw this.overlap(name, base, size, 'RAM', this.ramBase, this.ramSize);
    }
    for (const r of this.regions) {
      if (base < r.base + r.size && end > r.base) {
        throw this.overlap(name, base, size, r.name, r.base, r.size);
      }
    }
    this.regions.push({ name, base, size, device });
    const index = this.regions.length;
    for (let page = Math.floor(base / 4096); page <= Math.floor((end - 1) / 4096); page++) {
      const whole = page * 4096 >= base && (page + 1) * 4096 <= end;
      this.pageOwner[page] = whole && this.pageOwner[page] === 0 ? index : SHARED_PAGE;
    }
  }

  /**
   * Storage for the device that will be mapped at this range, aligned to 4 KiB. In a memory that was made without room
   * for it, every read comes to the device.
   * @param alias where the device is mapped once more
   */
  directReads(base: number, size: number, alias?: number): DirectReads {
    const { directOffset, directBytes, bytes } = this.memory;
    const used = this.directUsed;
    if (used + size > directBytes) return privateStorage(size);
    this.directUsed += size;
    const at = alias === undefined ? [base] : [base, alias];
    const ranges = at.map(
      (start): DirectRange => ({ base: start, size, delta: directOffset + used - start, on: true }),
    );
    this.direct.push(...ranges);
    return {
      storage: bytes.subarray(directOffset + used, directOffset + used + size),
      set: (on) => {
        for (const range of ranges) range.on = on;
        this.onDirectReadsChanged(true);
      },
      changed: () => this.onDirectReadsChanged(false),
    };
  }

  /** Byte offset in the machine's memory of a device's storage that is read directly, or -1. */
  directOffset(address: number): number {
    for (const { base, size, delta, on } of this.direct) {
      if (address >= base && address - base < size) return on ? address + delta : -1;
    }
    return -1;
  }

  /** All mapped devices by address, for listings. */
  listRegions(): readonly MappedRegion[] {
    return [...this.regions].sort((a, b) => a.base - b.base);
  }

  isRam(address: number): boolean {
    return address >= this.ramBase && address - this.ramBase < this.ramSize;
  }

  /**
   * One access of `size` bytes, aligned to its size.
   * @returns an unsigned value, or {@link BUS_ERROR} where nothing answers.
   */
  read(address: number, size: AccessSize, requester: Requester): number {
    if (this.isRam(address)) {
      const at = address + this.ramDelta;
      if (size === 4) return this.memory.words[at >>> 2] >>> 0;
      return size === 2 ? this.memory.u16[at >>> 1] : this.memory.bytes[at];
    }
    const region = this.regionAt(address);
    return region === undefined ? BUS_ERROR : region.device.read(address - region.base, size, requester);
  }

  /** @returns false where nothing answers. */
  write(address: number, size: AccessSize, value: number, requester: Requester): boolean {
    if (this.isRam(address)) {
      const at = address + this.ramDelta;
      if (size === 4) this.memory.words[at >>> 2] = value;
      else if (size === 2) this.memory.u16[at >>> 1] = value;
      else this.memory.bytes[at] = value;
      this.watches.written(address - this.ramBase, size);
      return true;
    }
    const region = this.regionAt(address);
    if (region === undefined) return false;
    region.device.write(address - region.base, size, value >>> 0, requester);
    return true;
  }

  /** One 8-byte access to a device (RAM is the MMU's); undefined where nothing answers. */
  readDevice64(address: number, requester: Requester): bigint | undefined {
    const region = this.regionAt(address);
    if (region === undefined) return undefined;
    const offset = address - region.base;
    const { device } = region;
    if (device.read64 !== undefined) return device.read64(offset, requester);
    const low = device.read(offset, 4, requester);
    return (BigInt(device.read(offset + 4, 4, requester)) << 32n) | BigInt(low);
  }

  writeDevice64(address: number, value: bigint, requester: Requester): boolean {
    const region = this.regionAt(address);
    if (region === undefined) return false;
    const offset = address - region.base;
    const { device } = region;
    if (device.write64 !== undefined) {
      device.write64(offset, value, requester);
    } else {
      device.write(offset, 4, Number(value & 0xffffffffn), requester);
      device.write(offset + 4, 4, Number(value >> 32n), requester);
    }
    return true;
  }

  /** A bus master reads. Devices see accesses of 4 bytes where aligned, of 1 elsewhere. */
  readBytes(address: number, into: Uint8Array, requester: Requester): boolean {
    for (let done = 0; done < into.length; ) {
      const at = address + done;
      if (this.isRam(at)) {
        const count = Math.min(into.length - done, this.ramBase + this.ramSize - at);
        const from = at + this.ramDelta;
        into.set(this.memory.bytes.subarray(from, from + count), done);
        done += count;
        continue;
      }
      const size: AccessSize = at % 4 === 0 && into.length - done >= 4 ? 4 : 1;
      const value = this.read(at, size, requester);
      if (value === BUS_ERROR) return false;
      for (let i = 0; i < size; i++) into[done + i] = value >>> (8 * i);
      done += size;
    }
    return true;
  }

  /** The one listener hears of each transfer of a bus master that may have written to RAM. */
  onBusMasterWrite(listener: () => void): void {
    this.busMasterWrote = listener;
  }

  /** A bus master writes; an aligned word (an MSI) arrives at a device as one 4-byte access. */
  writeBytes(address: number, from: Uint8Array, requester: Requester): boolean {
    for (let done = 0; done < from.length; ) {
      const at = address + done;
      if (this.isRam(at)) {
        const count = Math.min(from.length - done, this.ramBase + this.ramSize - at);
        this.memory.bytes.set(from.subarray(done, done + count), at + this.ramDelta);
        this.watches.written(at - this.ramBase, count);
        if (requester.kind === 'stream') this.busMasterWrote();
        done += count;
        continue;
      }
      const size: AccessSize = at % 4 === 0 && from.length - done >= 4 ? 4 : 1;
      let value = 0;
      for (let i = 0; i < size; i++) value |= from[done + i] << (8 * i);
      if (!this.write(at, size, value >>> 0, requester)) return false;
      done += size;
    }
    return true;
  }

  private regionAt(address: number): MappedRegion | undefined {
    if (address >= 0x1_0000_0000 || address < 0) return undefined;
    const owner = this.pageOwner[address >>> PAGE_SHIFT];
    if (owner === 0) return undefined;
    if (owner !== SHARED_PAGE) return this.regions[owner - 1];
    return this.regions.find((r) => address >= r.base && address < r.base + r.size);
  }

  private overlap(
    name: string,
    base: number,
    size: number,
    other: string,
    otherBase: number,
    otherSize: number,
  ): MemoryMapError {
    return new MemoryMapError(
      `${name} at ${rangeText(base, size)} overlaps ${other} at ${rangeText(otherBase, otherSize)}`,
      'give one of them another address in the board table',
    );
  }
}
