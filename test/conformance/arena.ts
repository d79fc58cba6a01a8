import {
  CODE,
  CODE_BYTES,
  DATA_ALIAS_VA,
  DATA_BYTES,
  DATA_PA,
  DATA_PAGE_ORDER,
  DATA_VA,
  HIGH_VECTORS,
  LONG_TABLES,
  MMU_CODE_VA,
  MMU_DATA_VA,
  MODES,
  STOP_WORD,
  TABLES,
  VECTORS_ARM,
} from './layout.ts';
import { buildLongTables } from './long-tables.ts';
import { Random } from './random.ts';

/** A word of physical memory that a vector changes before it starts. */
export interface Poke {
  readonly address: number;
  readonly value: number;
}

/** A piece of the physical memory that every vector starts from. */
export interface Segment {
  readonly address: number;
  readonly words: Uint32Array;
}

/** Level 1 tables: A, and B where the data pages come in physical order (for TTBR1). */
export const L1_A = TABLES;
export const L1_B = TABLES + 0x4000;
const L2 = TABLES + 0x8000;
const L2_HARNESS = L2;
const L2_CODE = L2 + 0x400;
const L2_DATA = L2 + 0x800;
const L2_DATA_B = L2 + 0xc00;
export const L2_HIGH = L2 + 0x1000;
/** Level 2 tables that only MMU vectors use, by their own descriptors. */
export const L2_MMU_DATA = L2 + 0x1400;
export const L2_MMU_CODE = L2 + 0x1800;
const HALF = 0x10000;
/** Added to a table's address: the same table with its words big endian, for SCTLR.EE. */
export const BIG_ENDIAN_TABLES = HALF;

const HARNESS_DOMAIN = 15;
const SMALL_PAGE_NORMAL = 0b1110; // C, B, small page, executable
const EXECUTE_NEVER = 1;

export function swapWord(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/** Small page descriptor; `ap` is AP[2:0], with AFE = 1 its bit 0 is the access flag, so it is set in all of these. */
function smallPage(pa: number, ap: number): number {
  return (pa | ((ap & 4) << 7) | ((ap & 3) << 4) | SMALL_PAGE_NORMAL) >>> 0;
}

function table(pa: number, domain: number): number {
  return (pa | (domain << 5) | 1) >>> 0;
}

function buildTables(bigEndian: boolean): Uint32Array {
  const words = new Uint32Array(HALF / 4);
  const place = bigEndian ? BIG_ENDIAN_TABLES : 0;
  const at = (address: number, value: number): void => {
    words[(address - TABLES) >>> 2] = value;
  };
  for (const [l1, data] of [
    [L1_A, L2_DATA],
    [L1_B, L2_DATA_B],
  ] as const) {
    const entry = (va: number, value: number): void => at(l1 + (va >>> 20) * 4, value);
    entry(VECTORS_ARM, table(L2_HARNESS + place, HARNESS_DOMAIN));
    entry(HIGH_VECTORS, table(L2_HIGH + place, HARNESS_DOMAIN));
    entry(CODE, table(L2_CODE + place, 0));
    entry(DATA_VA, table(data + place, 0));
    entry(DATA_ALIAS_VA, table(L2_DATA + place, 0));
    entry(MMU_DATA_VA, 0);
    entry(MMU_CODE_VA, 0);
  }
  for (let page = 0; page < 4; page++) {
    at(L2_HARNESS + page * 4, smallPage(VECTORS_ARM + page * 0x1000, 0b001));
    at(L2_CODE + page * 4, smallPage(CODE + page * 0x1000, 0b111));
    at(L2_DATA + page * 4, smallPage(DATA_PA + DATA_PAGE_ORDER[page]! * 0x1000, 0b011) | EXECUTE_NEVER);
    at(L2_DATA_B + page * 4, smallPage(DATA_PA + page * 0x1000, 0b011) | EXECUTE_NEVER);
  }
  at(L2_HIGH + 0xf0 * 4, smallPage(VECTORS_ARM, 0b001));
  return bigEndian ? words.map(swapWord) : words;
}

/** A CPSR or SPSR that may be returned to: a real mode, J clear, no IT state. */
export function plausiblePsr(random: Random): number {
  const thumb = random.chance(50) ? 1 << 5 : 0;
  const flags = random.word() & 0xf80f01c0;
  const bigEndian = random.chance(15) ? 1 << 9 : 0;
  return (flags | thumb | bigEndian | random.pick(MODES)) >>> 0;
}

/**
 * An address among the code pages, aligned for the instruction set that its bit 0 selects, where no vector has its own
 * code (that is in the second and third page): half of an instruction would be run as another.
 */
export function codeAddress(random: Random): number {
  const offset = (random.chance(50) ? 0x400 : 0x3100) + random.below(0xb00);
  return CODE + (random.chance(50) ? offset | 1 : offset & ~3);
}

/** The data pages: every fourth word a branch target, the next a PSR (what RFE and LDM to the PC want to find). */
export function dataPattern(): Uint32Array {
  const random = new Random(0x64617461);
  const words = new Uint32Array(DATA_BYTES / 4);
  for (let i = 0; i < words.length; i++) {
    if (i % 4 === 0) words[i] = codeAddress(random);
    else if (i % 4 === 1) words[i] = plausiblePsr(random);
    else words[i] = random.word();
  }
  return words;
}

/** All physical memory that every vector starts from. */
export function buildArena(): readonly Segment[] {
  return [
    { address: TABLES, words: buildTables(false) },
    { address: TABLES + BIG_ENDIAN_TABLES, words: buildTables(true) },
    { address: LONG_TABLES, words: buildLongTables() },
    { address: DATA_PA, words: dataPattern() },
    { address: CODE, words: new Uint32Array(CODE_BYTES / 4).fill(STOP_WORD) },
  ];
}

const DATA_PATTERN = dataPattern();

/** The value that word `index` of the data pages starts with. */
export function arenaWord(index: number): number {
  return DATA_PATTERN[index]!;
}
