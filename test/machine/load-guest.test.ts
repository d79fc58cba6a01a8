import { describe, expect, test } from 'vitest';
import { nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { ImageError } from '../../src/errors.ts';
import { loadGuest } from '../../src/machine/load-guest.ts';
import { type MachineOptions, normalizeOptions } from '../../src/machine/options.ts';
import { buildElf } from '../boot/elf-builder.ts';

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
