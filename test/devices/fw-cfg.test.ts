import { beforeEach, describe, expect, test } from 'vitest';
import { FwCfg, FwCfgKey, fwCfgHalfword, fwCfgWord } from '../../src/devices/fw-cfg.ts';

const RAM_BYTES = 0x4_0000;
let ram: Uint8Array;
let device: FwCfg;

const kernel = new Uint8Array(100_000).map((_, i) => i * 7);

beforeEach(() => {
  ram = new Uint8Array(RAM_BYTES);
  const inside = (address: number, length: number): boolean => address + length <= RAM_BYTES;
  device = new FwCfg({
    items: new Map([
      [FwCfgKey.NB_CPUS, fwCfgHalfword(4)],
      [FwCfgKey.KERNEL_DATA, kernel],
    ]),
    files: [
      { name: 'etc/one', bytes: Uint8Array.of(1, 2, 3) },
      { name: 'x'.repeat(80), bytes: fwCfgWord(5) },
    ],
    dma: {
      read: (address, into) => {
        if (!inside(address, into.length)) return false;
        into.set(ram.subarray(address, address + into.length));
        return true;
      },
      write: (address, from) => {
        if (!inside(address, from.length)) return false;
        ram.set(from, address);
        return true;
      },
    },
  });
});

const big16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);
const big32 = (value: number): number => new DataView(fwCfgWord(value).buffer).getUint32(0);
const select = (key: number): void => device.write(0x08, 2, big16(key));
const text = (count: number): string =>
  String.fromCharCode(...Array.from({ length: count }, () => device.read(0, 1)));

describe('the data register', () => {
  test('gives the selected item, the byte at the lowest address first', () => {
    select(FwCfgKey.SIGNATURE);
    expect(text(4)).toBe('QEMU');
    select(FwCfgKey.SIGNATURE);
    expect(device.read(0, 4)).toBe(0x554d_4551);
    select(FwCfgKey.NB_CPUS);
    expect(device.read(0, 2)).toBe(4);
  });

  test('has the features: registers and DMA', () => {
    select(FwCfgKey.ID);
    expect(device.read(0, 4)).toBe(3);
  });

  test.each([FwCfgKey.NB_CPUS, FwCfgKey.INITRD_DATA, 0xffff])('is zero behind the end of item %i', (key) => {
    select(key);
    device.read(0, 2);
    expect(device.read(0, 4)).toBe(0);
  });
});

test('the directory lists each file with its size, its key and 55 bytes of its name', () => {
  select(FwCfgKey.FILE_DIR);
  expect(big32(device.read(0, 4))).toBe(2);
  expect([big32(device.read(0, 4)), big16(device.read(0, 2)), device.read(0, 2)]).toEqual([3, 0x20, 0]);
  expect(text(56)).toBe('etc/one'.padEnd(56, '\0'));
  expect([big32(device.read(0, 4)), big16(device.read(0, 2)), device.read(0, 2)]).toEqual([4, 0x21, 0]);
  expect(text(56)).toBe(`${'x'.repeat(55)}\0`);
  select(0x20);
  expect(device.read(0, 1)).toBe(1);
});

describe('the DMA register', () => {
  const COMMAND = 0x100;

  function dma(control: number, length: number, address: number): number {
    const view = new DataView(ram.buffer);
    view.setUint32(COMMAND, control);
    view.setUint32(COMMAND + 4, length);
    view.setBigUint64(COMMAND + 8, BigInt(address));
    device.write(0x10, 4, 0);
    device.write(0x14, 4, big32(COMMAND));
    return view.getUint32(COMMAND);
  }

  test('reads as the signature that tells that it is there', () => {
    expect([big32(device.read(0x10, 4)), big32(device.read(0x14, 4))]).toEqual([0x5145_4d55, 0x2043_4647]);
  });

  test('selects and reads an item into memory in one command', () => {
    expect(dma((FwCfgKey.KERNEL_DATA << 16) | 8 | 2, kernel.length, 0x1000)).toBe(0);
    expect(Buffer.compare(ram.subarray(0x1000, 0x1000 + kernel.length), kernel)).toBe(0);
  });

  test('goes on where the last command ended, skips, and pads with zeros', () => {
    ram.fill(0xee, 0x1000, 0x1100);
    dma((0x20 << 16) | 8, 0, 0);
    expect(dma(4, 1, 0)).toBe(0);
    expect(dma(2, 4, 0x1000)).toBe(0);
    expect([...ram.subarray(0x1000, 0x1005)]).toEqual([2, 3, 0, 0, 0xee]);
  });

  test.each([
    ['to where no memory is', 8 | 2 | (0x20 << 16), 16, RAM_BYTES],
    ['far beyond the item', 8 | 2 | (0x20 << 16), 0x8000_0000, 0x1000],
    ['that writes an item', 8 | 16 | (0x20 << 16), 3, 0x1000],
  ])('reports an error for a command %s', (_what, control, length, address) => {
    expect(dma(control, length, address)).toBe(1);
  });

  test('ignores a command that is nowhere', () => {
    device.write(0x10, 4, 0xffff_ffff);
    device.write(0x14, 4, 0xffff_ffff);
    select(FwCfgKey.SIGNATURE);
    expect(text(4)).toBe('QEMU');
  });
});

test('what is saved in the middle of an item goes on there', () => {
  select(0x20);
  device.read(0, 1);
  const state = device.saveState();
  device.reset();
  expect(device.read(0, 1)).toBe('Q'.charCodeAt(0));
  device.restoreState(state);
  expect(device.read(0, 1)).toBe(2);
});
