import { type Field, insertField } from '../../../src/arm/decode/pattern.ts';
import { CPSR, W } from '../layout.ts';
import { hashName, Random } from '../random.ts';
import { dataAddress, expandVector, seededState, type Vector } from '../vector.ts';
import { SETS } from '../vector-files.ts';
import { type RowOfSet, unitsOf, withIt } from './candidate.ts';
import type { Source } from './generate.ts';
import { liftRow } from './lift-row.ts';
import { REDRAW, Shaper } from './shape.ts';

/** Rows that a block is made of: whatever only computes, loads and stores, and goes on after it. */
const NOT_IN_BLOCKS =
  /^(MRS|MSR|CPS|SETEND|SRS|RFE|LDM \((user|exc)|STM \(user|(MCR|MRC|MCRR|MRRC)2?|CDP|LDC|STC|BX?J?\b|BL|CB|TB|SVC|HVC|SMC|BKPT|UDF|WF|ERET|SUBS|STREX|LDREX|CLREX|IT\b|SWP|ENTERX|ISB|YIELD|SEV|LDRT|STRT|unalloc)/;

/**
 * Who may be what: addresses of data are in SP and in registers that nothing in a block writes, so that accesses stay
 * on the data pages; so are small indexes. T16 reaches R0 to R7 only.
 */
const ARM_ROLES = { bases: [8, 9, 10, 11, 13], index: 12, results: 8 } as const;
const THUMB_ROLES = {
  bases: [8, 9, 10, 11, 13],
  lowBases: [6, 7],
  index: 12,
  lowIndex: 5,
  results: 5,
} as const;

function rowsOf(set: string): readonly RowOfSet[] {
  const found = SETS.find(({ name }) => name === set);
  return (found?.rows ?? []).filter(({ row }) => !NOT_IN_BLOCKS.test(row.name));
}

const IS_MEMORY = /^(LDR|STR|LDM|STM|PUSH|POP)/;

function fieldValue(field: Field, { set, row }: RowOfSet, random: Random): number {
  const roles = set === 'A32' ? ARM_ROLES : THUMB_ROLES;
  const isMemory = IS_MEMORY.test(row.name);
  const isLow = field.width === 3;
  if (field.name === 'c' && set === 'A32') return random.chance(60) ? 14 : random.below(14);
  if (isMemory && field.name === 'n' && isLow) return random.pick(THUMB_ROLES.lowBases);
  if (isMemory && field.name === 'n' && field.width === 4) return random.pick(roles.bases);
  if (isMemory && field.name === 'm') return isLow ? THUMB_ROLES.lowIndex : roles.index;
  if ((isLow || field.width === 4) && 'dtualhxy'.includes(field.name)) return random.below(roles.results);
  if (field.width === 4 && 'nms'.includes(field.name)) return random.below(random.chance(20) ? 13 : 8);
  if (field.width >= 8 && /^(LDM|STM|PUSH|POP)/.test(row.name))
    return 1 + random.below(2 ** roles.results - 1);
  return random.below(2 ** field.width);
}

function drawEncoding(target: RowOfSet, random: Random): number | undefined {
  let encoding = (target.row.value | target.row.shouldValue) >>> 0;
  for (const field of target.row.fields) {
    encoding = insertField(field, encoding, fieldValue(field, target, random));
  }
  return target.decoder.decode(encoding) === target.row ? encoding : undefined;
}

function drawBlock(
  name: string,
  rows: readonly RowOfSet[],
  thumb: boolean,
  seed: number,
  index: number,
): Vector | string {
  const stream = hashName(name);
  const random = new Random(seed ^ 0x6d3a91c5, stream, index);
  const state = seededState(new Random(seed, stream, index), thumb);
  const shaper = new Shaper(state, random);
  const bases = thumb ? [...THUMB_ROLES.bases, ...THUMB_ROLES.lowBases] : ARM_ROLES.bases;
  for (const base of bases) shaper.setRegister(base, dataAddress(random) & ~(random.chance(80) ? 15 : 0));
  for (const index of thumb ? [THUMB_ROLES.index, THUMB_ROLES.lowIndex] : [ARM_ROLES.index]) {
    shaper.setRegister(index, random.below(200));
  }
  const cpsr = state[W.CPSR]!;
  let it = thumb && random.chance(40) ? (random.below(14) << 4) | (1 + random.below(15)) : 0;
  if (it !== 0) shaper.set(W.CPSR, withIt(cpsr, it));
  const code: number[] = [];
  const length = 2 + random.below(7);
  let pc = state[W.PC]!;
  while (code.length < length) {
    const target = random.pick(rows);
    const encoding = drawEncoding(target, random);
    if (encoding === undefined) continue;
    const lifted = liftRow(target.row, encoding, pc, thumb, (cpsr & CPSR.E) !== 0, it);
    if (lifted.reasons.length > 0) {
      if (it !== 0 && random.chance(5)) return REDRAW;
      continue;
    }
    if (lifted.ops.some(({ op }) => op.startsWith('exit'))) continue;
    code.push(...unitsOf(target.row, encoding, thumb));
    pc += target.row.width / 8;
    it = lifted.nextIt;
  }
  return expandVector(seed, stream, index, {
    code,
    thumb,
    overrides: shaper.sortedOverrides,
    pokes: [],
    extensions: false,
  });
}

function blockSource(name: string, sets: readonly string[]): Source {
  const rows = sets.flatMap(rowsOf);
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => drawBlock(name, rows, !sets.includes('a32'), seed, index),
  };
}

/** Runs of instructions, which must agree with each other about flags, registers and IT state. */
export const BLOCK_SOURCES: readonly Source[] = [
  blockSource('A32 blocks', ['a32']),
  blockSource('T16 blocks', ['t16']),
  blockSource('T16 and T32 blocks', ['t16', 't32']),
];
