import type { IrValue } from '../../translator/ir/value.ts';
import { requireSimd } from './fp-access.ts';
import type { Lifter } from './lifter.ts';
import { slotOfD } from './neon.ts';

// One register and a modified immediate (ARM DDI 0406C A7.4.6). Fields: i:j:e make imm8, c is cmode.

interface Immediate {
  readonly i: number;
  readonly j: number;
  readonly e: number;
  readonly d: number;
  readonly Q: number;
}

interface WithCmode extends Immediate {
  readonly c: number;
}

/** The 64-bit constant as [low, high] (AdvSIMDExpandImm). */
type Constant = readonly [low: number, high: number];

function expand(l: Lifter, op: number, cmode: number, imm8: number): Constant {
  const kind = cmode >> 1;
  if (imm8 === 0 && [1, 2, 3, 5, 6].includes(kind)) l.unpredictable('an immediate of zero, shifted');
  const both = (word: number): Constant => [word, word];
  if (kind < 4) return both(imm8 << (8 * kind));
  if (kind < 6) return both((imm8 << (8 * (kind - 4))) * 0x10001);
  if (kind === 6) return both((cmode & 1) === 0 ? (imm8 << 8) | 0xff : (imm8 << 16) | 0xffff);
  if ((cmode & 1) === 1) {
    const exponent = (imm8 & 0x40) !== 0 ? 0x3e000000 : 0x40000000;
    return both(((imm8 & 0x80) << 24) | exponent | ((imm8 & 0x3f) << 19));
  }
  if (op === 0) return both(Math.imul(imm8, 0x01010101));
  const bytes = (bits: number): number =>
    [0, 1, 2, 3].reduce((word, byte) => word | ((bits >> byte) & 1 ? 0xff << (8 * byte) : 0), 0);
  return [bytes(imm8 & 15), bytes(imm8 >> 4)];
}

function perWord(
  l: Lifter,
  f: Immediate,
  op: number,
  cmode: number,
  word: (old: () => IrValue, constant: number) => IrValue,
): void {
  if (f.Q === 1 && (f.d & 1) === 1) {
    l.undefined();
    return;
  }
  requireSimd(l, f.d);
  const constant = expand(l, op, cmode, (f.i << 7) | (f.j << 4) | f.e);
  for (let i = 0; i < 2 << f.Q; i++) {
    const slot = slotOfD(f.d) + i;
    l.b.set(
      slot,
      word(() => l.b.get(slot), constant[i & 1]),
    );
  }
}

/** How the cmode bits that a row leaves open stand in the whole of cmode. */
type Cmode = (c: number) => number;

export function moveImmediate(cmode: Cmode) {
  return (l: Lifter, f: WithCmode): void =>
    perWord(l, f, 0, cmode(f.c), (_old, constant) => l.const(constant));
}

export function moveImmediate64(l: Lifter, f: Immediate): void {
  perWord(l, f, 1, 14, (_old, constant) => l.const(constant));
}

export function moveNotImmediate(cmode: Cmode) {
  return (l: Lifter, f: WithCmode): void =>
    perWord(l, f, 1, cmode(f.c), (_old, constant) => l.const(~constant));
}

/** VORR and VBIC; cmode is ccc1, and 111 is UNDEFINED for VBIC. */
export function orImmediate(l: Lifter, f: WithCmode): void {
  perWord(l, f, 0, (f.c << 1) | 1, (old, constant) => l.b.or(old(), l.const(constant)));
}

export function bitClearImmediate(l: Lifter, f: WithCmode): void {
  if (f.c === 7) {
    l.undefined();
    return;
  }
  perWord(l, f, 1, (f.c << 1) | 1, (old, constant) => l.b.andNot(old(), l.const(constant)));
}

// Between core registers and elements (A7.8): sizes 8 and 16, and VDUP.

/** VDUP from a core register: D:Vd in d; b and e give the size. */
export function duplicateCore(
  l: Lifter,
  f: { b: number; e: number; Q: number; d: number; D: number; t: number },
): void {
  const d = (f.D << 4) | f.d;
  if ((f.Q === 1 && (d & 1) === 1) || (f.b === 1 && f.e === 1)) {
    l.undefined();
    return;
  }
  if (l.refusesBadReg(f.t)) return;
  requireSimd(l, d);
  const word = replicate(l, l.reg(f.t), f.b === 1 ? 0 : f.e === 1 ? 1 : 2);
  for (let i = 0; i < 2 << f.Q; i++) l.b.set(slotOfD(d) + i, word);
}

/** A word with the low element of 8 << size bits in all places. */
export function replicate(l: Lifter, value: IrValue, size: number): IrValue {
  const { b } = l;
  if (size === 0) return b.mul(b.pure('zext8', [value]), l.const(0x01010101));
  if (size === 1) return b.mul(b.pure('zext16', [value]), l.const(0x00010001));
  return value;
}

/** Writes element `index` of 8 << size bits of doubleword register d. */
export function setElement(l: Lifter, d: number, size: number, index: number, value: IrValue): void {
  const { b } = l;
  const bits = 8 << size;
  const slot = slotOfD(d) + ((index * bits) >> 5);
  const shift = (index * bits) & 31;
  if (size === 2) {
    b.set(slot, value);
    return;
  }
  const mask = (1 << bits) - 1;
  const placed = b.shl(b.and(value, l.const(mask)), l.const(shift));
  b.set(slot, b.or(b.andNot(b.get(slot), l.const(mask << shift)), placed));
}

/** Reads it, zero extended. */
export function element(l: Lifter, d: number, size: number, index: number): IrValue {
  const { b } = l;
  const bits = 8 << size;
  const word = b.get(slotOfD(d) + ((index * bits) >> 5));
  if (size === 2) return word;
  return b.and(b.shr(word, l.const((index * bits) & 31)), l.const((1 << bits) - 1));
}

interface Scalar {
  readonly i: number;
  readonly d: number;
  readonly D: number;
  readonly t: number;
}

/** VMOV (ARM core register to scalar) of 8 or 16 bits; i is the index. */
export function coreToScalar(size: 0 | 1) {
  return (l: Lifter, f: Scalar): void => {
    if (l.refusesBadReg(f.t)) return;
    const d = (f.D << 4) | f.d;
    requireSimd(l, d);
    setElement(l, d, size, f.i, l.reg(f.t));
  };
}

/** VMOV (scalar to ARM core register) of 8 or 16 bits; U extends with zeros. */
export function scalarToCore(size: 0 | 1) {
  return (l: Lifter, f: Scalar & { U: number }): void => {
    if (l.refusesBadReg(f.t)) return;
    const d = (f.D << 4) | f.d;
    requireSimd(l, d);
    const value = element(l, d, size, f.i);
    l.setReg(f.t, f.U === 1 ? value : l.b.pure(size === 0 ? 'sext8' : 'sext16', [value]));
  };
}
