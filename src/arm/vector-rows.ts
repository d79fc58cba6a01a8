import { INTEGER_ROWS } from '../translator/vector/table.ts';
import { VFP_ROWS } from './fp/vfp-rows.ts';
import type { VectorFunction } from '../translator/vector/vector-function.ts';

/** Every vector function that lifted code may run: the table that the interpreter's environment has. */
export const VECTOR_ROWS: readonly VectorFunction[] = [...INTEGER_ROWS, ...VFP_ROWS];
