import type { VectorFunction } from '../vector/vector-function.ts';
import type { FunctionBody } from './function-body.ts';
import { SIMD_ESTIMATE_EMITTERS } from './simd-estimate-emitters.ts';
import { SIMD_FLOAT_EMITTERS } from './simd-float-emitters.ts';
import { SIMD_INTEGER_EMITTERS } from './simd-integer-emitters.ts';
import { SIMD_LONG_EMITTERS } from './simd-long-emitters.ts';
import { SIMD_MOVE_EMITTERS, SIMD_PERMUTE_EMITTERS } from './simd-permute-emitters.ts';
import { SIMD_SATURATING_EMITTERS } from './simd-saturating-emitters.ts';
import { SIMD_SHIFT_EMITTERS } from './simd-shift-emitters.ts';
import { type SimdEmitter, SimdWriter } from './simd-writer.ts';
import type { VectorEmitter } from './vector-operation.ts';
import { VFP_CONVERSION_EMITTERS } from './vfp-conversion-emitters.ts';
import { VFP_EMITTERS } from './vfp-emitters.ts';
import { VFP_FUSED_EMITTERS } from './vfp-fused-emitters.ts';

/** Own ways by the names of rows. */
const BY_NAME: ReadonlyMap<string, VectorEmitter> = new Map([
  ...VFP_EMITTERS,
  ...VFP_FUSED_EMITTERS,
  ...VFP_CONVERSION_EMITTERS,
  ...SIMD_MOVE_EMITTERS,
]);

/** Own ways by what names say before the element, for all elements that there are rows of. */
const BY_OPERATION: ReadonlyMap<string, SimdEmitter> = new Map(
  Object.entries({
    ...SIMD_INTEGER_EMITTERS,
    ...SIMD_LONG_EMITTERS,
    ...SIMD_SHIFT_EMITTERS,
    ...SIMD_SATURATING_EMITTERS,
    ...SIMD_PERMUTE_EMITTERS,
    ...SIMD_FLOAT_EMITTERS,
    ...SIMD_ESTIMATE_EMITTERS,
  }),
);

/** `vqadd.s8 q`: operation, sign and size of the element, register. */
const NAME = /^(.+)\.([su])(8|16|32|64)( q)?$/;

function bySize(name: string): VectorEmitter | undefined {
  const [, operation, sign, bits, q] = NAME.exec(name) ?? [];
  const emitter = BY_OPERATION.get(operation ?? '');
  if (emitter === undefined) return undefined;
  const elements = { size: Math.log2(Number(bits) / 8), signed: sign === 's', quad: q !== undefined };
  return (o) => {
    emitter(new SimdWriter(o, elements));
    return true;
  };
}

const emitters = new Map<VectorFunction, VectorEmitter | undefined>();

function emitterOf(row: VectorFunction): VectorEmitter | undefined {
  if (!emitters.has(row)) emitters.set(row, BY_NAME.get(row.name) ?? bySize(row.name));
  return emitters.get(row);
}

/** Whether there is code for a row. */
export function hasEmitter(row: VectorFunction): boolean {
  return emitterOf(row) !== undefined;
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
  return emitterOf(row)?.({ code, d, a, b, imm, fallback }) ?? false;
}
