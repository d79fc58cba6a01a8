import { IrBuilder } from '../translator/ir/builder.ts';
import type { IrBlock } from '../translator/ir/value.ts';
import { FieldReader } from './decode/field-reader.ts';
import type { Row } from './decode/row.ts';
import { A32_DECODER, isWide, T16_DECODER, T32_DECODER } from './decode/tables.ts';
import { AL, itCondition } from './lift/it-state.ts';
import { type IsaFeatures, Lifter } from './lift/lifter.ts';
import { StateSlot } from './state.ts';

/** A block never holds more guest instructions. */
export const MAX_BLOCK_INSTRUCTIONS = 64;

/** What to translate, and all that the result depends on besides the code bytes. */
export interface TranslateRequest {
  /** Virtual address of the first instruction, without a T bit. Addresses that the functions below get are signed. */
  readonly pc: number;
  readonly thumb: boolean;
  readonly bigEndian: boolean;
  /** ITSTATE at the first instruction. */
  readonly it: number;
  readonly features: IsaFeatures;
  /** 1 to MAX_BLOCK_INSTRUCTIONS. */
  readonly maxInstructions: number;
  /** The (always little-endian) halfword of code at a virtual address; -1 where fetching it aborts. */
  readonly fetch16: (address: number) => number;
  /** Ends the block before the instruction at a virtual address, unless that is the first. Absent: never. */
  readonly endsBefore?: ((address: number) => boolean) | undefined;
}

/** A block in IR. */
export interface TranslatedBlock {
  readonly block: IrBlock;
  /** Why encodings in the block are UNPREDICTABLE; empty when none is. */
  readonly unpredictable: readonly string[];
}

interface Fetched {
  /** Signed. */
  readonly encoding: number;
  readonly size: 2 | 4;
}

/** The instruction at `pc`; undefined where one of its halfwords cannot be fetched. */
function fetchInstruction(request: TranslateRequest, pc: number): Fetched | undefined {
  const first = request.fetch16(pc);
  if (first < 0) return undefined;
  if (request.thumb && !isWide(first)) return { encoding: first, size: 2 };
  const second = request.fetch16((pc + 2) | 0);
  if (second < 0) return undefined;
  const encoding = request.thumb ? (first << 16) | second : (second << 16) | first;
  return { encoding: encoding | 0, size: 4 };
}

/** BKPT T1 ignores the condition of its IT block. */
const BKPT_T1 = 0xbe;

function conditionOf(thumb: boolean, it: number, { encoding, size }: Fetched): number {
  if (!thumb) return encoding >>> 28;
  return size === 2 && encoding >> 8 === BKPT_T1 ? AL : itCondition(it);
}

const FIELDS = new FieldReader();

function liftInstruction(lifter: Lifter, row: Row | undefined, encoding: number): void {
  if (row === undefined || (row.needs !== undefined && !lifter.features[row.needs])) {
    lifter.undefined();
    return;
  }
  const reasons = lifter.reasons.length;
  if ((encoding & row.shouldMask) !== row.shouldValue) lifter.unpredictable('should-be bits');
  row.lift(lifter, FIELDS.read(row, encoding));
  for (let i = reasons; i < lifter.reasons.length; i++)
    lifter.reasons[i] = `${row.name}: ${lifter.reasons[i]}`;
}

/**
 * Translates guest code from `pc` on: up to a branch or another exit, the end of the 4 KiB page (a T32 instruction
 * that straddles it is a block of its own), an instruction that cannot be fetched, or `maxInstructions`.
 * Gives undefined when the first instruction cannot be fetched: that is a prefetch abort, at the address last asked.
 */
export function translateBlock(request: TranslateRequest): TranslatedBlock | undefined {
  const { thumb, features } = request;
  const b = new IrBuilder();
  const lifter = new Lifter(b, thumb, request.bigEndian, features);
  const start = request.pc | 0;
  const page = start >>> 12;
  let pc = start;
  lifter.it = request.it;
  for (let count = 0; count < request.maxInstructions && pc >>> 12 === page; count++) {
    if (count > 0 && request.endsBefore?.(pc) === true) break;
    const fetched = fetchInstruction(request, pc);
    if (fetched === undefined) {
      if (count === 0) return undefined;
      break;
    }
    const { encoding, size } = fetched;
    if (count > 0 && (pc + size - 1) >>> 12 !== page) break;
    b.marker(pc, lifter.it);
    // An exit gives slot IT where it must not be 0; the state that the block began with is spent. Not before the
    // first marker, so that a fault of the first instruction has something to name.
    if (count === 0 && request.it !== 0) b.set(StateSlot.IT, b.const(0));
    lifter.begin(pc, size);
    const decoder = thumb ? (size === 2 ? T16_DECODER : T32_DECODER) : A32_DECODER;
    const row = decoder.decode(encoding);
    lifter.when(conditionOf(thumb, lifter.it, fetched), () => liftInstruction(lifter, row, encoding));
    pc = (pc + size) | 0;
    if (lifter.ended) {
      if (lifter.fallsThrough) leaveToNext(lifter);
      return finish(lifter, start, pc);
    }
    lifter.it = lifter.nextIt;
  }
  leaveToNext(lifter);
  return finish(lifter, start, pc);
}

/** To the instruction after the last lifted one; in an IT block that is another context. */
function leaveToNext(lifter: Lifter): void {
  if (lifter.nextIt !== 0) lifter.resync();
  else lifter.b.exit('exitJump', [], lifter.nextPc);
}

function finish(lifter: Lifter, start: number, end: number): TranslatedBlock {
  const bytes = (end - start) >>> 0;
  return { block: lifter.b.finish(start, bytes), unpredictable: lifter.reasons };
}
