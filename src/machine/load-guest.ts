import { deviceTreeOfBoard } from '../boards/device-tree-of-board.ts';
import { adaptGivenTree } from '../boards/given-tree.ts';
import { checkPlacement, type ElfImage, type NamedRange, type RamRange } from '../boot/elf.ts';
import { embeddedFirmware } from '../boot/embedded-firmware.ts';
import { readFdt } from '../boot/fdt-reader.ts';
import { withFreeSpace, writeFdt } from '../boot/fdt-writer.ts';
import { readKernelImage } from '../boot/kernel-image.ts';
import type { LinuxImage } from '../boot/linux-image.ts';
import { checkInRam, initrdAddress, KERNEL_OFFSET, pageUp } from '../boot/linux-placement.ts';
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
  /** It is in flash, at the CPUs' reset address. */
  readonly isFirmware: boolean;
  /** R0 to R2 at the first instruction. */
  readonly registers: readonly [number, number, number];
  /** The flattened device tree; its first byte is at `deviceTreeAddress`. */
  readonly deviceTree: Uint8Array;
  readonly deviceTreeAddress: number;
}

/** Where the initial RAM disk is: its first address, and the one behind its last. */
interface InitrdRange {
  readonly start: number;
  readonly end: number;
}

/** R1 of a Linux kernel that finds its machine in the device tree (Booting ARM Linux). */
const ANY_MACHINE = 0xffff_ffff;

/**
 * Puts a guest into RAM. A bare-metal executable (the embedded firmware where there is no kernel) goes where it is
 * linked to and finds the device tree at the start of RAM; Linux gets the device tree behind its initial RAM disk, and
 * its address in R2. Firmware in flash is there already and finds the device tree at the start of RAM.
 * @throws ImageError when one of the files can't be loaded, or they do not fit side by side; nothing is written then
 */
export function loadGuest(memory: LoadableMemory, options: NormalizedOptions): LoadedGuest {
  if (options.flash[0] !== undefined) return loadForFirmware(memory, options);
  const kernel = options.kernel ?? {
    name: 'the embedded firmware',
    bytes: embeddedFirmware(options.board.ram.base),
  };
  const image = readKernelImage(kernel.bytes, kernel.name);
  const { base, maxSize } = options.board.ram;
  const ram = { name: 'RAM', base, size: options.memory, maxSize };
  return image.kind === 'linux'
    ? loadLinux(memory, image, ram, options)
    : loadElf(memory, image, ram, options);
}

/**
 * The device tree that a machine with these options gives to its guest: flattened, version 17.
 * @throws ImageError for a given tree that can't be read, or is another board's
 */
export function deviceTreeFor(options: NormalizedOptions, initrd?: InitrdRange): Uint8Array {
  const { board, cpuModel, cpus, memory, append, dtb } = options;
  const config = {
    cpuModel,
    cpus,
    ramSize: memory,
    ...(append === undefined ? {} : { append }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(options.clock === 'host' ? { seeds: { kaslr: randomBytes(8), rng: randomBytes(32) } } : {}),
  };
  if (dtb === undefined) return writeFdt(deviceTreeOfBoard(board, config));
  const given = readFdt(dtb.bytes, dtb.name);
  const { reservations, bootCpu } = given;
  const adapted = adaptGivenTree(board, config, given, { name: dtb.name, warn: options.warn });
  return writeFdt(adapted, { reservations, bootCpu });
}

/** As on QEMU: room for what firmware adds. */
const FIRMWARE_TREE_BYTES = 2 ** 20;

/** The CPU's reset address is the first of the flash. */
function loadForFirmware(memory: LoadableMemory, options: NormalizedOptions): LoadedGuest {
  const { base, maxSize } = options.board.ram;
  const deviceTree = withFreeSpace(deviceTreeFor(options), FIRMWARE_TREE_BYTES);
  const ram = { name: 'RAM', base, size: options.memory, maxSize };
  checkInRam('the device tree', base, deviceTree.length, ram, (other) => deviceTree.length <= other.size);
  memory.write(base, deviceTree);
  return {
    entry: 0,
    thumb: false,
    isFirmware: true,
    registers: [0, 0, 0],
    deviceTree,
    deviceTreeAddress: base,
  };
}

function loadLinux(
  memory: LoadableMemory,
  kernel: LinuxImage,
  ram: RamRange,
  options: NormalizedOptions,
): LoadedGuest {
  const start = kernel.loadAddress ?? ram.base + KERNEL_OFFSET;
  const end = Math.max(start + kernel.bytes.length, ram.base + kernel.workingSize);
  const initrdBytes = options.initrd?.bytes.length ?? 0;
  const initrd = rangeOfInitrd(ram, end, options);
  const deviceTree = deviceTreeFor(options, initrd);
  const all = (size: RamRange): number =>
    pageUp(initrdAddress(size, end) + initrdBytes) + deviceTree.length - size.base;
  const fits = (size: RamRange): boolean => all(size) <= size.size;
  checkInRam(kernel.name, start, kernel.bytes.length, ram, fits);
  if (kernel.workingSize > 0) {
    checkInRam(`${kernel.name}, unpacked,`, ram.base, kernel.workingSize, ram, fits);
  }
  if (initrd !== undefined) checkInRam(options.initrd!.name, initrd.start, initrdBytes, ram, fits);
  const deviceTreeAddress = pageUp(initrdAddress(ram, end) + initrdBytes);
  checkInRam('the device tree', deviceTreeAddress, deviceTree.length, ram, fits);

  memory.write(start, kernel.bytes);
  if (initrd !== undefined) memory.write(initrd.start, options.initrd!.bytes);
  memory.write(deviceTreeAddress, deviceTree);
  return {
    entry: start + kernel.entryOffset,
    thumb: false,
    isFirmware: false,
    registers: [0, ANY_MACHINE, deviceTreeAddress],
    deviceTree,
    deviceTreeAddress,
  };
}

function loadElf(
  memory: LoadableMemory,
  image: ElfImage,
  ram: RamRange,
  options: NormalizedOptions,
): LoadedGuest {
  const end = Math.max(...image.segments.map((s) => s.physicalAddress + s.memorySize));
  const initrd = rangeOfInitrd(ram, end, options);
  const deviceTree = deviceTreeFor(options, initrd);
  const reserved: NamedRange = { name: 'device tree', base: ram.base, size: deviceTree.length };
  checkPlacement(image, ram, [reserved]);
  if (initrd !== undefined) {
    const size = initrd.end - initrd.start;
    const fits = (other: RamRange): boolean => initrdAddress(other, end) + size <= other.base + other.size;
    checkInRam(options.initrd!.name, initrd.start, size, ram, fits);
    memory.write(initrd.start, options.initrd!.bytes);
  }
  memory.write(ram.base, deviceTree);
  for (const segment of image.segments) memory.write(segment.physicalAddress, segment.bytes);
  return {
    entry: image.entry,
    thumb: image.thumb,
    isFirmware: false,
    registers: [0, 0, 0],
    deviceTree,
    deviceTreeAddress: ram.base,
  };
}

function rangeOfInitrd(
  ram: RamRange,
  kernelEnd: number,
  { initrd }: NormalizedOptions,
): InitrdRange | undefined {
  if (initrd === undefined) return undefined;
  const start = initrdAddress(ram, kernelEnd);
  return { start, end: start + initrd.bytes.length };
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
