import type { IsaFeatures, Lifter } from '../lift/lifter.ts';
import { type Field, type Fields, parsePattern } from './pattern.ts';

/** Values of an encoding's fields by letter. */
export type FieldValues = { readonly [letter: string]: number };

/** One encoding of one instruction: how it looks, and what lifts it. */
export interface Row {
  /** Instruction and encoding as the manual names them, `ADD (immediate) A1`. */
  readonly name: string;
  readonly pattern: string;
  /** Bits in the encoding. A 32-bit T32 encoding has its first halfword on top. */
  readonly width: 16 | 32;
  /** An encoding w is this row's when (w & mask) === value. These four are signed words, of which V8 makes no objects. */
  readonly mask: number;
  readonly value: number;
  /** Should-be bits, which make the encoding UNPREDICTABLE when (w & shouldMask) !== shouldValue. */
  readonly shouldMask: number;
  readonly shouldValue: number;
  readonly fields: readonly Field[];
  readonly lift: (lifter: Lifter, fields: FieldValues) => void;
  /** The encoding is UNDEFINED on CPUs without this. */
  readonly needs: keyof IsaFeatures | undefined;
}

/** Rows of which an earlier one is meant to hide part of a later one (the manual's "SEE ..."). */
export interface OrderedRows {
  readonly ordered: readonly Row[];
}

/** A list of encodings as the tables are written: single rows, and groups in which order matters. */
export type RowList = readonly (Row | OrderedRows)[];

/**
 * Makes a row; the handler's fields are checked against the pattern at compile time.
 * @param needs what a CPU must have; absent: every ARMv7-A CPU has the encoding.
 */
export function row<const P extends string>(
  name: string,
  pattern: P,
  lift: (lifter: Lifter, fields: Fields<P>) => void,
  needs?: keyof IsaFeatures,
): Row {
  return { name, pattern, ...parsePattern(pattern), lift: lift as Row['lift'], needs };
}

/** Groups rows that overlap on purpose: the first that matches counts. */
export function ordered(rows: readonly Row[]): OrderedRows {
  return { ordered: rows };
}

/** The rows of a list, in order. */
export function flatten(list: RowList): readonly Row[] {
  return list.flatMap((entry) => ('ordered' in entry ? entry.ordered : [entry]));
}
