import { describe, expect, test } from 'vitest';
import { strings } from '../../src/boot/device-tree.ts';
import { cellsOf, nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { writeFdt } from '../../src/boot/fdt-writer.ts';
import { ImageError } from '../../src/errors.ts';
import { loadGuest } from '../../src/machine/load-guest.ts';
import { type GuestImage, type MachineOptions, normalizeOptions } from '../../src/machine/options.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { buildUImage, buildZImage } from '../boot/linux-images.ts';

function load(elf: Uint8Array | undefined, options: MachineOptions = {}) {
  const writes = new Map<number, Uint8Array>();
  const memory = { write: (address: number, bytes: Uint8Array) => void writes.set(address, bytes) };
  const kernel = elf && { kernel: { name: 'a.elf', bytes: elf } };
  const attempt = () => loadGuest(memory, normalizeOptions({ ...options, ...kernel }));
  return { writes, attempt };
}

const code = Uint8Array.of(1, 2, 3, 4);

describe('a guest is loaded', () => {
  test('with the device tree at the start of RAM and its segments where they are linked to', () => {
    const { writes, attempt } = load(buildElf([{ physicalAddress: 0x4001_0000, bytes: code }]), {
      append: 'hi',
    });
    const guest = attempt();
    expect(guest).toMatchObject({ entry: 0x4001_0000, thumb: false, deviceTreeAddress: 0x4000_0000 });
    expect(writes.get(0x4001_0000)).toEqual(code);
    const { root } = readFdt(writes.get(0x4000_0000)!);
    expect(stringsOf(nodeAt(root, '/chosen')!.properties.get('bootargs')!)).toEqual(['hi']);
    expect(guest.deviceTree).toEqual(writes.get(0x4000_0000));
  });

  test('that is the embedded firmware when there is no kernel, in the smallest machine that it fits', () => {
    const { writes, attempt } = load(undefined, { memory: '4M' });
    expect(writes.has(attempt().entry & ~0xfffff)).toBe(true);
  });
});

describe('a guest is refused, and RAM left alone,', () => {
  test.each([
    [
      'where the device tree is',
      buildElf([{ physicalAddress: 0x4000_0000, bytes: code }]),
      'overlaps the device tree',
    ],
    [
      'beyond RAM',
      buildElf([{ physicalAddress: 0x6000_0000, bytes: code }]),
      'is outside RAM (0x40000000-0x5fffffff)',
    ],
  ])('%s', (_where, elf, message) => {
    const { writes, attempt } = load(elf);
    expect(attempt).toThrow(ImageError);
    expect(attempt).toThrow(message);
    expect(writes.size).toBe(0);
  });
});

const MIB = 2 ** 20;
const initrd: GuestImage = { name: "initrd 'i.gz'", bytes: new Uint8Array(5 * MIB + 1).fill(7) };

function chosenCells(blob: Uint8Array, property: string): number[] {
  return cellsOf(nodeAt(readFdt(blob).root, '/chosen')!.properties.get(property)!);
}

describe('Linux is loaded as QEMU loads it:', () => {
  test.each([
    ['64M', 0x4200_0000],
    ['128M', 0x4400_0000],
    ['256M', 0x4800_0000],
    ['3G', 0x4800_0000],
  ])('with %s its initial RAM disk is at the half of RAM, 128 MiB at most', (memory, start) => {
    const { writes, attempt } = load(buildZImage(), { memory, initrd, append: 'quiet' });
    const guest = attempt();
    expect(guest.entry).toBe(0x4001_0000);
    expect(writes.get(0x4001_0000)).toEqual(buildZImage());
    expect(writes.get(start)).toBe(initrd.bytes);
    expect(chosenCells(guest.deviceTree, 'linux,initrd-start')).toEqual([start]);
    expect(chosenCells(guest.deviceTree, 'linux,initrd-end')).toEqual([start + 5 * MIB + 1]);
    // The device tree is on the page behind, and R2 tells where (Booting ARM Linux).
    const tree = start + 5 * MIB + 4096;
    expect(guest).toMatchObject({ deviceTreeAddress: tree, registers: [0, 0xffff_ffff, tree], thumb: false });
    expect(writes.get(tree)).toEqual(guest.deviceTree);
  });

  test('a kernel that unpacks to more than half of RAM has the initial RAM disk behind it', () => {
    const kernel = buildZImage({ kernelBytes: 40 * MIB });
    const { attempt } = load(kernel, { memory: '64M', initrd });
    const [start] = chosenCells(attempt().deviceTree, 'linux,initrd-start');
    expect(start).toBeGreaterThan(0x4000_0000 + 40 * MIB);
    expect(start % 4096).toBe(0);
  });

  test('a uImage goes where its header says', () => {
    const { writes, attempt } = load(buildUImage(buildZImage(), { load: 0x4100_0000, entry: 0x4100_0020 }));
    expect(attempt().entry).toBe(0x4100_0020);
    expect(writes.get(0x4100_0000)).toEqual(buildZImage());
  });

  test('with the device tree that was given, patched', () => {
    const dtb = writeFdt({
      name: '',
      properties: { model: strings('mine') },
      children: [{ name: 'chosen', properties: {}, children: [] }],
    });
    const { root } = readFdt(load(buildZImage(), { dtb, append: 'hi', memory: '64M' }).attempt().deviceTree);
    expect(stringsOf(root.properties.get('model')!)).toEqual(['mine']);
    expect(stringsOf(nodeAt(root, '/chosen')!.properties.get('bootargs')!)).toEqual(['hi']);
    expect(cellsOf(nodeAt(root, '/memory@40000000')!.properties.get('reg')!).at(-1)).toBe(64 * MIB);
    expect(nodeAt(root, '/psci')).toBeDefined();
  });

  test('a bare-metal program finds an initial RAM disk by the device tree, too', () => {
    const { writes, attempt } = load(buildElf([{ physicalAddress: 0x4001_0000, bytes: code }]), { initrd });
    const [start] = chosenCells(attempt().deviceTree, 'linux,initrd-start');
    expect(writes.get(start)).toBe(initrd.bytes);
  });
});

describe('firmware in flash', () => {
  test('starts at address 0 and finds the device tree at the start of RAM', () => {
    const { writes, attempt } = load(undefined, { bios: code, append: 'hi' });
    const guest = attempt();
    expect(guest).toMatchObject({ entry: 0, thumb: false, deviceTreeAddress: 0x4000_0000 });
    expect([...writes.keys()]).toEqual([0x4000_0000]);
    // As large as QEMU's, so that firmware can add to it.
    expect(readFdt(guest.deviceTree).totalSize).toBe(2 ** 20);
  });
});

describe('randomness for the guest', () => {
  const seedOf = (clock: 'host' | 'instructions') =>
    nodeAt(readFdt(load(undefined, { clock }).attempt().deviceTree).root, '/chosen')!.properties.get(
      'rng-seed',
    );

  test('is another one for each machine', () => {
    expect(seedOf('host')).toHaveLength(32);
    expect(seedOf('host')).not.toEqual(seedOf('host'));
  });

  test('is not there with the counting clock: a run is the same each time', () => {
    expect(seedOf('instructions')).toBeUndefined();
  });
});

describe('Linux is refused, and RAM left alone,', () => {
  const large: GuestImage = { name: "initrd 'large.gz'", bytes: new Uint8Array(40 * MIB) };
  const nothing = new Uint8Array(100);

  test.each<[string, Uint8Array, MachineOptions, string, string]>([
    [
      'with an initial RAM disk that does not fit',
      buildZImage(),
      { memory: '64M', initrd: large },
      "initrd 'large.gz' does not fit: its 41943040 bytes would be at 0x42000000-0x447fffff, RAM is 0x40000000-0x43ffffff",
      "give the machine more memory: '--memory 81M' or more",
    ],
    [
      'that unpacks to more than RAM',
      buildZImage({ kernelBytes: 100 * MIB }),
      { memory: '64M' },
      'a.elf, unpacked, does not fit',
      '--memory 101M',
    ],
    [
      'that no RAM is enough for',
      buildZImage({ kernelBytes: 3800 * MIB }),
      { memory: '64M' },
      'a.elf, unpacked, does not fit',
      'make it smaller: the board has room for 3072 MiB of RAM',
    ],
    [
      'with a load address below RAM',
      buildUImage(buildZImage(), { load: 0x8000 }),
      {},
      'would be at 0x00008000-0x00008fff',
      "a load address in RAM: '0x40008000'",
    ],
    [
      'without room for the device tree',
      buildZImage(),
      { memory: '1M', initrd: { name: 'i', bytes: new Uint8Array(MIB / 2) } },
      'the device tree does not fit',
      '--memory 2M',
    ],
    [
      'with a device tree that is none',
      buildZImage(),
      { dtb: nothing },
      'is no flattened device tree',
      'fdtdump',
    ],
    ['with an empty device tree', buildZImage(), { dtb: new Uint8Array(0) }, 'is 0 bytes long', 'fdtdump'],
    [
      'with an empty initial RAM disk',
      buildZImage(),
      { initrd: new Uint8Array(0) },
      'the initrd is empty',
      'leave it out',
    ],
  ])('%s', (_what, kernel, options, message, remedy) => {
    const { writes, attempt } = load(kernel, options);
    expect(attempt).toThrow(message);
    try {
      attempt();
    } catch (error) {
      expect(error).toBeInstanceOf(ImageError);
      expect((error as ImageError).remedy).toContain(remedy);
    }
    expect(writes.size).toBe(0);
  });
});
