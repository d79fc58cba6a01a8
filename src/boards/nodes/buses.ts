import { cells, flag, strings, unitAddress } from '../../boot/device-tree.ts';
import type { NodeMakers } from '../tree-context.ts';
import { pcieHostNode } from './pcie-host.ts';

/** Where devices are plugged in, and what is before them. */
export const BUS_NODES: NodeMakers<'virtio-mmio' | 'smmu-v2' | 'smmu-v3' | 'pcie-host'> = {
  'virtio-mmio': (row, context) => ({
    name: `virtio_mmio@${unitAddress(row.range.base)}`,
    properties: {
      'dma-coherent': flag,
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('virtio,mmio'),
    },
    children: [],
  }),

  'smmu-v2': (row, context) => ({
    name: `iommu@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      'dma-coherent': flag,
      '#iommu-cells': cells(1),
      interrupts: context.interrupts(row.globalInterrupt, ...row.contextInterrupts),
      '#global-interrupts': cells(1),
      reg: context.reg(row.range),
      compatible: strings('arm,smmu-v2'),
    },
    children: [],
  }),

  'smmu-v3': (row, context) => ({
    name: `smmuv3@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      '#iommu-cells': cells(1),
      'dma-coherent': flag,
      'interrupt-names': strings('eventq', 'priq', 'cmdq-sync', 'gerror'),
      interrupts: context.interrupts(
        row.interrupts.eventQueue,
        row.interrupts.priQueue,
        row.interrupts.commandSync,
        row.interrupts.globalError,
      ),
      reg: context.reg(row.range),
      compatible: strings('arm,smmu-v3'),
    },
    children: [],
  }),

  'pcie-host': (row, context) => pcieHostNode(row, context),
};
