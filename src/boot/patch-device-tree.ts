import { ImageError } from '../errors.ts';
import {
  bytes,
  cells,
  type DeviceTreeNode,
  type PropertyValue,
  strings,
  unitAddress,
  wideCells,
} from './device-tree.ts';
import { cellsOf, type Fdt, type FdtNode, stringsOf } from './fdt-reader.ts';

/** What a machine writes into a device tree that a person gave. */
export interface DeviceTreePatch {
  readonly ram: { readonly base: number; readonly size: number };
  /** CPUs that there are; those of higher numbers are marked as failed. */
  readonly cpus: number;
  /** The guest's command line; undefined leaves the tree's own. */
  readonly append: string | undefined;
  /** First address of the initial RAM disk, and the one behind its last. */
  readonly initrd: { readonly start: number; readonly end: number } | undefined;
  /** The board's `psci` node, for a tree that has none. */
  readonly psci: DeviceTreeNode | undefined;
  /** More nodes below the root, behind the tree's own; one whose `compatible` a node of the tree has is that node. */
  readonly additions: readonly DeviceTreeNode[];
  /** Nodes of the tree that additions refer to: label by phandle. */
  readonly labels: ReadonlyMap<number, string>;
}

/**
 * The given tree with this machine's memory, CPUs, command line, initial RAM disk and further devices, as boot loaders patch
 * it: memory nodes are replaced by one, `/chosen` is made where there is none, everything else stays.
 * @throws ImageError when the tree's addresses can't tell of the RAM
 */
export function patchDeviceTree(tree: Fdt, patch: DeviceTreePatch, name: string): DeviceTreeNode {
  const memory = memoryNode(tree.root, patch, name);
  const { additions, labelOf } = plant(tree.root, patch);
  const root = editable(tree.root, labelOf);
  const children = root.children.filter((node) => !isMemory(node));
  const psci = patch.psci !== undefined && !children.some((node) => node.name === 'psci');
  const patched = children.map((node) => {
    if (node.name === 'chosen') return withProperties(node, chosen(patch));
    return node.name === 'cpus' ? patchCpus(node, patch.cpus, psci) : node;
  });
  if (!children.some((node) => node.name === 'chosen')) {
    patched.push({ name: 'chosen', properties: chosen(patch), children: [] });
  }
  if (psci) patched.push(patch.psci);
  return { ...root, children: [memory, ...patched, ...additions] };
}

/** Cells of an address and of a size below the root. @throws ImageError for counts that nobody can read */
export function rootCells(root: FdtNode, name: string): { readonly address: number; readonly size: number } {
  // Devicetree Specification 2.3.5: the defaults are 2 and 1.
  return {
    address: cellCount(root, '#address-cells', 2, name),
    size: cellCount(root, '#size-cells', 1, name),
  };
}

/** What a node is compatible with, the most specific first. */
export function compatibleOf(node: FdtNode): string[] {
  const value = node.properties.get('compatible');
  return value === undefined ? [] : stringsOf(value);
}

function isMemory(node: DeviceTreeNode): boolean {
  return node.name === 'memory' || node.name.startsWith('memory@');
}

/** Which additions are to be made, and the labels of nodes that are there. */
function plant(root: FdtNode, patch: DeviceTreePatch) {
  const found = new Map<FdtNode, string>();
  const visit = (node: FdtNode, work: (node: FdtNode) => void): void => {
    work(node);
    for (const child of node.children) visit(child, work);
  };
  visit(root, (node) => {
    const label = patch.labels.get(phandleOf(node) ?? 0);
    if (label !== undefined) found.set(node, label);
  });
  const additions = patch.additions.filter((addition) => {
    const compatible = addition.properties.compatible;
    let present: FdtNode | undefined;
    visit(root, (node) => {
      if (compatible?.kind !== 'strings') return;
      if (compatibleOf(node).includes(compatible.strings[0])) present ??= node;
    });
    if (present !== undefined && addition.label !== undefined && !found.has(present)) {
      found.set(present, addition.label);
    }
    return present === undefined;
  });
  return { additions, labelOf: (node: FdtNode) => found.get(node) };
}

/** How properties refer to this node; older trees have `linux,phandle`. */
export function phandleOf({ properties }: FdtNode): number | undefined {
  const value = properties.get('phandle') ?? properties.get('linux,phandle');
  return value === undefined ? undefined : cellsOf(value)[0];
}

function chosen({ append, initrd }: DeviceTreePatch): Record<string, PropertyValue> {
  return {
    ...(append === undefined ? {} : { bootargs: strings(append) }),
    ...(initrd === undefined
      ? {}
      : { 'linux,initrd-start': cells(initrd.start), 'linux,initrd-end': cells(initrd.end) }),
  };
}

function memoryNode(root: FdtNode, { ram }: DeviceTreePatch, name: string): DeviceTreeNode {
  const { address, size } = rootCells(root, name);
  return {
    name: `memory@${unitAddress(ram.base)}`,
    properties: {
      device_type: strings('memory'),
      reg: cells(...wideCells(ram.base, address), ...wideCells(ram.size, size)),
    },
    children: [],
  };
}

function cellCount(root: FdtNode, property: string, otherwise: number, name: string): number {
  const value = root.properties.get(property);
  const count = value === undefined ? otherwise : cellsOf(value)[0];
  if (count === 1 || count === 2) return count;
  throw new ImageError(
    `${name}: its root has ${property} = <${count ?? ''}>; memory is told with 1 or 2 cells`,
    "check the file with 'fdtdump FILE'",
  );
}

function withProperties(node: DeviceTreeNode, more: Record<string, PropertyValue>): DeviceTreeNode {
  return { ...node, properties: { ...node.properties, ...more } };
}

/** CPUs that the machine does not have are out of order; in a tree without PSCI all are started by it from now on. */
function patchCpus(cpus: DeviceTreeNode, count: number, psci: boolean): DeviceTreeNode {
  const children = cpus.children.map((node) => {
    if (!node.name.startsWith('cpu@')) return node;
    const number = Number.parseInt(node.name.slice('cpu@'.length), 16);
    return withProperties(node, {
      ...(psci ? { 'enable-method': strings('psci') } : {}),
      // Devicetree Specification 2.3.4: not operational, and not likely to become so. Its phandle may be referred to.
      ...(number >= count ? { status: strings('fail') } : {}),
    });
  });
  return { ...cpus, children };
}

function editable(node: FdtNode, labelOf: (node: FdtNode) => string | undefined): DeviceTreeNode {
  const label = labelOf(node);
  return {
    name: node.name,
    ...(label === undefined ? {} : { label }),
    properties: Object.fromEntries([...node.properties].map(([name, value]) => [name, bytes(value)])),
    children: node.children.map((child) => editable(child, labelOf)),
  };
}
