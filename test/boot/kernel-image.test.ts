import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/boot/crc32.ts';
import { readKernelImage } from '../../src/boot/kernel-image.ts';
import { ImageError } from '../../src/errors.ts';
import { buildElf } from './elf-builder.ts';
import { buildUImage, buildZImage } from './linux-images.ts';

const at = (offset: number, text: string, size = 0x400): Uint8Array => {
  const file = new Uint8Array(size);
  file.set(new TextEncoder().encode(text), offset);
  return file;
};

test('CRC-32 has its check value', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});

describe('a zImage', () => {
  test('is loaded whole, and starts at its first byte', () => {
    const file = buildZImage();
    expect(readKernelImage(file, 'vmlinuz')).toEqual({
      kind: 'linux',
      name: 'vmlinuz',
      bytes: file,
      loadAddress: undefined,
      entryOffset: 0,
      workingSize: 0,
    });
  });

  test('may have a device tree behind it', () => {
    const file = buildZImage({ bytes: 0x1200, claimed: 0x1000 });
    expect(readKernelImage(file, 'vmlinuz')).toMatchObject({ bytes: file });
  });

  test('that tells the size of its kernel keeps the memory free that it decompresses into', () => {
    const image = readKernelImage(buildZImage({ kernelBytes: 20 * 2 ** 20 }), 'vmlinuz');
    // TEXT_OFFSET, the kernel, then the zImage itself, its heap and its stack.
    expect(image).toMatchObject({ workingSize: 0x8000 + 20 * 2 ** 20 + 0x1000 + 0x1_0000 + 0x2_0000 });
  });

  test.each([
    ['cut short', buildZImage({ claimed: 0x2000 }), 'vmlinuz is truncated: the Linux zImage has 8192 bytes'],
    ['cut within its header', buildZImage().subarray(0, 0x30), 'vmlinuz is truncated'],
    ['for a big-endian CPU', buildZImage({ byteOrder: 0x01020304 }), 'for a big-endian Arm system'],
    ['of no size', buildZImage({ claimed: 0 }), 'gives a size of 0 bytes'],
  ])('%s is refused', (_what, file, message) => {
    expect(() => readKernelImage(file, 'vmlinuz')).toThrow(message);
  });
});

describe('a uImage', () => {
  const kernel = buildZImage({ kernelBytes: 2 ** 20 });

  test('is loaded without its header, where that says', () => {
    const file = buildUImage(kernel, { load: 0x4100_0000, entry: 0x4100_0040 });
    expect(readKernelImage(file, 'uImage')).toMatchObject({
      kind: 'linux',
      bytes: kernel,
      loadAddress: 0x4100_0000,
      entryOffset: 0x40,
      workingSize: 0x8000 + 2 ** 20 + 0x1000 + 0x1_0000 + 0x2_0000,
    });
  });

  test('of type kernel_noload goes anywhere, and its entry point counts from its start', () => {
    const file = buildUImage(kernel, { type: 14, load: 0, entry: 0x20 });
    expect(readKernelImage(file, 'uImage')).toMatchObject({ loadAddress: undefined, entryOffset: 0x20 });
  });

  const damaged = (offset: number): Uint8Array => {
    const file = buildUImage(kernel);
    file[offset] ^= 1;
    return file;
  };

  test.each([
    [
      'for another architecture',
      buildUImage(kernel, { architecture: 22 }),
      'for AArch64, not for 32-bit Arm',
    ],
    ['for another system', buildUImage(kernel, { os: 17 }), 'operating system number 17, not for Linux'],
    ['a RAM disk', buildUImage(kernel, { type: 3 }), 'uImage is a RAM disk in a U-Boot image'],
    ['compressed by U-Boot', buildUImage(kernel, { compression: 1 }), 'compressed with gzip'],
    ['with an entry point elsewhere', buildUImage(kernel, { entry: 0x4000_0000 }), 'entry point is outside'],
    ['damaged in its header', damaged(40), 'the checksum of its U-Boot header is wrong'],
    ['damaged in its data', damaged(100), 'the checksum of its data is wrong'],
    ['cut short', buildUImage(kernel).subarray(0, 0x800), 'uImage is truncated'],
    ['cut within its header', buildUImage(kernel).subarray(0, 50), 'uImage is truncated'],
  ])('%s is refused', (_what, file, message) => {
    expect(() => readKernelImage(file, 'uImage')).toThrow(message);
  });
});

describe('what people give by mistake is called by its name', () => {
  test.each([
    ['an arm64 kernel', at(0x38, 'ARMd'), 'a Linux Image for 64-bit Arm (arm64)'],
    ['a RISC-V kernel', at(0x38, 'RSC\x05'), 'a Linux Image for RISC-V'],
    ['an x86 kernel', at(0x202, 'HdrS'), 'a Linux bzImage for x86'],
    ['an EFI program', at(0, 'MZ'), 'a PE (Windows or EFI) program'],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0), 'compressed with gzip'],
    ['a device tree', Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed), 'a flattened device tree'],
    ['an initial RAM disk', at(0, '070701'), 'a cpio archive'],
    ['a script', at(0, '#!/bin/sh'), 'no kernel that armemu knows: it starts with 23 21 2f 62'],
    ['nothing', new Uint8Array(0), 'is empty'],
    ['an x86 program', buildElf([], { machine: 62 }), 'a program for x86-64'],
  ])('%s', (_what, file, message) => {
    expect(() => readKernelImage(file, 'it')).toThrow(message);
  });

  test('with a remedy each time', () => {
    for (const file of [at(0x38, 'ARMd'), at(0, 'MZ'), at(0, '#!'), new Uint8Array(0)]) {
      try {
        readKernelImage(file, 'it');
        expect.fail('it was accepted');
      } catch (error) {
        expect((error as ImageError).remedy).toMatch(/32-bit Arm/);
      }
    }
  });

  test.each([
    ['a zImage', buildZImage({ kernelBytes: 2 ** 20 })],
    ['a uImage', buildUImage(buildZImage())],
    ['an ELF file', buildElf([{ physicalAddress: 0x4001_0000, bytes: Uint8Array.of(1, 2, 3, 4) }])],
  ])('%s that is damaged or cut short gives no other error', (_what, file) => {
    fc.assert(
      fc.property(fc.nat(0x210), fc.nat(255), fc.nat(file.length), (offset, value, length) => {
        const damaged = file.slice();
        damaged[offset % file.length] = value;
        try {
          readKernelImage(damaged.subarray(0, length), 'it');
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
