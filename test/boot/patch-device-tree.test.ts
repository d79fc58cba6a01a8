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
  cpus: 8,
  append: undefined,
  initrd: undefined,
  psci: undefined,
  additions: [],
  labels: new Map(),
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

  test('with more CPUs than the machine has marks the others as failed', () => {
    const root = patched(node('', one, [node('cpus', {}, [node('cpu@0'), node('cpu@1'), node('cpu@2')])]), {
      cpus: 2,
    });
    const status = (name: string) => nodeAt(root, `/cpus/${name}`)!.properties.get('status');
    expect(status('cpu@0')).toBeUndefined();
    expect(status('cpu@1')).toBeUndefined();
    expect(stringsOf(status('cpu@2')!)).toEqual(['fail']);
  });

  describe('gets further nodes', () => {
    const frame: DeviceTreeNode = {
      ...node('v2m@1', { compatible: strings('frame') }),
      label: 'frame',
    };
    const bridge = node('pcie@2', {
      compatible: strings('bridge'),
      'msi-map': cells({ phandleOf: 'frame' }),
    });
    const has = (root: FdtNode, path: string, property: string) =>
      cellsOf(nodeAt(root, path)!.properties.get(property)!);

    test('at its end, with phandles that no node of it has', () => {
      const own = [node('a', { phandle: cells(1) }), node('b', { phandle: cells(3) })];
      const root = patched(node('', one, own), { additions: [frame, bridge] });
      expect(root.children.map(({ name }) => name).slice(-2)).toEqual(['v2m@1', 'pcie@2']);
      expect(has(root, '/v2m@1', 'phandle')).toEqual([2]);
      expect(has(root, '/pcie@2', 'msi-map')).toEqual([2]);
      expect(has(root, '/b', 'phandle')).toEqual([3]);
    });

    test('that refer to nodes of it by the phandles which those have', () => {
      const controller = node('intc', { phandle: cells(0x10) });
      const map = node('pcie@2', {
        compatible: strings('bridge'),
        'interrupt-map': cells({ phandleOf: 'gic' }),
      });
      const root = patched(node('', one, [controller]), {
        additions: [map],
        labels: new Map([[0x10, 'gic']]),
      });
      expect(has(root, '/pcie@2', 'interrupt-map')).toEqual([0x10]);
      expect(has(root, '/intc', 'phandle')).toEqual([0x10]);
    });

    test('unless it has them: then that one is referred to', () => {
      const theirs = node('soc', {}, [node('msi@7', { compatible: strings('frame-2', 'frame') })]);
      const root = patched(node('', one, [theirs]), { additions: [frame, bridge] });
      expect(nodeAt(root, '/v2m@1')).toBeUndefined();
      expect(has(root, '/pcie@2', 'msi-map')).toEqual(has(root, '/soc/msi@7', 'phandle'));
    });

    test('of which several may be alike', () => {
      const slots = [1, 2].map((n) => node(`virtio@${n}`, { compatible: strings('virtio') }));
      const root = patched(node('', one), { additions: slots });
      expect(root.children.map(({ name }) => name).slice(-2)).toEqual(['virtio@1', 'virtio@2']);
    });
  });

  test.each([[cells(0)], [cells(3)], [cells()]])('with a useless #size-cells is refused', (count) => {
    expect(() => patched(node('', { '#size-cells': count }))).toThrow(ImageError);
  });
});
