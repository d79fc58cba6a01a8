import { describe, expect, test } from 'vitest';
import { type BoardDescription, hasIommu } from '../../src/boards/board.ts';
import { deviceTreeOfBoard } from '../../src/boards/device-tree-of-board.ts';
import { virt } from '../../src/boards/virt.ts';
import { cellsOf, type FdtNode, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { differences } from './tree-differences.ts';

const behind = virt.withSmmuV2 as BoardDescription;
const gicV3 = virt.withGicV3 as BoardDescription;

function treeOf(board: BoardDescription): FdtNode {
  const config = { cpuModel: board.cpuModels[0], cpus: 1, ramSize: 2 ** 30 };
  return readFdt(writeFdt(deviceTreeOfBoard(board, config))).root;
}

function cells(board: BoardDescription, path: string, property: string): readonly number[] {
  return cellsOf(nodeAt(treeOf(board), path)!.properties.get(property)!);
}

describe.each([
  ['virt', virt, behind],
  ['virt with a GICv3', gicV3, gicV3.withSmmuV2 as BoardDescription],
])('%s', (_name, plain, withSmmu) => {
  test('has no SMMU unless it is asked for one', () => {
    expect([hasIommu(plain), hasIommu(withSmmu)]).toEqual([false, true]);
    const pcie = nodeAt(treeOf(plain), '/pcie@10000000')!;
    expect([...pcie.properties.keys()].filter((name) => /iommu|dma-ranges/.test(name))).toEqual([]);
    expect(pcie.properties.has('dma-coherent')).toBe(true);
  });

  test('differs with one in its node, and in what the host bridge says of DMA', () => {
    expect(differences(treeOf(withSmmu), treeOf(plain))).toEqual([
      { path: '/iommu@9050000', what: 'extra' },
      { path: '/pcie@10000000', property: 'iommu-map', what: 'extra' },
      { path: '/pcie@10000000', property: 'dma-ranges', what: 'extra' },
      { path: '/pcie@10000000', property: 'dma-coherent', what: 'missing' },
    ]);
  });
});

describe('the SMMU of virt in the device tree', () => {
  test('has the properties of the binding arm,smmu', () => {
    const node = nodeAt(treeOf(behind), '/iommu@9050000')!;
    expect(stringsOf(node.properties.get('compatible')!)).toEqual(['arm,smmu-v2']);
    expect(cells(behind, '/iommu@9050000', 'reg')).toEqual([0, 0x0905_0000, 0, 0x1_0000]);
    expect(cells(behind, '/iommu@9050000', '#iommu-cells')).toEqual([1]);
    expect(node.properties.has('dma-coherent')).toBe(true);
  });

  test('has one global interrupt and one for each context bank, none of which is the GICv2m frame’s or another device’s', () => {
    const interrupts = cells(behind, '/iommu@9050000', 'interrupts');
    const numbers = interrupts.filter((_cell, i) => i % 3 === 1);
    expect(cells(behind, '/iommu@9050000', '#global-interrupts')).toEqual([1]);
    expect(numbers).toEqual([112, 113, 114, 115, 116, 117, 118, 119, 120]);
    expect(interrupts.filter((_cell, i) => i % 3 === 2)).toEqual(numbers.map(() => 4));
    const frame = behind.devices.find((row) => row.kind === 'gic-v2m')!;
    expect(frame.firstSpi + frame.spiCount).toBeLessThanOrEqual(112);
    const others = behind.devices.flatMap((row) => ('interrupt' in row ? [row.interrupt.number] : []));
    expect(others.filter((number) => numbers.includes(number))).toEqual([]);
  });

  test('translates every requester ID of the host bridge as the stream ID of the same value', () => {
    const node = nodeAt(treeOf(behind), '/iommu@9050000')!;
    const [handle] = cellsOf(node.properties.get('phandle')!);
    expect(cells(behind, '/pcie@10000000', 'iommu-map')).toEqual([0, handle, 0, 0x1_0000]);
  });

  test('leaves DMA all of RAM, clear of the MSI windows of x86 and Arm', () => {
    const base = 0x4000_0000;
    const size = 0xfee0_0000 - base;
    expect(cells(behind, '/pcie@10000000', 'dma-ranges')).toEqual([0x0200_0000, 0, base, 0, base, 0, size]);
    expect(behind.ram).toMatchObject({ base, maxSize: size });
    expect(virt.ram.maxSize).toBe(3 * 2 ** 30);
  });
});
