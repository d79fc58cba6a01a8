import { addressText, ImageError, rangeText } from '../errors.ts';
import type { NamedRange, RamRange } from './elf.ts';

const MIB = 2 ** 20;
const PAGE = 4096;
/** Where Linux has moved out of the way, and which lies within its lowmem on every machine. */
const INITRD_OFFSET = 128 * MIB;

/** A kernel without an address of its own goes here, behind the start of RAM, as on QEMU. */
export const KERNEL_OFFSET = 0x10000;

/**
 * Where the initial RAM disk goes: half way into RAM, 128 MiB at most, or behind the kernel where that is larger. The
 * same addresses as QEMU's for kernels that fit there.
 */
export function initrdAddress(ram: NamedRange, kernelEnd: number): number {
  return pageUp(Math.max(ram.base + Math.min(ram.size / 2, INITRD_OFFSET), kernelEnd));
}

/** The first page behind `address`. */
export function pageUp(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}

/**
 * Makes sure that a range fits into RAM.
 * @param fits whether everything would fit into RAM of another size
 * @throws ImageError with both ranges, and the memory that it takes
 */
export function checkInRam(
  what: string,
  start: number,
  size: number,
  ram: RamRange,
  fits: (ram: RamRange) => boolean,
): void {
  if (start >= ram.base && start + size <= ram.base + ram.size) return;
  const remedy =
    start < ram.base
      ? `make it with a load address in RAM: '${addressText(ram.base + 0x8000)}'`
      : enoughMemory(ram, fits);
  throw new ImageError(
    `${what} does not fit: its ${size} bytes would be at ${rangeText(start, size)}, RAM is ${rangeText(ram.base, ram.size)}`,
    remedy,
  );
}

function enoughMemory(ram: RamRange, fits: (ram: RamRange) => boolean): string {
  const most = ram.maxSize / MIB;
  for (let mib = Math.floor(ram.size / MIB) + 1; mib <= most; mib++) {
    if (fits({ ...ram, size: mib * MIB })) return `give the machine more memory: '--memory ${mib}M' or more`;
  }
  return `make it smaller: the board has room for ${most} MiB of RAM`;
}
