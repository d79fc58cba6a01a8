import type { AccessSize } from '../ports/mmio.ts';

/** Capability IDs (PCI 3.0 appendix H). */
export const CapabilityId = {
  POWER_MANAGEMENT: 0x01,
  VITAL_PRODUCT_DATA: 0x03,
  MSI: 0x05,
  VENDOR_SPECIFIC: 0x09,
  DEBUG_PORT: 0x0a,
  PCI_EXPRESS: 0x10,
  MSIX: 0x11,
  SATA: 0x12,
} as const;

/**
 * Extended capabilities that are hidden, with their lengths in bytes (PCIe 4.0 chapter 7; 0: up to the next one).
 * The first ones would let a guest reach what belongs to the host (translation caches, new functions, BAR sizes);
 * the others describe a link that a root complex integrated endpoint does not have.
 */
const hiddenExtended: ReadonlyMap<number, number> = new Map([
  [0x000e, 8], // ARI
  [0x000f, 8], // ATS
  [0x0010, 0x40], // SR-IOV
  [0x0011, 0], // MR-IOV
  [0x0013, 16], // PRI
  [0x001b, 8], // PASID
  [0x0015, 0], // Resizable BAR
  [0x0024, 0], // VF Resizable BAR
  [0x000d, 0], // ACS
  [0x0018, 8], // LTR
  [0x0019, 0], // Secondary PCI Express
  [0x001d, 0], // DPC
  [0x001e, 16], // L1 PM Substates
  [0x001f, 12], // PTM
  [0x0025, 12], // Data Link Feature
  [0x0026, 0], // Physical Layer 16 GT/s
  [0x0027, 0], // Lane Margining
]);

/** A capability of the conventional list. */
export interface FoundCapability {
  readonly id: number;
  readonly offset: number;
}

const CAPABILITIES_LIST = 1 << 4;
const STATUS = 0x06;
const CAPABILITIES_POINTER = 0x34;
const HEADER_END = 0x40;
const EXTENDED_START = 0x100;

/** Walks the capability list (PCI 3.0 6.7). A list that loops ends at its first repeated element. */
export function findCapabilities(config: Uint8Array): FoundCapability[] {
  const found: FoundCapability[] = [];
  if ((config[STATUS] & CAPABILITIES_LIST) === 0) return found;
  let offset = config[CAPABILITIES_POINTER] & ~3;
  while (offset >= HEADER_END && !found.some((capability) => capability.offset === offset)) {
    found.push({ id: config[offset], offset });
    offset = config[offset + 1] & ~3;
  }
  return found;
}

interface ExtendedCapability {
  readonly id: number;
  readonly version: number;
  readonly offset: number;
}

function findExtendedCapabilities(config: Uint8Array): ExtendedCapability[] {
  const found: ExtendedCapability[] = [];
  if (config.length <= EXTENDED_START) return found;
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  let offset = EXTENDED_START;
  while (offset >= EXTENDED_START && !found.some((capability) => capability.offset === offset)) {
    const header = view.getUint32(offset, true);
    if (header === 0 || header === 0xffffffff) break;
    found.push({ id: header & 0xffff, version: (header >>> 16) & 0xf, offset });
    offset = (header >>> 20) & ~3;
  }
  return found;
}

/**
 * Which bytes of a real device's configuration space a guest may reach: device-specific registers and harmless
 * capabilities go to the device, hidden ones read as zero, and the headers of extended capabilities are ours because
 * they are linked anew.
 */
export class ConfigMap {
  /** 1 for a byte that goes to the device. */
  private readonly forwarded: Uint8Array;
  /** First dwords of extended capabilities, by offset. */
  private readonly headers = new Map<number, number>();

  /**
   * @param config the device's configuration space
   * @param hidden ranges of conventional capabilities that the guest's bus shows in its own way or not at all
   */
  constructor(config: Uint8Array, hidden: readonly { readonly offset: number; readonly length: number }[]) {
    this.forwarded = new Uint8Array(config.length).fill(1, HEADER_END);
    for (const { offset, length } of hidden) this.forwarded.fill(0, offset, offset + length);
    this.linkExtended(findExtendedCapabilities(config), config.length);
  }

  /** Reads for the guest; bytes that it may not see are zero. */
  read(offset: number, size: AccessSize, device: (offset: number, size: AccessSize) => number): number {
    if (this.isForwarded(offset, size)) return device(offset, size);
    if (size === 4 && offset % 4 === 0 && this.headers.has(offset)) return this.headers.get(offset)!;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.readByte(offset + i, device);
    return value >>> 0;
  }

  /** Writes for the guest; bytes that it may not reach are left alone. */
  write(
    offset: number,
    size: AccessSize,
    value: number,
    device: (offset: number, size: AccessSize, value: number) => void,
  ): void {
    if (this.isForwarded(offset, size)) device(offset, size, value);
    else
      for (let i = 0; i < size; i++)
        if (this.isForwarded(offset + i, 1)) device(offset + i, 1, (value >>> (8 * i)) & 0xff);
  }

  private isForwarded(offset: number, size: number): boolean {
    for (let i = 0; i < size; i++) if (this.forwarded[offset + i] !== 1) return false;
    return true;
  }

  private readByte(offset: number, device: (offset: number, size: AccessSize) => number): number {
    const header = this.headers.get(offset & ~3);
    if (header !== undefined) return (header >>> (8 * (offset & 3))) & 0xff;
    return this.isForwarded(offset, 1) ? device(offset, 1) : 0;
  }

  private linkExtended(capabilities: readonly ExtendedCapability[], end: number): void {
    const visible = capabilities.filter(({ id }) => !hiddenExtended.has(id));
    const starts = capabilities.map(({ offset }) => offset).sort((a, b) => a - b);
    for (const { id, offset } of capabilities) {
      const known = hiddenExtended.get(id);
      if (known === undefined) continue;
      const next = starts.find((start) => start > offset) ?? end;
      this.forwarded.fill(0, offset, known === 0 ? next : Math.min(offset + known, next));
    }
    for (const [i, { id, version, offset }] of visible.entries())
      this.setHeader(offset, ((visible[i + 1]?.offset ?? 0) << 20) | (version << 16) | id);
    // The list starts at 0x100 always: a hidden first element stays as a null capability that links to the rest
    // (PCIe 4.0 7.6.3: ID 0000h), an empty list is a dword of zero.
    if (end > EXTENDED_START && visible[0]?.offset !== EXTENDED_START)
      this.setHeader(EXTENDED_START, (visible[0]?.offset ?? 0) << 20);
  }

  private setHeader(offset: number, header: number): void {
    this.headers.set(offset, header >>> 0);
    this.forwarded.fill(0, offset, offset + 4);
  }
}
