import { beforeEach, describe, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.ts';
import { MAX_RAM_BYTES, MachineMemory, MemoryLayout } from '../../src/memory/machine-memory.ts';
import { PageWatches, WatchKind } from '../../src/memory/page-watches.ts';
import { BUS_ERROR, MemoryMapError, PhysicalMemory } from '../../src/memory/physical-memory.ts';
import type { MmioDevice, Requester } from '../../src/ports/mmio.ts';

const RAM = 0x4000_0000;
const BYTES = 0x2_0000;
const BUS: Requester = { kind: 'stream', cpu: 0, streamId: 8, secure: false, privileged: true };

class Recorder implements MmioDevice {
  readonly log: string[] = [];

  read(offset: number, size: number): number {
    this.log.push(`r${size} ${offset.toString(16)}`);
    return size === 4 ? 0xc0de_0000 + offset : offset & 0xff;
  }

  write(offset: number, size: number, value: number): void {
    this.log.push(`w${size} ${offset.toString(16)} ${value.toString(16)}`);
  }
}

let watches: PageWatches;
let physical: PhysicalMemory;

beforeEach(() => {
  watches = new PageWatches(BYTES);
  physical = new PhysicalMemory(new MachineMemory(BYTES), RAM, watches);
});

describe("a machine's memory", () => {
  test('is shared, and never grows: a pinned page stays where it is', () => {
    const { wasm, bytes } = physical.memory;
    expect(wasm.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(wasm.buffer.byteLength).toBe(MemoryLayout.ram + BYTES);
    expect(() => wasm.grow(1)).toThrow();
    expect(bytes.buffer).toBe(wasm.buffer);
  });

  test('has guest RAM last, aligned to 2 MiB, after everything else', () => {
    const { ram, codeEnd, code, temporaries, temporaryWords, regionHeat } = MemoryLayout;
    expect(ram % 0x20_0000).toBe(0);
    expect(code).toBeLessThan(codeEnd);
    expect(codeEnd).toBeLessThanOrEqual(ram);
    expect(temporaries + temporaryWords * 4).toBeLessThanOrEqual(regionHeat);
  });

  test('has TLB arrays, an empty one, and memos behind each, between what regions count and the jump cache', () => {
    const { tlb, tlbArrays, tlbEntries, emptyTlb, tlbMemos, tlbMemoCount, tlbSeconds } = MemoryLayout;
    const { regionMissesEnd, jumpCache, jumpCacheEntries, code } = MemoryLayout;
    const bytes = tlbEntries * 16;
    expect(regionMissesEnd).toBeLessThanOrEqual(tlb);
    expect(tlb + tlbArrays * bytes).toBe(emptyTlb);
    // The first array's are behind the empty array, and the last ones, of the empty array, end before what follows.
    expect(tlb + tlbMemos).toBeGreaterThanOrEqual(emptyTlb + bytes);
    expect(16 * (tlbMemoCount + 1)).toBeLessThanOrEqual(bytes);
    expect(emptyTlb + tlbMemos + 16 * (tlbMemoCount + 1)).toBeLessThanOrEqual(jumpCache);
    // Second entries are as far behind, and end before the code.
    expect(tlb + tlbSeconds).toBeGreaterThanOrEqual(jumpCache + jumpCacheEntries * 16);
    expect(emptyTlb + tlbSeconds + bytes).toBeLessThanOrEqual(code);
  });

  test.each([0, -65536, 65537, MAX_RAM_BYTES + 65536, Number.NaN, 1.5])('can not have %s bytes', (bytes) => {
    expect(() => new MachineMemory(bytes)).toThrow(OptionError);
  });
});

describe('the memory map', () => {
  test('gives a device its own offsets', () => {
    const device = new Recorder();
    physical.map(0x0900_0000, 0x1000, device, 'uart');
    expect(physical.read(0x0900_0018, 4, BUS)).toBe(0xc0de_0018);
    expect(physical.write(0x0900_0fff, 1, 0x41, BUS)).toBe(true);
    expect(device.log).toEqual(['r4 18', 'w1 fff 41']);
  });

  test('answers a bus error where there is nothing: below, between, above, and past 4 GiB', () => {
    physical.map(0x0900_0000, 0x1000, new Recorder(), 'uart');
    for (const address of [
      0,
      0x08ff_ffff,
      0x0900_1000,
      RAM - 4,
      RAM + BYTES,
      0xffff_fffc,
      2 ** 32,
      2 ** 40,
    ]) {
      expect(physical.read(address, 4, BUS)).toBe(BUS_ERROR);
      expect(physical.write(address, 4, 0, BUS)).toBe(false);
      expect(physical.readDevice64(address, BUS)).toBeUndefined();
      expect(physical.writeDevice64(address, 0n, BUS)).toBe(false);
    }
  });

  test('has several devices on one page', () => {
    const [a, b] = [new Recorder(), new Recorder()];
    physical.map(0x0900_0000, 0x100, a, 'a');
    physical.map(0x0900_0800, 0x1000, b, 'b');
    physical.read(0x0900_0004, 4, BUS);
    physical.read(0x0900_0804, 4, BUS);
    physical.read(0x0900_1004, 4, BUS);
    expect(physical.read(0x0900_0100, 4, BUS)).toBe(BUS_ERROR);
    expect([a.log, b.log]).toEqual([['r4 4'], ['r4 4', 'r4 804']]);
  });

  test('refuses what overlaps, and names both', () => {
    physical.map(0x0900_0000, 0x1000, new Recorder(), 'uart');
    expect(() => physical.map(0x0900_0800, 0x1000, new Recorder(), 'rtc')).toThrow(
      /rtc at 0x09000800-0x090017ff overlaps uart at 0x09000000-0x09000fff/,
    );
    expect(() => physical.map(RAM + BYTES - 1, 2, new Recorder(), 'flash')).toThrow(/overlaps RAM/);
    expect(() => physical.map(0x0900_0800, 1, new Recorder(), 'rtc')).toThrow(MemoryMapError);
    expect(() => physical.map(0x0900_1000, 0x1000, new Recorder(), 'rtc')).not.toThrow();
  });

  test('lists its devices by address', () => {
    physical.map(0x0a00_0000, 0x1000, new Recorder(), 'later');
    physical.map(0x0900_0000, 0x1000, new Recorder(), 'sooner');
    expect(physical.listRegions().map(({ name }) => name)).toEqual(['sooner', 'later']);
  });
});

describe('RAM', () => {
  test('reads back every width, unsigned', () => {
    physical.write(RAM + 8, 4, 0xfedc_ba98, BUS);
    expect(physical.read(RAM + 8, 4, BUS)).toBe(0xfedc_ba98);
    expect(physical.read(RAM + 0xa, 2, BUS)).toBe(0xfedc);
    expect(physical.read(RAM + 0xb, 1, BUS)).toBe(0xfe);
    physical.write(RAM + 0xa, 2, 0x1234, BUS);
    physical.write(RAM + 8, 1, 0x56, BUS);
    expect(physical.read(RAM + 8, 4, BUS)).toBe(0x1234_ba56);
  });

  test('lies at its place in the one memory', () => {
    physical.write(RAM + 0x1000, 1, 0xaa, BUS);
    expect(physical.memory.bytes[MemoryLayout.ram + 0x1000]).toBe(0xaa);
    expect(physical.ramDelta).toBe(MemoryLayout.ram - RAM);
  });
});

describe('a bus master', () => {
  const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i + 1);

  test('reads and writes RAM in any length at any address', () => {
    expect(physical.writeBytes(RAM + 0xffd, bytes(10), BUS)).toBe(true);
    const back = new Uint8Array(10);
    expect(physical.readBytes(RAM + 0xffd, back, BUS)).toBe(true);
    expect(back).toEqual(bytes(10));
    expect(physical.writeBytes(RAM, new Uint8Array(0), BUS)).toBe(true);
  });

  test('writes an aligned word to a device as one access (an MSI), and other bytes one by one', () => {
    const device = new Recorder();
    physical.map(0x0802_0000, 0x1000, device, 'msi frame');
    expect(physical.writeBytes(0x0802_0040, Uint8Array.of(0x50, 0, 0, 0), BUS)).toBe(true);
    expect(physical.writeBytes(0x0802_0043, bytes(6), BUS)).toBe(true);
    expect(device.log).toEqual(['w4 40 50', 'w1 43 1', 'w4 44 5040302', 'w1 48 6']);
  });

  test('fails at the end of RAM, after what fits', () => {
    expect(physical.writeBytes(RAM + BYTES - 2, bytes(4), BUS)).toBe(false);
    expect(physical.read(RAM + BYTES - 2, 2, BUS)).toBe(0x0201);
    expect(physical.readBytes(RAM + BYTES - 2, new Uint8Array(4), BUS)).toBe(false);
    expect(physical.readBytes(2 ** 53 - 8, new Uint8Array(4), BUS)).toBe(false);
  });

  test('goes on from a device into RAM that follows it', () => {
    const device = new Recorder();
    physical.map(RAM - 0x1000, 0x1000, device, 'before RAM');
    expect(physical.writeBytes(RAM - 4, bytes(8), BUS)).toBe(true);
    expect(device.log).toEqual(['w4 ffc 4030201']);
    expect(physical.read(RAM, 4, BUS)).toBe(0x0807_0605);
  });
});

describe('a watched page', () => {
  let seen: [offset: number, length: number][];

  beforeEach(() => {
    seen = [];
    watches.setWatcher(WatchKind.Code, (offset, length) => seen.push([offset, length]));
    watches.arm(WatchKind.Code, 3);
  });

  test('reports every write into it, whoever makes it', () => {
    physical.write(RAM + 0x3008, 4, 1, BUS);
    physical.writeBytes(RAM + 0x3ffe, new Uint8Array(2), BUS);
    watches.written(0x3000, 1);
    expect(seen).toEqual([
      [0x3008, 4],
      [0x3ffe, 2],
      [0x3000, 1],
    ]);
  });

  test('reports a write that begins before it, covers it, or ends in it', () => {
    physical.writeBytes(RAM + 0x2fff, new Uint8Array(2), BUS);
    physical.writeBytes(RAM + 0x1000, new Uint8Array(0x4000), BUS);
    expect(seen).toEqual([
      [0x2fff, 2],
      [0x1000, 0x4000],
    ]);
  });

  test('says nothing of reads, of its neighbours, and of writes after it is disarmed', () => {
    physical.read(RAM + 0x3000, 4, BUS);
    physical.writeBytes(RAM + 0x2000, new Uint8Array(0x1000), BUS);
    physical.writeBytes(RAM + 0x4000, new Uint8Array(0x1000), BUS);
    watches.disarm(WatchKind.Code, 3);
    physical.write(RAM + 0x3000, 4, 1, BUS);
    expect(seen).toEqual([]);
    expect(watches.isWatched(3)).toBe(false);
  });

  test('is announced once to those who cache write permission', () => {
    const armed: number[] = [];
    watches.onArmed((page) => armed.push(page));
    watches.arm(WatchKind.Code, 4);
    watches.arm(WatchKind.Code, 4);
    watches.disarm(WatchKind.Code, 4);
    watches.arm(WatchKind.Code, 4);
    expect(armed).toEqual([4, 4]);
  });
});
