import type { BarWindow, PlacedPages } from '../../../src/iommu/shadow/bar-window.ts';
import { Shadow } from '../../../src/iommu/shadow/shadow.ts';
import {
  CB,
  CONTEXT_BANKS,
  CONTEXT_BANKS_BASE,
  GR0,
  GR1,
  PAGE_SIZE,
} from '../../../src/iommu/smmu-v2/registers.ts';
import { SmmuV2 } from '../../../src/iommu/smmu-v2/smmu-v2.ts';
import { StreamPort } from '../../../src/iommu/stream.ts';
import { PageWatches } from '../../../src/memory/page-watches.ts';
import {
  type BarMemory,
  type BarPages,
  DmaRight,
  type HostMappings,
} from '../../../src/ports/host-mappings.ts';
import type { Requester } from '../../../src/ports/mmio.ts';
import type { ShadowObserver } from '../../../src/ports/shadow-observer.ts';

export const RAM = 0x4000_0000;
export const RAM_SIZE = 0x40_0000;
export const STREAM = 0x0108;
export const RW = DmaRight.Read | DmaRight.Write;

const CPU: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** One mapping as text: `80000000+1000 -> 40001000 rw`. */
export function mappingText(iova: number, size: number, physical: number, rights: number): string {
  const text = (rights & DmaRight.Read ? 'r' : '-') + (rights & DmaRight.Write ? 'w' : '-');
  return `${iova.toString(16)}+${size.toString(16)} -> ${physical.toString(16)} ${text}`;
}

/** One mapping of a part of a BAR as text: `80000000+1000 -> BAR a+2000 rw`. */
export function barText(iova: number, size: number, name: string, offset: number, rights: number): string {
  return mappingText(iova, size, 0, rights).replace('-> 0 ', `-> ${name}+${offset.toString(16)} `);
}

/** BARs of real devices that a test puts somewhere. */
export class PlainBars implements BarWindow {
  readonly base = 0x1000_0000;
  readonly size = 0x1000_0000;
  placed: readonly PlacedPages[] = [];
  /** How often somebody asked. */
  looks = 0;

  pagesIn(from: number, to: number): PlacedPages[] {
    this.looks++;
    return this.placed.flatMap(({ physical, memory, offset, size }) => {
      const [first, end] = [Math.max(from, physical), Math.min(to, physical + size)];
      return first < end
        ? [{ physical: first, memory, offset: offset + first - physical, size: end - first }]
        : [];
    });
  }
}

/** A BAR without holes, at a place. */
export function barAt(physical: number, size: number, memory: BarMemory): PlacedPages {
  return { physical, memory, offset: 0, size };
}

/** A host's IOMMU that does as type1 does, and finds what it would refuse or what no caller should do. */
export class PlainHost implements HostMappings {
  readonly calls: string[] = [];
  /** By address for the device; `ramOffset` of what is at a BAR is no number. */
  readonly mapped = new Map<number, { size: number; ramOffset: number; rights: number; text: string }>();
  limit: number;
  /** Why the next mapping is refused. */
  refusal: string | undefined;
  /** Why the next mapping of a BAR is refused. */
  barRefusal: string | undefined;
  unmapRefusal: string | undefined;

  constructor(limit = 65535) {
    this.limit = limit;
  }

  map(iova: number, size: number, ramOffset: number, rights: number): string | undefined {
    if (this.refusal !== undefined) return this.refusal;
    if (ramOffset + size > RAM_SIZE) throw new Error('map what is none');
    const text = mappingText(iova, size, RAM + ramOffset, rights);
    return this.take(iova, size, ramOffset, rights, text, ramOffset);
  }

  mapBar(iova: number, { memory, offset, size }: BarPages, rights: number): string | undefined {
    if (this.barRefusal !== undefined) return this.barRefusal;
    return this.take(iova, size, offset, rights, barText(iova, size, memory.name, offset, rights));
  }

  private take(
    iova: number,
    size: number,
    offset: number,
    rights: number,
    text: string,
    ramOffset = Number.NaN,
  ): string | undefined {
    for (const number of [iova, size, offset]) {
      if (!Number.isSafeInteger(number) || number < 0 || number % 4096 !== 0)
        throw new Error(`map ${number}`);
    }
    if (size === 0 || rights === 0) throw new Error('map what is none');
    // Neighbours are enough where nothing overlaps yet; few are mapped in most tests.
    if (this.mapped.size < 600) {
      for (const [other, { size: otherSize }] of this.mapped) {
        if (iova < other + otherSize && other < iova + size) throw new Error('EEXIST');
      }
    } else if (this.mapped.has(iova)) throw new Error('EEXIST');
    if (this.mapped.size >= this.limit) return 'ENOSPC';
    this.mapped.set(iova, { size, ramOffset, rights, text });
    this.calls.push(`map ${text}`);
    return undefined;
  }

  unmap(iova: number, size: number): string | undefined {
    if (this.unmapRefusal !== undefined) return this.unmapRefusal;
    if (this.mapped.get(iova)?.size !== size) throw new Error(`unmap of ${iova.toString(16)}: EINVAL`);
    this.mapped.delete(iova);
    this.calls.push(`unmap ${iova.toString(16)}+${size.toString(16)}`);
    return undefined;
  }

  unmapAll(): string | undefined {
    this.mapped.clear();
    this.calls.push('unmap all');
    return undefined;
  }

  get list(): string[] {
    return [...this.mapped].sort(([a], [b]) => a - b).map(([, { text }]) => text);
  }
}

/** What a device of the rig has been through. */
export interface RigDevice {
  readonly host: PlainHost;
  readonly streamId: number;
  stops: number;
}

/** An SMMUv2 before 4 MiB of RAM, with a shadow of it. */
export class ShadowRig {
  readonly bars = new PlainBars();
  readonly words = new Int32Array(RAM_SIZE / 4);
  readonly watches = new PageWatches(RAM_SIZE);
  readonly smmu: SmmuV2;
  readonly shadow: Shadow;
  readonly warnings: string[] = [];
  dirty = false;

  constructor(observer?: ShadowObserver, mostLooks?: number) {
    const holds = (address: number): boolean => address >= RAM && address < RAM + RAM_SIZE;
    const bytes = new Uint8Array(this.words.buffer);
    this.smmu = new SmmuV2({
      downstream: {
        read: (address, into) => {
          if (!holds(address)) return false;
          into.set(bytes.subarray(address - RAM, address - RAM + into.length));
          return true;
        },
        write: (address, from) => {
          if (!holds(address)) return false;
          bytes.set(from, address - RAM);
          this.watches.written(address - RAM, from.length);
          return true;
        },
      },
      readTable: (address) => (holds(address) ? this.words[(address - RAM) >>> 2] >>> 0 : undefined),
      globalInterrupt: { set() {} },
      contextInterrupts: Array.from({ length: CONTEXT_BANKS }, () => ({ set() {} })),
    });
    this.shadow = new Shadow(
      this.smmu,
      {
        ramBase: RAM,
        ramSize: RAM_SIZE,
        words: this.words,
        watches: this.watches,
        bars: this.bars,
        dirtyWord: {
          set: (dirty) => {
            this.dirty = dirty;
          },
        },
      },
      {
        observer,
        ...(mostLooks !== undefined && { mostLooks }),
        warn: (message) => this.warnings.push(message),
      },
    );
  }

  device(host = new PlainHost(), streamId = STREAM): RigDevice & ReturnType<Shadow['attach']> {
    const device = { host, streamId, stops: 0 };
    const name = `device ${streamId.toString(16)}`;
    const attachment = this.shadow.attach({
      name,
      streamId,
      mappings: host,
      stop: () => {
        device.stops++;
      },
    });
    return Object.assign(device, attachment);
  }

  get(offset: number): number {
    return this.smmu.registers.read(offset, 4, CPU);
  }

  set(offset: number, value: number): void {
    this.smmu.registers.write(offset, 4, value >>> 0, CPU);
  }

  bank(n: number, register: keyof typeof CB): number {
    return this.get(CONTEXT_BANKS_BASE + n * PAGE_SIZE + CB[register]);
  }

  setBank(n: number, register: keyof typeof CB, value: number): void {
    this.set(CONTEXT_BANKS_BASE + n * PAGE_SIZE + CB[register], value);
  }

  /** A CPU's store. */
  word(address: number, value: number): void {
    this.words[(address - RAM) >>> 2] = value;
    this.watches.written(address - RAM, 4);
  }

  double(address: number, value: bigint): void {
    this.words[(address - RAM) >>> 2] = Number(BigInt.asIntN(32, value));
    this.words[((address - RAM) >>> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
    this.watches.written(address - RAM, 8);
  }

  /** A real device's write, which nobody notices. */
  silently(address: number, value: number): void {
    this.words[(address - RAM) >>> 2] = value;
  }

  /** Real devices answer there from now on, and nowhere else. */
  place(...bars: readonly PlacedPages[]): void {
    this.bars.placed = bars;
    this.shadow.barsChanged();
  }

  /** DMB or DSB. */
  barrier(): void {
    if (this.dirty) this.shadow.synchronize();
  }

  /** A stream goes to a context bank of stage 1. */
  route(group: number, streamId: number, bank: number, type = 0): void {
    this.set(GR0.SMR + 4 * group, 0x8000_0000 | streamId);
    this.set(GR0.S2CR + 4 * group, (type << 16) | bank);
    this.set(0x1000 + GR1.CBAR + 4 * bank, 0x0001_f300);
  }

  /** Long descriptors in a bank, as Linux 6.1 has them; unidentified streams are faults. */
  attachLong(table: number, bank = 0, streamId = STREAM): void {
    this.setBank(bank, 'TTBR0', table);
    this.setBank(bank, 'TCR', 0x8000_0000);
    this.setBank(bank, 'SCTLR', 0x1067);
    this.route(bank, streamId, bank);
    this.set(GR0.sCR0, 0x1c36);
  }

  attachShort(table: number, bank = 0, streamId = STREAM): void {
    this.setBank(bank, 'TTBR0', table);
    this.setBank(bank, 'TCR', 0);
    this.setBank(bank, 'SCTLR', 0x1067);
    this.route(bank, streamId, bank);
    this.set(GR0.sCR0, 0x1c36);
  }

  port(streamId = STREAM): StreamPort {
    return new StreamPort(streamId, this.smmu.upstream);
  }
}
