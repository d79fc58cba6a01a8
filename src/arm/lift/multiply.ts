import type { IrValue } from '../../translator/ir/value.ts';
import type { Lifter } from './lifter.ts';

interface Short {
  readonly d: number;
  readonly n: number;
  readonly m: number;
}
interface Accumulating extends Short {
  readonly a: number;
}
interface Long {
  readonly h: number;
  readonly l: number;
  readonly n: number;
  readonly m: number;
}

function refusesLong(l: Lifter, f: Long): boolean {
  if (l.refusesBadReg(f.h, f.l, f.n, f.m)) return true;
  if (f.h === f.l) l.unpredictable('both halves of the result in one register');
  return false;
}

/** A 64-bit register pair. */
function pair(l: Lifter, f: Long): IrValue {
  return l.b.pure('pack64', [l.reg(f.l), l.reg(f.h)]);
}

function setPair(l: Lifter, f: Long, value: IrValue): void {
  l.setReg(f.l, l.b.pure('low64', [value]));
  l.setReg(f.h, l.b.pure('high64', [value]));
}

function signExtend64(l: Lifter, value: IrValue): IrValue {
  return l.b.pure('pack64', [value, l.b.sar(value, l.const(31))]);
}

function zeroExtend64(l: Lifter, value: IrValue): IrValue {
  return l.b.pure('pack64', [value, l.const(0)]);
}

/** The top or bottom half of a register as a signed number. */
function half(l: Lifter, n: number, top: number): IrValue {
  return top === 1 ? l.b.sar(l.reg(n), l.const(16)) : l.b.pure('sext16', [l.reg(n)]);
}

export function multiply(l: Lifter, f: Short & { S: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m)) return;
  const value = l.b.mul(l.reg(f.n), l.reg(f.m));
  l.setReg(f.d, value);
  if (f.S === 1) l.setNzcv(l.b.pure('nzcvNz', [value, l.nzcv]));
}

export function multiplyAccumulate(l: Lifter, f: Accumulating & { S: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m, f.a)) return;
  const value = l.b.add(l.b.mul(l.reg(f.n), l.reg(f.m)), l.reg(f.a));
  l.setReg(f.d, value);
  if (f.S === 1) l.setNzcv(l.b.pure('nzcvNz', [value, l.nzcv]));
}

export function multiplySubtract(l: Lifter, f: Accumulating): void {
  if (l.refusesBadReg(f.d, f.n, f.m, f.a)) return;
  l.setReg(f.d, l.b.sub(l.reg(f.a), l.b.mul(l.reg(f.n), l.reg(f.m))));
}

/** UMULL, UMLAL, SMULL, SMLAL. */
export function multiplyLong(product: 'mulS64' | 'mulU64', accumulates: boolean) {
  return (l: Lifter, f: Long & { S: number }): void => {
    if (refusesLong(l, f)) return;
    let value = l.b.pure(product, [l.reg(f.n), l.reg(f.m)]);
    if (accumulates) value = l.b.pure('add64', [value, pair(l, f)]);
    setPair(l, f, value);
    if (f.S === 1) l.setNzcv(l.b.pure('nzcvNz64', [value, l.nzcv]));
  };
}

export function multiplyAccumulateAccumulateLong(l: Lifter, f: Long): void {
  if (refusesLong(l, f)) return;
  const product = l.b.pure('mulU64', [l.reg(f.n), l.reg(f.m)]);
  const sum = l.b.pure('add64', [product, zeroExtend64(l, l.reg(f.h))]);
  setPair(l, f, l.b.pure('add64', [sum, zeroExtend64(l, l.reg(f.l))]));
}

// Halfword multiplies. N and M pick the top halves.

interface Halves {
  readonly N: number;
  readonly M: number;
}

export function multiplyHalves(l: Lifter, f: Short & Halves): void {
  if (l.refusesBadReg(f.d, f.n, f.m)) return;
  l.setReg(f.d, l.b.mul(half(l, f.n, f.N), half(l, f.m, f.M)));
}

/** A product of halfwords fits 32 bits, so that only the sum can overflow. */
export function multiplyAccumulateHalves(l: Lifter, f: Accumulating & Halves): void {
  if (l.refusesBadReg(f.d, f.n, f.m, f.a)) return;
  setSum(l, f.d, l.b.mul(half(l, f.n, f.N), half(l, f.m, f.M)), l.reg(f.a));
}

function setSum(l: Lifter, d: number, a: IrValue, b: IrValue): void {
  const overflow = l.b.pure('addOverflow', [a, b]);
  l.setReg(d, l.b.add(a, b));
  l.accumulateQ(overflow);
}

export function multiplyAccumulateLongHalves(l: Lifter, f: Long & Halves): void {
  if (refusesLong(l, f)) return;
  const product = l.b.pure('mulS64', [half(l, f.n, f.N), half(l, f.m, f.M)]);
  setPair(l, f, l.b.pure('add64', [product, pair(l, f)]));
}

/** Bits 47:16 of R[n] times a half of R[m]. */
function wordByHalf(l: Lifter, n: number, m: number, top: number): IrValue {
  const { b } = l;
  const product = b.pure('mulS64', [l.reg(n), half(l, m, top)]);
  const low = b.shr(b.pure('low64', [product]), l.const(16));
  return b.or(low, b.shl(b.pure('high64', [product]), l.const(16)));
}

export function multiplyWordByHalf(l: Lifter, f: Short & { M: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m)) return;
  l.setReg(f.d, wordByHalf(l, f.n, f.m, f.M));
}

export function multiplyAccumulateWordByHalf(l: Lifter, f: Accumulating & { M: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m, f.a)) return;
  setSum(l, f.d, wordByHalf(l, f.n, f.m, f.M), l.reg(f.a));
}

// Dual multiplies. X swaps the halves of R[m].

interface Dual extends Short {
  readonly X: number;
}

function dualFactors(
  l: Lifter,
  n: number,
  m: number,
  swap: number,
): readonly [IrValue, IrValue, IrValue, IrValue] {
  return [half(l, n, 0), half(l, m, swap), half(l, n, 1), half(l, m, 1 - swap)];
}

/** SMUAD, SMUSD: only the sum of twice 0x40000000 overflows. */
export function multiplyDual(subtracts: boolean) {
  return (l: Lifter, f: Dual): void => {
    if (l.refusesBadReg(f.d, f.n, f.m)) return;
    const { b } = l;
    const [n0, m0, n1, m1] = dualFactors(l, f.n, f.m, f.X);
    const first = b.mul(n0, m0);
    const second = b.mul(n1, m1);
    if (subtracts) l.setReg(f.d, b.sub(first, second));
    else setSum(l, f.d, first, second);
  };
}

function dual64(l: Lifter, f: { n: number; m: number; X: number }, subtracts: boolean): IrValue {
  const [n0, m0, n1, m1] = dualFactors(l, f.n, f.m, f.X);
  const products = [l.b.pure('mulS64', [n0, m0]), l.b.pure('mulS64', [n1, m1])];
  return l.b.pure(subtracts ? 'sub64' : 'add64', products);
}

/** SMLAD, SMLSD: Q where the exact sum of all three does not fit, which a sum in 64 bits tells. */
export function multiplyAccumulateDual(subtracts: boolean) {
  return (l: Lifter, f: Dual & { a: number }): void => {
    if (l.refusesBadReg(f.d, f.n, f.m, f.a)) return;
    const { b } = l;
    const sum = b.pure('add64', [dual64(l, f, subtracts), signExtend64(l, l.reg(f.a))]);
    const value = b.pure('low64', [sum]);
    const overflow = b.pure('ne', [b.pure('high64', [sum]), b.sar(value, l.const(31))]);
    l.setReg(f.d, value);
    l.accumulateQ(overflow);
  };
}

/** SMLALD, SMLSLD. */
export function multiplyAccumulateLongDual(subtracts: boolean) {
  return (l: Lifter, f: Long & { X: number }): void => {
    if (refusesLong(l, f)) return;
    setPair(l, f, l.b.pure('add64', [pair(l, f), dual64(l, f, subtracts)]));
  };
}

/** SMMUL, SMMLA, SMMLS: the most significant word, rounded where R is 1. */
export function multiplyMostSignificant(accumulates: 'no' | 'adds' | 'subtracts') {
  return (l: Lifter, f: Short & { a?: number; R: number }): void => {
    if (l.refusesBadReg(f.d, f.n, f.m, f.a ?? 0)) return;
    const { b } = l;
    const high = f.a === undefined ? l.const(0) : l.reg(f.a);
    const start = b.pure('pack64', [l.const(f.R === 1 ? 0x80000000 : 0), high]);
    const product = b.pure('mulS64', [l.reg(f.n), l.reg(f.m)]);
    const sum = b.pure(accumulates === 'subtracts' ? 'sub64' : 'add64', [start, product]);
    l.setReg(f.d, b.pure('high64', [sum]));
  };
}

/** SDIV, UDIV. */
export function divide(op: 'divS' | 'divU') {
  return (l: Lifter, f: Short): void => {
    if (l.refusesBadReg(f.d, f.n, f.m)) return;
    l.setReg(f.d, l.b.pure(op, [l.reg(f.n), l.reg(f.m)]));
  };
}

/** QADD, QSUB, QDADD, QDSUB: of R[m] and R[n], or twice R[n]. */
export function saturatingArithmetic(op: 'addSat' | 'subSat', doubles: boolean) {
  return (l: Lifter, f: Short): void => {
    if (l.refusesBadReg(f.d, f.n, f.m)) return;
    const { b } = l;
    const m = l.reg(f.m);
    const n = l.reg(f.n);
    const second = doubles ? b.pure('addSat', [n, n]) : n;
    const overflow = b.pure(op === 'addSat' ? 'addSatOverflow' : 'subSatOverflow', [m, second]);
    l.setReg(f.d, b.pure(op, [m, second]));
    l.accumulateQ(doubles ? b.or(overflow, b.pure('addSatOverflow', [n, n])) : overflow);
  };
}
