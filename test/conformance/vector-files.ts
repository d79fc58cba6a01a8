import { fileURLToPath } from 'node:url';
import {
  A32_DECODER,
  A32_ROWS,
  T16_DECODER,
  T16_ROWS,
  T32_DECODER,
  T32_ROWS,
} from '../../src/arm/decode/tables.ts';
import { isExtension, type RowOfSet } from './generator/candidate.ts';

/** Rows of one table whose vectors share a file. */
export interface RowSet {
  readonly name: 'a32' | 't32' | 't16' | 'vfp' | 'neon';
  /** Whether their vectors have a state of floating point and Advanced SIMD (see Recipe). */
  readonly extensions: boolean;
  readonly rows: readonly RowOfSet[];
}

const ALL: readonly RowOfSet[] = [
  ...A32_ROWS.map((row) => ({ set: 'A32', row, decoder: A32_DECODER }) as const),
  ...T32_ROWS.map((row) => ({ set: 'T32', row, decoder: T32_DECODER }) as const),
  ...T16_ROWS.map((row) => ({ set: 'T16', row, decoder: T16_DECODER }) as const),
];

/** Coprocessors 10 and 11 (ARM DDI 0406C A7.5 to A7.9), by bits that look the same in A32 and T32. */
function isCoprocessor10Or11({ row }: RowOfSet): boolean {
  return (row.value & 0x0c000e00) === 0x0c000a00 && (row.value & 0x0f000000) !== 0x0f000000;
}

function fileOf(target: RowOfSet): RowSet['name'] {
  if (isExtension(target.row)) return isCoprocessor10Or11(target) ? 'vfp' : 'neon';
  return ({ A32: 'a32', T32: 't32', T16: 't16' } as const)[target.set];
}

/** The decode tables, each with its file of vectors; VFP and Advanced SIMD have files of their own. */
export const SETS: readonly RowSet[] = (['a32', 't32', 't16', 'vfp', 'neon'] as const).map((name) => ({
  name,
  extensions: name === 'vfp' || name === 'neon',
  rows: ALL.filter((target) => fileOf(target) === name),
}));

/** Where the committed vectors of a set are: the name of a set, `system`, `blocks` or `random`. */
export function vectorFilePath(name: string): string {
  return fileURLToPath(new URL(`../vectors/${name}.vectors.br`, import.meta.url));
}
