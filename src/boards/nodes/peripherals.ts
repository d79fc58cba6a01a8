import { cells, flag, phandle, strings, unitAddress } from '../../boot/device-tree.ts';
import type { RowOf } from '../board.ts';
import type { NodeMakers } from '../tree-context.ts';

/** PrimeCells and what hangs on them. */
export const PERIPHERAL_NODES: NodeMakers<'pl011' | 'pl031' | 'pl061' | 'gpio-key'> = {
  pl011: (row, context) => ({
    name: uartNodeName(row),
    properties: {
      'clock-names': strings('uartclk', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl011', 'arm,primecell'),
    },
    children: [],
  }),

  pl031: (row, context) => ({
    name: `pl031@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('apb_pclk'),
      clocks: cells(phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl031', 'arm,primecell'),
    },
    children: [],
  }),

  pl061: (row, context) => ({
    name: `pl061@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      'clock-names': strings('apb_pclk'),
      clocks: cells(phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      'gpio-controller': flag,
      '#gpio-cells': cells(2),
      compatible: strings('arm,pl061', 'arm,primecell'),
      reg: context.reg(row.range),
    },
    children: [],
  }),

  // A child of gpio-keys, which the tree has once.
  'gpio-key': (row) => ({
    name: row.name,
    properties: {
      // Flags 0: pressed is high.
      gpios: cells(phandle(row.gpio), row.line, 0),
      'linux,code': cells(row.code),
      label: strings(row.label),
    },
    children: [],
  }),
};

/** The console is found by it. */
export function uartNodeName(row: RowOf<'pl011'>): string {
  return `pl011@${unitAddress(row.range.base)}`;
}
