import { fileURLToPath } from 'node:url';
import {
  A32_DECODER,
  A32_ROWS,
  T16_DECODER,
  T16_ROWS,
  T32_DECODER,
  T32_ROWS,
} from '../../src/arm/decode/tables.ts';
import type { RowOfSet } from './generator/candidate.ts';

/** The decode tables, each with its file of vectors. */
export const SETS: readonly { readonly name: string; readonly rows: readonly RowOfSet[] }[] = [
  { name: 'a32', rows: A32_ROWS.map((row) => ({ set: 'A32', row, decoder: A32_DECODER })) },
  { name: 't32', rows: T32_ROWS.map((row) => ({ set: 'T32', row, decoder: T32_DECODER })) },
  { name: 't16', rows: T16_ROWS.map((row) => ({ set: 'T16', row, decoder: T16_DECODER })) },
];

/** Where the committed vectors of a set are: `a32`, `t32`, `t16` or `system`. */
export function vectorFilePath(name: string): string {
  return fileURLToPath(new URL(`../vectors/${name}.vectors.br`, import.meta.url));
}
