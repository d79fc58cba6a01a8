import type { DmaPort } from '../../ports/dma.ts';

/** Bytes of an entry of each of the ITS's tables; their contents are the ITS's own affair (IHI 0069 5.2). */
export const DEVICE_ENTRY_BYTES = 8;
export const COLLECTION_ENTRY_BYTES = 8;
export const TRANSLATION_ENTRY_BYTES = 8;

/** Bits of device IDs, event IDs and collection IDs. */
export const DEVICE_ID_BITS = 16;
export const EVENT_ID_BITS = 16;
export const COLLECTION_ID_BITS = 16;

const VALID = 1;
/** GITS_BASER, high word (12.19.1). */
const BASER_VALID = 0x8000_0000;
const BASER_INDIRECT = 0x4000_0000;
/** Level 1 entries of an indirect table: valid in bit 63, the address of a level 2 page in bits 51:N. */
const LEVEL1_ENTRY_BYTES = 8;
const PAGE_SIZES = [0x1000, 0x4000, 0x10000, 0x10000] as const;

/** What MAPD said of a device. */
export interface DeviceEntry {
  readonly eventBits: number;
  /** Interrupt translation table, aligned to 256 bytes. */
  readonly table: number;
}

/** What MAPTI said of an event. */
export interface TranslationEntry {
  readonly intid: number;
  readonly collection: number;
}

/** Reads and writes the ITS's tables in guest memory. An entry that is not in memory is not valid. */
export class ItsTables {
  private readonly memory: DmaPort;
  private readonly entry = new Uint8Array(8);
  private readonly view = new DataView(this.entry.buffer);

  constructor(memory: DmaPort) {
    this.memory = memory;
  }

  /** @param baser GITS_BASER of the device table, low word first */
  device(baser: Uint32Array, deviceId: number): DeviceEntry | undefined {
    const at = this.entryAt(baser, deviceId, DEVICE_ENTRY_BYTES);
    if (at === undefined || !this.load(at)) return undefined;
    const low = this.view.getUint32(0, true);
    const high = this.view.getUint32(4, true);
    if ((low & VALID) === 0) return undefined;
    return {
      eventBits: ((low >>> 1) & 31) + 1,
      table: (high & 0xfffff) * 2 ** 32 + ((low & 0xffffff00) >>> 0),
    };
  }

  /** @returns false where the table has no room for the device. */
  setDevice(baser: Uint32Array, deviceId: number, device: DeviceEntry | undefined): boolean {
    const at = this.entryAt(baser, deviceId, DEVICE_ENTRY_BYTES);
    if (at === undefined) return false;
    if (device === undefined) return this.store(at, 0, 0);
    const { eventBits, table } = device;
    return this.store(at, (table % 2 ** 32) | ((eventBits - 1) << 1) | VALID, Math.floor(table / 2 ** 32));
  }

  /** @returns the number of the CPU whose Redistributor the collection is mapped to. */
  collection(baser: Uint32Array, id: number): number | undefined {
    const at = this.entryAt(baser, id, COLLECTION_ENTRY_BYTES);
    if (at === undefined || !this.load(at)) return undefined;
    return (this.entry[0] & VALID) === 0 ? undefined : this.view.getUint32(4, true);
  }

  setCollection(baser: Uint32Array, id: number, cpu: number | undefined): boolean {
    const at = this.entryAt(baser, id, COLLECTION_ENTRY_BYTES);
    return at !== undefined && (cpu === undefined ? this.store(at, 0, 0) : this.store(at, VALID, cpu));
  }

  translation(device: DeviceEntry, eventId: number): TranslationEntry | undefined {
    if (eventId >= 2 ** device.eventBits) return undefined;
    if (!this.load(device.table + eventId * TRANSLATION_ENTRY_BYTES)) return undefined;
    const low = this.view.getUint32(0, true);
    return (low & VALID) === 0 ? undefined : { intid: low >>> 1, collection: this.view.getUint32(4, true) };
  }

  setTranslation(device: DeviceEntry, eventId: number, entry: TranslationEntry | undefined): boolean {
    if (eventId >= 2 ** device.eventBits) return false;
    const at = device.table + eventId * TRANSLATION_ENTRY_BYTES;
    return entry === undefined
      ? this.store(at, 0, 0)
      : this.store(at, (entry.intid << 1) | VALID, entry.collection);
  }

  /** Address of an entry of a flat table or, by way of level 1, of an indirect one; undefined beyond the table. */
  private entryAt(baser: Uint32Array, index: number, entryBytes: number): number | undefined {
    const [low, high] = baser;
    if ((high & BASER_VALID) === 0) return undefined;
    const pageSize = PAGE_SIZES[(low >>> 8) & 3];
    const bytes = ((low & 0xff) + 1) * pageSize;
    // With 64 KiB pages bits 15:12 are address bits 51:48, which no memory here has.
    const base = (high & 0xffff) * 2 ** 32 + ((low & -pageSize & 0xfffff000) >>> 0);
    if ((high & BASER_INDIRECT) === 0) {
      const offset = index * entryBytes;
      return offset + entryBytes <= bytes ? base + offset : undefined;
    }
    const perPage = pageSize / entryBytes;
    const level1 = Math.floor(index / perPage) * LEVEL1_ENTRY_BYTES;
    if (level1 + LEVEL1_ENTRY_BYTES > bytes || !this.load(base + level1)) return undefined;
    const page = this.view.getUint32(4, true);
    if ((page & 0x8000_0000) === 0) return undefined;
    const address = (page & 0xfffff) * 2 ** 32 + ((this.view.getUint32(0, true) & -pageSize) >>> 0);
    return address + (index % perPage) * entryBytes;
  }

  private load(address: number): boolean {
    return this.memory.read(address, this.entry);
  }

  private store(address: number, low: number, high: number): boolean {
    this.view.setUint32(0, low, true);
    this.view.setUint32(4, high, true);
    return this.memory.write(address, this.entry);
  }
}
