import { mulHighS } from '../pure-functions.ts';
import { A, B, D, type Limits, saturate } from './lanes.ts';

/*
 * Elements of up to 32 bits as numbers, signed or not as the row says: sums, and products with powers of two, are exact;
 * what does not fit the result's element is cut off when it is packed. Each function is a loop of its own, because the
 * host's compiler specialises it then.
 */

type N = number;

/** Signed shift amount of the register forms: the bottom byte of the element. */
function amount(element: number): number {
  return (element << 24) >> 24;
}

/** floor(x / 2^n), with `half` 0.5 rounded to nearest, ties up. */
function shiftedRight(x: number, n: number, half: number): number {
  return Math.floor(x / 2 ** n + half);
}

// Three registers of the same length; with wider results and operands by the row's shape.

export const add = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] + B[i];
};
export const sub = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] - B[i];
};
export const halvingAdd = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.floor((A[i] + B[i]) / 2);
};
export const roundingHalvingAdd = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.floor((A[i] + B[i] + 1) / 2);
};
export const halvingSub = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.floor((A[i] - B[i]) / 2);
};
export const saturatingAdd = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(A[i] + B[i], limits);
};
export const saturatingSub = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(A[i] - B[i], limits);
};
export const greater = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] > B[i] ? -1 : 0;
};
export const greaterOrEqual = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] >= B[i] ? -1 : 0;
};
export const equal = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] === B[i] ? -1 : 0;
};
export const test = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = (A[i] & B[i]) !== 0 ? -1 : 0;
};
export const maximum = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.max(A[i], B[i]);
};
export const minimum = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.min(A[i], B[i]);
};
export const absoluteDifference = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.abs(A[i] - B[i]);
};
export const absoluteDifferenceAccumulate = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] += Math.abs(A[i] - B[i]);
};
export const multiply = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.imul(A[i], B[i]);
};
export const multiplyAccumulate = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] += Math.imul(A[i], B[i]);
};
export const multiplySubtract = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] -= Math.imul(A[i], B[i]);
};

/** Product of polynomials over {0, 1} of degree 7 at most. */
function polynomialProduct(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit;
  return product;
}
export const multiplyPolynomial = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = polynomialProduct(A[i], B[i]);
};

/** (2ab + round) >> bits; doubled it overflows for one pair of operands only. */
function doublingHigh(a: number, b: number, limits: Limits, round: number): number {
  if (limits.bits === 16) return saturate(Math.floor((2 * a * b + round * 0x8000) / 0x10000), limits);
  const low = (Math.imul(a, b) >>> 0) + round * 0x40000000;
  const high = mulHighS(a, b) + (low > 0xffffffff ? 1 : 0);
  return saturate(2 * high + ((low >>> 31) & 1), limits);
}
export const doublingMultiplyHigh = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = doublingHigh(A[i], B[i], limits, 0);
};
export const roundingDoublingMultiplyHigh = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = doublingHigh(A[i], B[i], limits, 1);
};
export const doublingMultiplyLong = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(2 * A[i] * B[i], limits);
};
export const doublingMultiplyAccumulateLong = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(D[i] + saturate(2 * A[i] * B[i], limits), limits);
};
export const doublingMultiplySubtractLong = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(D[i] - saturate(2 * A[i] * B[i], limits), limits);
};

// Adjacent elements. The first half of the result is of a, the second of b.

export const pairwiseAdd = (n: N): void => {
  const half = n / 2;
  for (let i = 0; i < half; i++) {
    D[i] = A[2 * i] + A[2 * i + 1];
    D[half + i] = B[2 * i] + B[2 * i + 1];
  }
};
export const pairwiseMaximum = (n: N): void => {
  const half = n / 2;
  for (let i = 0; i < half; i++) {
    D[i] = Math.max(A[2 * i], A[2 * i + 1]);
    D[half + i] = Math.max(B[2 * i], B[2 * i + 1]);
  }
};
export const pairwiseMinimum = (n: N): void => {
  const half = n / 2;
  for (let i = 0; i < half; i++) {
    D[i] = Math.min(A[2 * i], A[2 * i + 1]);
    D[half + i] = Math.min(B[2 * i], B[2 * i + 1]);
  }
};
export const pairwiseAddLong = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[2 * i] + A[2 * i + 1];
};
export const pairwiseAddAccumulateLong = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] += A[2 * i] + A[2 * i + 1];
};

// The high half of wide sums.

export const addHigh = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i] + B[i], bits, 0);
};
export const subHigh = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i] - B[i], bits, 0);
};
export const roundingAddHigh = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i] + B[i], bits, 0.5);
};
export const roundingSubHigh = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i] - B[i], bits, 0.5);
};

// Shifts by register: a by the signed bottom byte of b, negative to the right.

function shiftByRegister(n: number, half: number): void {
  for (let i = 0; i < n; i++) {
    const by = amount(B[i]);
    D[i] = by >= 0 ? A[i] * 2 ** by : shiftedRight(A[i], -by, half);
  }
}
export const shift = (n: N): void => shiftByRegister(n, 0);
export const roundingShift = (n: N): void => shiftByRegister(n, 0.5);

function saturatingShiftByRegister(n: number, half: number, limits: Limits): void {
  for (let i = 0; i < n; i++) {
    const by = amount(B[i]);
    D[i] = by >= 0 ? saturate(A[i] * 2 ** by, limits) : shiftedRight(A[i], -by, half);
  }
}
export const saturatingShift = (n: N, _imm: N, limits: Limits): void =>
  saturatingShiftByRegister(n, 0, limits);
export const saturatingRoundingShift = (n: N, _imm: N, limits: Limits): void =>
  saturatingShiftByRegister(n, 0.5, limits);

// Shifts by immediate, also narrowing and widening ones.

export const shiftLeft = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] * 2 ** imm;
};
export const saturatingShiftLeft = (n: N, imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(A[i] * 2 ** imm, limits);
};
export const shiftRight = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i], imm, 0);
};
export const roundingShiftRight = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] = shiftedRight(A[i], imm, 0.5);
};
export const shiftRightAccumulate = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] += shiftedRight(A[i], imm, 0);
};
export const roundingShiftRightAccumulate = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) D[i] += shiftedRight(A[i], imm, 0.5);
};
export const saturatingShiftRight = (n: N, imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(shiftedRight(A[i], imm, 0), limits);
};
export const saturatingRoundingShiftRight = (n: N, imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(shiftedRight(A[i], imm, 0.5), limits);
};
export const shiftLeftInsert = (n: N, imm: N): void => {
  const kept = 2 ** imm - 1;
  for (let i = 0; i < n; i++) D[i] = (D[i] & kept) | (A[i] << imm);
};
export const shiftRightInsert = (n: N, imm: N, { bits }: Limits): void => {
  const written = 2 ** (bits - imm) - 1;
  for (let i = 0; i < n; i++) D[i] = (D[i] & ~written) | shiftedRight(A[i], imm, 0);
};

// One operand.

export const countLeadingSigns = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = Math.clz32(A[i] ^ (A[i] >> 31)) - (32 - bits) - 1;
};
export const countLeadingZeros = (n: N, _imm: N, { bits }: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = Math.clz32(A[i]) - (32 - bits);
};
export const countOnes = (n: N): void => {
  for (let i = 0; i < n; i++) {
    const pairs = A[i] - ((A[i] >> 1) & 0x55);
    const fours = (pairs & 0x33) + ((pairs >> 2) & 0x33);
    D[i] = (fours + (fours >> 4)) & 15;
  }
};
export const absolute = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = Math.abs(A[i]);
};
export const negate = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = -A[i];
};
export const saturatingAbsolute = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(Math.abs(A[i]), limits);
};
export const saturatingNegate = (n: N, _imm: N, limits: Limits): void => {
  for (let i = 0; i < n; i++) D[i] = saturate(-A[i], limits);
};
export const greaterThanZero = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] > 0 ? -1 : 0;
};
export const greaterOrEqualZero = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] >= 0 ? -1 : 0;
};
export const equalZero = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] === 0 ? -1 : 0;
};
export const lessOrEqualZero = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] <= 0 ? -1 : 0;
};
export const lessThanZero = (n: N): void => {
  for (let i = 0; i < n; i++) D[i] = A[i] < 0 ? -1 : 0;
};
