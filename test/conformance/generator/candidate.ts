import type { Decoder } from '../../../src/arm/decode/decoder.ts';
import { type Field, insertField } from '../../../src/arm/decode/pattern.ts';
import type { Row } from '../../../src/arm/decode/row.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';
import { CPSR, SCTLR, W } from '../layout.ts';
import { hashName, Random } from '../random.ts';
import { expandVector, type Recipe, seededState, type Vector } from '../vector.ts';
import { coprocessorOperands } from './coprocessor.ts';
import { exclusivePrefix } from './exclusive.ts';
import { liftRow } from './lift-row.ts';
import { REDRAW, Shaper } from './shape.ts';

/** A row of one of the instruction sets, and the decoder that it belongs to. */
export interface RowOfSet {
  readonly set: 'A32' | 'T32' | 'T16';
  readonly row: Row;
  readonly decoder: Decoder;
}

/** A vector that may be recorded, or the reason why the draw was of no use. */
export type Candidate = { readonly vector: Vector } | { readonly skipped: string };

/** The name under which a row's vectors are stored. */
export function groupName({ set, row }: RowOfSet): string {
  return `${set} ${row.name}`;
}

/** Whether a row belongs to the floating-point or Advanced SIMD extension, by the name that the manual gives it. */
export function isExtension(row: Row): boolean {
  return /^V/.test(row.name);
}

/** Fields the registers of which an instruction mostly should not have at 15. */
const REGISTER_FIELDS = 'nmdtsaluhxyb';

function fieldValue(field: Field, { set, row }: RowOfSet, random: Random): number {
  const all = 2 ** field.width;
  if (field.name === 'c' && field.width === 4 && set !== 'T16') {
    return random.chance(45) && set === 'A32' ? 14 : random.below(set === 'A32' ? 15 : 14);
  }
  if (isExtension(row) && field.width === 4 && field.name !== 't') return random.below(all);
  if (field.width === 4 && REGISTER_FIELDS.includes(field.name)) {
    return random.chance(94) ? random.below(15) : 15;
  }
  if (field.width >= 8) {
    const kind = random.below(10);
    if (kind < 1) return 0;
    if (kind < 2) return all - 1;
    if (kind < 4) return random.below(16);
    if (kind < 5) return random.below(all) & random.below(all);
  }
  return random.below(all);
}

function drawEncoding(target: RowOfSet, random: Random): number | undefined {
  const { row } = target;
  let encoding = (row.value | row.shouldValue) >>> 0;
  for (const field of row.fields) encoding = insertField(field, encoding, fieldValue(field, target, random));
  encoding = coprocessorOperands(row, encoding, random);
  return target.decoder.decode(encoding) === row ? encoding : undefined;
}

/**
 * In an IT block QEMU raises exceptions of these with a stale ITSTATE, or leaves it behind for the next instruction:
 * they are recorded outside IT blocks only.
 */
export const LEAVES_IT_STALE = /^(MCR|MRC|MCRR|MRRC|SMC|HVC|SRS|VMRS|M[RS][RS] \(banked)/;

/** Accesses to several structures that ask for 32-byte alignment, which QEMU takes for 16. */
export function wants32Bytes({ name }: Row, encoding: number): boolean {
  return /^V(LD|ST)\d \(multiple/.test(name) && (encoding & 0x30) === 0x30;
}

/** B9.3.20 has exception returns by every data-processing instruction; QEMU only by these. */
export const QEMU_RETURNS_WITH = /^(SUB|MOV|LSL|LSR|ASR|ROR|RRX|ERET|LDM)/;

/** Whether an instruction is an exception return. */
export function returnsWith(ops: readonly IrValue[]): boolean {
  return ops.some(({ helper }) => helper?.name === 'exceptionReturn');
}

/** Units of code as they lie in memory. */
export function unitsOf(row: Row, encoding: number, thumb: boolean): number[] {
  if (!thumb || row.width === 16) return [encoding];
  return [encoding >>> 16, encoding & 0xffff];
}

/** CPSR with ITSTATE. */
export function withIt(cpsr: number, it: number): number {
  return ((cpsr & ~0x0600fc00) | ((it & 3) << 25) | ((it >> 2) << 10)) >>> 0;
}

/** T16 instructions for the body of an IT block, CMP among them, which changes what the rest of it does. */
const IT_BODY = [0x3001, 0x3102, 0x1840, 0x4048, 0x2a05, 0x4281, 0x00d2, 0x2307, 0x4252, 0xb2c8] as const;

function itBody(row: Row, encoding: number, random: Random): number[] {
  if (!/^IT\b/.test(row.name)) return [];
  const mask = encoding & 15;
  const length = 4 - Math.log2(mask & -mask);
  return Array.from({ length }, () => random.pick(IT_BODY));
}

/** Draws one vector of a row: number `index` under the file's seed. */
export function drawCandidate(seed: number, target: RowOfSet, index: number): Candidate {
  const { set, row } = target;
  const stream = hashName(groupName(target));
  const thumb = set !== 'A32';
  const random = new Random(seed ^ 0x6d3a91c5, stream, index);
  const encoding = drawEncoding(target, random);
  if (encoding === undefined) return { skipped: REDRAW };
  const state = seededState(new Random(seed, stream, index), thumb);
  const cpsr = state[W.CPSR]!;
  const shaper = new Shaper(state, random);
  const prefix = exclusivePrefix(row, encoding, thumb, random);
  const mayBeInIt = thumb && prefix.length === 0 && !LEAVES_IT_STALE.test(row.name);
  const it =
    mayBeInIt && random.chance(35)
      ? (random.below(15) << 4) | (random.chance(60) ? 8 : 1 + random.below(15))
      : 0;
  if (it !== 0) shaper.set(W.CPSR, withIt(cpsr, it));
  // A8.8.229: SWP is there only where software asks for it.
  if (/^SWPB?\b/.test(row.name)) shaper.set(W.SCTLR, state[W.SCTLR]! | SCTLR.SW);
  const start = state[W.PC]!;
  const pc = start + prefix.length * (thumb ? 2 : 4);
  const { ops, reasons } = liftRow(row, encoding, pc, thumb, (cpsr & CPSR.E) !== 0, it);
  if (reasons.length > 0) {
    if (it !== 0 && liftRow(row, encoding, pc, thumb, false, 0).reasons.length === 0)
      return { skipped: REDRAW };
    return { skipped: reasons[0]! };
  }
  const code = [...prefix, ...unitsOf(row, encoding, thumb), ...itBody(row, encoding, random)];
  const end = start + code.length * (thumb ? 2 : 4);
  shaper.status(ops);
  if (returnsWith(ops) && !QEMU_RETURNS_WITH.test(row.name))
    return { skipped: 'an exception return that QEMU has not' };
  const needsAligned =
    prefix.length === 0 ? /^(STREX|RFE)/.test(row.name) : /^STREX/.test(row.name) && random.chance(80);
  shaper.memory(ops, start, end, needsAligned);
  if (wants32Bytes(row, encoding) && !shaper.isAligned(ops, 32))
    return { skipped: 'an alignment of 32 bytes' };
  shaper.branch(ops, start, end);
  if (shaper.unpredictable !== '') return { skipped: shaper.unpredictable };
  if (isEndless(ops, start, end)) return { skipped: REDRAW };
  if (isHazardous(set, encoding, cpsr)) return { skipped: REDRAW };
  const { pokes, sortedOverrides: overrides } = shaper;
  const recipe: Recipe = { code, thumb, overrides, pokes, extensions: isExtension(row) };
  return { vector: expandVector(seed, stream, index, recipe) };
}

/** A branch back into the vector's own code could go round forever. */
function isEndless(ops: ReturnType<typeof liftRow>['ops'], start: number, end: number): boolean {
  return ops.some(({ op, imm }) => op === 'exitJump' && imm >>> 0 >= start && imm >>> 0 < end);
}

/** SVC numbers that the recorder's side could take for semihosting (it is off, but need not stay so). */
function isHazardous(set: string, encoding: number, cpsr: number): boolean {
  const privileged = (cpsr & 0x1f) !== 0x10;
  return privileged && set === 'T16' && encoding === 0xdfab;
}
