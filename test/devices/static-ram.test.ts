import { describe, expect, test } from 'vitest';
import { StaticRam } from '../../src/devices/static-ram.ts';
import { privateStorage } from '../../src/ports/direct-reads.ts';

const SIZE = 0x4000;

function reported() {
  const changes: [number, number][] = [];
  const reads = {
    ...privateStorage(SIZE),
    changed: (at: number, length: number) => changes.push([at, length]),
  };
  return { reads, changes };
}

describe('static RAM', () => {
  test('keeps bytes, halfwords and words, little-endian, and tells of each change', () => {
    const { reads, changes } = reported();
    const ram = new StaticRam({ size: SIZE, reads });
    ram.write(0x1000, 4, 0x8765_4321);
    ram.write(0x1002, 1, 0xaa);
    ram.write(0x3ffe, 2, 0xbeef);
    expect([ram.read(0x1000, 4), ram.read(0x1002, 2), ram.read(0x3fff, 1)]).toEqual([
      0x87aa_4321, 0x87aa, 0xbe,
    ]);
    expect([...reads.storage.subarray(0x1000, 0x1004)]).toEqual([0x21, 0x43, 0xaa, 0x87]);
    expect(changes).toEqual([
      [0x1000, 4],
      [0x1002, 1],
      [0x3ffe, 2],
    ]);
  });

  test('is saved without its zero pages, and restored over what another one holds', () => {
    const ram = new StaticRam({ size: SIZE, reads: privateStorage(SIZE) });
    ram.write(0x2004, 4, 7);
    ram.write(0x1004, 4, 0);
    const state = ram.saveState();
    expect(state.pages.map(({ offset }) => offset)).toEqual([0x2000]);
    const other = new StaticRam({ size: SIZE, reads: privateStorage(SIZE) });
    other.write(0, 4, 1);
    other.restoreState(state);
    expect([other.read(0, 4), other.read(0x2004, 4)]).toEqual([0, 7]);
    const damaged = { pages: [{ offset: SIZE, bytes: new Uint8Array(4096) }] };
    expect(() => other.restoreState(damaged)).toThrow(RangeError);
  });

  test('a ROM has its contents and ignores writes', () => {
    const errors: string[] = [];
    const rom = new StaticRam(
      { size: SIZE, reads: privateStorage(SIZE), contents: new Uint8Array([1, 2, 3, 4]), readOnly: true },
      { guestError: (message) => errors.push(message), unimplemented: () => {} },
    );
    rom.write(0, 4, 0);
    expect([rom.read(0, 4), errors.length, rom.saveState().pages.length]).toEqual([0x0403_0201, 1, 0]);
  });
});
