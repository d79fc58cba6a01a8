import * as abi from './vfio-abi.ts';

/** An inclusive range of I/O virtual addresses. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** What the kernel says about a container's IOMMU (`struct vfio_iommu_type1_info`). */
export interface IommuInfo {
  /** Sizes that can be mapped, one bit each; undefined when the kernel does not say. */
  readonly pageSizes: bigint | undefined;
  /** Where mappings may lie, ascending and merged; undefined before Linux 5.4, which does not say. */
  readonly iovaRanges: readonly IovaRange[] | undefined;
  /** How many more mappings the kernel takes; undefined before Linux 5.10. */
  readonly mappingsAvailable: number | undefined;
}

/** A part of a region that may be mapped. */
export interface MappableArea {
  readonly offset: number;
  readonly size: number;
}

/** One region of a device (`struct vfio_region_info`). */
export interface RegionInfo {
  readonly index: number;
  readonly flags: number;
  readonly size: number;
  /** Where the region starts in the device's descriptor. */
  readonly offset: number;
  /** Parts that may be mapped: none without the MMAP flag, the whole region without a SPARSE_MMAP capability. */
  readonly mappable: readonly MappableArea[];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Walks a chain of `struct vfio_info_cap_header`: id (16 bits), version (16), offset of the next one (32). */
function* capabilities(view: DataView, first: number): Generator<{ id: number; at: number }> {
  let at = first;
  for (let guard = 0; at !== 0 && at + 8 <= view.byteLength && guard < 64; guard++) {
    yield { id: view.getUint16(at, true), at };
    at = view.getUint32(at + 4, true);
  }
}

/** Ranges in ascending order, with those that touch as one. */
export function merge(ranges: readonly IovaRange[]): IovaRange[] {
  const merged: { start: bigint; end: bigint }[] = [];
  for (const range of [...ranges].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = merged.at(-1);
    if (!last || range.start > last.end + 1n) merged.push({ ...range });
    else if (range.end > last.end) last.end = range.end;
  }
  return merged;
}

/** Reads the answer of VFIO_IOMMU_GET_INFO. */
export function parseIommuInfo(bytes: Uint8Array): IommuInfo {
  const view = viewOf(bytes);
  const flags = view.getUint32(4, true);
  const pageSizes = flags & abi.IOMMU_INFO_PGSIZES ? view.getBigUint64(8, true) : undefined;
  let iovaRanges: IovaRange[] | undefined;
  let mappingsAvailable: number | undefined;
  if (flags & abi.IOMMU_INFO_CAPS && view.byteLength >= 20) {
    for (const { id, at } of capabilities(view, view.getUint32(16, true))) {
      if (id === abi.IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
        iovaRanges = [];
        const count = view.getUint32(at + 8, true);
        for (let i = 0; i < count; i++)
          iovaRanges.push({
            start: view.getBigUint64(at + 16 + 16 * i, true),
            end: view.getBigUint64(at + 24 + 16 * i, true),
          });
      } else if (id === abi.IOMMU_TYPE1_INFO_DMA_AVAIL) mappingsAvailable = view.getUint32(at + 8, true);
    }
  }
  return { pageSizes, iovaRanges: iovaRanges && merge(iovaRanges), mappingsAvailable };
}

/** Reads the answer of VFIO_DEVICE_GET_REGION_INFO. */
export function parseRegionInfo(bytes: Uint8Array): RegionInfo {
  const view = viewOf(bytes);
  const flags = view.getUint32(4, true);
  const size = Number(view.getBigUint64(16, true));
  let mappable: MappableArea[] = flags & abi.REGION_INFO_FLAG_MMAP ? [{ offset: 0, size }] : [];
  if (flags & abi.REGION_INFO_FLAG_MMAP && flags & abi.REGION_INFO_FLAG_CAPS) {
    for (const { id, at } of capabilities(view, view.getUint32(12, true))) {
      if (id !== abi.REGION_INFO_CAP_SPARSE_MMAP) continue;
      mappable = [];
      const count = view.getUint32(at + 8, true);
      for (let i = 0; i < count; i++)
        mappable.push({
          offset: Number(view.getBigUint64(at + 16 + 16 * i, true)),
          size: Number(view.getBigUint64(at + 24 + 16 * i, true)),
        });
    }
  }
  return {
    index: view.getUint32(8, true),
    flags,
    size,
    offset: Number(view.getBigUint64(24, true)),
    mappable,
  };
}
