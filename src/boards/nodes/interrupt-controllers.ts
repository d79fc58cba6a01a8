import { cells, flag, strings, unitAddress } from '../../boot/device-tree.ts';
import type { NodeMakers, TreeContext } from '../tree-context.ts';

/** What every GIC's node says: it takes interrupts, and has nodes for what sends messages to it. */
const controllerWithFrames = ({ board }: TreeContext) => ({
  ranges: flag,
  '#size-cells': cells(board.sizeCells),
  '#address-cells': cells(board.addressCells),
  'interrupt-controller': flag,
  '#interrupt-cells': cells(3),
});

/** GICs and what sends messages to them. */
export const INTERRUPT_CONTROLLER_NODES: NodeMakers<'gic-v2' | 'gic-v3' | 'gic-v3-its' | 'gic-v2m'> = {
  'gic-v2': (row, context) => ({
    name: `intc@${unitAddress(row.distributor.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.distributor, row.cpuInterface),
      compatible: strings(row.compatible),
      ...controllerWithFrames(context),
    },
    children: context.childrenOf(row.name),
  }),

  'gic-v3': (row, context) => ({
    name: `intc@${unitAddress(row.distributor.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.distributor, row.redistributors),
      '#redistributor-regions': cells(1),
      compatible: strings('arm,gic-v3'),
      ...controllerWithFrames(context),
    },
    children: context.childrenOf(row.name),
  }),

  'gic-v3-its': (row, context) => ({
    name: `its@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.range),
      '#msi-cells': cells(1),
      'msi-controller': flag,
      compatible: strings('arm,gic-v3-its'),
    },
    children: [],
  }),

  // MSI_TYPER of the frame tells its SPIs; the binding has properties for frames that can't.
  'gic-v2m': (row, context) => ({
    name: `v2m@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.range),
      'msi-controller': flag,
      compatible: strings('arm,gic-v2m-frame'),
    },
    children: [],
  }),
};
