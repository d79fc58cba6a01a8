import { VECTOR_WORDS, W } from './layout.ts';
import { Random } from './random.ts';

/** FPSCR (ARM DDI 0406C B4.1.58): what a Cortex-A15 keeps of it, apart from Len and Stride. */
const FPSCR_KEPT = 0xffc0009f;
/** CPACR with cp10 and cp11 open to all, to privileged modes, to nobody. */
const CPACR_OPEN = 0x00f00000;
const CPACR_PRIVILEGED = 0x00500000;
const FPEXC_EN = 0x40000000;

/** A floating-point format: bits of the exponent and of the fraction. */
interface Format {
  readonly exponent: number;
  readonly fraction: number;
}

const HALF: Format = { exponent: 5, fraction: 10 };
const SINGLE: Format = { exponent: 8, fraction: 23 };
const DOUBLE: Format = { exponent: 11, fraction: 52 };

/** A fraction of `bits` bits: none, all, one, halfway (and beside it) between two numbers of a narrower format, any. */
function fractionOf(random: Random, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n;
  const any = ((BigInt(random.word()) << 32n) | BigInt(random.word())) & all;
  const kept = bits === DOUBLE.fraction ? random.pick([23, 23, 10, 31]) : random.pick([10, 10, 5, 8, 1]);
  const dropped = BigInt(Math.max(bits - kept, 1));
  const halfway = (any & ~((1n << dropped) - 1n)) | (1n << (dropped - 1n));
  switch (random.below(12)) {
    case 0:
      return 0n;
    case 1:
      return all;
    case 2:
      return 1n;
    case 3:
      return 1n << BigInt(random.below(bits));
    case 4:
      return halfway;
    case 5:
      return (halfway + 1n) & all;
    case 6:
      return (halfway - 1n) & all;
    default:
      return any;
  }
}

/** An exponent field: the edges of the range, small integers, the edges of integer and narrower formats, any. */
function exponentOf(random: Random, { exponent, fraction }: Format, near: number): number {
  const all = 2 ** exponent - 1;
  const bias = all >> 1;
  const kind = random.below(20);
  let value = random.below(all + 1);
  if (kind < 2) value = random.below(3);
  else if (kind < 4) value = all - 1 - random.below(2);
  else if (kind < 9) value = bias + near + random.below(5) - 2;
  else if (kind < 12) value = bias + random.below(34);
  else if (kind < 14) value = bias - random.below(fraction + 3);
  else if (kind < 15)
    value = bias + random.pick([15, 16, 30, 31, 32, 62, 63, 64, 127, 128]) - random.below(2);
  else if (kind < 16) value = bias - random.pick([14, 15, 24, 25, 126, 127, 149, 150]) + random.below(2);
  else if (kind < 17) value = (bias >> 1) + random.below(4);
  else if (kind < 18) value = bias + (bias >> 1) + random.below(4);
  return Math.min(Math.max(value, 0), all);
}

/**
 * A number of a format: zeros, infinities, NaNs of both kinds, subnormals, and finite numbers, of which many have an
 * exponent close to `near`, so that sums cancel and products meet the edges of the range.
 */
function numberOf(random: Random, format: Format, near: number): bigint {
  const { exponent, fraction } = format;
  const sign = BigInt(random.below(2)) << BigInt(exponent + fraction);
  const top = (2n ** BigInt(exponent) - 1n) << BigInt(fraction);
  const quiet = 1n << BigInt(fraction - 1);
  const kind = random.below(40);
  if (kind < 2) return sign;
  if (kind < 4) return sign | top;
  if (kind < 6) return sign | top | quiet | fractionOf(random, fraction);
  if (kind < 8) return sign | top | (fractionOf(random, fraction) & ~quiet) | 1n;
  if (kind < 11) return sign | fractionOf(random, fraction);
  if (kind < 13) return sign | (BigInt(2 ** (exponent - 1) - 1) << BigInt(fraction));
  return sign | (BigInt(exponentOf(random, format, near)) << BigInt(fraction)) | fractionOf(random, fraction);
}

const ELEMENT_EDGES = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x55, 0xaa] as const;

/** 64 bits of integer elements: edges of bytes, halfwords, words, table indexes and shift amounts. */
function elements(random: Random): bigint {
  let value = 0n;
  const kind = random.below(6);
  for (let lane = 0n; lane < 64n; ) {
    const bits = random.pick([8n, 16n, 32n]);
    let element = BigInt(random.word());
    if (kind === 0) element = BigInt(random.below(40));
    else if (kind === 1) element = BigInt(random.below(80) - 40);
    else if (kind === 2) element = BigInt(random.pick(ELEMENT_EDGES));
    else if (kind === 3) element = (1n << (bits - 1n)) + BigInt(random.below(3) - 1);
    else if (kind === 4) element = BigInt(random.below(3) - 1);
    value |= BigInt.asUintN(Number(bits), element) << lane;
    lane += bits;
  }
  return BigInt.asUintN(64, value);
}

function doubleword(random: Random, near: number): bigint {
  const kind = random.below(100);
  if (kind < 35) return numberOf(random, DOUBLE, near);
  if (kind < 70) return (numberOf(random, SINGLE, near) << 32n) | numberOf(random, SINGLE, near);
  if (kind < 80) {
    let halves = 0n;
    for (let i = 0; i < 4; i++) halves = (halves << 16n) | numberOf(random, HALF, near);
    return halves;
  }
  if (kind < 94) return elements(random);
  return (BigInt(random.word()) << 32n) | BigInt(random.word());
}

/** FPSCR: flags, cumulative bits, AHP, DN, FZ and rounding mode at random; seldom a vector length, which A15 lacks. */
function fpscr(random: Random): number {
  let value = random.word() & FPSCR_KEPT;
  if (random.chance(50)) value &= 0xf8c00000;
  if (random.chance(50)) value &= ~0x0300009f;
  if (random.chance(2)) value |= random.word() & 0x00370000;
  return value >>> 0;
}

/**
 * Puts the state of the floating-point and Advanced SIMD extensions into a state record: what a seed stands for. A change
 * here makes the committed vectors of these extensions worthless: record them again.
 */
export function seedExtensions(state: Uint32Array, seed: number, stream: number, index: number): void {
  const random = new Random(seed ^ 0x2f9e81b3, stream, index);
  const near = random.chance(60) ? random.below(40) - 20 : random.below(260) - 130;
  for (let w = 0; w < VECTOR_WORDS; w += 2) {
    let value = doubleword(random, near);
    const earlier = W.D0 + 2 * random.below(32);
    if (random.chance(8)) value = (BigInt(state[earlier + 1]!) << 32n) | BigInt(state[earlier]!);
    if (random.chance(3)) value ^= 1n << BigInt(random.pick([0, 1, 31, 32, 63]));
    state[W.D0 + w] = Number(value & 0xffffffffn);
    state[W.D0 + w + 1] = Number(value >> 32n);
  }
  state[W.FPSCR] = fpscr(random);
  state[W.FPEXC] = random.chance(97) ? FPEXC_EN : 0;
  const access = random.below(100);
  state[W.CPACR] = access < 94 ? CPACR_OPEN : access < 98 ? CPACR_PRIVILEGED : 0;
}
