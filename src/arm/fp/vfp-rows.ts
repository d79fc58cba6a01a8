import type { VectorFunction } from '../../translator/vector/vector-function.ts';
import { CONVERSION_ROWS } from './conversion-rows.ts';
import { F32_ROWS } from './f32-rows.ts';
import { F64_ROWS } from './f64-rows.ts';

/** Everything of VFP that lifted code runs by the table of vector functions. */
export const VFP_ROWS: readonly VectorFunction[] = [
  ...Object.values(F32_ROWS),
  ...Object.values(F64_ROWS),
  ...Object.values(CONVERSION_ROWS),
];
