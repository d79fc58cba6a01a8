import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { HelperInfo } from '../ir/ops.ts';
import type { SignedPair, VectorFamily } from './family.ts';
import { BY_SCALAR, DIFFERENT_LENGTHS, MISCELLANEOUS, SAME_LENGTH, SHIFTS } from './integer-families.ts';
import { DEINTERLEAVING, INTERLEAVING, PERMUTATIONS } from './permutation-families.ts';
import { STICKY_SLOT, type VectorFunction } from './vector-function.ts';
import { VectorMemory } from './vector-memory.ts';

const STICKY_WORD = (MemoryLayout.state >>> 2) + STICKY_SLOT;

/** All rows of some groups of families. */
export function rowsOf(
  ...groups: readonly { readonly [name: string]: VectorFamily | SignedPair }[]
): readonly VectorFunction[] {
  const rows = groups
    .flatMap((group) => Object.values(group))
    .flatMap((f) => ('rows' in f ? f.rows : [...f.signed.rows, ...f.unsigned.rows]))
    .filter((row) => row !== undefined);
  // A bitwise function is one row whatever the size field says.
  return [...new Set(rows)];
}

/** The rows that are about integers: everything that needs no floating-point arithmetic. */
export const INTEGER_ROWS: readonly VectorFunction[] = [
  ...rowsOf(SAME_LENGTH, DIFFERENT_LENGTHS, BY_SCALAR, SHIFTS, MISCELLANEOUS, PERMUTATIONS),
  ...DEINTERLEAVING,
  ...INTERLEAVING,
];

/** Calls rows of a table by number, on word indices of a machine's memory. */
export class VectorTable {
  private readonly rows: readonly VectorFunction[];
  private readonly numbers: ReadonlyMap<HelperInfo, number>;
  private readonly memory: VectorMemory;

  constructor(rows: readonly VectorFunction[], words: Int32Array) {
    this.rows = rows;
    this.numbers = new Map(rows.map((row, i) => [row, i]));
    this.memory = new VectorMemory(words);
  }

  /** @throws Error for a row of another table: a lifter is wrong. */
  numberOf(row: HelperInfo): number {
    const number = this.numbers.get(row);
    if (number === undefined) throw new Error(`vector function ${row.name} is not in the table`);
    return number;
  }

  run(number: number, imm: number, d: number, a: number, b: number): void {
    const bits = this.rows[number].run(this.memory, d, a, b, imm);
    if (bits !== 0) this.memory.words[STICKY_WORD] |= bits;
  }
}
