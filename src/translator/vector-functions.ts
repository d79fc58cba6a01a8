import type { OpName } from './ir/ops.ts';
import { VECTOR_OPS } from './lowering-tables.ts';

type VectorFunction = (m: Int32Array, lane: number, dst: number, a: number, b: number) => void;

function wordwise(f: (a: number, b: number) => number): VectorFunction {
  return (m, _lane, dst, a, b) => {
    for (let i = 0; i < 4; i++) m[dst + i] = f(m[a + i], m[b + i]);
  };
}

/** Applies f to each lane of `bits` bits of both words and puts the results, cut to the lane, together. */
function lanes(a: number, b: number, bits: number, f: (a: number, b: number) => number): number {
  if (bits === 32) return f(a, b);
  const mask = (1 << bits) - 1;
  let result = 0;
  for (let at = 0; at < 32; at += bits) result |= (f(a >>> at, b >>> at) & mask) << at;
  return result;
}

function lanewise(f: (a: number, b: number) => number): VectorFunction {
  return (m, bits, dst, a, b) => {
    for (let i = 0; i < 4; i++) m[dst + i] = lanes(m[a + i], m[b + i], bits, f);
  };
}

/** Word and shift of a lane given as (lane size << 8) | index. */
function place(lane: number): [word: number, shift: number, mask: number] {
  const bits = lane >> 8;
  const bit = (lane & 0xff) * bits;
  return [bit >> 5, bit & 31, bits === 32 ? -1 : (1 << bits) - 1];
}

const FUNCTIONS: { readonly [N in OpName]?: VectorFunction } = {
  vAnd: wordwise((a, b) => a & b),
  vOr: wordwise((a, b) => a | b),
  vXor: wordwise((a, b) => a ^ b),
  vNot: wordwise((a) => ~a),
  vAdd: lanewise((a, b) => a + b),
  vSub: lanewise((a, b) => a - b),
  vSplat: (m, bits, dst, a) => {
    const word = lanes(m[a], 0, bits, () => m[a]);
    for (let i = 0; i < 4; i++) m[dst + i] = word;
  },
  vExtract: (m, lane, dst, a) => {
    const [word, shift, mask] = place(lane);
    m[dst] = (m[a + word] >>> shift) & mask;
  },
  vInsert: (m, lane, dst, a, b) => {
    const [word, shift, mask] = place(lane);
    const value = m[b];
    for (let i = 0; i < 4; i++) m[dst + i] = m[a + i];
    m[dst + word] = (m[dst + word] & ~(mask << shift)) | ((value & mask) << shift);
  },
};

const BY_NUMBER = VECTOR_OPS.map((op) => FUNCTIONS[op] as VectorFunction);

/** One vector operation of the interpreter on word indices of `m`; `operation` counts in {@link VECTOR_OPS}. */
export function runVectorOperation(
  m: Int32Array,
  operation: number,
  lane: number,
  dst: number,
  a: number,
  b: number,
): void {
  BY_NUMBER[operation](m, lane, dst, a, b);
}
