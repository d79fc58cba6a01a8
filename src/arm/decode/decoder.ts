import { extractField } from './pattern.ts';
import { type FieldValues, flatten, type Row, type RowList } from './row.ts';

/** A contiguous run of encoding bits that takes part in the choice of candidates. */
export interface SelectorBits {
  readonly shift: number;
  readonly width: number;
}

const NO_ROWS: readonly Row[] = [];

/** Finds the row of an encoding. */
export interface Decoder {
  /** The row that an encoding belongs to; undefined where the manual says UNDEFINED (or nothing). */
  decode(encoding: number): Row | undefined;
}

/**
 * The decoder of a list of rows. Derived from the rows: some selector bits of the encoding pick a short list of
 * candidates, of which the first that matches is it.
 */
export class TableDecoder implements Decoder {
  private readonly selectors: readonly SelectorBits[];
  private readonly candidates: (readonly Row[])[];

  constructor(list: RowList, selectors: readonly SelectorBits[]) {
    this.selectors = selectors;
    const bits = selectors.reduce((sum, s) => sum + s.width, 0);
    const buckets: Row[][] = [];
    for (const row of flatten(list)) {
      const mask = this.select(row.mask);
      const value = this.select(row.value);
      const free = ~mask & (2 ** bits - 1);
      // All subsets of the selector bits that this row leaves free, by the usual carry trick.
      for (let subset = 0; ; subset = (subset - free) & free) {
        const bucket = buckets[value | subset];
        if (bucket === undefined) buckets[value | subset] = [row];
        else bucket.push(row);
        if (subset === free) break;
      }
    }
    this.candidates = Array.from({ length: 2 ** bits }, (_, i) => buckets[i] ?? NO_ROWS);
  }

  decode(encoding: number): Row | undefined {
    const candidates = this.candidates[this.select(encoding)];
    for (let i = 0; i < candidates.length; i++) {
      const row = candidates[i];
      if ((encoding & row.mask) === row.value) return row;
    }
    return undefined;
  }

  private select(encoding: number): number {
    let index = 0;
    for (const { shift, width } of this.selectors) {
      index = (index << width) | ((encoding >>> shift) & ((1 << width) - 1));
    }
    return index;
  }
}

/** The values of all fields of an encoding that a row matches. */
export function fieldsOf(row: Row, encoding: number): FieldValues {
  const values: { [letter: string]: number } = {};
  for (const field of row.fields) values[field.name] = extractField(field, encoding);
  return values;
}

/** A set of encodings: those with (w & mask) === value. */
interface Cube {
  readonly mask: number;
  readonly value: number;
}

function overlaps(a: Cube, b: Cube): boolean {
  return ((a.value ^ b.value) & a.mask & b.mask) === 0;
}

/** Whether each encoding of `cube` is in one of `cover`. */
function isCovered(cube: Cube, cover: readonly Cube[]): boolean {
  const touching = cover.filter((other) => overlaps(cube, other));
  if (touching.length === 0) return false;
  const [first] = touching;
  const split = first.mask & ~cube.mask;
  if (split === 0) return true;
  const bit = (split & -split) >>> 0;
  const mask = (cube.mask | bit) >>> 0;
  return (
    isCovered({ mask, value: cube.value }, touching) &&
    isCovered({ mask, value: (cube.value | bit) >>> 0 }, touching)
  );
}

/**
 * What is wrong with a list of rows: two that overlap outside an ordered group, a row of a group that no encoding
 * reaches because earlier ones take them all, a name used twice. Empty for a sound list.
 */
export function findRowProblems(list: RowList): readonly string[] {
  const problems: string[] = [];
  const groups = list.map((entry) => ('ordered' in entry ? entry.ordered : [entry]));
  const names = new Set<string>();
  groups.forEach((group, g) => {
    group.forEach((row, i) => {
      if (names.has(row.name)) problems.push(`two rows are named ${row.name}`);
      names.add(row.name);
      if (isCovered(row, group.slice(0, i))) problems.push(`${row.name} is unreachable`);
      for (const other of groups.slice(g + 1).flat()) {
        if (overlaps(row, other)) problems.push(`${row.name} overlaps ${other.name}`);
      }
    });
  });
  return problems;
}
