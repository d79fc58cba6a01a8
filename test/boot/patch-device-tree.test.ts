import { describe, expect, test } from 'vitest';
import { cells, type DeviceTreeNode, type PropertyValue, strings } from '../../src/boot/device-tree.ts';
import { cellsOf, type FdtNode, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { type DeviceTreePatch, patchDeviceTree } from '../../src/boot/patch-device-tree.ts';
import { ImageError } from '../../src/errors.ts';

const node = (
  name: string,
  properties: Record<string, PropertyValue> = {},
  children: DeviceTreeNode[] = [],
): DeviceTreeNode => ({ name, properties, children });

const NOTHING: DeviceTreePatch = {
  ram: { base: 0x4000_0000, size: 0x800_0000 },
  append: undefined,
  initrd: undefined,
  psci: undefined,
};

function patched(root: DeviceTreeNode, patch: Partial<DeviceTreePatch> = {}): FdtNode {
  const tree = readFdt(writeFdt(root));
  return readFdt(writeFdt(patchDeviceTree(tree, { ...NOTHING, ...patch }, 'a.dtb'))).root;
}

const one = { '#address-cells': cells(1), '#size-cells': cells(1) };

describe('a device tree that is given', () => {
  test('has its memory nodes replaced by one of the machine, in the cells of its root', () => {
    const root = patched(node('', one, [node('memory@0', { reg: cells(0, 1) }), node('memory@8', {})]));
    expect(root.children.map((child) => child.name)).toEqual(['memory@40000000', 'chosen']);
    const memory = nodeAt(root, '/memory@40000000')!;
    expect(cellsOf(memory.properties.get('reg')!)).toEqual([0x4000_0000, 0x800_0000]);
    expect(stringsOf(memory.properties.get('device_type')!)).toEqual(['memory']);
  });

  test('without cell counts has two for an address and one for a size', () => {
    const memory = nodeAt(patched(node('')), '/memory@40000000')!;
    expect(cellsOf(memory.properties.get('reg')!)).toEqual([0, 0x4000_0000, 0x800_0000]);
  });

  test('is told the command line and the initial RAM disk, and keeps what else it chose', () => {
    const chosen = node('chosen', { bootargs: strings('old'), 'stdout-path': strings('serial0') });
    const patch = { append: 'new', initrd: { start: 0x4400_0000, end: 0x4400_1000 } };
    const { properties } = nodeAt(patched(node('', one, [chosen]), patch), '/chosen')!;
    expect(stringsOf(properties.get('bootargs')!)).toEqual(['new']);
    expect(stringsOf(properties.get('stdout-path')!)).toEqual(['serial0']);
    expect(cellsOf(properties.get('linux,initrd-start')!)).toEqual([0x4400_0000]);
    expect(cellsOf(properties.get('linux,initrd-end')!)).toEqual([0x4400_1000]);
  });

  test('keeps its own command line where none is given', () => {
    const { properties } = nodeAt(
      patched(node('', one, [node('chosen', { bootargs: strings('old') })])),
      '/chosen',
    )!;
    expect(stringsOf(properties.get('bootargs')!)).toEqual(['old']);
  });

  const psci = node('psci', { method: strings('hvc') });
  const cpus = node('cpus', {}, [node('cpu-map'), node('cpu@0'), node('cpu@1')]);

  test('without PSCI gets it, and its CPUs are started by it', () => {
    const root = patched(node('', one, [cpus]), { psci });
    expect(stringsOf(nodeAt(root, '/psci')!.properties.get('method')!)).toEqual(['hvc']);
    expect(stringsOf(nodeAt(root, '/cpus/cpu@1')!.properties.get('enable-method')!)).toEqual(['psci']);
    expect(nodeAt(root, '/cpus/cpu-map')!.properties.size).toBe(0);
  });

  test('with PSCI is left as it is', () => {
    const root = patched(node('', one, [cpus, node('psci', { method: strings('smc') })]), { psci });
    expect(stringsOf(nodeAt(root, '/psci')!.properties.get('method')!)).toEqual(['smc']);
    expect(nodeAt(root, '/cpus/cpu@1')!.properties.size).toBe(0);
  });

  test.each([[cells(0)], [cells(3)], [cells()]])('with a useless #size-cells is refused', (count) => {
    expect(() => patched(node('', { '#size-cells': count }))).toThrow(ImageError);
  });
});
