import { ImageError } from '../errors.ts';
import { isElf } from './elf.ts';

/** A function of the guest: a name for addresses from `start` to before `end`. */
export interface GuestFunction {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** A name at an address; without a size it goes on until the next one. */
interface Label {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** Data: ends what is before, and has no name of its own. */
  readonly isCode: boolean;
  /** Of several names for one address the lowest is taken. */
  readonly rank: number;
}

/** Fields of the ELF32 header, section header and symbol (System V ABI, chapter 4), by byte offset. */
const Ehdr = { EI_CLASS: 4, EI_DATA: 5, e_machine: 18, e_shoff: 32, e_shentsize: 46, e_shnum: 48, bytes: 52 };
const Shdr = { sh_type: 4, sh_flags: 8, sh_addr: 12, sh_offset: 16, sh_size: 20, sh_link: 24, bytes: 40 };
const Sym = { st_name: 0, st_value: 4, st_size: 8, st_info: 12, st_shndx: 14, bytes: 16 };
const EM_ARM = 40;
const SHT_SYMTAB = 2;
const SHF_EXECINSTR = 4;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STB_GLOBAL = 1;
const SHN_LORESERVE = 0xff00;
const LAST_ADDRESS = 2 ** 32;
/** `c0008000 T _stext`, and in /proc/kallsyms the name of a module after it; names of C++ have spaces. */
const MAP_LINE = /^([0-9a-f]{1,16}) ([A-Za-z?]) (\S.*?)(?:[ \t]+(\[\S+\]))?$/;
/** Of the assembler: where A32, T32 and data begin (ELF for the Arm Architecture 5.5.5). */
const MAPPING_SYMBOL = /^\$[atd](\.|$)/;
const SYMBOLS_REMEDY = "give an ELF file that was not stripped, a System.map, or 'nm' of a program";

/** Names of guest functions by virtual address. */
export class SymbolTable {
  private readonly functions: readonly GuestFunction[];

  /** @param functions in any order; where two begin at one address the first is taken */
  constructor(functions: readonly GuestFunction[]) {
    const sorted = functions.toSorted((a, b) => a.start - b.start);
    this.functions = sorted.filter(({ start }, i) => i === 0 || sorted[i - 1].start !== start);
  }

  get size(): number {
    return this.functions.length;
  }

  /** The function that an address is in: of those that begin at it or before, the last. */
  find(address: number): GuestFunction | undefined {
    const at = address >>> 0;
    let low = 0;
    let high = this.functions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.functions[middle].start <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.functions[low - 1];
    return found !== undefined && at < found.end ? found : undefined;
  }
}

/**
 * Reads the names of functions: the symbol table of an ELF file (executable, shared object or vmlinux), or text lines as in
 * System.map, /proc/kallsyms and the output of nm.
 * @param name what to call the file in messages
 * @throws ImageError when it is neither, or has no functions
 */
export function readSymbols(file: Uint8Array, name: string): readonly GuestFunction[] {
  const labels = isElf(file) ? readElfLabels(file, name) : readMapLabels(file, name);
  const functions = functionsOf(labels);
  if (functions.length === 0) throw new ImageError(`${name} names no functions`, SYMBOLS_REMEDY);
  return functions;
}

function readElfLabels(file: Uint8Array, name: string): Label[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const readable =
    file.length >= Ehdr.bytes &&
    file[Ehdr.EI_CLASS] === 1 &&
    file[Ehdr.EI_DATA] === 1 &&
    view.getUint16(Ehdr.e_machine, true) === EM_ARM;
  if (!readable) throw new ImageError(`${name} is no little-endian ELF file for 32-bit Arm`, SYMBOLS_REMEDY);
  try {
    return labelsOfSections(file, view);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ImageError(`${name} is truncated`, 'copy or build it again', { cause });
  }
}

/** @throws RangeError where something lies outside of the file */
function labelsOfSections(file: Uint8Array, view: DataView): Label[] {
  const shoff = view.getUint32(Ehdr.e_shoff, true);
  const shentsize = view.getUint16(Ehdr.e_shentsize, true);
  const count = shoff === 0 ? 0 : view.getUint16(Ehdr.e_shnum, true);
  const field = (section: number, at: number): number =>
    view.getUint32(shoff + section * shentsize + at, true);
  const labels: Label[] = [];
  const code = new Set<number>();
  for (let section = 0; section < count; section++) {
    if ((field(section, Shdr.sh_flags) & SHF_EXECINSTR) === 0) continue;
    code.add(section);
    const address = field(section, Shdr.sh_addr) + field(section, Shdr.sh_size);
    labels.push({ name: '', address, size: 0, isCode: false, rank: 9 });
  }
  for (let section = 0; section < count; section++) {
    if (field(section, Shdr.sh_type) !== SHT_SYMTAB) continue;
    const names = field(field(section, Shdr.sh_link), Shdr.sh_offset);
    const from = field(section, Shdr.sh_offset);
    const to = from + field(section, Shdr.sh_size);
    for (let at = from; at + Sym.bytes <= to; at += Sym.bytes) {
      const info = view.getUint8(at + Sym.st_info);
      const type = info & 15;
      const home = view.getUint16(at + Sym.st_shndx, true);
      if ((type !== STT_FUNC && type !== STT_NOTYPE) || home === 0 || home >= SHN_LORESERVE) continue;
      const text = stringAt(file, names + view.getUint32(at + Sym.st_name, true));
      if (text === '' || MAPPING_SYMBOL.test(text) || !code.has(home)) continue;
      labels.push({
        name: text,
        // Bit 0 of a function says that it is T32 code.
        address: view.getUint32(at + Sym.st_value, true) & (type === STT_FUNC ? -2 : -1),
        size: view.getUint32(at + Sym.st_size, true),
        isCode: true,
        rank: (type === STT_FUNC ? 0 : 2) + (info >> 4 === STB_GLOBAL ? 0 : 1),
      });
    }
  }
  return labels;
}

/** @throws RangeError where no string ends in the file */
function stringAt(file: Uint8Array, at: number): string {
  const end = file.indexOf(0, at);
  if (end < 0) throw new RangeError('a name does not end');
  return new TextDecoder().decode(file.subarray(at, end));
}

function readMapLabels(file: Uint8Array, name: string): Label[] {
  const labels: Label[] = [];
  for (const line of new TextDecoder().decode(file).split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const match = MAP_LINE.exec(line);
    if (match === null) {
      // nm has lines for what is not defined.
      if (/^ +[UwvNn] \S+$/.test(line)) continue;
      throw new ImageError(`${name} is neither an ELF file nor a list of symbols`, SYMBOLS_REMEDY);
    }
    const [, digits, letter, text, module] = match;
    const address = Number.parseInt(digits, 16);
    // Absolute symbols are numbers, not places.
    if (letter === 'A' || letter === 'a' || address >= LAST_ADDRESS || MAPPING_SYMBOL.test(text)) continue;
    labels.push({
      name: module === undefined ? text : `${text} ${module}`,
      address,
      size: 0,
      isCode: 'tTwWvV'.includes(letter),
      rank: letter === 'T' ? 0 : 1,
    });
  }
  return labels;
}

function functionsOf(labels: readonly Label[]): GuestFunction[] {
  const sorted = labels
    .map((label) => ({ ...label, address: label.address >>> 0 }))
    .sort((a, b) => a.address - b.address || a.rank - b.rank);
  const functions: GuestFunction[] = [];
  for (let i = 0; i < sorted.length; ) {
    const { name, address, size, isCode } = sorted[i];
    while (i < sorted.length && sorted[i].address === address) i++;
    const next = sorted[i]?.address ?? LAST_ADDRESS;
    if (isCode) functions.push({ name, start: address, end: size > 0 ? address + size : next });
  }
  return functions;
}
