import type { Row } from '../../src/arm/decode/row.ts';
import { A32_DECODER, isWide, T16_DECODER, T32_DECODER } from '../../src/arm/decode/tables.ts';
import { MODES, registerWord, VECTOR_WORDS, W } from './layout.ts';
import type { Outcome, Vector } from './vector.ts';

const DATA_ABORT = 0x10;
const NONE: ReadonlySet<number> = new Set();

interface Instruction {
  readonly row: Row;
  readonly encoding: number;
}

/** The instruction of a vector's code at an address. */
function instructionAt({ recipe, state }: Vector, address: number): Instruction | undefined {
  const { code, thumb } = recipe;
  const index = (address - state[W.PC]!) / (thumb ? 2 : 4);
  const first = code[index];
  if (first === undefined) return undefined;
  const wide = thumb && isWide(first);
  const encoding = wide ? ((first << 16) | (code[index + 1] ?? 0)) >>> 0 : first;
  const narrow = thumb ? T16_DECODER : A32_DECODER;
  const row = (wide ? T32_DECODER : narrow).decode(encoding);
  return row === undefined ? undefined : { row, encoding };
}

/** General registers that an instruction loads, if several. */
function loadedRegisters({ row, encoding }: Instruction): readonly number[] {
  if (/^LDRD/.test(row.name)) {
    const first = (encoding >>> 12) & 15;
    // A32 has the next register, T32 names it.
    return [first, first + 1, (encoding >>> 8) & 15];
  }
  if (!/^(LDM|POP)/.test(row.name)) return [];
  const list = row.width === 16 ? encoding & 0xff : encoding & 0x7fff;
  return Array.from({ length: 15 }, (_, n) => n).filter((n) => (list & (1 << n)) !== 0);
}

function baseOf({ row, encoding }: Instruction): number {
  if (row.width === 32) return (encoding >>> 16) & 15;
  return /^POP/.test(row.name) ? 13 : (encoding >>> 8) & 7;
}

/**
 * Words of the outcome that are UNKNOWN because an instruction that loads several registers was aborted half-way: all of
 * these except the base, which is restored (ARM DDI 0406C B1.9.8, Effects of data-aborted instructions). QEMU has loaded
 * some of them; ours loads none.
 */
export function unknownWords(vector: Vector, { state }: Outcome): ReadonlySet<number> {
  if ((state[W.PC]! & 0x1f) !== DATA_ABORT) return NONE;
  const instruction = instructionAt(vector, (state[W.LR_abt]! - 8) >>> 0);
  if (instruction === undefined) return NONE;
  if (/^V(LD|POP)/.test(instruction.row.name)) {
    return new Set(Array.from({ length: VECTOR_WORDS }, (_, i) => W.D0 + i));
  }
  const mode = state[W.SPSR_abt]! & 0x1f;
  // A block that jumps to the vector itself may have left anything there.
  if (!MODES.includes(mode)) return NONE;
  const isUserBank = /user registers/.test(instruction.row.name);
  const base = baseOf(instruction);
  const registers = loadedRegisters(instruction).filter((n) => n !== base && n < 15);
  return new Set(registers.map((n) => registerWord(isUserBank ? 0x10 : mode, n)));
}

/**
 * Whether an exclusive store was aborted. Its LDREX may have been jumped over, and whether an abort is detected before or after
 * the local monitor is looked at is IMPLEMENTATION DEFINED (ARM DDI 0406C A3.4.5, ExclusiveMonitorsPass); QEMU looks first.
 */
export function isAbortedExclusiveStore(vector: Vector, { state }: Outcome): boolean {
  if ((state[W.PC]! & 0x1f) !== DATA_ABORT) return false;
  const instruction = instructionAt(vector, (state[W.LR_abt]! - 8) >>> 0);
  return instruction !== undefined && /^STREX/.test(instruction.row.name);
}

/**
 * Whether a vector changed what memory types there are: accesses that are not aligned to what becomes Device memory abort
 * (ARM DDI 0406C A3.2.1), of which QEMU knows nothing.
 */
export function changesMemoryTypes({ state: before }: Vector, { state }: Outcome): boolean {
  return [W.PRRR, W.NMRR].some((word) => before[word] !== state[word]);
}

/** Words at the end of a page of data that a store of 32 bytes or less, across its end, begins in. */
const CROSSING_WORDS = 8;
const PAGE_WORDS = 1024;

/**
 * Whether the contents of a word of the data pages are UNKNOWN: an Advanced SIMD or VFP store was aborted at the next page,
 * after it had, or had not, written to this one (ARM DDI 0406C B1.9.8). QEMU stores pieces of eight bytes, or elements.
 */
export function isUnknownMemory(vector: Vector, { state }: Outcome, word: number): boolean {
  if ((state[W.PC]! & 0x1f) !== DATA_ABORT || word % PAGE_WORDS < PAGE_WORDS - CROSSING_WORDS) return false;
  const instruction = instructionAt(vector, (state[W.LR_abt]! - 8) >>> 0);
  return instruction !== undefined && /^V(ST|PUSH)/.test(instruction.row.name);
}
