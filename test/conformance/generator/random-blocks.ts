import { type Field, insertField } from '../../../src/arm/decode/pattern.ts';
import { isWide } from '../../../src/arm/decode/tables.ts';
import { advanceIt } from '../../../src/arm/lift/it-state.ts';
import { codeAddress, type Poke } from '../arena.ts';
import { CPSR, W } from '../layout.ts';
import { hashName, Random } from '../random.ts';
import { dataAddress, expandVector, seededState, type Vector } from '../vector.ts';
import { SETS } from '../vector-files.ts';
import { BlockRules } from './block-rules.ts';
import { isExtension, QEMU_RETURNS_WITH, type RowOfSet, returnsWith, unitsOf, withIt } from './candidate.ts';
import { coprocessorOperands, isHalfTransfer } from './coprocessor.ts';
import { exclusivePrefix } from './exclusive.ts';
import type { Source } from './generate.ts';
import { liftRow } from './lift-row.ts';
import { randomTables } from './random-tables.ts';
import { REDRAW, Shaper } from './shape.ts';

/**
 * Who may be what, most of the time: addresses of data are in SP and in registers that other instructions seldom write, so
 * that accesses stay on the data pages; so are small indexes. T16 reaches R0 to R7 only.
 */
const BASES = [8, 9, 10, 11, 13] as const;
const LOW_BASES = [6, 7] as const;
const INDEX = 12;
const LOW_INDEX = 5;
const RESULTS = 8;
const LOW_RESULTS = 5;

const IS_MEMORY = /^(LDR|STR|LDM|STM|PUSH|POP|VLD|VST|VPUSH|VPOP|RFE|SRS|PLD|PLI|TBB|LDC|STC)/;
const IS_LIST = /^(LDM|STM|PUSH|POP)/;
/** Rows that end a block or change what it runs under: less often than others. */
const IS_CONTROL =
  /^(B|CB|TB|SVC|UDF|BKPT|CPS|SETEND|SRS|RFE|MSR|ERET|SUBS PC|LDM \((user|exc)|STM \(user|ISB|DSB|DMB|CDP|LDC|STC|MCR|MRC)/;

/** Rows of an instruction set in pools of equal weight, so that the many rows of one family do not crowd out others. */
function poolsOf(sets: readonly RowOfSet['set'][]): readonly (readonly RowOfSet[])[] {
  const rows = SETS.flatMap((set) => set.rows).filter(({ set }) => sets.includes(set));
  const plain = rows.filter(({ row }) => !isExtension(row) && !IS_CONTROL.test(row.name));
  const extensions = rows.filter(({ row }) => isExtension(row));
  const memory = rows.filter(({ row }) => IS_MEMORY.test(row.name));
  const control = rows.filter(({ row }) => IS_CONTROL.test(row.name));
  const common = [plain, plain, plain, plain, memory, memory];
  const floating = extensions.length > 0 ? [extensions, extensions, extensions] : [];
  return [...common, ...common, ...floating, ...floating, control];
}

function fieldValue(field: Field, { set, row }: RowOfSet, random: Random): number {
  const any = random.below(2 ** field.width);
  if (random.chance(4)) return any;
  const isMemory = IS_MEMORY.test(row.name);
  const isLow = field.width === 3;
  const isRegister = isLow || field.width === 4;
  if (field.name === 'c' && set === 'A32' && field.width === 4)
    return random.chance(60) ? 14 : random.below(14);
  if (isMemory && field.name === 'n' && isRegister) return random.pick<number>(isLow ? LOW_BASES : BASES);
  if (isMemory && field.name === 'm' && isRegister) {
    if (isLow) return LOW_INDEX;
    return /^V/.test(row.name) && random.chance(60) ? random.pick([13, 15]) : INDEX;
  }
  if (isExtension(row) && field.name !== 't') return any;
  const results = set === 'A32' ? RESULTS : LOW_RESULTS;
  if (isRegister && 'dtualhxy'.includes(field.name)) return random.below(results);
  if (field.width === 4 && 'nms'.includes(field.name)) return random.below(random.chance(20) ? 13 : 8);
  if (field.width >= 8 && IS_LIST.test(row.name)) return 1 + random.below(2 ** results - 1);
  return any;
}

function drawEncoding(target: RowOfSet, random: Random): number | undefined {
  let encoding = (target.row.value | target.row.shouldValue) >>> 0;
  for (const field of target.row.fields) {
    encoding = insertField(field, encoding, fieldValue(field, target, random));
  }
  encoding = coprocessorOperands(target.row, encoding, random);
  return target.decoder.decode(encoding) === target.row ? encoding : undefined;
}

const A32_DECODER_SET = SETS.find(({ name }) => name === 'a32')!.rows[0]!;
const T32_DECODER_SET = SETS.find(({ name }) => name === 't32')!.rows[0]!;
const T16_DECODER_SET = SETS.find(({ name }) => name === 't16')!.rows[0]!;

/** Rows that random bits may not be: cp14 and cp15 registers that are IMPLEMENTATION DEFINED or that the block runs under. */
const NOT_RAW = /^(MCR|MRC|MCRR|MRRC|LDC|STC|CDP|CPS|MSR|SVC)/;

/** An instruction of random bits, with its row; an UNDEFINED one has none. */
function drawRaw(
  thumb: boolean,
  random: Random,
): { encoding: number; target: RowOfSet | undefined; bytes: number } {
  const word = random.word();
  if (!thumb) {
    const encoding = random.chance(80) ? ((word & 0x0fffffff) | 0xe0000000) >>> 0 : word;
    return { encoding, target: findRow(A32_DECODER_SET, encoding), bytes: 4 };
  }
  if (!isWide(word >>> 16)) {
    const encoding = word >>> 16;
    return { encoding, target: findRow(T16_DECODER_SET, encoding), bytes: 2 };
  }
  return { encoding: word, target: findRow(T32_DECODER_SET, word), bytes: 4 };
}

function findRow({ set, decoder }: RowOfSet, encoding: number): RowOfSet | undefined {
  const row = decoder.decode(encoding);
  return row === undefined ? undefined : { set, row, decoder };
}

/** LDREX and STREX of one size at one address: a store exclusive is in a block only with its load before it. */
function exclusivePair(
  rows: readonly RowOfSet[],
  random: Random,
): { target: RowOfSet; encoding: number } | undefined {
  const target = random.pick(rows);
  const encoding = drawEncoding(target, random);
  return encoding === undefined ? undefined : { target, encoding };
}

/** One block in the making. */
class Block {
  readonly code: number[] = [];
  readonly shaper: Shaper;
  private readonly rules: BlockRules;
  private readonly thumb: boolean;
  private readonly bigEndian: boolean;
  private readonly random: Random;
  private pc: number;
  private it: number;

  constructor(state: Uint32Array, shaper: Shaper, thumb: boolean, it: number, random: Random) {
    this.shaper = shaper;
    this.thumb = thumb;
    this.random = random;
    this.pc = shaper.overrides.get(W.PC) ?? state[W.PC]!;
    this.it = it;
    this.bigEndian = (state[W.CPSR]! & CPSR.E) !== 0;
    this.rules = new BlockRules(state[W.CPSR]! & 0x1f, this.pc, (n) => shaper.slot(n)!);
  }

  /** Adds an instruction if it may come next. @returns whether it did. */
  tryAdd({ row }: RowOfSet, encoding: number): boolean {
    const { thumb, it, pc } = this;
    const { ops, reasons, nextIt } = liftRow(row, encoding, pc, thumb, this.bigEndian, it);
    if (reasons.length > 0) return false;
    if (returnsWith(ops) && !QEMU_RETURNS_WITH.test(row.name)) return false;
    const proposal = { row, encoding, pc, bytes: row.width / 8, it, ops };
    if (!this.rules.accepts(proposal, this.random)) return false;
    this.rules.add(proposal);
    this.append(unitsOf(row, encoding, thumb), nextIt);
    return true;
  }

  /** A pair of exclusive accesses; outside IT blocks. */
  tryAddExclusive({ row }: RowOfSet, encoding: number): boolean {
    if (this.it !== 0) return false;
    const { thumb } = this;
    const { ops, reasons } = liftRow(row, encoding, this.pc, thumb, this.bigEndian, 0);
    const prefix = exclusivePrefix(row, encoding, thumb, this.random);
    if (reasons.length > 0 || prefix.length === 0) return false;
    this.rules.add({ row, encoding, pc: this.pc, bytes: 4, it: 0, ops });
    // The load writes one or two registers that the store does not use: nothing is known of the low ones afterwards.
    this.rules.forgetRegisters();
    this.append([...prefix, ...unitsOf(row, encoding, thumb)], 0);
    return true;
  }

  /** UNDEFINED: the block ends here, unless it is in an IT block whose condition fails. */
  addUndefined(units: readonly number[]): void {
    this.append(units, advanceIt(this.it));
  }

  private append(units: readonly number[], nextIt: number): void {
    this.code.push(...units);
    this.pc += units.length * (this.thumb ? 2 : 4);
    this.it = nextIt;
  }
}

interface BlockKind {
  readonly name: string;
  readonly thumb: boolean;
  readonly pools: readonly (readonly RowOfSet[])[];
  readonly exclusives: readonly RowOfSet[];
  readonly tables: 'fixed' | 'short' | 'long';
}

/** Attempts at one instruction. */
const PATIENCE = 60;

function grow(block: Block, kind: BlockKind, random: Random): boolean {
  for (let left = PATIENCE; left > 0; left--) {
    const draw = random.below(100);
    if (draw < 4) {
      const { encoding, target, bytes } = drawRaw(kind.thumb, random);
      if (target === undefined) {
        if (isHalfTransfer(encoding) || !random.chance(20)) continue;
        block.addUndefined(kind.thumb && bytes === 4 ? [encoding >>> 16, encoding & 0xffff] : [encoding]);
        return true;
      }
      if (!NOT_RAW.test(target.row.name) && block.tryAdd(target, encoding)) return true;
    } else if (draw < 5) {
      const pair = exclusivePair(kind.exclusives, random);
      if (pair !== undefined && block.tryAddExclusive(pair.target, pair.encoding)) return true;
    } else {
      const target = random.pick(random.pick(kind.pools));
      const encoding = drawEncoding(target, random);
      if (encoding !== undefined && block.tryAdd(target, encoding)) return true;
    }
  }
  return false;
}

function drawBlock(kind: BlockKind, seed: number, index: number): Vector | string {
  const stream = hashName(kind.name);
  const random = new Random(seed ^ 0x6d3a91c5, stream, index);
  const { thumb } = kind;
  const state = seededState(new Random(seed, stream, index), thumb);
  const shaper = new Shaper(state, random);
  const pokes: Poke[] = [];
  let area = 0;
  if (kind.tables !== 'fixed') {
    const tables = randomTables(kind.tables, state, random);
    for (const [word, value] of tables.overrides) shaper.set(word, value);
    pokes.push(...tables.pokes);
    area = tables.dataOffset;
  }
  for (const base of [...BASES, ...(thumb ? LOW_BASES : [])]) {
    const address = dataAddress(random) & ~(random.chance(80) ? 15 : 0);
    shaper.setRegister(base, random.chance(70) ? address + area : address);
  }
  shaper.setRegister(INDEX, random.below(200));
  if (thumb) shaper.setRegister(LOW_INDEX, random.below(200));
  if (random.chance(50)) shaper.setRegister(14, codeAddress(random));
  const it = thumb && random.chance(25) ? (random.below(14) << 4) | (1 + random.below(15)) : 0;
  if (it !== 0) shaper.set(W.CPSR, withIt(state[W.CPSR]!, it));
  const block = new Block(state, shaper, thumb, it, random);
  const length = 3 + random.below(8);
  for (let n = 0; n < length; n++) if (!grow(block, kind, random)) return REDRAW;
  const overrides = shaper.sortedOverrides;
  return expandVector(seed, stream, index, { code: block.code, thumb, overrides, pokes, extensions: true });
}

function sourcesOf(label: string, thumb: boolean, sets: readonly RowOfSet['set'][]): readonly Source[] {
  const pools = poolsOf(sets);
  const exclusives = SETS.flatMap((set) => set.rows).filter(
    ({ set, row }) => sets.includes(set) && /^STREX/.test(row.name),
  );
  const variants = [
    { name: `random ${label} blocks`, tables: 'fixed' },
    { name: `random ${label} blocks, short-descriptor tables`, tables: 'short' },
    { name: `random ${label} blocks, long-descriptor tables`, tables: 'long' },
  ] as const;
  return variants.map(({ name, tables }) => ({
    name,
    machine: 'plain',
    draw: (seed, index) => drawBlock({ name, thumb, pools, exclusives, tables }, seed, index),
  }));
}

/** Blocks of anything that an instruction set has, of random bits too, under random tables. */
export const RANDOM_BLOCK_SOURCES: readonly Source[] = [
  ...sourcesOf('A32', false, ['A32']),
  ...sourcesOf('T32', true, ['T16', 'T32']),
];
