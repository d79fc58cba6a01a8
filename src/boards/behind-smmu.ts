import type { AddressRange, BoardDescription, DeviceRow, SmmuV2Row, SmmuV3Row } from './board.ts';

/**
 * A board with an SMMU before its PCI functions. RAM ends where DMA does.
 * @param dmaWindow addresses for DMA: those of RAM, so that a guest without a driver for the SMMU, which then is no
 * obstacle, reaches all of it. Linux takes its IOVAs from here, too.
 */
export function behindSmmu(
  board: BoardDescription,
  smmu: SmmuV2Row | SmmuV3Row,
  dmaWindow: AddressRange,
): BoardDescription {
  // Linux for 32-bit Arm, which drives version 2 alone, must not be told: it would map pages wrongly that drivers allocate
  // (`__iommu_alloc_simple`, Linux 6.1).
  const announcesCoherence = smmu.kind === 'smmu-v3';
  return {
    ...board,
    ram: { ...board.ram, maxSize: dmaWindow.size },
    devices: board.devices.flatMap((row): DeviceRow[] =>
      row.kind === 'pcie-host'
        ? [smmu, { ...row, iommu: { smmu: smmu.name, dmaWindow, announcesCoherence } }]
        : [row],
    ),
  };
}
