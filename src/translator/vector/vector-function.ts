import { Effect, type HelperInfo } from '../ir/ops.ts';
import type { VectorMemory } from './vector-memory.ts';

/**
 * The state slot that functions with {@link VectorFunction.sticky} read modes from and set cumulative bits in: FPSCR.
 * Its saturation bit is the one that integer functions set.
 */
export const STICKY_SLOT = 30;
export const SATURATED = 1 << 27;

/** Words from an operand's first slot on that a function touches. */
export type WordOffsets = readonly number[];

/**
 * One row of the table of vector functions: an operation on registers as a whole, of one element size and one number
 * of elements. The IR's `vector` calls it on state slots; a backend may know an own way for a row by its name.
 */
export interface VectorFunction extends HelperInfo {
  /** As the manual spells it, with the element type and the register size: `vqadd.s8 q`. */
  readonly name: string;
  /** Words that it reads of its operands d, a and b. */
  readonly reads: readonly [d: WordOffsets, a: WordOffsets, b: WordOffsets];
  /** Words that it writes, counted from d, and from a for the few that exchange. */
  readonly writes: readonly [d: WordOffsets, a: WordOffsets];
  /** Reads {@link STICKY_SLOT} and may set bits in it. */
  readonly sticky: boolean;
  /** Works on word indices of memory. @returns bits for the sticky slot. */
  readonly run: (v: VectorMemory, d: number, a: number, b: number, imm: number) => number;
}

/** The first `n` words. */
export function firstWords(n: number): WordOffsets {
  return Array.from({ length: n }, (_unused, i) => i);
}

/** A row from what is special about it. All rows are made here, so that they look alike to the host's compiler. */
export function vectorFunction({
  name,
  reads,
  writes,
  sticky,
  run,
}: Omit<VectorFunction, 'argCount' | 'effects'>): VectorFunction {
  return { name, argCount: 0, effects: Effect.ReadsState | Effect.WritesState, reads, writes, sticky, run };
}

/** Slots that an operation of the IR names: d, a and b in one number, since IR values have two. */
export function packSlots(d: number, a: number, b: number): number {
  return d | (a << 8) | (b << 16);
}

export function slotOf(packed: number, operand: number): number {
  return (packed >> (8 * operand)) & 0xff;
}

/** State slots that a `vector` operation reads. */
export function slotsRead(f: VectorFunction, packed: number): readonly number[] {
  const slots = f.reads.flatMap((words, operand) => words.map((word) => slotOf(packed, operand) + word));
  return f.sticky ? [...slots, STICKY_SLOT] : slots;
}

/** State slots that a `vector` operation writes. */
export function slotsWritten(f: VectorFunction, packed: number): readonly number[] {
  const slots = f.writes.flatMap((words, operand) => words.map((word) => slotOf(packed, operand) + word));
  return f.sticky ? [...slots, STICKY_SLOT] : slots;
}
