import {
  type Cell,
  cells,
  type DeviceTreeNode,
  flag,
  type PropertyValue,
  phandle,
  strings,
  unitAddress,
  wideCells,
} from '../../boot/device-tree.ts';
import { InterruptRouter } from '../../pci/interrupt-router.ts';
import type { AddressRange, BoardDescription, InterruptInput, RowOf } from '../board.ts';

/** The cells that a node is made of, in the numbers of its board. */
interface BoardCells {
  readonly board: BoardDescription;
  reg(...ranges: readonly AddressRange[]): PropertyValue;
  address(value: number): number[];
  parentInterrupt(input: InterruptInput): number[];
}

/** Space codes of the first cell of a PCI address (IEEE 1275 PCI bus binding 2.1, 2.2.1.1). */
const PCI_SPACE_IO = 0x0100_0000;
const PCI_SPACE_MEMORY32 = 0x0200_0000;
const ECAM_BYTES_PER_BUS = 2 ** 20;

/** The node of a PCIe host bridge (IEEE 1275 PCI bus binding, Linux' pci-host-ecam-generic). */
export function pcieHostNode(row: RowOf<'pcie-host'>, context: BoardCells): DeviceTreeNode {
  return {
    name: `pcie@${unitAddress(row.memoryWindow.base)}`,
    properties: {
      // Two bits of the device number and the pin choose the input; the rest of the unit address does not matter.
      'interrupt-map-mask': cells(0x1800, 0, 0, 7),
      'interrupt-map': cells(...interruptMap(row, context)),
      '#interrupt-cells': cells(1),
      ranges: cells(
        ...[PCI_SPACE_IO, 0, 0, ...context.address(row.ioWindow.base), ...wideCells(row.ioWindow.size, 2)],
        ...[PCI_SPACE_MEMORY32, ...wideCells(row.memoryWindow.base, 2)],
        ...[...context.address(row.memoryWindow.base), ...wideCells(row.memoryWindow.size, 2)],
      ),
      reg: context.reg(row.ecam),
      // Every requester ID keeps its value as the device ID of its MSIs.
      'msi-map': cells(0, phandle(row.msiController), 0, 0x1_0000),
      ...dmaProperties(row, context),
      'bus-range': cells(0, row.ecam.size / ECAM_BYTES_PER_BUS - 1),
      'linux,pci-domain': cells(0),
      '#size-cells': cells(2),
      '#address-cells': cells(3),
      device_type: strings('pci'),
      compatible: strings('pci-host-ecam-generic'),
    },
    children: [],
  };
}

/** Behind an SMMU, every requester ID keeps its value as the stream ID. */
function dmaProperties(row: RowOf<'pcie-host'>, context: BoardCells): Record<string, PropertyValue> {
  if (row.iommu === undefined) return { 'dma-coherent': flag };
  const { smmu, dmaWindow, announcesCoherence } = row.iommu;
  const busAddress = [PCI_SPACE_MEMORY32, ...wideCells(dmaWindow.base, 2)];
  return {
    ...(announcesCoherence && { 'dma-coherent': flag }),
    'iommu-map': cells(0, phandle(smmu), 0, 0x1_0000),
    'dma-ranges': cells(...busAddress, ...context.address(dmaWindow.base), ...wideCells(dmaWindow.size, 2)),
  };
}

function interruptMap(row: RowOf<'pcie-host'>, context: BoardCells): Cell[] {
  const map: Cell[] = [];
  for (let device = 0; device < 4; device++) {
    for (let pin = 1; pin <= 4; pin++) {
      const input = row.interrupts[InterruptRouter.lineOf(device, pin)];
      map.push(device << 11, 0, 0, pin);
      map.push(phandle(context.board.interruptController), ...context.parentInterrupt(input));
    }
  }
  return map;
}
