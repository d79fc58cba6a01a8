import {
  CODE,
  DATA_ALIAS_VA,
  DATA_PA,
  DATA_PAGE_ORDER,
  DATA_VA,
  HIGH_VECTORS,
  LONG_TABLE_BYTES,
  LONG_TABLES,
  MMU_CODE_VA,
  MMU_DATA_VA,
  VECTORS_ARM,
} from './layout.ts';

/** Long-descriptor tables (ARM DDI 0406C B3.6): level 1 with an entry for each GiB, level 2 for each, and some of level 3. */
export const LONG_L1 = LONG_TABLES;
const L2 = LONG_TABLES + 0x1000;
const L3_HARNESS = LONG_TABLES + 0x5000;
const L3_CODE = LONG_TABLES + 0x6000;
const L3_DATA = LONG_TABLES + 0x7000;
const L3_ALIAS = LONG_TABLES + 0x8000;
const L3_HIGH = LONG_TABLES + 0x9000;
/** Level 3 tables that random vectors write, for MMU_DATA_VA and MMU_CODE_VA. */
export const LONG_L3_MMU_DATA = LONG_TABLES + 0xa000;
export const LONG_L3_MMU_CODE = LONG_TABLES + 0xb000;

/** Fields of a block or page descriptor: AttrIndx = 7, which is always Normal memory here, Inner Shareable, access flag. */
const LONG_NORMAL = (7 << 2) | (3 << 8) | (1 << 10);
const TABLE = 3;
const PAGE = 3;
const ANY_WRITES = 1 << 6;
const ANY_READS = 3 << 6;
/** In the high word. */
const XN = 1 << 22;

/** Address of the level 1 descriptor of `va`. */
export function longLevel1(va: number): number {
  return LONG_L1 + 8 * (va >>> 30);
}

/** Address of the level 2 descriptor of `va`. */
export function longLevel2(va: number): number {
  return L2 + 0x1000 * (va >>> 30) + 8 * ((va >>> 21) & 0x1ff);
}

/** Offset in its level 3 table of the descriptor of `va`. */
export function longLevel3(va: number): number {
  return 8 * ((va >>> 12) & 0x1ff);
}

/** The tables that every vector starts from; the areas of random tables are not mapped. */
export function buildLongTables(): Uint32Array {
  const words = new Uint32Array(LONG_TABLE_BYTES / 4);
  const at = (address: number, low: number, high: number): void => {
    words[(address - LONG_TABLES) >>> 2] = low;
    words[((address - LONG_TABLES) >>> 2) + 1] = high;
  };
  for (let gib = 0; gib < 4; gib++) at(LONG_L1 + 8 * gib, (L2 + 0x1000 * gib) | TABLE, 0);
  for (const [va, table] of [
    [VECTORS_ARM, L3_HARNESS],
    [CODE, L3_CODE],
    [DATA_VA, L3_DATA],
    [DATA_ALIAS_VA, L3_ALIAS],
    [HIGH_VECTORS, L3_HIGH],
    [MMU_DATA_VA, LONG_L3_MMU_DATA],
    [MMU_CODE_VA, LONG_L3_MMU_CODE],
  ] as const) {
    at(longLevel2(va), table | TABLE, 0);
  }
  for (let page = 0; page < 4; page++) {
    const offset = 0x1000 * page;
    const data = DATA_PA + 0x1000 * DATA_PAGE_ORDER[page]!;
    at(L3_HARNESS + longLevel3(VECTORS_ARM + offset), (VECTORS_ARM + offset) | LONG_NORMAL | PAGE, 0);
    at(L3_CODE + longLevel3(CODE + offset), (CODE + offset) | LONG_NORMAL | ANY_READS | PAGE, 0);
    at(L3_DATA + longLevel3(DATA_VA + offset), data | LONG_NORMAL | ANY_WRITES | PAGE, XN);
    at(L3_ALIAS + longLevel3(DATA_ALIAS_VA + offset), data | LONG_NORMAL | ANY_WRITES | PAGE, XN);
  }
  at(L3_HIGH + longLevel3(HIGH_VECTORS), VECTORS_ARM | LONG_NORMAL | PAGE, 0);
  return words;
}
