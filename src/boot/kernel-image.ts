import { ImageError } from '../errors.ts';
import { type ElfImage, isElf, readElf } from './elf.ts';
import { isLegacyImage, readLegacyImage } from './legacy-image.ts';
import { isZImage, type LinuxImage, readZImage } from './linux-image.ts';

/** What `--kernel` can be. */
export type KernelImage = LinuxImage | ({ readonly kind: 'elf' } & ElfImage);

const FORMS =
  'give a Linux zImage (vmlinuz) or uImage for 32-bit Arm, or a bare-metal ELF executable built with ' +
  "'arm-none-eabi-gcc -mcpu=cortex-a15 ...'";

/**
 * Reads a kernel in any of its forms, told apart by their magic numbers.
 * @param name what to call the file in messages
 * @throws ImageError when it is none of them, for another machine, cut short or damaged
 */
export function readKernelImage(file: Uint8Array, name: string): KernelImage {
  if (file.length === 0) throw new ImageError(`${name} is empty`, FORMS);
  if (isZImage(file)) return readZImage(file, name);
  if (isLegacyImage(file)) return readLegacyImage(file, name);
  if (isElf(file)) return { kind: 'elf', ...readElf(file, name) };
  for (const { offset, magic, what, remedy } of FOREIGN) {
    if (magic.every((byte, i) => file[offset + i] === byte)) {
      throw new ImageError(`${name} is ${what}`, remedy ?? FORMS);
    }
  }
  const first = [...file.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  throw new ImageError(`${name} is no kernel that armemu knows: it starts with ${first}`, FORMS);
}

interface ForeignImage {
  readonly offset: number;
  readonly magic: readonly number[];
  readonly what: string;
  readonly remedy?: string;
}

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const ARM32_REMEDY =
  "give a kernel for 32-bit Arm: Debian's is in the package linux-image-armmp, and 'make ARCH=arm zImage' builds one";

/** What people give by mistake. Linux images for other machines come before the containers that they look like. */
const FOREIGN: readonly ForeignImage[] = [
  {
    offset: 0x38,
    magic: ascii('ARMd'),
    what: 'a Linux Image for 64-bit Arm (arm64), and virt has 32-bit CPUs',
    remedy: ARM32_REMEDY,
  },
  { offset: 0x38, magic: ascii('RSC\x05'), what: 'a Linux Image for RISC-V', remedy: ARM32_REMEDY },
  { offset: 0x202, magic: ascii('HdrS'), what: 'a Linux bzImage for x86', remedy: ARM32_REMEDY },
  {
    offset: 0,
    magic: [0x1f, 0x8b],
    what: 'compressed with gzip',
    remedy: "unpack it: 'gzip -dc FILE > KERNEL'",
  },
  {
    offset: 0,
    magic: [0xfd, ...ascii('7zXZ')],
    what: 'compressed with xz',
    remedy: "unpack it: 'xz -d FILE'",
  },
  {
    offset: 0,
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    what: 'compressed with zstd',
    remedy: "unpack it: 'zstd -d FILE'",
  },
  {
    offset: 0,
    magic: [0xd0, 0x0d, 0xfe, 0xed],
    what: 'a flattened device tree, or a FIT image',
    remedy: "a device tree is given with --dtb; a FIT image's kernel is taken out with 'dumpimage'",
  },
  { offset: 0, magic: ascii('MZ'), what: 'a PE (Windows or EFI) program' },
  {
    offset: 0,
    magic: ascii('070701'),
    what: 'a cpio archive',
    remedy: 'an initial RAM disk is given with --initrd',
  },
];
