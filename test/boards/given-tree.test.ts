import { describe, expect, test } from 'vitest';
import { type BoardDescription, type DeviceRow, spi } from '../../src/boards/board.ts';
import { adaptGivenTree } from '../../src/boards/given-tree.ts';
import { virt } from '../../src/boards/virt.ts';
import { cells, type DeviceTreeNode, flag, type PropertyValue, strings } from '../../src/boot/device-tree.ts';
import { cellsOf, type FdtNode, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { ImageError } from '../../src/errors.ts';

const ROWS: readonly DeviceRow[] = [
  {
    kind: 'gic-v2',
    name: 'gic',
    compatible: 'arm,cortex-a9-gic',
    distributor: { base: 0x1e00_1000, size: 0x1000 },
    cpuInterface: { base: 0x1e00_0100, size: 0x100 },
    spis: 224,
  },
  { kind: 'fixed-clock', name: 'clk', frequencyHz: 24_000_000, outputName: 'clk24mhz' },
  {
    kind: 'gic-v2m',
    name: 'v2m',
    parent: 'gic',
    range: { base: 0x5001_0000, size: 0x1000 },
    firstSpi: 64,
    spiCount: 64,
  },
  {
    kind: 'pcie-host',
    name: 'pcie',
    ecam: { base: 0xdf00_0000, size: 0x100_0000 },
    memoryWindow: { base: 0xa000_0000, size: 0x3eff_0000 },
    ioWindow: { base: 0xdeff_0000, size: 0x1_0000 },
    interrupts: [spi(52), spi(53), spi(54), spi(55)],
    msiController: 'v2m',
  },
  ...[0, 1].map(
    (n): DeviceRow => ({
      kind: 'virtio-mmio',
      name: `virtio-mmio ${n}`,
      range: { base: 0x1001_3000 + 0x200 * n, size: 0x200 },
      interrupt: spi(40 + n),
    }),
  ),
];

/** A board as Versatile Express is: the real one has no PCI. */
const board: BoardDescription = {
  ...virt,
  name: 'express',
  compatible: ['arm,express,a9', 'arm,express'],
  addressCells: 1,
  sizeCells: 1,
  ram: { base: 0x6000_0000, defaultSize: 2 ** 28, maxSize: 2 ** 30 },
  devices: ROWS,
  additions: ['virtio-mmio', 'gic-v2m', 'pcie-host'],
};

const node = (
  name: string,
  properties: Record<string, PropertyValue> = {},
  children: DeviceTreeNode[] = [],
): DeviceTreeNode => ({ name, properties, children });

/** A tree as Linux has it for such a board: the GIC has no address cells, all else hangs on a bus. */
function stock(compatible = 'arm,express,a9', gic: Record<string, PropertyValue> = {}): DeviceTreeNode {
  const root = {
    compatible: strings(compatible, 'arm,express'),
    '#address-cells': cells(1),
    '#size-cells': cells(1),
    'interrupt-parent': cells(1),
  };
  const controller = {
    compatible: strings('arm,cortex-a9-gic'),
    'interrupt-controller': flag,
    '#interrupt-cells': cells(3),
    '#address-cells': cells(0),
    phandle: cells(1),
  };
  return node('', root, [
    node('bus@40000000', {}, [node('uart@9000', { compatible: strings('arm,pl011') })]),
    node('chosen'),
    node('cpus', {}, [node('cpu@0'), node('cpu@1')]),
    node('memory@60000000', { reg: cells(0x6000_0000, 0x4000_0000) }),
    node('interrupt-controller@1e001000', { ...controller, ...gic }),
  ]);
}

/** The tree that a guest finds, and the warnings that a person saw. */
function adapted(tree: DeviceTreeNode, of: BoardDescription = board) {
  const warnings: string[] = [];
  const config = { cpuModel: of.cpuModels[0], cpus: 1, ramSize: 2 ** 28, append: 'quiet' };
  const adaptedTree = adaptGivenTree(of, config, readFdt(writeFdt(tree)), {
    name: 'a.dtb',
    warn: (message) => warnings.push(message),
  });
  return { root: readFdt(writeFdt(adaptedTree)).root, warnings };
}

const cellsAt = (root: FdtNode, path: string, property: string): number[] =>
  cellsOf(nodeAt(root, path)!.properties.get(property)!);

describe("the kernel's own tree of a board", () => {
  test('gets nodes for what our board has beyond the real one, and no others', () => {
    const { root, warnings } = adapted(stock());
    expect(root.children.map(({ name }) => name)).toEqual([
      'memory@60000000',
      'bus@40000000',
      'chosen',
      'cpus',
      'interrupt-controller@1e001000',
      'v2m@50010000',
      'pcie@a0000000',
      'virtio_mmio@10013000',
      'virtio_mmio@10013200',
    ]);
    expect(warnings).toEqual([]);
  });

  test('has the memory, the command line and the CPUs of the machine', () => {
    const { root } = adapted(stock());
    expect(cellsAt(root, '/memory@60000000', 'reg')).toEqual([0x6000_0000, 0x1000_0000]);
    expect(stringsOf(nodeAt(root, '/chosen')!.properties.get('bootargs')!)).toEqual(['quiet']);
    expect(stringsOf(nodeAt(root, '/cpus/cpu@1')!.properties.get('status')!)).toEqual(['fail']);
  });

  test('maps interrupts of PCI to its GIC, which has no address cells', () => {
    const { root } = adapted(stock());
    expect(cellsAt(root, '/pcie@a0000000', 'interrupt-map').slice(0, 8)).toEqual([
      ...[0, 0, 0, 1],
      ...[1, 0, 52, 4],
    ]);
    const frame = cellsAt(root, '/v2m@50010000', 'phandle');
    expect(cellsAt(root, '/pcie@a0000000', 'msi-map')).toEqual([0, ...frame, 0, 0x1_0000]);
    expect(frame).not.toEqual([1]);
  });

  test.each([
    [1, [0]],
    [2, [0, 0]],
  ])('maps them to a GIC with %d address cells', (count, address) => {
    const { root } = adapted(stock('arm,express,a9', { '#address-cells': cells(count) }));
    expect(cellsAt(root, '/pcie@a0000000', 'interrupt-map').slice(4, 8 + count)).toEqual([
      1,
      ...address,
      0,
      52,
      4,
    ]);
  });

  test('tells addresses in the cells of its root', () => {
    const tree = stock();
    const wide = { ...tree.properties, '#address-cells': cells(2), '#size-cells': cells(2) };
    const { root } = adapted({ ...tree, properties: wide });
    expect(cellsAt(root, '/virtio_mmio@10013000', 'reg')).toEqual([0, 0x1001_3000, 0, 0x200]);
    expect(cellsAt(root, '/pcie@a0000000', 'ranges').slice(0, 7)).toEqual([
      0x0100_0000, 0, 0, 0, 0xdeff_0000, 0, 0x1_0000,
    ]);
  });

  test('that was written by an older compiler has its phandles, too', () => {
    const tree = stock('arm,express,a9', { phandle: flag, 'linux,phandle': cells(1) });
    const controller = tree.children.at(-1)!;
    const { phandle: _, ...properties } = controller.properties;
    const { root } = adapted({
      ...tree,
      children: [...tree.children.slice(0, -1), { ...controller, properties }],
    });
    expect(cellsAt(root, '/pcie@a0000000', 'interrupt-map')[4]).toBe(1);
  });

  test.each<[string, Record<string, PropertyValue>]>([
    ['no GIC', { '#interrupt-cells': cells(1) }],
    ['another controller', { phandle: cells(2) }],
    ['one without cells', { '#interrupt-cells': flag }],
  ])('whose root names %s is refused', (_, gic) => {
    expect(() => adapted(stock('arm,express,a9', gic))).toThrow(ImageError);
    expect(() => adapted(stock('arm,express,a9', gic))).toThrow('a.dtb: its root names no GIC');
  });

  test('with an absurd number of address cells costs no memory', () => {
    expect(() => adapted(stock('arm,express,a9', { '#address-cells': cells(0xffff_ffff) }))).not.toThrow();
  });
});

describe('the tree of another board', () => {
  test('that armemu has is refused, with the machine that it is for', () => {
    expect(() => adapted(stock('linux,dummy-virt'))).toThrow(
      'a.dtb is the device tree of virt (compatible = "linux,dummy-virt"), and the machine is express',
    );
  });

  test('that nobody knows is taken with a warning', () => {
    const { warnings } = adapted(stock('arm,express,a5'));
    expect(warnings).toEqual([expect.stringContaining('a.dtb is for "arm,express,a5", and express is')]);
  });

  test('is not found out where it does not say what it is for', () => {
    const tree = stock();
    const { compatible: _, ...properties } = tree.properties;
    expect(adapted({ ...tree, properties }).warnings).toEqual([]);
  });
});

test('a tree for virt, which has nothing beyond the real one, gets no nodes but PSCI', () => {
  const { root } = adapted(node('', { compatible: strings('linux,dummy-virt') }, [node('chosen')]), virt);
  expect(root.children.map(({ name }) => name)).toEqual(['memory@40000000', 'chosen', 'psci']);
});
