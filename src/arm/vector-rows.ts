import { INTEGER_ROWS, rowsOf } from '../translator/vector/table.ts';
import type { VectorFunction } from '../translator/vector/vector-function.ts';
import { SIMD_FLOAT, SIMD_FLOAT_SCALAR } from './fp/simd-families.ts';
import { VFP_ROWS } from './fp/vfp-rows.ts';

/** Every vector function that lifted code may run: the table that the interpreter's environment has. */
export const VECTOR_ROWS: readonly VectorFunction[] = [
  ...INTEGER_ROWS,
  ...rowsOf(SIMD_FLOAT, SIMD_FLOAT_SCALAR),
  ...VFP_ROWS,
];
