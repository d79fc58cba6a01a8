import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPlacement, readElf } from '../../src/boot/elf.ts';
import { ImageError } from '../../src/errors.ts';
import { buildElf } from './elf-builder.ts';

const code = Uint8Array.of(1, 2, 3, 4);
const ram = { name: 'RAM', base: 0x4000_0000, size: 0x1000_0000, maxSize: 0xc000_0000 };
const deviceTree = { name: 'device tree', base: 0x4000_0000, size: 0x2000 };

function placed(...segments: Parameters<typeof buildElf>[0]) {
  return () => checkPlacement(readElf(buildElf(segments), 'a.elf'), ram, [deviceTree]);
}

describe('an Arm executable', () => {
  test('is loaded by the physical addresses of its PT_LOAD segments', () => {
    const image = readElf(
      buildElf([
        { physicalAddress: 0x4001_0000, bytes: code, memorySize: 64 },
        { physicalAddress: 0x4002_0000, bytes: code, type: 0x70000001 },
      ]),
      'a.elf',
    );
    expect(image.segments).toEqual([
      { physicalAddress: 0x4001_0000, virtualAddress: 0x4001_0000, bytes: code, memorySize: 64 },
    ]);
    expect(image.entry).toBe(0x4001_0000);
    expect(image.thumb).toBe(false);
  });

  test('starts in Thumb state when bit 0 of its entry point is set', () => {
    const image = readElf(
      buildElf([{ physicalAddress: 0x4001_0000, bytes: code }], { entry: 0x4001_0003 }),
      'a.elf',
    );
    expect(image).toMatchObject({ entry: 0x4001_0002, thumb: true });
  });

  test('that is linked to virtual addresses starts at the physical address of its entry point', () => {
    const image = readElf(
      buildElf([{ physicalAddress: 0x4001_0000, virtualAddress: 0xc001_0000, bytes: code }], {
        entry: 0xc001_0002,
      }),
      'a.elf',
    );
    expect(image.entry).toBe(0x4001_0002);
  });

  test('may fill RAM up to its last byte', () => {
    expect(placed({ physicalAddress: 0x4fff_fffc, bytes: code })).not.toThrow();
  });
});

describe('a file is refused', () => {
  test.each([
    [62, 'x86-64'],
    [183, 'AArch64'],
    [243, 'RISC-V'],
    [8, 'MIPS'],
    [4711, 'machine number 4711'],
  ])('for machine %i, which is %s', (machine, name) => {
    const file = buildElf([{ physicalAddress: 0x4001_0000, bytes: code }], { machine });
    expect(() => readElf(file, 'a.elf')).toThrow(`a.elf is a program for ${name}, not for 32-bit Arm`);
  });

  test.each([
    ['big-endian Arm', buildElf([], { data: 2 }), 'is a big-endian Arm program'],
    ['an object file', buildElf([], { type: 1 }), 'an object file that was not linked'],
    ['position independent', buildElf([], { type: 3 }), 'position independent'],
    ['a 64-bit ELF file', buildElf([], { elfClass: 2 }), 'is a 64-bit ELF file'],
    ['without segments', buildElf([]), 'nothing to load'],
    ['empty', new Uint8Array(0), 'is empty'],
    ['a script', new TextEncoder().encode('#!/bin/sh\n'), 'is no ELF file'],
  ])('when it is %s', (_what, file, message) => {
    expect(() => readElf(file, 'a.elf')).toThrow(message);
  });

  test('when its entry point is in no segment', () => {
    const file = buildElf([{ physicalAddress: 0x4001_0000, bytes: code }], { entry: 0x8000 });
    expect(() => readElf(file, 'a.elf')).toThrow('entry point 0x00008000 is in none of its segments');
  });

  test('at every length that cuts it short', () => {
    const file = buildElf([{ physicalAddress: 0x4001_0000, bytes: code }]);
    for (let length = 0; length < file.length; length++) {
      expect(() => readElf(file.subarray(0, length), 'a.elf')).toThrow(ImageError);
    }
    expect(() => readElf(file.subarray(0, 60), 'a.elf')).toThrow('a.elf is truncated');
  });

  test('or read, however it is damaged', () => {
    const file = buildElf([{ physicalAddress: 0x4001_0000, bytes: code }]);
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, value) => {
        const damaged = file.slice();
        damaged[at] = value;
        try {
          readElf(damaged, 'a.elf');
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('an image that does not fit is refused', () => {
  test('below RAM: the message says where RAM is, the remedy how to link', () => {
    const attempt = placed({ physicalAddress: 0x8000, bytes: code });
    expect(attempt).toThrow('0x00008000-0x00008003 is outside RAM (0x40000000-0x4fffffff)');
    try {
      attempt();
    } catch (error) {
      expect((error as ImageError).remedy).toContain('-Wl,-Ttext=0x40010000');
    }
  });

  test('beyond the end of RAM: the remedy is the memory that it needs', () => {
    const attempt = placed({ physicalAddress: 0x4fff_fffe, bytes: code });
    expect(attempt).toThrow(ImageError);
    try {
      attempt();
    } catch (error) {
      expect((error as ImageError).remedy).toContain('--memory 257M');
    }
  });

  test('all of it beyond the end of RAM: the memory that all segments need', () => {
    const attempt = placed(
      { physicalAddress: 0x5000_0000, bytes: code },
      { physicalAddress: 0x6000_0000, bytes: code },
    );
    try {
      attempt();
      throw new Error('it was accepted');
    } catch (error) {
      expect((error as ImageError).remedy).toContain('--memory 513M');
    }
  });

  test('on top of the device tree: the message names both ranges', () => {
    expect(placed({ physicalAddress: 0x4000_1ffc, bytes: code })).toThrow(
      'its segment 0x40001ffc-0x40001fff overlaps the device tree at 0x40000000-0x40001fff',
    );
    expect(placed({ physicalAddress: 0x4000_2000, bytes: code })).not.toThrow();
  });
});
