import { A, B, D, type Limits } from './lanes.ts';
import { firstWords, type VectorFunction, vectorFunction } from './vector-function.ts';

/* Functions that move elements without looking at them. */

type N = number;

/** VREV: `imm` is the number of elements in a group, less one. */
export const reverse = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i ^ imm];
};
/** VDUP: element `imm` of one doubleword register. */
export const duplicate = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[imm];
};
/** VEXT: bytes from number `imm` on of a, then of b. */
export const extract = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = i + imm < n ? A[i + imm] : B[i + imm - n];
};
/** VTBL: the table is a, of `imm` bytes; an index outside gives 0. */
export const lookUp = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = B[i] < imm ? A[B[i]] : 0;
};
/** VTBX: an index outside leaves the element. */
export const lookUpExtending = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) if (B[i] < imm) D[i] = A[B[i]];
};

// These write both operands.

export const transpose = (n: N): void => {
  for (let i = 0; i < n; i += 2) {
    const kept = D[i + 1];
    D[i + 1] = A[i];
    A[i] = kept;
  }
};
export const unzip = (n: N, _imm: N, _limits: Limits): void => {
  for (let i = 0; i < n; i++) {
    B[i] = D[i];
    B[n + i] = A[i];
  }
  for (let i = 0; i < n; i++) {
    D[i] = B[2 * i];
    A[i] = B[2 * i + 1];
  }
};
export const zip = (n: N): void => {
  for (let i = 0; i < n; i++) {
    B[2 * i] = D[i];
    B[2 * i + 1] = A[i];
  }
  for (let i = 0; i < n; i++) {
    D[i] = B[i];
    A[i] = B[n + i];
  }
};

/** Word offsets of `count` doubleword registers, each `step` after the other. */
function registerWords(count: number, step: number): readonly number[] {
  return Array.from({ length: 2 * count }, (_unused, i) => 2 * step * (i >> 1) + (i & 1));
}

/**
 * VLD2 to VLD4: structures of `count` elements, as they stood in memory in the words from a on, to one element each of
 * `count` doubleword registers, d and every `step`th after it.
 */
export function deinterleaving(bits: number, count: number, step: number): VectorFunction {
  const lanes = 64 / bits;
  return vectorFunction({
    name: `vld${count}.${bits} step ${step}`,
    reads: [[], firstWords(2 * count), []],
    writes: [registerWords(count, step), []],
    sticky: false,
    run(v, d, a) {
      v.unpack(A, a, bits, false, count * lanes);
      for (let r = 0; r < count; r++) {
        for (let e = 0; e < lanes; e++) D[e] = A[e * count + r];
        v.pack(D, d + 2 * step * r, bits, lanes);
      }
      return 0;
    },
  });
}

/** VST2 to VST4: the way back, from the registers at a to the words at d. */
export function interleaving(bits: number, count: number, step: number): VectorFunction {
  const lanes = 64 / bits;
  return vectorFunction({
    name: `vst${count}.${bits} step ${step}`,
    reads: [[], registerWords(count, step), []],
    writes: [firstWords(2 * count), []],
    sticky: false,
    run(v, d, a) {
      for (let r = 0; r < count; r++) {
        v.unpack(A, a + 2 * step * r, bits, false, lanes);
        for (let e = 0; e < lanes; e++) D[e * count + r] = A[e];
      }
      v.pack(D, d, bits, count * lanes);
      return 0;
    },
  });
}
