import type { AddressRange, BoardDescription, DeviceRow, SmmuV2Row } from './board.ts';

/**
 * A board with an SMMU before its PCI functions. RAM ends where DMA does.
 * @param dmaWindow addresses for DMA: those of RAM, so that a guest without a driver for the SMMU, which then is no
 * obstacle, reaches all of it. Linux takes its IOVAs from here, too.
 */
export function behindSmmu(
  board: BoardDescription,
  smmu: SmmuV2Row,
  dmaWindow: AddressRange,
): BoardDescription {
  return {
    ...board,
    ram: { ...board.ram, maxSize: dmaWindow.size },
    devices: board.devices.flatMap((row): DeviceRow[] =>
      row.kind === 'pcie-host' ? [smmu, { ...row, iommu: { smmu: smmu.name, dmaWindow } }] : [row],
    ),
  };
}
