import { mulHighS, mulHighU } from '../pure-functions.ts';

/*
 * The functions that programs use most, on words as they lie in memory and without a detour by elements. A word of the
 * result depends on the same word of the operands (or pair, for doublewords), so that operands may be the result.
 */

/** Works on `n` words from d on. */
export type DirectKernel = (m: Int32Array, d: number, a: number, b: number, n: number, imm: number) => void;

type M = Int32Array;
type N = number;

export const and = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] & m[b + i];
};
export const bitClear = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] & ~m[b + i];
};
export const or = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] | m[b + i];
};
export const orNot = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] | ~m[b + i];
};
export const exclusiveOr = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] ^ m[b + i];
};
export const bitSelect = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = (m[a + i] & m[d + i]) | (m[b + i] & ~m[d + i]);
};
export const insertIfTrue = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = (m[a + i] & m[b + i]) | (m[d + i] & ~m[b + i]);
};
export const insertIfFalse = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = (m[d + i] & m[b + i]) | (m[a + i] & ~m[b + i]);
};
export const not = (m: M, d: N, a: N, _b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = ~m[a + i];
};
export const swap = (m: M, d: N, a: N, _b: N, n: N): void => {
  for (let i = 0; i < n; i++) {
    const kept = m[d + i];
    m[d + i] = m[a + i];
    m[a + i] = kept;
  }
};

// Sums of narrow elements: the top bit of each is added apart, so that no carry leaves it.

export const add8 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) {
    const x = m[a + i];
    const y = m[b + i];
    m[d + i] = ((x & 0x7f7f7f7f) + (y & 0x7f7f7f7f)) ^ ((x ^ y) & 0x80808080);
  }
};
export const add16 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) {
    const x = m[a + i];
    const y = m[b + i];
    m[d + i] = ((x & 0x7fff7fff) + (y & 0x7fff7fff)) ^ ((x ^ y) & 0x80008000);
  }
};
export const add32 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] + m[b + i];
};
export const add64 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i += 2) {
    const low = (m[a + i] >>> 0) + (m[b + i] >>> 0);
    m[d + i + 1] = m[a + i + 1] + m[b + i + 1] + (low > 0xffffffff ? 1 : 0);
    m[d + i] = low;
  }
};
export const sub8 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) {
    const x = m[a + i];
    const y = m[b + i];
    m[d + i] = ((x | 0x80808080) - (y & 0x7f7f7f7f)) ^ ((x ^ ~y) & 0x80808080);
  }
};
export const sub16 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) {
    const x = m[a + i];
    const y = m[b + i];
    m[d + i] = ((x | 0x80008000) - (y & 0x7fff7fff)) ^ ((x ^ ~y) & 0x80008000);
  }
};
export const sub32 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] - m[b + i];
};
export const sub64 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i += 2) {
    const low = (m[a + i] >>> 0) - (m[b + i] >>> 0);
    m[d + i + 1] = m[a + i + 1] - m[b + i + 1] - (low < 0 ? 1 : 0);
    m[d + i] = low;
  }
};

export const multiply32 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = Math.imul(m[a + i], m[b + i]);
};
export const multiplyAccumulate32 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] += Math.imul(m[a + i], m[b + i]);
};
export const equal32 = (m: M, d: N, a: N, b: N, n: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] === m[b + i] ? -1 : 0;
};

// Shifts by immediate, of words by 32 and doublewords by 64 at most.

export const shiftLeft32 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] << imm;
};
export const shiftRightSigned32 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  const by = Math.min(imm, 31);
  for (let i = 0; i < n; i++) m[d + i] = m[a + i] >> by;
};
export const shiftRightUnsigned32 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  for (let i = 0; i < n; i++) m[d + i] = imm === 32 ? 0 : m[a + i] >>> imm;
};
export const shiftLeftInsert32 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  const kept = 2 ** imm - 1;
  for (let i = 0; i < n; i++) m[d + i] = (m[d + i] & kept) | (m[a + i] << imm);
};
export const shiftRightInsert32 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  if (imm === 32) return;
  const written = -1 >>> imm;
  for (let i = 0; i < n; i++) m[d + i] = (m[d + i] & ~written) | (m[a + i] >>> imm);
};
export const shiftLeft64 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  for (let i = 0; i < n; i += 2) {
    const low = m[a + i];
    const high = m[a + i + 1];
    m[d + i + 1] = imm >= 32 ? low << (imm - 32) : imm === 0 ? high : (high << imm) | (low >>> (32 - imm));
    m[d + i] = imm >= 32 ? 0 : low << imm;
  }
};
export const shiftRightUnsigned64 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  for (let i = 0; i < n; i += 2) {
    const low = m[a + i];
    const high = m[a + i + 1];
    if (imm === 64) m[d + i] = 0;
    else m[d + i] = imm >= 32 ? high >>> (imm - 32) : (low >>> imm) | (high << (32 - imm));
    m[d + i + 1] = imm >= 32 ? 0 : high >>> imm;
  }
};

export const shiftLeftInsert64 = (m: M, d: N, a: N, _b: N, n: N, imm: N): void => {
  const keptLow = imm >= 32 ? -1 : 2 ** imm - 1;
  const keptHigh = imm <= 32 ? 0 : 2 ** (imm - 32) - 1;
  for (let i = 0; i < n; i += 2) {
    const low = m[a + i];
    const high = m[a + i + 1];
    const newHigh = imm >= 32 ? low << (imm - 32) : imm === 0 ? high : (high << imm) | (low >>> (32 - imm));
    m[d + i + 1] = (m[d + i + 1] & keptHigh) | newHigh;
    m[d + i] = imm >= 32 ? m[d + i] : (m[d + i] & keptLow) | (low << imm);
  }
};
/** Two doublewords to words: a has twice as many words as d, and may lie over it. */
export const shiftRightNarrow64 = (m: M, d: N, a: N, _b: N, _n: N, imm: N): void => {
  const [low0, high0, low1, high1] = [m[a], m[a + 1], m[a + 2], m[a + 3]];
  m[d] = lowOfShifted(low0, high0, imm);
  m[d + 1] = lowOfShifted(low1, high1, imm);
};
function lowOfShifted(low: number, high: number, imm: number): number {
  if (imm === 0) return low;
  return imm === 32 ? high : (low >>> imm) | (high << (32 - imm));
}

// Products of two words in a doubleword: a and b have half as many words, which may lie in the result's.

function long(product: (a: number, b: number) => number): DirectKernel {
  return (m, d, a, b) => {
    const [a0, a1, b0, b1] = [m[a], m[a + 1], m[b], m[b + 1]];
    m[d] = Math.imul(a0, b0);
    m[d + 1] = product(a0, b0);
    m[d + 2] = Math.imul(a1, b1);
    m[d + 3] = product(a1, b1);
  };
}
export const multiplyLongSigned32 = long(mulHighS);
export const multiplyLongUnsigned32 = long(mulHighU);

function accumulateLong(product: (a: number, b: number) => number): DirectKernel {
  return (m, d, a, b) => {
    const [a0, a1, b0, b1] = [m[a], m[a + 1], m[b], m[b + 1]];
    accumulate(m, d, Math.imul(a0, b0), product(a0, b0));
    accumulate(m, d + 2, Math.imul(a1, b1), product(a1, b1));
  };
}
function accumulate(m: M, d: N, low: N, high: N): void {
  const sum = (m[d] >>> 0) + (low >>> 0);
  m[d + 1] += high + (sum > 0xffffffff ? 1 : 0);
  m[d] = sum;
}
export const multiplyAccumulateLongSigned32 = accumulateLong(mulHighS);
export const multiplyAccumulateLongUnsigned32 = accumulateLong(mulHighU);
