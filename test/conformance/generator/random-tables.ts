import type { Poke } from '../arena.ts';
import { CODE, DATA_PA, DATA_VA, MMU_CODE_VA, MMU_DATA_VA, SCTLR, TTBCR_EAE, W } from '../layout.ts';
import {
  LONG_L1,
  LONG_L3_MMU_CODE,
  LONG_L3_MMU_DATA,
  longLevel1,
  longLevel2,
  longLevel3,
} from '../long-tables.ts';
import type { Random } from '../random.ts';
import { type Leaf, type Mapping, type MappingOptions, randomDacr, randomMapping } from './descriptors.ts';

/** Random translation for a block: a second mapping of the data pages and of the code pages. */
export interface RandomTables {
  readonly overrides: readonly (readonly [word: number, value: number])[];
  readonly pokes: readonly Poke[];
  /** Add this to an address of the data pages to reach it by the random mapping. */
  readonly dataOffset: number;
}

/** How often a block's own code is reached by the random mapping. */
const CODE_MOVES = 25;

/** The random areas of both formats. */
export function randomTables(format: 'short' | 'long', state: Uint32Array, random: Random): RandomTables {
  const { overrides, pokes } = format === 'short' ? shortTables(state, random) : longTables(state, random);
  const pc: [number, number][] = random.chance(CODE_MOVES) ? [[W.PC, state[W.PC]! - CODE + MMU_CODE_VA]] : [];
  return { overrides: [...overrides, ...pc], pokes, dataOffset: MMU_DATA_VA - DATA_VA };
}

type Tables = Pick<RandomTables, 'overrides' | 'pokes'>;

/**
 * A mapping of Normal memory: unaligned accesses to other memory must fault (A3.2.1) and do not in QEMU 7.2. Code and
 * sections are for reading only: what else they hold is not compared, and the next vector would find it changed.
 */
function normalMapping(random: Random, options: Omit<MappingOptions, 'leaf'>): Mapping {
  for (;;) {
    const leaf = random.pick(['section', 'small page', 'small page', 'large page'] as const);
    const mapping = randomMapping(random, { ...options, leaf });
    const isData = options.area === 'data' && leaf !== 'section';
    if (mapping.normal && (isData || isReadOnly(mapping, leaf, options.dacr))) return mapping;
  }
}

/** AP[2] of a section, or of all pages (B3.5.1), in a domain that is not a manager's, which may write all the same. */
function isReadOnly({ pokes }: Mapping, leaf: Leaf, dacr: number): boolean {
  const domain = (pokes[0]!.value >>> 5) & 15;
  if (((dacr >>> (2 * domain)) & 3) === 3) return false;
  if (leaf === 'section') return (pokes[0]!.value & 0x8000) !== 0;
  return pokes.slice(1).every(({ value }) => (value & 0x200) !== 0);
}

function shortTables(state: Uint32Array, random: Random): Tables {
  let sctlr = state[W.SCTLR]! & ~(SCTLR.AFE | SCTLR.TRE | SCTLR.EE);
  if (random.chance(40)) sctlr |= SCTLR.AFE;
  const dacr = randomDacr(random);
  const common = { accessFlag: (sctlr & SCTLR.AFE) !== 0, remap: false, bigEndian: false, dacr };
  const data = normalMapping(random, { ...common, area: 'data' });
  const code = normalMapping(random, { ...common, area: 'code' });
  return {
    overrides: [
      [W.SCTLR, sctlr],
      [W.DACR, dacr],
    ],
    pokes: [...data.pokes, ...code.pokes],
  };
}

/** Bytes of MAIR0 and MAIR1 that are Normal memory (B4.1.104). */
const NORMAL_TYPES = [0xff, 0x44, 0xbb, 0x4f, 0xf4, 0xee] as const;

function memoryTypes(random: Random): number {
  let word = 0;
  for (let n = 0; n < 4; n++) word = (word << 8) | random.pick(NORMAL_TYPES);
  return word >>> 0;
}

/**
 * TTBCR of this format, TTBR0 and TTBR1 on the same tables. T1SZ = 1 has entries for the upper two GiB only; EPD1 closes
 * them. What holds the harness is never closed.
 */
function longRegime(random: Random): (readonly [number, number])[] {
  const t0sz = random.below(2);
  const t1sz = random.below(2);
  let ttbcr = TTBCR_EAE | t0sz | (t1sz << 16) | (random.word() & 0x3f003f00);
  if (random.chance(4)) ttbcr |= 1 << 23; // EPD1
  if (random.chance(50)) ttbcr |= 1 << 22; // A1
  return [
    [W.TTBCR, ttbcr >>> 0],
    [W.TTBR0, LONG_L1],
    [W.TTBR0_high, random.below(256) << 16],
    [W.TTBR1, LONG_L1 + (t1sz === 1 ? 16 : 0)],
    [W.TTBR1_high, random.below(256) << 16],
    [W.PRRR, memoryTypes(random)],
    [W.NMRR, (0xff000000 | memoryTypes(random)) >>> 0],
  ];
}

/** A table descriptor, which may take rights from everything below it; seldom an invalid one. */
function tableDescriptor(random: Random, table: number): readonly [low: number, high: number] {
  const bit = (percent: number, place: number): number => (random.chance(percent) ? 1 << place : 0);
  const high = bit(8, 30) | bit(8, 29) | bit(6, 28) | bit(8, 27);
  return [random.chance(2) ? table : table | 3, high >>> 0];
}

function leafDescriptor(
  random: Random,
  pa: number,
  kind: 1 | 3,
  readOnly: boolean,
): readonly [low: number, high: number] {
  const bit = (percent: number, place: number): number => (random.chance(percent) ? 1 << place : 0);
  const valid = random.chance(96) ? kind : random.pick([0, 2]);
  const ap = random.chance(50) ? 1 << 6 : random.below(4) << 6;
  const attributes = (random.below(8) << 2) | (random.below(4) << 8) | bit(40, 11);
  const accessFlag = random.chance(93) ? 1 << 10 : 0;
  const low = pa | attributes | ap | accessFlag | valid | (readOnly ? 1 << 7 : 0);
  return [low >>> 0, (bit(15, 22) | bit(15, 21)) >>> 0];
}

export const LONG_LEAVES = ['page', '2 MiB block', '1 GiB block'] as const;
export type LongLeaf = (typeof LONG_LEAVES)[number];

/** Where the data pages and the code pages are in the first two and in the last of these leaves. */
export function longArea(leaf: LongLeaf): { readonly data: number; readonly code: number } {
  if (leaf !== '1 GiB block') return { data: MMU_DATA_VA, code: MMU_CODE_VA };
  const gib = MMU_DATA_VA & -GIB;
  return { data: gib + (DATA_PA % GIB), code: gib + (CODE % GIB) };
}

const GIB = 0x40000000;

/** Descriptors with random attributes for one access: any rights, by leaves of one size. */
export function longMapping(leaf: LongLeaf, random: Random): readonly Poke[] {
  const pokes: Poke[] = [];
  const write = writer(pokes);
  if (leaf === '1 GiB block') {
    write(longLevel1(MMU_DATA_VA), leafDescriptor(random, DATA_PA & -GIB, 1, false));
    return pokes;
  }
  write(longLevel1(MMU_DATA_VA), tableDescriptor(random, LONG_L1 + 0x3000));
  for (const [va, pa, table] of AREAS) {
    if (leaf === '2 MiB block') write(longLevel2(va), leafDescriptor(random, pa & -0x200000, 1, false));
    else writePages(write, random, va, pa, table, false);
  }
  return pokes;
}

/** TTBCR, TTBR0, TTBR1, MAIR0, MAIR1 and SCTLR for the long format. */
export function longOverrides(state: Uint32Array, random: Random): (readonly [number, number])[] {
  const sctlr = state[W.SCTLR]! & ~(SCTLR.V | SCTLR.EE | SCTLR.AFE | SCTLR.TRE);
  return [...longRegime(random), [W.SCTLR, sctlr]];
}

const AREAS = [
  [MMU_DATA_VA, DATA_PA, LONG_L3_MMU_DATA],
  [MMU_CODE_VA, CODE, LONG_L3_MMU_CODE],
] as const;

type DescriptorWriter = (address: number, descriptor: readonly [low: number, high: number]) => void;

function writer(pokes: Poke[]): DescriptorWriter {
  return (address, [low, high]) => {
    pokes.push({ address, value: low >>> 0 }, { address: address + 4, value: high });
  };
}

function writePages(
  write: DescriptorWriter,
  random: Random,
  va: number,
  pa: number,
  table: number,
  readOnly: boolean,
): void {
  write(longLevel2(va), tableDescriptor(random, table));
  for (let page = 0; page < 4; page++) {
    const at = table + longLevel3(va + 0x1000 * page);
    const target = pa + 0x1000 * (va === MMU_CODE_VA ? page : random.below(4));
    write(at, leafDescriptor(random, target, 3, readOnly));
  }
}

function longTables(state: Uint32Array, random: Random): Tables {
  const pokes: Poke[] = [];
  const write = writer(pokes);
  write(longLevel1(MMU_DATA_VA), tableDescriptor(random, LONG_L1 + 0x3000));
  for (const [va, pa, table] of AREAS) {
    if (va === MMU_DATA_VA && random.chance(30)) {
      // 2 MiB for reading only, because not all of them are compared; after the code the recorder has its own data.
      write(longLevel2(va), leafDescriptor(random, pa & -0x200000, 1, true));
    } else writePages(write, random, va, pa, table, va === MMU_CODE_VA);
  }
  return { overrides: longOverrides(state, random), pokes };
}
