import type { BoardDescription } from '../boards/board.ts';
import { BOARDS } from '../boards/boards.ts';
import { MAX_CARD_BYTES, MIN_CARD_BYTES } from '../devices/sd/sd-registers.ts';
import { OptionError } from '../errors.ts';
import type { DiskBackend } from '../ports/disk.ts';
import { sizeText } from './units.ts';

/**
 * The disk of a machine's SD card.
 * @param others the machine's other disks
 * @throws OptionError for a board without a slot, and for what is no card's size
 */
export function checkSdCard(
  board: BoardDescription,
  disk: DiskBackend | undefined,
  others: readonly DiskBackend[],
): DiskBackend | undefined {
  if (disk === undefined) return undefined;
  if (!hasSlot(board)) {
    const names = BOARDS.filter(hasSlot).map(({ name }) => name);
    throw new OptionError(
      `sd: ${board.name} has no slot for an SD card`,
      `give ${disk.name} as a disk (--drive file=FILE)${names.length === 0 ? '' : `, or take a board with a slot: ${names.join(', ')}`}`,
    );
  }
  if (others.includes(disk)) {
    throw new OptionError(`sd: ${disk.name} is one of the disks, too`, 'open one disk for each');
  }
  checkSize(disk);
  return disk;
}

function hasSlot({ devices }: BoardDescription): boolean {
  return devices.some(({ kind }) => kind === 'pl181');
}

/** Cards tell their size by powers of two, and guests cut off what is above. */
function checkSize({ name, size }: DiskBackend): void {
  if (size > MAX_CARD_BYTES) {
    throw new OptionError(
      `sd: ${name} has ${sizeText(size)}, and an SD card has ${sizeText(MAX_CARD_BYTES)} at most`,
      'give it as a disk: --drive file=FILE',
    );
  }
  let fitting = MIN_CARD_BYTES;
  while (fitting < size) fitting *= 2;
  if (fitting === size) return;
  const text = shortSize(fitting);
  throw new OptionError(
    `sd: ${name} has ${size} bytes${size < 1024 ? '' : ` (${sizeText(size)})`}, and the size of an SD card is a power of two, from ${sizeText(MIN_CARD_BYTES)}`,
    `make it larger, what is on it stays as it is: 'truncate -s ${text} FILE' for a raw image, 'qemu-img resize FILE ${text}' for a qcow2 image`,
  );
}

/** A power of two as both commands read it: `4G`. */
function shortSize(bytes: number): string {
  const units = ['K', 'M', 'G', 'T'] as const;
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10) - 1);
  return `${bytes / 2 ** (10 * (unit + 1))}${units[unit]}`;
}
