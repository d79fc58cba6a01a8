import { describe, expect, it } from 'vitest';
import { parseIommuInfo, parseRegionInfo } from '../../src/vfio/info-chains.ts';
import * as abi from '../../src/vfio/vfio-abi.ts';
import { iommuInfoBytes } from './fake-binding.ts';

/** A `struct vfio_region_info` without capabilities. */
function regionBytes(flags: number, size: bigint, extra = 0): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(32 + extra);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, flags, true);
  view.setUint32(8, 3, true);
  view.setBigUint64(16, size, true);
  view.setBigUint64(24, 3n << 40n, true);
  return { bytes, view };
}

describe("the kernel's answer about a container's IOMMU", () => {
  it('lists the ranges that can be mapped, in order, adjacent ones merged', () => {
    const info = parseIommuInfo(
      iommuInfoBytes([
        [0xfef0_0000n, 0xffff_ffffn],
        [0x1_0000_0000n, 0xffff_ffff_ffffn],
        [0n, 0xfedf_ffffn],
      ]),
    );
    expect(info.iovaRanges).toEqual([
      { start: 0n, end: 0xfedf_ffffn },
      { start: 0xfef0_0000n, end: 0xffff_ffff_ffffn },
    ]);
    expect(info.pageSizes).toBe(0x1000n);
  });

  it('has no ranges on a kernel that does not tell them', () => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, 16, true);
    expect(parseIommuInfo(bytes)).toEqual({
      pageSizes: undefined,
      iovaRanges: undefined,
      mappingsAvailable: undefined,
    });
  });

  it('counts the mappings that are left', () => {
    const bytes = new Uint8Array(40);
    const view = new DataView(bytes.buffer);
    view.setUint32(4, abi.IOMMU_INFO_CAPS, true);
    view.setUint32(16, 24, true);
    view.setUint16(24, abi.IOMMU_TYPE1_INFO_DMA_AVAIL, true);
    view.setUint32(32, 65535, true);
    expect(parseIommuInfo(bytes).mappingsAvailable).toBe(65535);
  });

  it('ends at a capability chain that loops', () => {
    const bytes = iommuInfoBytes([[0n, 1n]]);
    new DataView(bytes.buffer).setUint32(28, 24, true);
    expect(parseIommuInfo(bytes).iovaRanges).toEqual([{ start: 0n, end: 1n }]);
  });
});

describe("the kernel's answer about a region", () => {
  it('maps nothing without the MMAP flag', () => {
    const { bytes } = regionBytes(abi.REGION_INFO_FLAG_READ, 4096n);
    expect(parseRegionInfo(bytes)).toEqual({
      index: 3,
      flags: 1,
      size: 4096,
      offset: 3 * 2 ** 40,
      mappable: [],
    });
  });

  it('maps the whole region with it', () => {
    const { bytes } = regionBytes(abi.REGION_INFO_FLAG_MMAP, 8192n);
    expect(parseRegionInfo(bytes).mappable).toEqual([{ offset: 0, size: 8192 }]);
  });

  it('maps only the areas of a sparse capability', () => {
    const { bytes, view } = regionBytes(
      abi.REGION_INFO_FLAG_MMAP | abi.REGION_INFO_FLAG_CAPS,
      16384n,
      16 + 32 + 8,
    );
    view.setUint32(12, 40, true);
    view.setUint16(40, abi.REGION_INFO_CAP_SPARSE_MMAP, true);
    view.setUint32(48, 2, true);
    for (const [i, value] of [0n, 4096n, 8192n, 8192n].entries()) view.setBigUint64(56 + 8 * i, value, true);
    // The header is 40 bytes in: offsets count from the start of the structure, not from the end of its fixed part.
    expect(parseRegionInfo(bytes).mappable).toEqual([
      { offset: 0, size: 4096 },
      { offset: 8192, size: 8192 },
    ]);
  });

  it('maps the whole region, MSI-X table included, when the kernel says that it may be mapped', () => {
    const { bytes, view } = regionBytes(abi.REGION_INFO_FLAG_MMAP | abi.REGION_INFO_FLAG_CAPS, 8192n, 8);
    view.setUint32(12, 32, true);
    view.setUint16(32, abi.REGION_INFO_CAP_MSIX_MAPPABLE, true);
    expect(parseRegionInfo(bytes).mappable).toEqual([{ offset: 0, size: 8192 }]);
  });
});
