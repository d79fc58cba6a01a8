import * as direct from './direct-kernels.ts';
import {
  type FamilyOptions,
  family,
  familyOf,
  type PairOptions,
  type SignedPair,
  signedPair,
  type VectorFamily,
} from './family.ts';
import * as k from './integer-kernels.ts';
import type { Kernel, WideKernel } from './lanes.ts';
import * as p from './permutations.ts';
import * as w from './wide-kernels.ts';

const NARROW = [0, 1, 2];
const ALL = [0, 1, 2, 3];
const BYTES = [0];
const WORDS = [2];
const DOUBLING = [1, 2];

function same(name: string, kernel: Kernel, more: Partial<FamilyOptions> = {}): VectorFamily {
  return family(name, { shape: 'same', sizes: NARROW, kernel, ...more });
}

function samePair(name: string, kernel: Kernel, more: Partial<FamilyOptions> = {}): SignedPair {
  return signedPair(name, { shape: 'same', sizes: NARROW, kernel, ...more });
}

/** Bitwise functions work on words, whatever the size field. */
function bitwise(name: string, kernel: direct.DirectKernel, more: Partial<FamilyOptions> = {}): VectorFamily {
  const words = family(name, { shape: 'same', sizes: WORDS, direct: { 2: kernel }, ...more });
  return familyOf((q) => words.rows[4 * q + 2]);
}

function unary(name: string, kernel: Kernel, more: Partial<FamilyOptions> = {}): VectorFamily {
  return same(name, kernel, { shape: 'unary', ...more });
}

/** Shifts by immediate of all sizes. */
function shifts(
  name: string,
  kernel: Kernel,
  wideKernel: WideKernel,
  more: Partial<PairOptions> = {},
): SignedPair {
  return signedPair(name, {
    shape: 'unary',
    sizes: ALL,
    kernel,
    wideKernel,
    ...more,
  });
}

const sticky = true;
const accumulates = true;
const signed = true;

/** Three registers of the same length (ARM DDI 0406C A7.4.1), integers. */
export const SAME_LENGTH = {
  vhadd: samePair('vhadd', k.halvingAdd),
  vqadd: samePair('vqadd', k.saturatingAdd, { sizes: ALL, wideKernel: w.saturatingAdd, sticky }),
  vrhadd: samePair('vrhadd', k.roundingHalvingAdd),
  vand: bitwise('vand', direct.and),
  vbic: bitwise('vbic', direct.bitClear),
  vorr: bitwise('vorr', direct.or),
  vorn: bitwise('vorn', direct.orNot),
  veor: bitwise('veor', direct.exclusiveOr),
  vbsl: bitwise('vbsl', direct.bitSelect, { accumulates }),
  vbit: bitwise('vbit', direct.insertIfTrue, { accumulates }),
  vbif: bitwise('vbif', direct.insertIfFalse, { accumulates }),
  vhsub: samePair('vhsub', k.halvingSub),
  vqsub: samePair('vqsub', k.saturatingSub, { sizes: ALL, wideKernel: w.saturatingSub, sticky }),
  vcgt: samePair('vcgt', k.greater),
  vcge: samePair('vcge', k.greaterOrEqual),
  vshl: samePair('vshl', k.shift, { sizes: ALL, wideKernel: w.shift }),
  vqshl: samePair('vqshl', k.saturatingShift, { sizes: ALL, wideKernel: w.saturatingShift, sticky }),
  vrshl: samePair('vrshl', k.roundingShift, { sizes: ALL, wideKernel: w.roundingShift }),
  vqrshl: samePair('vqrshl', k.saturatingRoundingShift, {
    sizes: ALL,
    wideKernel: w.saturatingRoundingShift,
    sticky,
  }),
  vmax: samePair('vmax', k.maximum),
  vmin: samePair('vmin', k.minimum),
  vabd: samePair('vabd', k.absoluteDifference),
  vaba: samePair('vaba', k.absoluteDifferenceAccumulate, { accumulates }),
  vadd: family('vadd', {
    shape: 'same',
    sizes: ALL,
    direct: [direct.add8, direct.add16, direct.add32, direct.add64],
  }),
  vsub: family('vsub', {
    shape: 'same',
    sizes: ALL,
    direct: [direct.sub8, direct.sub16, direct.sub32, direct.sub64],
  }),
  vtst: same('vtst', k.test),
  vceq: same('vceq', k.equal, { direct: { 2: direct.equal32 } }),
  vmla: same('vmla', k.multiplyAccumulate, { accumulates, direct: { 2: direct.multiplyAccumulate32 } }),
  vmls: same('vmls', k.multiplySubtract, { accumulates }),
  vmul: same('vmul', k.multiply, { direct: { 2: direct.multiply32 } }),
  vmulPolynomial: same('vmul.p8', k.multiplyPolynomial, { sizes: BYTES }),
  vpmax: samePair('vpmax', k.pairwiseMaximum, { quad: false }),
  vpmin: samePair('vpmin', k.pairwiseMinimum, { quad: false }),
  vqdmulh: same('vqdmulh', k.doublingMultiplyHigh, { sizes: DOUBLING, signed, sticky }),
  vqrdmulh: same('vqrdmulh', k.roundingDoublingMultiplyHigh, { sizes: DOUBLING, signed, sticky }),
  vpadd: same('vpadd', k.pairwiseAdd, { quad: false }),
} as const;

/** Options of the multiplications of A7.4.2 that A7.4.3 has with a scalar too. */
const LONG_MULTIPLICATIONS = {
  vmlal: { kernel: k.multiplyAccumulate, wideKernel: w.multiplyAccumulate, accumulates },
  vmlsl: { kernel: k.multiplySubtract, wideKernel: w.multiplySubtract, accumulates },
  vmull: { kernel: k.multiply, wideKernel: w.multiply },
  vqdmlal: {
    kernel: k.doublingMultiplyAccumulateLong,
    wideKernel: w.doublingMultiplyAccumulateLong,
    sizes: DOUBLING,
    accumulates,
    sticky,
  },
  vqdmlsl: {
    kernel: k.doublingMultiplySubtractLong,
    wideKernel: w.doublingMultiplySubtractLong,
    sizes: DOUBLING,
    accumulates,
    sticky,
  },
  vqdmull: { kernel: k.doublingMultiplyLong, wideKernel: w.doublingMultiplyLong, sizes: DOUBLING, sticky },
} as const;

function long(name: keyof typeof LONG_MULTIPLICATIONS, more: Partial<PairOptions> = {}): SignedPair {
  const fullName = more.scalar === true ? `${name} scalar` : name;
  return signedPair(fullName, { shape: 'long', sizes: NARROW, ...LONG_MULTIPLICATIONS[name], ...more });
}

function longPair(name: string, more: Pick<FamilyOptions, 'shape'> & Partial<FamilyOptions>): SignedPair {
  return signedPair(name, { sizes: NARROW, ...more });
}

function narrow(name: string, kernel: Kernel, wideKernel: WideKernel) {
  return family(name, { shape: 'narrow', sizes: NARROW, kernel, wideKernel });
}

/** Three registers of different lengths (A7.4.2). */
export const DIFFERENT_LENGTHS = {
  vaddl: longPair('vaddl', { shape: 'long', kernel: k.add }),
  vaddw: longPair('vaddw', { shape: 'wide', kernel: k.add, wideKernel: w.add }),
  vsubl: longPair('vsubl', { shape: 'long', kernel: k.sub }),
  vsubw: longPair('vsubw', { shape: 'wide', kernel: k.sub, wideKernel: w.sub }),
  vaddhn: narrow('vaddhn', k.addHigh, w.addHigh),
  vraddhn: narrow('vraddhn', k.roundingAddHigh, w.roundingAddHigh),
  vabal: longPair('vabal', {
    shape: 'long',
    kernel: k.absoluteDifferenceAccumulate,
    wideKernel: w.absoluteDifferenceAccumulate,
    accumulates,
  }),
  vsubhn: narrow('vsubhn', k.subHigh, w.subHigh),
  vrsubhn: narrow('vrsubhn', k.roundingSubHigh, w.roundingSubHigh),
  vabdl: longPair('vabdl', { shape: 'long', kernel: k.absoluteDifference }),
  vmlal: long('vmlal', {
    signedOnly: { direct: { 2: direct.multiplyAccumulateLongSigned32 } },
    unsignedOnly: { direct: { 2: direct.multiplyAccumulateLongUnsigned32 } },
  }),
  vmlsl: long('vmlsl'),
  vqdmlal: long('vqdmlal').signed,
  vqdmlsl: long('vqdmlsl').signed,
  vmull: long('vmull', {
    signedOnly: { direct: { 2: direct.multiplyLongSigned32 } },
    unsignedOnly: { direct: { 2: direct.multiplyLongUnsigned32 } },
  }),
  vqdmull: long('vqdmull').signed,
  vmullPolynomial: family('vmull.p8', { shape: 'long', sizes: BYTES, kernel: k.multiplyPolynomial }),
} as const;

const scalar = true;
const SCALAR_SIZES = { sizes: DOUBLING, scalar } as const;

/** Two registers and a scalar (A7.4.3), integers. */
export const BY_SCALAR = {
  vmla: same('vmla scalar', k.multiplyAccumulate, { ...SCALAR_SIZES, accumulates }),
  vmls: same('vmls scalar', k.multiplySubtract, { ...SCALAR_SIZES, accumulates }),
  vmul: same('vmul scalar', k.multiply, SCALAR_SIZES),
  vqdmulh: same('vqdmulh scalar', k.doublingMultiplyHigh, { ...SCALAR_SIZES, signed, sticky }),
  vqrdmulh: same('vqrdmulh scalar', k.roundingDoublingMultiplyHigh, { ...SCALAR_SIZES, signed, sticky }),
  vmlal: long('vmlal', SCALAR_SIZES),
  vmlsl: long('vmlsl', SCALAR_SIZES),
  vmull: long('vmull', SCALAR_SIZES),
  vqdmlal: long('vqdmlal', SCALAR_SIZES).signed,
  vqdmlsl: long('vqdmlsl', SCALAR_SIZES).signed,
  vqdmull: long('vqdmull', SCALAR_SIZES).signed,
} as const;

const NARROWING = { shape: 'unaryNarrow', sizes: NARROW } as const;

/** Two registers and a shift amount (A7.4.4), and the moves between widths, which are shifts by 0. */
export const SHIFTS = {
  vshr: shifts('vshr', k.shiftRight, w.shiftRight, {
    signedOnly: { direct: { 2: direct.shiftRightSigned32 } },
    unsignedOnly: { direct: { 2: direct.shiftRightUnsigned32, 3: direct.shiftRightUnsigned64 } },
  }),
  vsra: shifts('vsra', k.shiftRightAccumulate, w.shiftRightAccumulate, { accumulates }),
  vrshr: shifts('vrshr', k.roundingShiftRight, w.roundingShiftRight),
  vrsra: shifts('vrsra', k.roundingShiftRightAccumulate, w.roundingShiftRightAccumulate, { accumulates }),
  vsri: shifts('vsri', k.shiftRightInsert, w.shiftRightInsert, {
    accumulates,
    direct: { 2: direct.shiftRightInsert32 },
  }).unsigned,
  vshl: shifts('vshl #', k.shiftLeft, w.shiftLeft, {
    direct: { 2: direct.shiftLeft32, 3: direct.shiftLeft64 },
  }).unsigned,
  vsli: shifts('vsli', k.shiftLeftInsert, w.shiftLeftInsert, {
    accumulates,
    direct: { 2: direct.shiftLeftInsert32, 3: direct.shiftLeftInsert64 },
  }).unsigned,
  vqshlu: shifts('vqshlu', k.saturatingShiftLeft, w.saturatingShiftLeft, { dSigned: false, sticky }).signed,
  vqshl: shifts('vqshl #', k.saturatingShiftLeft, w.saturatingShiftLeft, { sticky }),
  vshrn: shifts('vshrn', k.shiftRight, w.shiftRight, {
    ...NARROWING,
    direct: { 2: direct.shiftRightNarrow64 },
  }).unsigned,
  vrshrn: shifts('vrshrn', k.roundingShiftRight, w.roundingShiftRight, NARROWING).unsigned,
  vqshrn: shifts('vqshrn', k.saturatingShiftRight, w.saturatingShiftRight, { ...NARROWING, sticky }),
  vqrshrn: shifts('vqrshrn', k.saturatingRoundingShiftRight, w.saturatingRoundingShiftRight, {
    ...NARROWING,
    sticky,
  }),
  vqshrun: shifts('vqshrun', k.saturatingShiftRight, w.saturatingShiftRight, {
    ...NARROWING,
    dSigned: false,
    sticky,
  }).signed,
  vqrshrun: shifts('vqrshrun', k.saturatingRoundingShiftRight, w.saturatingRoundingShiftRight, {
    ...NARROWING,
    dSigned: false,
    sticky,
  }).signed,
  vshll: signedPair('vshll', { shape: 'unaryLong', sizes: NARROW, kernel: k.shiftLeft }),
} as const;

const TWO = { shape: 'unary', exchanges: true, accumulates } as const;
const NOT_WORDS_IN_A_DOUBLEWORD = { ...TWO, sizes: NARROW } as const;

/** VUZP and VZIP of two words are VTRN: no encoding. */
function withoutPairs(name: string, kernel: Kernel): VectorFamily {
  const all = same(name, kernel, NOT_WORDS_IN_A_DOUBLEWORD);
  return familyOf((q, size) => (q === 0 && size === 2 ? undefined : all.rows[4 * q + size]));
}

/** Two registers, miscellaneous (A7.4.5), integers. */
export const MISCELLANEOUS = {
  vrev: unary('vrev', p.reverse),
  vpaddl: signedPair('vpaddl', { shape: 'pairLong', sizes: NARROW, kernel: k.pairwiseAddLong }),
  vpadal: signedPair('vpadal', {
    shape: 'pairLong',
    sizes: NARROW,
    kernel: k.pairwiseAddAccumulateLong,
    wideKernel: w.pairwiseAddAccumulateLong,
    accumulates,
  }),
  vcls: unary('vcls', k.countLeadingSigns, { signed }),
  vclz: unary('vclz', k.countLeadingZeros),
  vcnt: unary('vcnt', k.countOnes, { sizes: BYTES }),
  /** Only size 00 is an encoding; it works on words. */
  vmvn: familyOf((q, size) =>
    size === 0 ? bitwise('vmvn', direct.not, { shape: 'unary' }).rows[4 * q] : undefined,
  ),
  vqabs: unary('vqabs', k.saturatingAbsolute, { signed, sticky }),
  vqneg: unary('vqneg', k.saturatingNegate, { signed, sticky }),
  vcgtZero: unary('vcgt #0', k.greaterThanZero, { signed }),
  vcgeZero: unary('vcge #0', k.greaterOrEqualZero, { signed }),
  vceqZero: unary('vceq #0', k.equalZero, { signed }),
  vcleZero: unary('vcle #0', k.lessOrEqualZero, { signed }),
  vcltZero: unary('vclt #0', k.lessThanZero, { signed }),
  vabs: unary('vabs', k.absolute, { signed }),
  vneg: unary('vneg', k.negate, { signed }),
  /** Size 00, and again words. */
  vswp: familyOf((q, size) => (size === 0 ? bitwise('vswp', direct.swap, TWO).rows[4 * q] : undefined)),
  vtrn: unary('vtrn', p.transpose, TWO),
  vuzp: withoutPairs('vuzp', p.unzip),
  vzip: withoutPairs('vzip', p.zip),
} as const;
