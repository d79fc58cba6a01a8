import { bytes, cells, type DeviceTreeNode, phandle, strings, unitAddress } from '../boot/device-tree.ts';
import type { BoardDescription, DeviceKind, DeviceRow, RowOf } from './board.ts';
import { BUS_NODES } from './nodes/buses.ts';
import { INPUT_OUTPUT_NODES } from './nodes/input-output.ts';
import { INTERRUPT_CONTROLLER_NODES } from './nodes/interrupt-controllers.ts';
import { PERIPHERAL_NODES, uartNodeName } from './nodes/peripherals.ts';
import { SYSTEM_NODES } from './nodes/system.ts';
import { VEXPRESS_NODES } from './nodes/vexpress.ts';
import { type DeviceTreeConfig, type NodeMakers, type TreeCells, TreeContext } from './tree-context.ts';

export type { DeviceTreeConfig } from './tree-context.ts';

const NODE_MAKERS: NodeMakers<DeviceKind> = {
  ...INTERRUPT_CONTROLLER_NODES,
  ...SYSTEM_NODES,
  ...PERIPHERAL_NODES,
  ...BUS_NODES,
  ...INPUT_OUTPUT_NODES,
  ...VEXPRESS_NODES,
};

/** The device tree that describes a board with this configuration to its guest. */
export function deviceTreeOfBoard(board: BoardDescription, config: DeviceTreeConfig): DeviceTreeNode {
  const context = new TreeContext(board, config, NODE_MAKERS);
  return {
    name: '',
    properties: {
      'interrupt-parent': cells(phandle(board.interruptController)),
      model: strings(board.model),
      '#size-cells': cells(board.sizeCells),
      '#address-cells': cells(board.addressCells),
      compatible: strings(...board.compatible),
    },
    children: [
      memoryNode(context),
      cpusNode(context),
      ...board.devices
        .filter((row) => !('parent' in row) && row.kind !== 'gpio-key')
        .flatMap((row) => context.nodesOf(row)),
      ...gpioKeysNodes(context),
      chosenNode(context),
    ],
  };
}

/**
 * Nodes for what the board has beyond the real one, to be put into a tree that was made for that one. They refer to the
 * board's interrupt controller by the name of its row.
 * @param treeCells of the tree's root, below which they are to be
 */
export function additionsOfBoard(
  board: BoardDescription,
  config: DeviceTreeConfig,
  treeCells: TreeCells,
): DeviceTreeNode[] {
  const context = new TreeContext(board, config, NODE_MAKERS, treeCells);
  return board.devices
    .filter(({ kind }) => board.additions?.includes(kind))
    .flatMap((row) => context.nodesOf(row));
}

/** All buttons of the board hang on one node. */
function gpioKeysNodes(context: TreeContext): DeviceTreeNode[] {
  const keys = context.board.devices.filter((row) => row.kind === 'gpio-key');
  if (keys.length === 0) return [];
  return [
    {
      name: 'gpio-keys',
      properties: { compatible: strings('gpio-keys') },
      children: keys.flatMap((row) => context.nodesOf(row)),
    },
  ];
}

function memoryNode(context: TreeContext): DeviceTreeNode {
  const { base } = context.board.ram;
  return {
    name: `memory@${unitAddress(base)}`,
    properties: {
      reg: context.reg({ base, size: context.config.ramSize }),
      device_type: strings('memory'),
    },
    children: [],
  };
}

function cpusNode({ board, config }: TreeContext): DeviceTreeNode {
  const psci = board.devices.some((row) => row.kind === 'psci');
  const numbers = Array.from({ length: config.cpus }, (_, n) => n);
  const cores = numbers.map(
    (n): DeviceTreeNode => ({
      name: `core${n}`,
      properties: { cpu: cells(phandle(`cpu${n}`)) },
      children: [],
    }),
  );
  const cluster: DeviceTreeNode = { name: 'cluster0', properties: {}, children: cores };
  const socket: DeviceTreeNode = { name: 'socket0', properties: {}, children: [cluster] };
  const cpus = numbers.map(
    (n): DeviceTreeNode => ({
      name: `cpu@${unitAddress(n)}`,
      label: `cpu${n}`,
      properties: {
        reg: cells(n),
        // A single CPU is never started by another one.
        ...(psci && config.cpus > 1 ? { 'enable-method': strings('psci') } : {}),
        compatible: strings(config.cpuModel.compatible),
        device_type: strings('cpu'),
      },
      children: [],
    }),
  );
  return {
    name: 'cpus',
    properties: { '#size-cells': cells(0), '#address-cells': cells(1) },
    children: [{ name: 'cpu-map', properties: {}, children: [socket] }, ...cpus],
  };
}

function chosenNode({ board, config }: TreeContext): DeviceTreeNode {
  const isConsole = (row: DeviceRow): row is RowOf<'pl011'> =>
    row.kind === 'pl011' && row.name === board.console;
  const uart = board.devices.find(isConsole);
  return {
    name: 'chosen',
    properties: {
      ...(uart ? { 'stdout-path': strings(`/${uartNodeName(uart)}`) } : {}),
      ...(config.append === undefined ? {} : { bootargs: strings(config.append) }),
      ...(config.initrd
        ? {
            'linux,initrd-start': cells(config.initrd.start),
            'linux,initrd-end': cells(config.initrd.end),
          }
        : {}),
      ...(config.seeds
        ? { 'rng-seed': bytes(config.seeds.rng), 'kaslr-seed': bytes(config.seeds.kaslr) }
        : {}),
    },
    children: [],
  };
}
