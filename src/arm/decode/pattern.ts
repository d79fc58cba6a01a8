/**
 * Patterns of instruction encodings, written the way ARM DDI 0406C draws them: most significant bit first, spaces
 * ignored. `0` and `1` are fixed bits; `z` and `o` are the manual's `(0)` and `(1)`, bits that should be so and whose
 * other value makes the encoding UNPREDICTABLE but matches all the same; every other letter names a field, and a
 * letter that occurs in several places is one field, its pieces put together from high to low.
 */

type NotAField = '0' | '1' | 'z' | 'o' | ' ';

/** The letters that name fields in a pattern. */
export type FieldNames<P extends string, Seen extends string = never> = P extends `${infer Head}${infer Tail}`
  ? FieldNames<Tail, Head extends NotAField ? Seen : Seen | Head>
  : Seen;

/** The values of a pattern's fields, known to the compiler by their letters. */
export type Fields<P extends string> = { readonly [K in FieldNames<P>]: number };

/** One contiguous piece of a field: `width` bits, the lowest of them at bit `shift` of the encoding. */
export interface FieldPiece {
  readonly shift: number;
  readonly width: number;
}

/** A field of an encoding; its pieces from high to low. */
export interface Field {
  readonly name: string;
  /** The UTF-16 code of its name. */
  readonly letter: number;
  readonly width: number;
  readonly pieces: readonly FieldPiece[];
}

/** What a pattern says, in masks: an encoding w matches when (w & mask) === value, all as signed words. */
export interface ParsedPattern {
  readonly width: 16 | 32;
  readonly mask: number;
  readonly value: number;
  /** The should-be bits, and what they should be. */
  readonly shouldMask: number;
  readonly shouldValue: number;
  readonly fields: readonly Field[];
}

/** Reads a pattern; throws a RangeError when it is not 16 or 32 bits long. */
export function parsePattern(pattern: string): ParsedPattern {
  const bits = pattern.replaceAll(' ', '');
  if (bits.length !== 16 && bits.length !== 32) {
    throw new RangeError(`pattern '${pattern}' has ${bits.length} bits, not 16 or 32`);
  }
  let mask = 0;
  let value = 0;
  let shouldMask = 0;
  let shouldValue = 0;
  const pieces = new Map<string, { shift: number; width: number }[]>();
  for (let i = 0; i < bits.length; i++) {
    const shift = bits.length - 1 - i;
    const bit = 1 << shift;
    const letter = bits.charAt(i);
    if (letter === '0' || letter === '1') {
      mask |= bit;
      if (letter === '1') value |= bit;
    } else if (letter === 'z' || letter === 'o') {
      shouldMask |= bit;
      if (letter === 'o') shouldValue |= bit;
    } else {
      const list = pieces.get(letter) ?? [];
      pieces.set(letter, list);
      const last = list.at(-1);
      if (last !== undefined && last.shift === shift + 1) {
        last.shift = shift;
        last.width++;
      } else {
        list.push({ shift, width: 1 });
      }
    }
  }
  const fields = [...pieces].map(([name, list]) => ({
    name,
    letter: name.charCodeAt(0),
    width: list.reduce((sum, piece) => sum + piece.width, 0),
    pieces: list,
  }));
  return { width: bits.length, mask, value, shouldMask, shouldValue, fields };
}

/** The value of a field in an encoding. */
export function extractField(field: Field, encoding: number): number {
  let value = 0;
  for (const piece of field.pieces) {
    const bits = (encoding >>> piece.shift) & ((1 << piece.width) - 1);
    value = (value << piece.width) | bits;
  }
  return value;
}

/** An encoding with a field put to a value; the field's bits must be zero before. */
export function insertField(field: Field, encoding: number, value: number): number {
  let left = field.width;
  let result = encoding;
  for (const piece of field.pieces) {
    left -= piece.width;
    result |= ((value >>> left) & (2 ** piece.width - 1)) << piece.shift;
  }
  return result >>> 0;
}
