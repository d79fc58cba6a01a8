import type { VectorFunction } from '../vector/vector-function.ts';
import type { FunctionBody } from './function-body.ts';
import type { VectorEmitter } from './vector-operation.ts';
import { VFP_CONVERSION_EMITTERS } from './vfp-conversion-emitters.ts';
import { VFP_EMITTERS } from './vfp-emitters.ts';

/** Own ways by the names of rows; what is not here is called. */
const EMITTERS: ReadonlyMap<string, VectorEmitter> = new Map([...VFP_EMITTERS, ...VFP_CONVERSION_EMITTERS]);

/** Whether there is code for a row. */
export function hasEmitter(row: VectorFunction): boolean {
  return EMITTERS.has(row.name);
}

/**
 * Appends code that does exactly what a row's function does, the bits that it gives for the sticky slot included.
 * @param d byte address of the operand's first state slot in the machine's memory; a, b too.
 * @param imm the row's immediate.
 * @param fallback appends a call of the row's function on the same operands; used for what the code leaves to it.
 * @returns false where there is no code for the row: nothing was appended.
 */
export function emitVector(
  code: FunctionBody,
  row: VectorFunction,
  d: number,
  a: number,
  b: number,
  imm: number,
  fallback: () => void,
): boolean {
  const emitter = EMITTERS.get(row.name);
  return emitter?.({ code, d, a, b, imm, fallback }) ?? false;
}
