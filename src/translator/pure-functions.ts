import { byOperation, type OpName, PackedForm, PackedOperation } from './ir/ops.ts';

/**
 * Pure integer operations that are too rare to have a case of their own in the interpreter's switch. Up to three
 * i32 operands and the operation's `imm`; an i32 result. Definitions follow ARM DDI 0406C A2.2.1 and the pseudocode
 * of the instructions named.
 */
export type PureFunction = (a: number, b: number, c: number, imm: number) => number;

const INT_MAX = 0x7fffffff;

function satS(a: number, bits: number): number {
  const max = bits === 32 ? INT_MAX : (1 << (bits - 1)) - 1;
  return Math.min(Math.max(a, -max - 1), max);
}

function satU(a: number, bits: number): number {
  return Math.min(Math.max(a, 0), (2 ** bits - 1) | 0);
}

function saturate(wide: number): number {
  return Math.min(Math.max(wide, -INT_MAX - 1), INT_MAX);
}

function reverseBits(a: number): number {
  let v = a;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  return reverseBytes(v);
}

export function reverseBytes(v: number): number {
  return (v >>> 24) | ((v >>> 8) & 0xff00) | ((v << 8) & 0xff0000) | (v << 24);
}

/** The lane results of a parallel addition or subtraction before they are cut to the lane, and each lane's width. */
function packedLane(a: number, b: number, operation: number, lane: number, signed: boolean): number {
  const bits = operation === PackedOperation.Add8 || operation === PackedOperation.Sub8 ? 8 : 16;
  // ASX exchanges the halfwords of b, adds in the high half and subtracts in the low one; SAX the other way round.
  const exchange = operation === PackedOperation.AddSubX || operation === PackedOperation.SubAddX;
  const at = lane * bits;
  const from = exchange ? (1 - lane) * bits : at;
  const shift = 32 - bits;
  const x = signed ? (a << (shift - at)) >> shift : (a << (shift - at)) >>> shift;
  const y = signed ? (b << (shift - from)) >> shift : (b << (shift - from)) >>> shift;
  const adds =
    operation === PackedOperation.Add16 ||
    operation === PackedOperation.Add8 ||
    (operation === PackedOperation.AddSubX && lane === 1) ||
    (operation === PackedOperation.SubAddX && lane === 0);
  return adds ? x + y : x - y;
}

function isAdding(operation: number, lane: number): boolean {
  return (
    operation === PackedOperation.Add16 ||
    operation === PackedOperation.Add8 ||
    (operation === PackedOperation.AddSubX && lane === 1) ||
    (operation === PackedOperation.SubAddX && lane === 0)
  );
}

function packed(a: number, b: number, _c: number, imm: number): number {
  const form = imm >> 4;
  const operation = imm & 15;
  const bits = operation === PackedOperation.Add8 || operation === PackedOperation.Sub8 ? 8 : 16;
  const signed = form <= PackedForm.SignedHalving;
  const mask = bits === 8 ? 0xff : 0xffff;
  let result = 0;
  for (let lane = 0; lane * bits < 32; lane++) {
    let v = packedLane(a, b, operation, lane, signed);
    if (form === PackedForm.SignedSaturating) v = satS(v, bits);
    else if (form === PackedForm.UnsignedSaturating) v = Math.min(Math.max(v, 0), mask);
    else if (form === PackedForm.SignedHalving || form === PackedForm.UnsignedHalving) v >>= 1;
    result |= (v & mask) << (lane * bits);
  }
  return result;
}

function packedGe(a: number, b: number, _c: number, imm: number): number {
  const operation = imm & 15;
  const bits = operation === PackedOperation.Add8 || operation === PackedOperation.Sub8 ? 8 : 16;
  const signed = imm >> 4 === PackedForm.Signed;
  let ge = 0;
  for (let lane = 0; lane * bits < 32; lane++) {
    const v = packedLane(a, b, operation, lane, signed);
    const holds = signed || !isAdding(operation, lane) ? v >= 0 : v > (bits === 8 ? 0xff : 0xffff);
    if (holds) ge |= bits === 8 ? 1 << lane : 3 << (lane * 2);
  }
  return ge;
}

function selBytes(ge: number, a: number, b: number): number {
  let mask = 0;
  for (let lane = 0; lane < 4; lane++) if ((ge >> lane) & 1) mask |= 0xff << (lane * 8);
  return (a & mask) | (b & ~mask);
}

function sumAbsDiff8(a: number, b: number): number {
  let sum = 0;
  for (let at = 0; at < 32; at += 8) sum += Math.abs(((a >>> at) & 0xff) - ((b >>> at) & 0xff));
  return sum;
}

function shlCarry(a: number, b: number, carry: number): number {
  const n = b & 0xff;
  if (n === 0) return carry;
  return n <= 32 ? (a >>> (32 - n)) & 1 : 0;
}

function shrCarry(a: number, b: number, carry: number): number {
  const n = b & 0xff;
  if (n === 0) return carry;
  return n <= 32 ? (a >>> (n - 1)) & 1 : 0;
}

function sarCarry(a: number, b: number, carry: number): number {
  const n = b & 0xff;
  return n === 0 ? carry : (a >> Math.min(n - 1, 31)) & 1;
}

function rorCarry(a: number, b: number, carry: number): number {
  const n = b & 0xff;
  return n === 0 ? carry : (a >>> ((n - 1) & 31)) & 1;
}

/** By operation name; the lowering passes the index in {@link PURE_FUNCTIONS}. */
export const PURE_FUNCTION_OF: { readonly [N in OpName]?: PureFunction } = {
  divS: (a, b) => (b === 0 ? 0 : (a / b) | 0),
  divU: (a, b) => (b === 0 ? 0 : ((a >>> 0) / (b >>> 0)) | 0),
  shlCarry,
  shrCarry,
  sarCarry,
  rorCarry,
  rrx: (a, carry) => (a >>> 1) | (carry << 31),
  clz: (a) => Math.clz32(a),
  rev: (a) => reverseBytes(a),
  rev16: (a) => ((a >>> 8) & 0x00ff00ff) | ((a << 8) & 0xff00ff00),
  rbit: (a) => reverseBits(a),
  satS: (a, _b, _c, bits) => satS(a, bits),
  satSOverflow: (a, _b, _c, bits) => Number(satS(a, bits) !== a),
  satU: (a, _b, _c, bits) => satU(a, bits),
  satUOverflow: (a, _b, _c, bits) => Number(satU(a, bits) !== a),
  addSat: (a, b) => saturate(a + b),
  addSatOverflow: (a, b) => Number(saturate(a + b) !== a + b),
  subSat: (a, b) => saturate(a - b),
  subSatOverflow: (a, b) => Number(saturate(a - b) !== a - b),
  addOverflow: (a, b) => Number(((a + b) | 0) !== a + b),
  packed,
  packedGe,
  selBytes,
  sumAbsDiff8,
};

const NAMES = Object.keys(PURE_FUNCTION_OF) as OpName[];

/** The same functions by number. */
export const PURE_FUNCTIONS: readonly PureFunction[] = NAMES.map(
  (name) => PURE_FUNCTION_OF[name] as PureFunction,
);

/** By OpInfo.number: number of a pure function, or -1 where the interpreter has a case of its own for the operation. */
export const PURE_FUNCTION_INDEX = byOperation<number, number>(
  Object.fromEntries(NAMES.map((name, i) => [name, i])),
  -1,
);

/** High word of the signed or unsigned 64-bit product. */
export function mulHighU(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle % 65536);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middle2 / 65536)) | 0;
}

export function mulHighS(a: number, b: number): number {
  return (mulHighU(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
}
