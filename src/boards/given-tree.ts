import type { DeviceTreeNode } from '../boot/device-tree.ts';
import { cellsOf, type Fdt, type FdtNode } from '../boot/fdt-reader.ts';
import { compatibleOf, patchDeviceTree, phandleOf, rootCells } from '../boot/patch-device-tree.ts';
import { ImageError } from '../errors.ts';
import type { BoardDescription } from './board.ts';
import { BOARDS } from './boards.ts';
import { additionsOfBoard, type DeviceTreeConfig, deviceTreeOfBoard } from './device-tree-of-board.ts';

/** How to speak of a tree that a person gave. */
export interface GivenTreeContext {
  /** Its file. */
  readonly name: string;
  readonly warn: (message: string) => void;
}

/** The cells of an interrupt below a GIC, in the binding `arm,gic`. */
const GIC_INTERRUPT_CELLS = 3;
/** Nobody has more; a tree may say anything. */
const MOST_ADDRESS_CELLS = 4;

/**
 * A tree that others made for a board, such as the kernel's own, for the machine that we make of it: with its memory,
 * CPUs, command line and initial RAM disk, and with nodes for what our board has beyond the real one.
 * @throws ImageError for the tree of another board, or one whose interrupt controller can't be found
 */
export function adaptGivenTree(
  board: BoardDescription,
  config: DeviceTreeConfig,
  given: Fdt,
  { name, warn }: GivenTreeContext,
): DeviceTreeNode {
  checkBoard(board, given.root, name, warn);
  const psci = deviceTreeOfBoard(board, config).children.find((node) => node.name === 'psci');
  return patchDeviceTree(
    given,
    {
      ram: { base: board.ram.base, size: config.ramSize },
      cpus: config.cpus,
      append: config.append,
      initrd: config.initrd,
      psci,
      ...additionsFor(board, config, given.root, name),
    },
    name,
  );
}

/** A tree says in its root what boards it is for, the most specific first. */
function checkBoard(
  board: BoardDescription,
  root: FdtNode,
  name: string,
  warn: (message: string) => void,
): void {
  const compatible = compatibleOf(root);
  if (compatible.length === 0 || compatible.includes(board.compatible[0])) return;
  const other = BOARDS.find((known) => compatible.includes(known.compatible[0]));
  if (other !== undefined) {
    throw new ImageError(
      `${name} is the device tree of ${other.name} (compatible = "${compatible[0]}"), and the machine is ${board.name}`,
      `give the tree of this board, or --machine ${other.name}; without --dtb the board makes its own`,
    );
  }
  warn(
    `${name} is for "${compatible[0]}", and ${board.name} is "${board.compatible[0]}": the guest may look for devices where there are none`,
  );
}

function additionsFor(board: BoardDescription, config: DeviceTreeConfig, root: FdtNode, name: string) {
  const none = { additions: [], labels: new Map<number, string>() };
  if (board.additions === undefined || board.additions.length === 0) return none;
  const { phandle, addressCells } = interruptController(root, name);
  const treeCells = { ...rootCells(root, name), interruptParentAddress: addressCells };
  return {
    additions: additionsOfBoard(board, config, treeCells),
    labels: new Map([[phandle, board.interruptController]]),
  };
}

/** The GIC of a given tree: the one that its root names, as Linux' trees do. */
function interruptController(root: FdtNode, name: string) {
  const cell = (node: FdtNode | undefined, property: string): number | undefined =>
    cellsOf(node?.properties.get(property) ?? new Uint8Array(0))[0];
  const phandle = cell(root, 'interrupt-parent');
  const controller =
    phandle === undefined ? undefined : findNode(root, (node) => phandleOf(node) === phandle);
  if (
    phandle === undefined ||
    controller === undefined ||
    cell(controller, '#interrupt-cells') !== GIC_INTERRUPT_CELLS
  ) {
    throw new ImageError(
      `${name}: its root names no GIC as interrupt-parent, so that the devices which the board adds can't be connected`,
      "check the file with 'fdtdump FILE', or leave --dtb out: the board makes its own tree",
    );
  }
  // Devicetree Specification 2.4.3.1: without it, the addresses of an interrupt-map have no cells here.
  return { phandle, addressCells: Math.min(cell(controller, '#address-cells') ?? 0, MOST_ADDRESS_CELLS) };
}

function findNode(node: FdtNode, wanted: (node: FdtNode) => boolean): FdtNode | undefined {
  if (wanted(node)) return node;
  for (const child of node.children) {
    const found = findNode(child, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
