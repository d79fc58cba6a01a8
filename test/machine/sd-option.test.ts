import { describe, expect, it } from 'vitest';
import type { BoardDescription } from '../../src/boards/board.ts';
import { spi } from '../../src/boards/board.ts';
import { virt } from '../../src/boards/virt.ts';
import { checkSdCard } from '../../src/machine/sd-option.ts';
import { SparseDisk } from '../devices/sd/sparse-disk.ts';

const GIB = 2 ** 30;

const withSlot: BoardDescription = {
  ...virt,
  devices: [
    ...virt.devices,
    {
      kind: 'pl181',
      name: 'mmci',
      range: { base: 0x0906_0000, size: 0x1000 },
      interrupts: [spi(10), spi(11)],
      clock: 'apb-pclk',
      busClock: 'apb-pclk',
      maxFrequencyHz: 12_000_000,
    },
  ],
};

/** The text of what it throws, and what to do. */
function refusal(board: BoardDescription, size: number): string {
  try {
    checkSdCard(board, new SparseDisk(size), []);
  } catch (error) {
    const { message, remedy } = error as { message: string; remedy?: string };
    return `${message}: ${remedy}`;
  }
  return '';
}

describe('the option sd', () => {
  it('is for boards with a slot', () => {
    expect(refusal(virt, 1 * GIB)).toMatch(/virt has no slot for an SD card: .*--drive file=FILE/);
    expect(refusal(withSlot, 1 * GIB)).toBe('');
    expect(checkSdCard(virt, undefined, [])).toBeUndefined();
  });

  it.each([256 * 1024, 64 * 2 ** 20, 2 * GIB, 4 * GIB, 2 ** 41])('takes an image of %i bytes', (size) => {
    expect(refusal(withSlot, size)).toBe('');
  });

  it('refuses a size that is no power of two, and tells how to grow the image', () => {
    expect(refusal(withSlot, 3 * GIB)).toMatch(
      /3221225472 bytes \(3 GiB\).*power of two.*truncate -s 4G FILE.*qemu-img resize FILE 4G/,
    );
    expect(refusal(withSlot, 4 * GIB + 512)).toMatch(/truncate -s 8G/);
    expect(refusal(withSlot, 512)).toMatch(/truncate -s 256K/);
    expect(refusal(withSlot, 0)).toMatch(/truncate -s 256K/);
    expect(refusal(withSlot, 2 ** 39 + 512)).toMatch(/truncate -s 1T/);
    expect(refusal(withSlot, 2 ** 42)).toMatch(/2048 GiB at most/);
  });

  it('refuses a disk that the machine has already', () => {
    const disk = new SparseDisk(1 * GIB);
    expect(() => checkSdCard(withSlot, disk, [disk])).toThrow(/one of the disks, too/);
  });
});
