import type { BarMemory, BarPages } from '../ports/host-mappings.ts';
import type { AccessSize } from '../ports/mmio.ts';
import type { Container } from './container.ts';
import type { VfioDevice } from './device.ts';
import type { MappableArea, RegionInfo } from './info-chains.ts';
import { isNativeError, type RegionMapping } from './native-binding.ts';

const HOST_PAGE = 4096;
const ALL_ONES_64 = 0xffff_ffff_ffff_ffffn;

/** A range of a BAR that a guest never reaches on the device: the MSI-X table and pending bits. */
export interface TrappedRange {
  readonly offset: number;
  readonly size: number;
}

/** BAR offsets `start` up to but not including `end`, at `offset - origin` in the mapping. */
interface MappedPiece {
  readonly start: number;
  readonly end: number;
  readonly origin: number;
  readonly mapping: RegionMapping;
}

function allOnes(size: AccessSize): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

/** What is left of an area without the trapped ranges, to the byte: registers beside an MSI-X table stay fast. */
function withoutTrapped(
  area: MappableArea,
  trapped: readonly TrappedRange[],
): { start: number; end: number }[] {
  let pieces = [{ start: area.offset, end: area.offset + area.size }];
  for (const { offset, size } of trapped)
    pieces = pieces
      .flatMap(({ start, end }) => [
        { start, end: Math.min(end, offset) },
        { start: Math.max(start, offset + size), end },
      ])
      .filter(({ start, end }) => start < end);
  return pieces;
}

/**
 * One BAR of a real device: single accesses of the guest's width, by a mapping where the kernel allows one, through
 * the kernel elsewhere. What the device does not answer reads as all ones.
 */
export class RealBar implements BarMemory {
  readonly name: string;
  /** Whole pages that are mapped and hold nothing of the trapped ranges, ascending. */
  readonly pages: readonly BarPages[];
  private readonly device: VfioDevice;
  private readonly region: RegionInfo;
  private readonly trapped: readonly TrappedRange[];
  private readonly mappings: RegionMapping[];
  private readonly pieces: readonly MappedPiece[];
  /** The piece of the last access: a driver's registers lie together. */
  private recent: MappedPiece | undefined;

  constructor(device: VfioDevice, region: RegionInfo, trapped: readonly TrappedRange[]) {
    this.name = `BAR ${region.index} of ${device.address}`;
    this.device = device;
    this.region = region;
    this.trapped = trapped;
    this.mappings = [];
    const pieces: MappedPiece[] = [];
    for (const area of region.mappable) {
      const usable = withoutTrapped(area, trapped);
      if (usable.length === 0) continue;
      // Whole pages, also of a BAR that is smaller and has its page to itself.
      const length = Math.ceil(area.size / HOST_PAGE) * HOST_PAGE;
      const mapping = this.map(area.offset, length);
      for (const piece of usable) pieces.push({ ...piece, origin: area.offset, mapping });
    }
    this.pieces = pieces;
    this.recent = pieces[0];
    this.pages = pieces
      .map(({ start, end }) => [Math.ceil(start / HOST_PAGE) * HOST_PAGE, end - (end % HOST_PAGE)])
      .filter(([start, end]) => start < end)
      .map(([start, end]) => ({ memory: this, offset: start, size: end - start }));
  }

  read(offset: number, size: AccessSize): number {
    const piece = this.pieceAt(offset, size);
    if (piece === undefined) return this.readThroughKernel(offset, size);
    const at = offset - piece.origin;
    if (size === 4) return piece.mapping.read32(at);
    return size === 2 ? piece.mapping.read16(at) : piece.mapping.read8(at);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const piece = this.pieceAt(offset, size);
    if (piece === undefined) {
      this.writeThroughKernel(offset, size, value);
      return;
    }
    const at = offset - piece.origin;
    if (size === 4) piece.mapping.write32(at, value);
    else if (size === 2) piece.mapping.write16(at, value);
    else piece.mapping.write8(at, value);
  }

  read64(offset: number): bigint {
    const piece = this.pieceAt(offset, 8);
    if (piece !== undefined) return piece.mapping.read64(offset - piece.origin);
    const low = BigInt(this.read(offset, 4));
    return (BigInt(this.read(offset + 4, 4)) << 32n) | low;
  }

  write64(offset: number, value: bigint): void {
    const piece = this.pieceAt(offset, 8);
    if (piece !== undefined) {
      piece.mapping.write64(offset - piece.origin, value);
      return;
    }
    this.write(offset, 4, Number(value & 0xffff_ffffn));
    this.write(offset + 4, 4, Number((value & ALL_ONES_64) >> 32n));
  }

  /**
   * Lets the devices of a container reach a part of `pages`, while the device answers.
   * @param flags VFIO_DMA_MAP_FLAG_READ and _WRITE
   */
  mapInto(container: Container, iova: number, offset: number, size: number, flags: number): void {
    const piece = this.pieces.find(({ start, end }) => offset >= start && offset + size <= end);
    if (piece === undefined) throw new RangeError(`${this.name} has no mapping at ${offset}`);
    container.mapRegion(iova, piece.mapping, offset - piece.origin, size, flags);
  }

  close(): void {
    for (const mapping of this.mappings) mapping.close();
    this.mappings.length = 0;
    this.recent = undefined;
  }

  /** A mapping that stays would keep the device open: when one can't be made, the others go. */
  private map(offset: number, length: number): RegionMapping {
    try {
      const mapping = this.device.mapArea(this.region, offset, length);
      this.mappings.push(mapping);
      return mapping;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The mapped piece that holds the whole, aligned access. */
  private pieceAt(offset: number, size: number): MappedPiece | undefined {
    if ((offset & (size - 1)) !== 0) return undefined;
    const recent = this.recent;
    if (recent !== undefined && offset >= recent.start && offset + size <= recent.end) return recent;
    for (const piece of this.pieces) {
      if (offset < piece.start || offset + size > piece.end) continue;
      this.recent = piece;
      return piece;
    }
    return undefined;
  }

  private isTrapped(offset: number, size: number): boolean {
    return this.trapped.some((range) => offset < range.offset + range.size && range.offset < offset + size);
  }

  private readThroughKernel(offset: number, size: AccessSize): number {
    if (this.isTrapped(offset, size) || offset + size > this.region.size) return allOnes(size);
    try {
      return this.device.readRegion(this.region, offset, size);
    } catch (error) {
      // EIO: decoding is off or the device is gone. A real bus gives all ones then.
      if (isNativeError(error)) return allOnes(size);
      throw error;
    }
  }

  private writeThroughKernel(offset: number, size: AccessSize, value: number): void {
    if (this.isTrapped(offset, size) || offset + size > this.region.size) return;
    try {
      this.device.writeRegion(this.region, offset, size, value);
    } catch (error) {
      if (!isNativeError(error)) throw error;
    }
  }
}
