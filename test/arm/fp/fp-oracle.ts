/**
 * Floating point as the pseudocode of ARM DDI 0406C A2.7 says it, on exact numbers: a BigInt times a power of two.
 * Slow and plain, and apart from src/arm/fp in everything. Widths are 16, 32 and 64 bits.
 */

/** m * 2^e. Quotients and roots have 200 bits more than they need, the last of which is set where something is cut off. */
interface Exact {
  readonly m: bigint;
  readonly e: number;
}

export interface Settings {
  /** 0 nearest, 1 plus infinity, 2 minus infinity, 3 zero. */
  readonly rounding: number;
  readonly flushToZero: boolean;
  readonly defaultNaN: boolean;
  readonly alternativeHalf: boolean;
}

const IOC = 1;
const DZC = 2;
const OFC = 4;
const UFC = 8;
const IXC = 16;
const IDC = 128;

type Kind = 'nonzero' | 'zero' | 'infinity' | 'qnan' | 'snan';

interface Unpacked {
  readonly kind: Kind;
  readonly negative: boolean;
  readonly value: Exact;
  readonly bits: bigint;
}

const ZERO: Exact = { m: 0n, e: 0 };
const SPARE = 200;

const exponentBits = (width: number): number => (width === 16 ? 5 : width === 32 ? 8 : 11);
const fractionBits = (width: number): number => width - 1 - exponentBits(width);
const ones = (n: number): bigint => (1n << BigInt(n)) - 1n;

function length(m: bigint): number {
  return m.toString(2).length;
}

function root(n: bigint): bigint {
  let low = 0n;
  let high = 1n << BigInt((length(n) >> 1) + 1);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= n) low = middle;
    else high = middle;
  }
  return low;
}

/** One operation: its settings, and the exceptions that it raises. */
export class FpOracle {
  flags = 0;
  private readonly s: Settings;

  constructor(settings: Settings) {
    this.s = settings;
  }

  private sign(width: number, negative: boolean): bigint {
    return negative ? 1n << BigInt(width - 1) : 0n;
  }

  infinity(width: number, negative: boolean): bigint {
    return this.sign(width, negative) | (ones(exponentBits(width)) << BigInt(fractionBits(width)));
  }

  private defaultNaN(width: number): bigint {
    return this.infinity(width, false) | (1n << BigInt(fractionBits(width) - 1));
  }

  private invalid(width: number): bigint {
    this.flags |= IOC;
    return this.defaultNaN(width);
  }

  unpack(bits: bigint, width: number): Unpacked {
    const f = fractionBits(width);
    const negative = bits >> BigInt(width - 1) !== 0n;
    const exponent = Number((bits >> BigInt(f)) & ones(exponentBits(width)));
    const fraction = bits & ones(f);
    const bias = (1 << (exponentBits(width) - 1)) - 1;
    const finite = (m: bigint, e: number): Unpacked => ({
      kind: 'nonzero',
      negative,
      value: { m: negative ? -m : m, e: e - bias - f },
      bits,
    });
    if (exponent === 0) {
      if (fraction === 0n) return { kind: 'zero', negative, value: ZERO, bits };
      if (this.s.flushToZero && width !== 16) {
        this.flags |= IDC;
        return { kind: 'zero', negative, value: ZERO, bits: this.sign(width, negative) };
      }
      return finite(fraction, 1);
    }
    const all = exponent === (1 << exponentBits(width)) - 1;
    if (all && !(width === 16 && this.s.alternativeHalf)) {
      if (fraction === 0n) return { kind: 'infinity', negative, value: ZERO, bits };
      const quiet = fraction >> BigInt(f - 1) !== 0n;
      return { kind: quiet ? 'qnan' : 'snan', negative, value: ZERO, bits };
    }
    return finite(fraction | (1n << BigInt(f)), exponent);
  }

  private processNaN(operand: Unpacked, width: number): bigint {
    if (operand.kind === 'snan') this.flags |= IOC;
    if (this.s.defaultNaN) return this.defaultNaN(width);
    return operand.bits | (1n << BigInt(fractionBits(width) - 1));
  }

  /** The NaN among the operands that counts, in the manual's order. */
  private nanOf(width: number, ...operands: Unpacked[]): bigint | undefined {
    const nan = operands.find(({ kind }) => kind === 'snan') ?? operands.find(({ kind }) => kind === 'qnan');
    return nan === undefined ? undefined : this.processNaN(nan, width);
  }

  /** FPRound. */
  round(value: Exact, width: number, rounding = this.s.rounding): bigint {
    const f = fractionBits(width);
    const bias = (1 << (exponentBits(width) - 1)) - 1;
    const negative = value.m < 0n;
    const magnitude = negative ? -value.m : value.m;
    const exponent = length(magnitude) - 1 + value.e;
    const tiny = exponent < 1 - bias;
    if (tiny && this.s.flushToZero && width !== 16) {
      this.flags |= UFC;
      return this.sign(width, negative);
    }
    const unit = Math.max(exponent, 1 - bias) - f;
    const shift = BigInt(unit - value.e);
    const whole = shift > 0n ? magnitude >> shift : magnitude << -shift;
    const rest = shift > 0n ? magnitude & ones(Number(shift)) : 0n;
    const half = shift > 0n ? 1n << (shift - 1n) : 1n;
    const up =
      rounding === 0
        ? rest > half || (rest === half && (whole & 1n) === 1n)
        : rounding === (negative ? 2 : 1) && rest !== 0n;
    const units = up ? whole + 1n : whole;
    const biased = tiny ? 0n : BigInt(exponent + bias - 1);
    const packed = (biased << BigInt(f)) + units;
    const error = rest !== 0n;
    if (tiny && error) this.flags |= UFC;
    const alternative = width === 16 && this.s.alternativeHalf;
    if (alternative && packed > 0x7fffn) {
      this.flags |= IOC;
      return this.sign(width, negative) | 0x7fffn;
    }
    if (!alternative && packed >= this.infinity(width, false)) {
      this.flags |= OFC | IXC;
      const infinite = rounding === 0 || rounding === (negative ? 2 : 1);
      return this.sign(width, negative) | (this.infinity(width, false) - (infinite ? 0n : 1n));
    }
    if (error) this.flags |= IXC;
    return this.sign(width, negative) | packed;
  }

  private plus(a: Exact, b: Exact): Exact {
    const e = Math.min(a.e, b.e);
    return { m: (a.m << BigInt(a.e - e)) + (b.m << BigInt(b.e - e)), e };
  }

  private sum(a: Unpacked, b: Unpacked, width: number): bigint {
    if (a.kind === 'infinity' && b.kind === 'infinity' && a.negative !== b.negative)
      return this.invalid(width);
    if (a.kind === 'infinity') return a.bits;
    if (b.kind === 'infinity') return b.bits;
    if (a.kind === 'zero' && b.kind === 'zero' && a.negative === b.negative) return a.bits;
    const value = this.plus(a.value, b.value);
    return value.m === 0n ? this.sign(width, this.s.rounding === 2) : this.round(value, width);
  }

  add(x: bigint, y: bigint, width: number): bigint {
    const [a, b] = [this.unpack(x, width), this.unpack(y, width)];
    return this.nanOf(width, a, b) ?? this.sum(a, b, width);
  }

  sub(x: bigint, y: bigint, width: number): bigint {
    const [a, b] = [this.unpack(x, width), this.unpack(y, width)];
    const minus = { ...b, negative: !b.negative, value: { m: -b.value.m, e: b.value.e } };
    const negated = { ...minus, bits: b.bits ^ this.sign(width, true) };
    return this.nanOf(width, a, b) ?? this.sum(a, negated, width);
  }

  private product(a: Unpacked, b: Unpacked): Unpacked | 'invalid' {
    const negative = a.negative !== b.negative;
    const zero = a.kind === 'zero' || b.kind === 'zero';
    const infinite = a.kind === 'infinity' || b.kind === 'infinity';
    if (zero && infinite) return 'invalid';
    const value = { m: a.value.m * b.value.m, e: a.value.e + b.value.e };
    return { kind: infinite ? 'infinity' : zero ? 'zero' : 'nonzero', negative, value, bits: 0n };
  }

  private give(p: Unpacked, width: number): bigint {
    if (p.kind === 'infinity') return this.infinity(width, p.negative);
    return p.kind === 'zero' ? this.sign(width, p.negative) : this.round(p.value, width);
  }

  mul(x: bigint, y: bigint, width: number): bigint {
    const [a, b] = [this.unpack(x, width), this.unpack(y, width)];
    const nan = this.nanOf(width, a, b);
    if (nan !== undefined) return nan;
    const p = this.product(a, b);
    return p === 'invalid' ? this.invalid(width) : this.give(p, width);
  }

  div(x: bigint, y: bigint, width: number): bigint {
    const [a, b] = [this.unpack(x, width), this.unpack(y, width)];
    const nan = this.nanOf(width, a, b);
    if (nan !== undefined) return nan;
    const negative = a.negative !== b.negative;
    if (a.kind === b.kind && a.kind !== 'nonzero') return this.invalid(width);
    if (b.kind === 'zero' && a.kind !== 'infinity') this.flags |= DZC;
    if (a.kind === 'infinity' || b.kind === 'zero') return this.infinity(width, negative);
    if (a.kind === 'zero' || b.kind === 'infinity') return this.sign(width, negative);
    const top = (a.value.m < 0n ? -a.value.m : a.value.m) << BigInt(SPARE);
    const bottom = b.value.m < 0n ? -b.value.m : b.value.m;
    const m = (top / bottom) * 2n + (top % bottom === 0n ? 0n : 1n);
    return this.round({ m: negative ? -m : m, e: a.value.e - b.value.e - SPARE - 1 }, width);
  }

  sqrt(x: bigint, width: number): bigint {
    const a = this.unpack(x, width);
    const nan = this.nanOf(width, a);
    if (nan !== undefined) return nan;
    if (a.kind === 'zero') return a.bits;
    if (a.negative) return this.invalid(width);
    if (a.kind === 'infinity') return a.bits;
    const odd = a.value.e & 1;
    const square = a.value.m << BigInt(SPARE + odd);
    const floor = root(square);
    const m = floor * 2n + (floor * floor === square ? 0n : 1n);
    return this.round({ m, e: (a.value.e - odd - SPARE) / 2 - 1 }, width);
  }

  mulAdd(addend: bigint, x: bigint, y: bigint, width: number): bigint {
    const [c, a, b] = [addend, x, y].map((bits) => this.unpack(bits, width)) as [
      Unpacked,
      Unpacked,
      Unpacked,
    ];
    const p = this.product(a, b);
    const nan = this.nanOf(width, c, a, b);
    if (c.kind === 'qnan' && p === 'invalid') return this.invalid(width);
    if (nan !== undefined) return nan;
    if (p === 'invalid') return this.invalid(width);
    const full = { ...p, bits: p.kind === 'nonzero' ? 0n : this.give(p, width) };
    return this.sum(c, full, width);
  }

  /** N, Z, C, V in bits 3:0. */
  compare(x: bigint, y: bigint, signalling: boolean, width: number): bigint {
    const [a, b] = [this.unpack(x, width), this.unpack(y, width)];
    const nans = [a, b].filter(({ kind }) => kind === 'qnan' || kind === 'snan');
    if (nans.length > 0) {
      if (signalling || nans.some(({ kind }) => kind === 'snan')) this.flags |= IOC;
      return 0b0011n;
    }
    const large = { m: 1n << 3000n, e: 0 };
    const number = (u: Unpacked): Exact =>
      u.kind !== 'infinity' ? u.value : { m: u.negative ? -large.m : large.m, e: 0 };
    const minus = number(b);
    const difference = this.plus(number(a), { m: -minus.m, e: minus.e }).m;
    return difference === 0n ? 0b0110n : difference < 0n ? 0b1000n : 0b0010n;
  }

  /** Between formats: FPSingleToDouble and kin. */
  convert(x: bigint, from: number, to: number): bigint {
    const a = this.unpack(x, from);
    const alternative = to === 16 && this.s.alternativeHalf;
    if (a.kind === 'qnan' || a.kind === 'snan') {
      if (a.kind === 'snan' || alternative) this.flags |= IOC;
      if (alternative) return this.sign(to, a.negative);
      if (this.s.defaultNaN) return this.defaultNaN(to);
      const shift = fractionBits(to) - fractionBits(from);
      const fraction = a.bits & ones(fractionBits(from));
      const moved = shift >= 0 ? fraction << BigInt(shift) : fraction >> BigInt(-shift);
      return this.sign(to, a.negative) | this.defaultNaN(to) | moved;
    }
    if (a.kind === 'infinity') {
      if (!alternative) return this.infinity(to, a.negative);
      this.flags |= IOC;
      return this.sign(to, a.negative) | 0x7fffn;
    }
    return a.kind === 'zero' ? this.sign(to, a.negative) : this.round(a.value, to);
  }

  /** FPToFixed: the saturated integer. */
  toFixed(
    x: bigint,
    width: number,
    fraction: number,
    bits: number,
    unsigned: boolean,
    rounding: number,
  ): bigint {
    const a = this.unpack(x, width);
    if (a.kind === 'qnan' || a.kind === 'snan') {
      this.flags |= IOC;
      return 0n;
    }
    const min = unsigned ? 0n : -(1n << BigInt(bits - 1));
    const max = unsigned ? ones(bits) : ones(bits - 1);
    const e = a.value.e + fraction;
    const floor = e >= 0 ? a.value.m << BigInt(e) : a.value.m >> BigInt(-e);
    const rest = e >= 0 ? 0n : a.value.m - (floor << BigInt(-e));
    const half = e >= 0 ? 1n : 1n << BigInt(-e - 1);
    const up =
      rounding === 0
        ? rest > half || (rest === half && (floor & 1n) === 1n)
        : rest !== 0n && (rounding === 1 || (rounding === 3 && floor < 0n));
    const whole = a.kind === 'infinity' ? (a.negative ? min - 1n : max + 1n) : up ? floor + 1n : floor;
    if (whole < min || whole > max) {
      this.flags |= IOC;
      return whole < min ? min : max;
    }
    if (rest !== 0n) this.flags |= IXC;
    return whole;
  }

  /** FixedToFP. */
  fromFixed(value: bigint, fraction: number, width: number, rounding: number): bigint {
    return value === 0n ? 0n : this.round({ m: value, e: -fraction }, width, rounding);
  }
}
