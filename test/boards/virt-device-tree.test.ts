import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { BoardDescription } from '../../src/boards/board.ts';
import { deviceTreeOfBoard } from '../../src/boards/device-tree-of-board.ts';
import { virt } from '../../src/boards/virt.ts';
import { cellsOf, type FdtNode, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { parseDts } from './dts.ts';
import { differences, type TreeDifference } from './tree-differences.ts';

const GIB = 2 ** 30;

interface ListedDifference extends TreeDifference {
  readonly reason: string;
}

/**
 * Everything in which our tree is not QEMU's, on purpose. `*` stands for any unit address.
 * A difference that is not here fails, and so does one here that is no more.
 */
const ON_PURPOSE: readonly ListedDifference[] = [
  {
    path: '/platform-bus@c000000',
    what: 'missing',
    reason: 'a bus for devices plugged by QEMU options that armemu has not',
  },
  {
    path: '/pmu',
    what: 'missing',
    reason: 'an empty node that QEMU leaves behind for a CPU whose PMU it does not describe',
  },
  {
    path: '/chosen',
    property: 'rng-seed',
    what: 'missing',
    reason: 'a machine with the counting clock is deterministic: no randomness that nobody asked for',
  },
  { path: '/chosen', property: 'kaslr-seed', what: 'missing', reason: 'as rng-seed' },
];

/** QEMU's default is to put PCI above 4 GiB, which kernels without LPAE can't reach; ours is `highmem=off`. */
const HIGHMEM_OFF: readonly ListedDifference[] = [
  { path: '/pcie@10000000', property: 'reg', what: 'different', reason: 'ECAM below 4 GiB' },
  { path: '/pcie@10000000', property: 'bus-range', what: 'different', reason: '16 MiB of ECAM: 16 buses' },
  {
    path: '/pcie@10000000',
    property: 'ranges',
    what: 'different',
    reason: 'no 64-bit window above the 32-bit physical addresses',
  },
];

/** `iommu=smmuv3`, which QEMU has, too. */
const SMMU_V3: readonly ListedDifference[] = [
  {
    path: '/smmuv3@9050000',
    property: 'interrupts',
    what: 'different',
    reason:
      "QEMU's SPI 74 to 77 are in the range of the GICv2m frame, so that an MSI could be taken for one of them",
  },
  {
    path: '/pcie@10000000',
    property: 'dma-ranges',
    what: 'extra',
    reason: 'addresses for DMA that are clear of the MSI windows of every host',
  },
];

function reference(name: string): FdtNode {
  return parseDts(readFileSync(new URL(`reference/${name}.dts`, import.meta.url), 'utf8'));
}

function treeOf(board: BoardDescription, cpus: number, more: { append?: string } = {}): FdtNode {
  const config = { cpuModel: board.cpuModels[0], cpus, ramSize: GIB, ...more };
  return readFdt(writeFdt(deviceTreeOfBoard(board, config))).root;
}

function isListed(difference: TreeDifference, { path, property, what }: ListedDifference): boolean {
  const samePath = path.endsWith('*')
    ? difference.path.startsWith(path.slice(0, -1))
    : difference.path === path;
  return samePath && difference.property === property && difference.what === what;
}

function unlisted(found: readonly TreeDifference[], listed: readonly ListedDifference[]): TreeDifference[] {
  return found.filter((difference) => !listed.some((entry) => isListed(difference, entry)));
}

function vanished(found: readonly TreeDifference[], listed: readonly ListedDifference[]): ListedDifference[] {
  return listed.filter((entry) => !found.some((difference) => isListed(difference, entry)));
}

describe.each([
  ['virt_gic2_highmem_off_smp1', 1, ON_PURPOSE],
  ['virt_gic2_smp2', 2, [...ON_PURPOSE, ...HIGHMEM_OFF]],
  ['virt_gic3_smp1', 1, [...ON_PURPOSE, ...HIGHMEM_OFF]],
  ['virt_gic2_highmem_off_smmuv3', 1, [...ON_PURPOSE, ...SMMU_V3]],
] as const)("the device tree of virt against QEMU's %s", (name, cpus, listed) => {
  const board = name.includes('gic3') ? virt.withGicV3! : name.includes('smmuv3') ? virt.withSmmuV3! : virt;
  const found = differences(treeOf(board, cpus), reference(name));

  test('differs in nothing that is not on the list', () => {
    expect(unlisted(found, listed)).toEqual([]);
  });

  test('differs in everything that is on the list', () => {
    expect(vanished(found, listed)).toEqual([]);
  });
});

describe('the comparison notices', () => {
  const qemu = reference('virt_gic2_highmem_off_smp1');

  function changed(change: (row: BoardDescription['devices'][number]) => object): TreeDifference[] {
    const devices = virt.devices.map((row) => ({ ...row, ...change(row) })) as BoardDescription['devices'];
    return unlisted(differences(treeOf({ ...virt, devices }, 1), qemu), ON_PURPOSE);
  }

  test('another address', () => {
    const found = changed((row) =>
      row.kind === 'pl031' ? { range: { base: 0x0902_0000, size: 0x1000 } } : {},
    );
    expect(found).toContainEqual({ path: '/pl031@9010000', what: 'missing' });
  });

  test('another interrupt', () => {
    const found = changed((row) =>
      row.kind === 'pl011' ? { interrupt: { kind: 'spi', number: 9, trigger: 'level-high' } } : {},
    );
    expect(found).toEqual([{ path: '/pl011@9000000', property: 'interrupts', what: 'different' }]);
  });

  test('another compatible string', () => {
    const found = changed((row) => (row.kind === 'gic-v2' ? { compatible: 'arm,gic-400' } : {}));
    expect(found).toEqual([{ path: '/intc@8000000', property: 'compatible', what: 'different' }]);
  });

  test('a reference to another node', () => {
    const found = changed((row) => (row.kind === 'pcie-host' ? { msiController: 'gic' } : {}));
    expect(found).toContainEqual({ path: '/pcie@10000000', property: 'msi-map', what: 'different' });
  });
});

describe('the device tree of virt', () => {
  test('tells the guest its command line', () => {
    const chosen = nodeAt(treeOf(virt, 1, { append: 'selftest quiet' }), '/chosen')!;
    expect(stringsOf(chosen.properties.get('bootargs')!)).toEqual(['selftest quiet']);
    expect(nodeAt(treeOf(virt, 1), '/chosen')!.properties.has('bootargs')).toBe(false);
  });

  test('tells the guest where its initial RAM disk is', () => {
    const config = { cpuModel: virt.cpuModels[0], cpus: 1, ramSize: GIB };
    const initrd = { start: 0x4800_0000, end: 0x4810_0000 };
    const { root } = readFdt(writeFdt(deviceTreeOfBoard(virt, { ...config, initrd })));
    const chosen = nodeAt(root, '/chosen')!;
    expect(cellsOf(chosen.properties.get('linux,initrd-start')!)).toEqual([0x4800_0000]);
    expect(cellsOf(chosen.properties.get('linux,initrd-end')!)).toEqual([0x4810_0000]);
  });

  test('has 3 GiB of RAM up to the last 32-bit address', () => {
    const config = { cpuModel: virt.cpuModels[0], cpus: 1, ramSize: virt.ram.maxSize };
    const { root } = readFdt(writeFdt(deviceTreeOfBoard(virt, config)));
    expect(cellsOf(nodeAt(root, '/memory@40000000')!.properties.get('reg')!)).toEqual([
      0, 0x4000_0000, 0, 0xc000_0000,
    ]);
  });

  test('names eight CPUs, and gives each its timer interrupts', () => {
    const root = treeOf(virt, 8);
    expect(nodeAt(root, '/cpus')!.children.filter((n) => n.name.startsWith('cpu@'))).toHaveLength(8);
    expect(cellsOf(nodeAt(root, '/timer')!.properties.get('interrupts')!)[2]).toBe(0xff04);
  });
});
