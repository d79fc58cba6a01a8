import { EndpointError } from '../errors.ts';
import type { AccessSize } from '../ports/mmio.ts';
import type { BarTarget } from './bar-target.ts';
import type { BarDescription, FunctionDescription } from './endpoint.ts';

/** Bytes of a table entry, and the fields in it (PCI 3.0 6.8.2, figure 6-11). */
export const MSIX_ENTRY_SIZE = 16;
export const MsixEntry = {
  MESSAGE_ADDRESS: 0,
  MESSAGE_UPPER_ADDRESS: 4,
  MESSAGE_DATA: 8,
  VECTOR_CONTROL: 12,
} as const;
const ENTRY_SIZE = MSIX_ENTRY_SIZE;
const { MESSAGE_ADDRESS, MESSAGE_UPPER_ADDRESS, MESSAGE_DATA, VECTOR_CONTROL } = MsixEntry;
/** Vector Control bit 0 (6.8.2.9); the others are reserved and read as zero here. */
const MASK_BIT = 1;

type MsixDescription = NonNullable<FunctionDescription['msix']>;

/**
 * The MSI-X table and pending bit array. They lie in a BAR of the endpoint; the bus answers for them, so that the
 * endpoint (a real device, whose own table belongs to the host) never sees an access.
 *
 * Software may only use aligned accesses of 4 or 8 bytes (6.8.2); others read what is there and write nothing.
 */
export class MsixTable {
  /** The entries, little-endian; part of a saved machine. */
  readonly entries: Uint8Array;
  /** The pending bits, as the PBA shows them (6.8.2.10); part of a saved machine. */
  readonly pending: Uint8Array;
  /** What answers for the table's range of the BAR. */
  readonly tableTarget: BarTarget;
  /** What answers for the pending bit array's range. */
  readonly pendingTarget: BarTarget;
  private readonly view: DataView;
  private readonly vectors: number;
  private readonly maskChanged: (vector: number, masked: boolean) => void;
  private pendingCount = 0;

  /** @throws EndpointError when table or PBA is not inside a memory BAR, or they overlap. */
  constructor(
    name: string,
    bars: readonly BarDescription[],
    msix: MsixDescription,
    maskChanged: (vector: number, masked: boolean) => void,
  ) {
    checkMsix(name, bars, msix);
    this.vectors = msix.vectors;
    this.entries = new Uint8Array(tableSize(msix));
    this.pending = new Uint8Array(pendingSize(msix));
    this.view = new DataView(this.entries.buffer);
    this.maskChanged = maskChanged;
    this.tableTarget = new BytesTarget(this.entries, msix.tableOffset, (offset, value) =>
      this.store(offset, value),
    );
    this.pendingTarget = new BytesTarget(this.pending, msix.pbaOffset, () => {});
    this.reset();
  }

  /** After reset every vector is masked and none is pending (6.8.2.9, 6.8.2.10). */
  reset(): void {
    this.entries.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) {
      this.entries[vector * ENTRY_SIZE + VECTOR_CONTROL] = MASK_BIT;
    }
    this.pending.fill(0);
    this.pendingCount = 0;
  }

  /** Counts the pending bits anew, after a saved state was put back. */
  refresh(): void {
    this.pendingCount = 0;
    for (let vector = 0; vector < this.vectors; vector++) if (this.isPending(vector)) this.pendingCount++;
  }

  isMasked(vector: number): boolean {
    return (this.entries[vector * ENTRY_SIZE + VECTOR_CONTROL] & MASK_BIT) !== 0;
  }

  /** Message address, a multiple of 4. */
  address(vector: number): number {
    const at = vector * ENTRY_SIZE;
    const low = this.view.getUint32(at + MESSAGE_ADDRESS, true);
    return this.view.getUint32(at + MESSAGE_UPPER_ADDRESS, true) * 2 ** 32 + (low - (low & 3));
  }

  data(vector: number): number {
    return this.view.getUint32(vector * ENTRY_SIZE + MESSAGE_DATA, true);
  }

  setPending(vector: number): void {
    if (this.isPending(vector)) return;
    this.pending[vector >> 3] |= 1 << (vector & 7);
    this.pendingCount++;
  }

  /** Clears and returns the pending vectors that their own mask bit does not hold back. */
  takeDeliverable(): number[] {
    const ready: number[] = [];
    for (let vector = 0; this.pendingCount > 0 && vector < this.vectors; vector++) {
      if (!this.isPending(vector) || this.isMasked(vector)) continue;
      this.pending[vector >> 3] &= ~(1 << (vector & 7));
      this.pendingCount--;
      ready.push(vector);
    }
    return ready;
  }

  private isPending(vector: number): boolean {
    return ((this.pending[vector >> 3] >> (vector & 7)) & 1) === 1;
  }

  private store(offset: number, value: number): void {
    if (offset % ENTRY_SIZE !== VECTOR_CONTROL) {
      this.view.setUint32(offset, value, true);
      return;
    }
    const vector = Math.floor(offset / ENTRY_SIZE);
    const masked = (value & MASK_BIT) !== 0;
    const changed = masked !== this.isMasked(vector);
    this.view.setUint32(offset, value & MASK_BIT, true);
    if (changed) this.maskChanged(vector, masked);
  }
}

/** Bytes in a BAR that can be read in any way and are written a dword at a time. */
class BytesTarget implements BarTarget {
  private readonly bytes: Uint8Array;
  private readonly base: number;
  private readonly store: (offset: number, value: number) => void;

  constructor(bytes: Uint8Array, base: number, store: (offset: number, value: number) => void) {
    this.bytes = bytes;
    this.base = base;
    this.store = store;
  }

  readBar(_bar: number, offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.bytes[offset - this.base + i];
    return value >>> 0;
  }

  writeBar(_bar: number, offset: number, size: AccessSize, value: number): void {
    if (size === 4 && offset % 4 === 0) this.store(offset - this.base, value);
  }

  readBar64(bar: number, offset: number): bigint {
    return (BigInt(this.readBar(bar, offset + 4, 4)) << 32n) | BigInt(this.readBar(bar, offset, 4));
  }

  writeBar64(_bar: number, offset: number, value: bigint): void {
    // The bus makes two accesses of 4 bytes of an unaligned one of 8, so this one is aligned.
    this.store(offset - this.base, Number(value & 0xffff_ffffn));
    this.store(offset - this.base + 4, Number((value >> 32n) & 0xffff_ffffn));
  }
}

/** Bytes of the table. */
export function tableSize(msix: MsixDescription): number {
  return msix.vectors * ENTRY_SIZE;
}

/** Bytes of the pending bit array: whole qwords (6.8.2.10). */
export function pendingSize(msix: MsixDescription): number {
  return Math.ceil(msix.vectors / 64) * 8;
}

function checkMsix(name: string, bars: readonly BarDescription[], msix: MsixDescription): void {
  if (!Number.isInteger(msix.vectors) || msix.vectors < 1 || msix.vectors > 2048) {
    throw new EndpointError(`PCI endpoint ${name} describes ${msix.vectors} MSI-X vectors`, 'use 1 to 2048');
  }
  const places = [
    { what: 'MSI-X table', bar: msix.tableBar, offset: msix.tableOffset, size: tableSize(msix) },
    { what: 'MSI-X pending bit array', bar: msix.pbaBar, offset: msix.pbaOffset, size: pendingSize(msix) },
  ] as const;
  for (const { what, bar, offset, size } of places) {
    const home = bars.find((b) => b.index === bar && b.kind !== 'io');
    if (
      home === undefined ||
      offset < 0 ||
      offset % 8 !== 0 ||
      offset > 0xffff_fff8 ||
      offset + size > home.size
    ) {
      throw new EndpointError(
        `PCI endpoint ${name}: its ${what} of ${size} bytes at offset ${offset} is not inside memory BAR ${bar}`,
        'put it at a multiple of 8 bytes into a memory BAR that is large enough',
      );
    }
  }
  const [table, pba] = places;
  const overlap = table.offset < pba.offset + pba.size && pba.offset < table.offset + table.size;
  if (table.bar === pba.bar && overlap) {
    throw new EndpointError(
      `PCI endpoint ${name}: its MSI-X table and pending bit array overlap`,
      'move one of them',
    );
  }
}
