import { AW, BW, DW, saturateWide, type WideLimits } from './lanes.ts';

/* The functions of integer-kernels.ts that have 64-bit elements somewhere: the same statements over big integers. */

type N = number;

/** x / 2^n rounded down, or with `rounding` to nearest, ties up. */
function shiftedRight(x: bigint, n: bigint, rounding: boolean): bigint {
  return (x + (rounding && n > 0n ? 1n << (n - 1n) : 0n)) >> n;
}

function amount(element: bigint): bigint {
  return BigInt.asIntN(8, element);
}

export const add = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] = AW[i] + BW[i];
};
export const sub = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] = AW[i] - BW[i];
};
export const saturatingAdd = (n: N, _imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(AW[i] + BW[i], limits);
};
export const saturatingSub = (n: N, _imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(AW[i] - BW[i], limits);
};
export const absoluteDifferenceAccumulate = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] += AW[i] > BW[i] ? AW[i] - BW[i] : BW[i] - AW[i];
};
export const multiply = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] = AW[i] * BW[i];
};
export const multiplyAccumulate = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] += AW[i] * BW[i];
};
export const multiplySubtract = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] -= AW[i] * BW[i];
};
export const doublingMultiplyLong = (n: N, _imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(2n * AW[i] * BW[i], limits);
};
export const doublingMultiplyAccumulateLong = (n: N, _imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) {
    DW[i] = saturateWide(DW[i] + saturateWide(2n * AW[i] * BW[i], limits), limits);
  }
};
export const doublingMultiplySubtractLong = (n: N, _imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) {
    DW[i] = saturateWide(DW[i] - saturateWide(2n * AW[i] * BW[i], limits), limits);
  }
};
export const pairwiseAddAccumulateLong = (n: N): void => {
  for (let i = 0; i < n; i++) DW[i] += AW[2 * i] + AW[2 * i + 1];
};

export const addHigh = (n: N, _imm: N, { bits }: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i] + BW[i], bits, false);
};
export const subHigh = (n: N, _imm: N, { bits }: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i] - BW[i], bits, false);
};
export const roundingAddHigh = (n: N, _imm: N, { bits }: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i] + BW[i], bits, true);
};
export const roundingSubHigh = (n: N, _imm: N, { bits }: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i] - BW[i], bits, true);
};

function shiftByRegister(n: number, rounding: boolean): void {
  for (let i = 0; i < n; i++) {
    const by = amount(BW[i]);
    DW[i] = by >= 0n ? AW[i] << by : shiftedRight(AW[i], -by, rounding);
  }
}
export const shift = (n: N): void => shiftByRegister(n, false);
export const roundingShift = (n: N): void => shiftByRegister(n, true);

function saturatingShiftByRegister(n: number, rounding: boolean, limits: WideLimits): void {
  for (let i = 0; i < n; i++) {
    const by = amount(BW[i]);
    DW[i] = by >= 0n ? saturateWide(AW[i] << by, limits) : shiftedRight(AW[i], -by, rounding);
  }
}
export const saturatingShift = (n: N, _imm: N, limits: WideLimits): void =>
  saturatingShiftByRegister(n, false, limits);
export const saturatingRoundingShift = (n: N, _imm: N, limits: WideLimits): void =>
  saturatingShiftByRegister(n, true, limits);

export const shiftLeft = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) DW[i] = AW[i] << BigInt(imm);
};
export const saturatingShiftLeft = (n: N, imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(AW[i] << BigInt(imm), limits);
};
export const shiftRight = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i], BigInt(imm), false);
};
export const roundingShiftRight = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) DW[i] = shiftedRight(AW[i], BigInt(imm), true);
};
export const shiftRightAccumulate = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) DW[i] += shiftedRight(AW[i], BigInt(imm), false);
};
export const roundingShiftRightAccumulate = (n: N, imm: N): void => {
  for (let i = 0; i < n; i++) DW[i] += shiftedRight(AW[i], BigInt(imm), true);
};
export const saturatingShiftRight = (n: N, imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(shiftedRight(AW[i], BigInt(imm), false), limits);
};
export const saturatingRoundingShiftRight = (n: N, imm: N, limits: WideLimits): void => {
  for (let i = 0; i < n; i++) DW[i] = saturateWide(shiftedRight(AW[i], BigInt(imm), true), limits);
};
export const shiftLeftInsert = (n: N, imm: N): void => {
  const kept = (1n << BigInt(imm)) - 1n;
  for (let i = 0; i < n; i++) DW[i] = (DW[i] & kept) | (AW[i] << BigInt(imm));
};
export const shiftRightInsert = (n: N, imm: N, { bits }: WideLimits): void => {
  const written = (1n << (bits - BigInt(imm))) - 1n;
  for (let i = 0; i < n; i++) DW[i] = (DW[i] & ~written) | (AW[i] >> BigInt(imm));
};
