import { addressText, ImageError, rangeText } from '../errors.ts';

/** A PT_LOAD segment: where it goes, and what goes there. */
export interface ElfSegment {
  /** p_paddr, in bytes. */
  readonly physicalAddress: number;
  readonly virtualAddress: number;
  /** The file's bytes; the rest up to `memorySize` is zero. */
  readonly bytes: Uint8Array;
  readonly memorySize: number;
}

/** A bare-metal Arm executable. */
export interface ElfImage {
  readonly name: string;
  /** Physical address of the first instruction, bit 0 cleared. */
  readonly entry: number;
  /** The first instruction is Thumb (bit 0 of e_entry). */
  readonly thumb: boolean;
  readonly segments: readonly ElfSegment[];
}

/** A range of guest physical addresses with a name for messages. */
export interface NamedRange {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

/** RAM of a machine, which could have more of it. */
export interface RamRange extends NamedRange {
  /** What the board has room for, in bytes. */
  readonly maxSize: number;
}

/** Fields of the ELF32 header and program header (System V ABI, chapters 4 and 5), by byte offset. */
const Ehdr = {
  EI_CLASS: 4,
  EI_DATA: 5,
  e_type: 16,
  e_machine: 18,
  e_entry: 24,
  e_phoff: 28,
  e_phentsize: 42,
  e_phnum: 44,
  bytes: 52,
} as const;
const Phdr = {
  p_type: 0,
  p_offset: 4,
  p_vaddr: 8,
  p_paddr: 12,
  p_filesz: 16,
  p_memsz: 20,
  bytes: 32,
} as const;
const ELF_MAGIC: readonly number[] = [0x7f, 0x45, 0x4c, 0x46];
const ELFCLASS32 = 1;
const ELFDATA2LSB = 1;
const ET_EXEC = 2;
const EM_ARM = 40;
const PT_LOAD = 1;

const MACHINE_NAMES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'x86 (i386)',
  4: 'Motorola 68000',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 'IBM S/390',
  42: 'SuperH',
  43: 'SPARC V9',
  62: 'x86-64',
  83: 'AVR',
  94: 'Xtensa',
  183: 'AArch64',
  189: 'MicroBlaze',
  243: 'RISC-V',
  247: 'BPF',
  258: 'LoongArch',
};

const TYPE_REMEDIES: Readonly<Record<number, readonly [string, string]>> = {
  1: [
    'an object file that was not linked',
    "link it: 'arm-none-eabi-gcc -nostdlib -T LINKER_SCRIPT FILE.o -o FILE.elf'",
  ],
  3: [
    'position independent (ET_DYN)',
    "link it to fixed addresses: add '-static -no-pie' to the linker's options",
  ],
  4: ['a core dump', 'give the program itself'],
};

const BUILD_REMEDY = "build it for 32-bit little-endian Arm: 'arm-none-eabi-gcc -mcpu=cortex-a15 ...'";

/** Whether the file has the magic number of ELF. */
export function isElf(file: Uint8Array): boolean {
  return file.length >= 4 && ELF_MAGIC.every((byte, i) => file[i] === byte);
}

/**
 * Reads a 32-bit little-endian Arm executable.
 * @param name what to call the file in messages
 * @throws ImageError when it is truncated, no ELF file, or one for another machine
 */
export function readElf(file: Uint8Array, name: string): ElfImage {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  checkIdentity(file, view, name);
  const entry = view.getUint32(Ehdr.e_entry, true);
  const segments = readSegments(file, view, name);
  const physical = physicalEntry(entry & ~1, segments);
  if (physical === undefined) {
    throw new ImageError(
      `${name}: its entry point ${addressText(entry)} is in none of its segments`,
      "name the first instruction in the linker script: 'ENTRY(start)'",
    );
  }
  return { name, entry: physical, thumb: (entry & 1) !== 0, segments };
}

/**
 * Makes sure that an image fits into RAM and leaves reserved ranges alone.
 * @param ram the board's RAM
 * @param reserved what the loader itself places into RAM: the device tree
 * @throws ImageError that names the segment, the range, and what to give to the linker
 */
export function checkPlacement(image: ElfImage, ram: RamRange, reserved: readonly NamedRange[]): void {
  const ramEnd = ram.base + ram.size;
  const needed = Math.max(...image.segments.map((s) => s.physicalAddress + s.memorySize)) - ram.base;
  for (const segment of image.segments) {
    const start = segment.physicalAddress;
    const end = start + segment.memorySize;
    if (start < ram.base || end > ramEnd) {
      const tooBig = start >= ram.base && needed <= ram.maxSize;
      throw new ImageError(
        `${image.name}: its segment ${rangeText(start, segment.memorySize)} is outside RAM (${rangeText(ram.base, ram.size)})`,
        tooBig
          ? `give the machine more memory: '--memory ${Math.ceil(needed / 2 ** 20)}M'`
          : `link it into RAM: '-Wl,-Ttext=${addressText(ram.base + 0x10000)}' (the device tree is at ${addressText(ram.base)})`,
      );
    }
    for (const range of reserved) {
      if (start < range.base + range.size && range.base < end) {
        const free = Math.ceil((range.base + range.size) / 0x10000) * 0x10000;
        throw new ImageError(
          `${image.name}: its segment ${rangeText(start, segment.memorySize)} overlaps the ${range.name} at ${rangeText(range.base, range.size)}`,
          `link it behind: '-Wl,-Ttext=${addressText(free)}'`,
        );
      }
    }
  }
}

function checkIdentity(file: Uint8Array, view: DataView, name: string): void {
  if (file.length === 0) throw new ImageError(`${name} is empty`, BUILD_REMEDY);
  if (!isElf(file)) {
    throw new ImageError(`${name} is no ELF file`, BUILD_REMEDY);
  }
  if (file.length < Ehdr.bytes) throw truncated(name, `it ends within the ELF header`, file.length);
  const littleEndian = file[Ehdr.EI_DATA] === ELFDATA2LSB;
  const machine = view.getUint16(Ehdr.e_machine, littleEndian);
  if (machine !== EM_ARM) {
    const known = MACHINE_NAMES[machine] ?? `machine number ${machine}`;
    throw new ImageError(`${name} is a program for ${known}, not for 32-bit Arm`, BUILD_REMEDY);
  }
  if (!littleEndian) throw new ImageError(`${name} is a big-endian Arm program`, BUILD_REMEDY);
  if (file[Ehdr.EI_CLASS] !== ELFCLASS32) throw new ImageError(`${name} is a 64-bit ELF file`, BUILD_REMEDY);
  const type = view.getUint16(Ehdr.e_type, true);
  if (type !== ET_EXEC) {
    const [what, remedy] = TYPE_REMEDIES[type] ?? [`of ELF type ${type}, not an executable`, BUILD_REMEDY];
    throw new ImageError(`${name} is ${what}`, remedy);
  }
}

function readSegments(file: Uint8Array, view: DataView, name: string): ElfSegment[] {
  const phoff = view.getUint32(Ehdr.e_phoff, true);
  const phentsize = view.getUint16(Ehdr.e_phentsize, true);
  const phnum = view.getUint16(Ehdr.e_phnum, true);
  if (phnum > 0 && phentsize < Phdr.bytes) {
    throw new ImageError(
      `${name}: its program headers have ${phentsize} bytes instead of ${Phdr.bytes}`,
      BUILD_REMEDY,
    );
  }
  if (phoff + phnum * phentsize > file.length) {
    throw truncated(
      name,
      `its ${phnum} program headers end at byte ${phoff + phnum * phentsize}`,
      file.length,
    );
  }
  const segments: ElfSegment[] = [];
  for (let i = 0; i < phnum; i++) {
    const at = phoff + i * phentsize;
    const memorySize = view.getUint32(at + Phdr.p_memsz, true);
    if (view.getUint32(at + Phdr.p_type, true) !== PT_LOAD || memorySize === 0) continue;
    const offset = view.getUint32(at + Phdr.p_offset, true);
    const fileSize = view.getUint32(at + Phdr.p_filesz, true);
    if (fileSize > memorySize) {
      throw new ImageError(
        `${name}: segment ${i} has ${fileSize} bytes in the file but ${memorySize} in memory`,
        BUILD_REMEDY,
      );
    }
    if (offset + fileSize > file.length) {
      throw truncated(name, `its segment ${i} ends at byte ${offset + fileSize}`, file.length);
    }
    segments.push({
      physicalAddress: view.getUint32(at + Phdr.p_paddr, true),
      virtualAddress: view.getUint32(at + Phdr.p_vaddr, true),
      bytes: file.subarray(offset, offset + fileSize),
      memorySize,
    });
  }
  if (segments.length === 0)
    throw new ImageError(`${name} has nothing to load: no PT_LOAD segment`, BUILD_REMEDY);
  return segments;
}

/** e_entry is a virtual address; the CPU starts with the MMU off. */
function physicalEntry(entry: number, segments: readonly ElfSegment[]): number | undefined {
  const virtual = entry >>> 0;
  const home = segments.find((s) => virtual >= s.virtualAddress && virtual < s.virtualAddress + s.memorySize);
  return home && virtual - home.virtualAddress + home.physicalAddress;
}

function truncated(name: string, what: string, length: number): ImageError {
  return new ImageError(`${name} is truncated: ${what}, the file has ${length}`, 'copy or build it again');
}
