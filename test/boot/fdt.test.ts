import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  cells,
  type DeviceTreeNode,
  flag,
  phandle,
  strings,
  unitAddress,
  wideCells,
} from '../../src/boot/device-tree.ts';
import { FdtHeader } from '../../src/boot/fdt-format.ts';
import { cellsOf, type FdtNode, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { ImageError } from '../../src/errors.ts';

const tree: DeviceTreeNode = {
  name: '',
  properties: { compatible: strings('a,board', 'b,board'), 'interrupt-parent': cells(phandle('gic')) },
  children: [
    {
      name: `intc@${unitAddress(0x8000000)}`,
      label: 'gic',
      properties: { reg: cells(...wideCells(0x8000000, 2), ...wideCells(2 ** 32 + 5, 2)), ranges: flag },
      children: [{ name: 'v2m', properties: { blob: bytes(Uint8Array.of(1, 2, 3)) }, children: [] }],
    },
    { name: 'empty', properties: {}, children: [] },
  ],
};

describe('a flattened device tree that the writer made', () => {
  const { root, reservations, bootCpu, totalSize } = readFdt(
    writeFdt(tree, { reservations: [{ address: 0x4000_0000, size: 0x1000 }], bootCpu: 1 }),
  );

  test('has every node at its path', () => {
    expect(nodeAt(root, '/intc@8000000/v2m')?.name).toBe('v2m');
    expect(nodeAt(root, '/empty')?.properties.size).toBe(0);
    expect(nodeAt(root, '/nowhere')).toBeUndefined();
  });

  test('has cells big-endian, wide numbers most significant first', () => {
    expect(cellsOf(nodeAt(root, '/intc@8000000')!.properties.get('reg')!)).toEqual([0, 0x8000000, 1, 5]);
  });

  test('has string lists, raw bytes of any length and empty properties', () => {
    expect(stringsOf(root.properties.get('compatible')!)).toEqual(['a,board', 'b,board']);
    expect(nodeAt(root, '/intc@8000000/v2m')!.properties.get('blob')).toEqual(Uint8Array.of(1, 2, 3));
    expect(nodeAt(root, '/intc@8000000')!.properties.get('ranges')).toEqual(new Uint8Array(0));
  });

  test('gives a phandle to a node that is referred to, and to no other', () => {
    const parent = cellsOf(root.properties.get('interrupt-parent')!);
    expect(cellsOf(nodeAt(root, '/intc@8000000')!.properties.get('phandle')!)).toEqual(parent);
    expect(nodeAt(root, '/empty')!.properties.has('phandle')).toBe(false);
  });

  test('carries the reservations and the boot CPU', () => {
    expect(reservations).toEqual([{ address: 0x4000_0000, size: 0x1000 }]);
    expect(bootCpu).toBe(1);
    expect(totalSize % 8).toBe(0);
  });

  test('is version 17 and readable by readers of version 16', () => {
    const view = new DataView(writeFdt(tree).buffer);
    expect(view.getUint32(FdtHeader.version)).toBe(17);
    expect(view.getUint32(FdtHeader.last_comp_version)).toBe(16);
  });
});

describe('the writer refuses', () => {
  test('a reference to a label that no node has', () => {
    expect(() => writeFdt({ name: '', properties: { x: cells(phandle('nobody')) }, children: [] })).toThrow(
      "no node has the label 'nobody'",
    );
  });

  test('one label for two nodes', () => {
    const twin = { name: 'a', label: 'same', properties: {}, children: [] };
    expect(() => writeFdt({ name: '', properties: {}, children: [twin, { ...twin, name: 'b' }] })).toThrow(
      "two nodes have the label 'same'",
    );
  });
});

const nameArbitrary = fc.stringMatching(/^[a-z][a-z0-9,.@-]{0,30}$/);
const valueArbitrary = fc.oneof(
  fc.array(fc.nat(0xffffffff), { maxLength: 6 }).map((c) => cells(...c)),
  fc.array(fc.stringMatching(/^[ -~]{1,12}$/), { minLength: 1, maxLength: 3 }).map((s) => strings(...s)),
  fc.uint8Array({ maxLength: 9 }).map(bytes),
  fc.constant(flag),
);
function nodeOfDepth(depth: number): fc.Arbitrary<DeviceTreeNode> {
  return fc.record({
    name: nameArbitrary,
    properties: fc.dictionary(nameArbitrary, valueArbitrary, { maxKeys: 5 }),
    children: depth === 0 ? fc.constant([]) : fc.array(nodeOfDepth(depth - 1), { maxLength: 3 }),
  });
}

function shape(node: DeviceTreeNode | FdtNode): unknown {
  const names =
    node.properties instanceof Map ? [...node.properties.keys()] : Object.keys(node.properties as object);
  return [node.name, names, node.children.map(shape)];
}

describe('for any tree and any blob', () => {
  test('what is written is read back with the same nodes and properties in the same order', () => {
    fc.assert(
      fc.property(nodeOfDepth(3), (root) => {
        expect(shape(readFdt(writeFdt(root)).root)).toEqual(shape(root));
      }),
    );
  });

  test('a truncated blob is an ImageError', () => {
    const blob = writeFdt(tree);
    for (let length = 0; length < blob.length; length++) {
      expect(() => readFdt(blob.subarray(0, length))).toThrow(ImageError);
    }
  });

  test('a damaged blob is read or is an ImageError, never another failure', () => {
    const blob = writeFdt(tree);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (damage) => {
          const damaged = blob.slice();
          for (const [at, value] of damage) damaged[at] = value;
          try {
            readFdt(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(ImageError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('foreign bytes are an ImageError that shows their first word', () => {
    expect(() => readFdt(new TextEncoder().encode('x'.repeat(100)), 'board.dtb')).toThrow(
      'board.dtb is no flattened device tree: it starts with 0x78787878',
    );
  });

  test('a blob of a hundred thousand nested nodes does not exhaust the stack', () => {
    const depth = 100_000;
    const blob = new Uint8Array(56 + depth * 8);
    const view = new DataView(blob.buffer);
    blob.set(writeFdt({ name: '', properties: {}, children: [] }).subarray(0, 56));
    view.setUint32(FdtHeader.totalsize, blob.length);
    view.setUint32(FdtHeader.off_dt_struct, 56);
    view.setUint32(FdtHeader.size_dt_struct, depth * 8);
    view.setUint32(FdtHeader.off_dt_strings, blob.length);
    for (let i = 0; i < depth; i++) view.setUint32(56 + i * 8, 1);
    expect(() => readFdt(blob)).toThrow('has nodes more than 64 levels deep');
  });
});
