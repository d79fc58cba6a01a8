import { PackedForm, PackedOperation } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { StateSlot } from '../state.ts';
import type { Lifter } from './lifter.ts';
import { ShiftType, shiftByImmediate } from './shift.ts';

interface ThreeRegisters {
  readonly d: number;
  readonly n: number;
  readonly m: number;
}

/** Parallel addition and subtraction (A5.4.1, A5.4.2); the modular forms set the GE flags. */
export function parallel(form: PackedForm, operation: PackedOperation) {
  const imm = (form << 4) | operation;
  const setsGe = form === PackedForm.Signed || form === PackedForm.Unsigned;
  return (l: Lifter, f: ThreeRegisters): void => {
    if (l.refusesBadReg(f.d, f.n, f.m)) return;
    const operands = [l.reg(f.n), l.reg(f.m)];
    const value = l.b.pure('packed', operands, imm);
    if (setsGe) l.b.set(StateSlot.GE, l.b.pure('packedGe', operands, imm));
    l.setReg(f.d, value);
  };
}

export function selectBytes(l: Lifter, f: ThreeRegisters): void {
  if (l.refusesBadReg(f.d, f.n, f.m)) return;
  l.setReg(f.d, l.b.pure('selBytes', [l.b.get(StateSlot.GE), l.reg(f.n), l.reg(f.m)]));
}

/** PKHBT (t = 0) and PKHTB (t = 1). */
export function packHalfword(l: Lifter, f: ThreeRegisters & { t: number; i: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m)) return;
  const { b } = l;
  const shifted = shiftByImmediate(l, l.reg(f.m), f.t === 1 ? ShiftType.Asr : ShiftType.Lsl, f.i).value;
  const [bottom, top] = f.t === 1 ? [shifted, l.reg(f.n)] : [l.reg(f.n), shifted];
  l.setReg(f.d, b.or(b.and(bottom, l.const(0xffff)), b.and(top, l.const(0xffff0000))));
}

// Extension.

export type Extension = 'sext8' | 'sext16' | 'zext8' | 'zext16' | 'sext8x2' | 'zext8x2';

const UNSIGNED_ADD16 = (PackedForm.Unsigned << 4) | PackedOperation.Add16;

function extended(l: Lifter, extension: Extension, value: IrValue): IrValue {
  const { b } = l;
  if (extension === 'zext8x2') return b.and(value, l.const(0x00ff00ff));
  if (extension !== 'sext8x2') return b.pure(extension, [value]);
  const low = b.and(b.pure('sext8', [value]), l.const(0xffff));
  const high = b.shl(b.pure('sext8', [b.shr(value, l.const(16))]), l.const(16));
  return b.or(low, high);
}

/** SXTB, UXTH, ... of R[m] rotated by `r` bytes, and SXTAB, ... which add it to R[n]. */
export function extend(extension: Extension) {
  return (l: Lifter, f: { d: number; n?: number; m: number; r?: number }): void => {
    if (l.refusesBadReg(f.d, f.n ?? 0, f.m)) return;
    const { b } = l;
    const value = extended(l, extension, b.ror(l.reg(f.m), l.const(8 * (f.r ?? 0))));
    if (f.n === undefined) {
      l.setReg(f.d, value);
      return;
    }
    const both = extension === 'sext8x2' || extension === 'zext8x2';
    l.setReg(f.d, both ? b.pure('packed', [l.reg(f.n), value], UNSIGNED_ADD16) : b.add(l.reg(f.n), value));
  };
}

// Saturation.

/** SSAT to i + 1 bits, USAT to i bits, of R[n] shifted as `h` (ASR or LSL) and `a` say. */
export function saturate(signed: boolean) {
  return (l: Lifter, f: { d: number; n: number; h: number; a: number; s: number }): void => {
    if (l.refusesBadReg(f.d, f.n)) return;
    const type = f.h === 1 ? ShiftType.Asr : ShiftType.Lsl;
    const operand = shiftByImmediate(l, l.reg(f.n), type, f.a).value;
    const bits = signed ? f.s + 1 : f.s;
    const overflow = l.b.pure(signed ? 'satSOverflow' : 'satUOverflow', [operand], bits);
    l.setReg(f.d, l.b.pure(signed ? 'satS' : 'satU', [operand], bits));
    l.accumulateQ(overflow);
  };
}

/** SSAT16, USAT16. */
export function saturateHalves(signed: boolean) {
  const op = signed ? 'satS' : 'satU';
  const overflowOp = signed ? 'satSOverflow' : 'satUOverflow';
  return (l: Lifter, f: { d: number; n: number; s: number }): void => {
    if (l.refusesBadReg(f.d, f.n)) return;
    const { b } = l;
    const bits = signed ? f.s + 1 : f.s;
    const low = b.pure('sext16', [l.reg(f.n)]);
    const high = b.sar(l.reg(f.n), l.const(16));
    const overflow = b.or(b.pure(overflowOp, [low], bits), b.pure(overflowOp, [high], bits));
    const lowPart = b.and(b.pure(op, [low], bits), l.const(0xffff));
    l.setReg(f.d, b.or(lowPart, b.shl(b.pure(op, [high], bits), l.const(16))));
    l.accumulateQ(overflow);
  };
}

// Reversal and counting. T32 encodings name the register twice.

export function unary(op: 'rev' | 'rev16' | 'rbit' | 'clz') {
  return (l: Lifter, f: { d: number; m: number; n?: number }): void => {
    if (refusesUnary(l, f)) return;
    l.setReg(f.d, l.b.pure(op, [l.reg(f.m)]));
  };
}

/** REVSH. */
export function reverseSignedHalf(l: Lifter, f: { d: number; m: number; n?: number }): void {
  if (refusesUnary(l, f)) return;
  l.setReg(f.d, l.b.pure('sext16', [l.b.pure('rev16', [l.reg(f.m)])]));
}

function refusesUnary(l: Lifter, f: { d: number; m: number; n?: number }): boolean {
  if (l.refusesBadReg(f.d, f.m)) return true;
  if (f.n !== undefined && f.n !== f.m) l.unpredictable('two different fields for one register');
  return false;
}

// Bit fields.

/** SBFX, UBFX of `w` + 1 bits at bit `i`. */
export function extractBits(signed: boolean) {
  return (l: Lifter, f: { d: number; n: number; i: number; w: number }): void => {
    if (l.refusesBadReg(f.d, f.n)) return;
    const top = f.i + f.w;
    if (top > 31) {
      l.refuse('a bit field beyond bit 31');
      return;
    }
    const { b } = l;
    const left = b.shl(l.reg(f.n), l.const(31 - top));
    const right = l.const(31 - f.w);
    l.setReg(f.d, signed ? b.sar(left, right) : b.shr(left, right));
  };
}

/** BFI of bits `i` to `b`, and BFC where there is no R[n]. */
export function insertBits(l: Lifter, f: { d: number; n?: number; i: number; b: number }): void {
  if (l.refusesBadReg(f.d, f.n ?? 0)) return;
  if (f.b < f.i) {
    l.refuse('a bit field that ends before it begins');
    return;
  }
  const mask = (2 ** (f.b + 1) - 2 ** f.i) >>> 0;
  const kept = l.b.and(l.reg(f.d), l.const(~mask));
  if (f.n === undefined) {
    l.setReg(f.d, kept);
    return;
  }
  const inserted = l.b.and(l.b.shl(l.reg(f.n), l.const(f.i)), l.const(mask));
  l.setReg(f.d, l.b.or(kept, inserted));
}

/** USAD8 and USADA8. */
export function sumOfAbsoluteDifferences(l: Lifter, f: ThreeRegisters & { a?: number }): void {
  if (l.refusesBadReg(f.d, f.n, f.m, f.a ?? 0)) return;
  const sum = l.b.pure('sumAbsDiff8', [l.reg(f.n), l.reg(f.m)]);
  l.setReg(f.d, f.a === undefined ? sum : l.b.add(l.reg(f.a), sum));
}
