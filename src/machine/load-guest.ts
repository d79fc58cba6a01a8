import { deviceTreeOfBoard } from '../boards/device-tree-of-board.ts';
import { checkPlacement, readElf } from '../boot/elf.ts';
import { embeddedFirmware } from '../boot/embedded-firmware.ts';
import { writeFdt } from '../boot/fdt-writer.ts';
import type { NormalizedOptions } from './options.ts';

/** RAM of a new machine, all zeros, by guest physical address. */
export interface LoadableMemory {
  write(address: number, bytes: Uint8Array): void;
}

/** Where a machine's boot CPU starts. */
export interface LoadedGuest {
  /** Physical address of the first instruction. */
  readonly entry: number;
  readonly thumb: boolean;
  /** The flattened device tree; its first byte is at `deviceTreeAddress`. */
  readonly deviceTree: Uint8Array;
  /** The start of RAM, where a bare-metal program finds it. */
  readonly deviceTreeAddress: number;
}

/**
 * Puts a guest into RAM: the device tree at its start, the segments of the executable (the embedded firmware where
 * there is no kernel) where they are linked to.
 * @throws ImageError when the executable can't be loaded, or does not fit beside the device tree; nothing is written then
 */
export function loadGuest(memory: LoadableMemory, options: NormalizedOptions): LoadedGuest {
  const kernel = options.kernel ?? { name: 'the embedded firmware', bytes: embeddedFirmware() };
  const { base, maxSize } = options.board.ram;
  const ram = { name: 'RAM', base, size: options.memory, maxSize };
  const deviceTree = deviceTreeFor(options);
  const image = readElf(kernel.bytes, kernel.name);
  checkPlacement(image, ram, [{ name: 'device tree', base: ram.base, size: deviceTree.length }]);
  memory.write(ram.base, deviceTree);
  for (const segment of image.segments) memory.write(segment.physicalAddress, segment.bytes);
  return { entry: image.entry, thumb: image.thumb, deviceTree, deviceTreeAddress: ram.base };
}

/** The device tree that a machine with these options gives to its guest: flattened, version 17. */
export function deviceTreeFor(options: NormalizedOptions): Uint8Array {
  const { board, cpuModel, cpus, memory, append } = options;
  return writeFdt(
    deviceTreeOfBoard(board, {
      cpuModel,
      cpus,
      ramSize: memory,
      ...(append === undefined ? {} : { append }),
    }),
  );
}
