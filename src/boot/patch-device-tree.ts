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
import { cellsOf, type Fdt, type FdtNode } from './fdt-reader.ts';

/** What a machine writes into a device tree that a person gave. */
export interface DeviceTreePatch {
  readonly ram: { readonly base: number; readonly size: number };
  /** The guest's command line; undefined leaves the tree's own. */
  readonly append: string | undefined;
  /** First address of the initial RAM disk, and the one behind its last. */
  readonly initrd: { readonly start: number; readonly end: number } | undefined;
  /** The board's `psci` node, for a tree that has none. */
  readonly psci: DeviceTreeNode | undefined;
}

/**
 * The given tree with this machine's memory, command line and initial RAM disk, as boot loaders patch it: memory nodes
 * are replaced by one, `/chosen` is made where there is none, everything else stays.
 * @throws ImageError when the tree's addresses can't tell of the RAM
 */
export function patchDeviceTree(tree: Fdt, patch: DeviceTreePatch, name: string): DeviceTreeNode {
  const root = editable(tree.root);
  const children = root.children.filter((node) => !isMemory(node));
  const memory = memoryNode(tree.root, patch, name);
  const psci = patch.psci !== undefined && !children.some((node) => node.name === 'psci');
  const patched = children.map((node) => {
    if (node.name === 'chosen') return withProperties(node, chosen(patch));
    return psci && node.name === 'cpus' ? withEnableMethod(node) : node;
  });
  if (!children.some((node) => node.name === 'chosen')) {
    patched.push({ name: 'chosen', properties: chosen(patch), children: [] });
  }
  if (psci) patched.push(patch.psci);
  return { ...root, children: [memory, ...patched] };
}

function isMemory(node: DeviceTreeNode): boolean {
  return node.name === 'memory' || node.name.startsWith('memory@');
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
  // Devicetree Specification 2.3.5: the defaults are 2 and 1.
  const address = cellCount(root, '#address-cells', 2, name);
  const size = cellCount(root, '#size-cells', 1, name);
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

/** Each CPU of a tree without PSCI is started by it from now on. */
function withEnableMethod(cpus: DeviceTreeNode): DeviceTreeNode {
  const children = cpus.children.map((node) =>
    node.name.startsWith('cpu@') ? withProperties(node, { 'enable-method': strings('psci') }) : node,
  );
  return { ...cpus, children };
}

function editable(node: FdtNode): DeviceTreeNode {
  return {
    name: node.name,
    properties: Object.fromEntries([...node.properties].map(([name, value]) => [name, bytes(value)])),
    children: node.children.map(editable),
  };
}
