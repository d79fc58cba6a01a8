import type { IrValue } from '../../translator/ir/value.ts';
import { ARM_HELPERS } from '../helpers.ts';
import type { Lifter } from './lifter.ts';
import { modeHasSpsr } from './privilege.ts';
import {
  armExpandImmediate,
  type Operand,
  plain,
  shiftByImmediate,
  shiftByRegister,
  thumbExpandImmediate,
} from './shift.ts';

/** The data-processing operations with a destination. */
export type AluOp =
  | 'and'
  | 'eor'
  | 'sub'
  | 'rsb'
  | 'add'
  | 'adc'
  | 'sbc'
  | 'rsc'
  | 'orr'
  | 'mov'
  | 'bic'
  | 'mvn'
  | 'orn';
/** Those that only set flags. */
export type TestOp = 'tst' | 'teq' | 'cmp' | 'cmn';

const TEST_OPERATION = { tst: 'and', teq: 'eor', cmp: 'sub', cmn: 'add' } as const;

function result(l: Lifter, op: AluOp, a: IrValue, operand: IrValue): IrValue {
  const { b } = l;
  switch (op) {
    case 'and':
      return b.and(a, operand);
    case 'eor':
      return b.xor(a, operand);
    case 'sub':
      return b.sub(a, operand);
    case 'rsb':
      return b.sub(operand, a);
    case 'add':
      return b.add(a, operand);
    case 'adc':
      return b.adc(a, operand, l.carry);
    case 'sbc':
      return b.adc(a, b.not(operand), l.carry);
    case 'rsc':
      return b.adc(operand, b.not(a), l.carry);
    case 'orr':
      return b.or(a, operand);
    case 'mov':
      return operand;
    case 'bic':
      return b.andNot(a, operand);
    case 'mvn':
      return b.not(operand);
    case 'orn':
      return b.or(a, b.not(operand));
  }
}

function flags(l: Lifter, op: AluOp, a: IrValue, operand: Operand, value: IrValue): IrValue {
  const { b } = l;
  switch (op) {
    case 'sub':
      return b.pure('nzcvSub', [a, operand.value]);
    case 'rsb':
      return b.pure('nzcvSub', [operand.value, a]);
    case 'add':
      return b.pure('nzcvAdd', [a, operand.value, l.const(0)]);
    case 'adc':
      return b.pure('nzcvAdd', [a, operand.value, l.carry]);
    case 'sbc':
      return b.pure('nzcvAdd', [a, b.not(operand.value), l.carry]);
    case 'rsc':
      return b.pure('nzcvAdd', [operand.value, b.not(a), l.carry]);
    default:
      if (operand.carry === undefined) return b.pure('nzcvNz', [value, l.nzcv]);
      return b.pure('nzcvLogic', [value, operand.carry, l.nzcv]);
  }
}

/** SUBS PC, LR and related instructions (B9.3.20): UNPREDICTABLE, here UNDEFINED, in modes without an SPSR. */
export function exceptionReturn(l: Lifter, address: IrValue): void {
  l.undefinedUnless(modeHasSpsr(l));
  l.b.call(ARM_HELPERS.exceptionReturn, address);
  l.leaveDynamic();
}

/** The operation on R[n] (ignored by MOV and MVN) and the operand, to R[d], with flags where `s` is 1. */
function alu(l: Lifter, op: AluOp, s: number, d: number, a: IrValue, operand: Operand): void {
  const value = result(l, op, a, operand.value);
  if (d === 15) {
    if (s === 0) l.aluWritePc(value);
    else exceptionReturn(l, value);
    return;
  }
  const nzcv = s === 0 ? undefined : flags(l, op, a, operand, value);
  l.setReg(d, value);
  if (nzcv !== undefined) l.setNzcv(nzcv);
}

function test(l: Lifter, op: TestOp, n: number, operand: Operand): void {
  const operation = TEST_OPERATION[op];
  const a = l.reg(n);
  const value = op === 'tst' || op === 'teq' ? result(l, operation, a, operand.value) : operand.value;
  l.setNzcv(flags(l, operation, a, operand, value));
}

/** MOV and MVN have no first operand. */
function first(l: Lifter, n: number | undefined): IrValue {
  return n === undefined ? l.const(0) : l.reg(n);
}

// A32.

export function armImmediate(op: AluOp) {
  return (l: Lifter, f: { S: number; d: number; n?: number; i: number }): void =>
    alu(l, op, f.S, f.d, first(l, f.n), armExpandImmediate(l, f.i));
}

export function armRegister(op: AluOp) {
  return (l: Lifter, f: { S: number; d: number; n?: number; m: number; t: number; i: number }): void =>
    alu(l, op, f.S, f.d, first(l, f.n), shiftByImmediate(l, l.reg(f.m), f.t, f.i));
}

export function armShiftedByRegister(op: AluOp) {
  return (l: Lifter, f: { S: number; d: number; n?: number; m: number; t: number; s: number }): void => {
    if (l.refusesPc(f.d, f.n ?? 0, f.m, f.s)) return;
    alu(l, op, f.S, f.d, first(l, f.n), shiftByRegister(l, l.reg(f.m), f.t, l.reg(f.s)));
  };
}

export function armTestImmediate(op: TestOp) {
  return (l: Lifter, f: { n: number; i: number }): void => test(l, op, f.n, armExpandImmediate(l, f.i));
}

export function armTestRegister(op: TestOp) {
  return (l: Lifter, f: { n: number; m: number; t: number; i: number }): void =>
    test(l, op, f.n, shiftByImmediate(l, l.reg(f.m), f.t, f.i));
}

export function armTestShiftedByRegister(op: TestOp) {
  return (l: Lifter, f: { n: number; m: number; t: number; s: number }): void => {
    if (l.refusesPc(f.n, f.m, f.s)) return;
    test(l, op, f.n, shiftByRegister(l, l.reg(f.m), f.t, l.reg(f.s)));
  };
}

// T32. R13 is permitted as first operand and, with it, as destination of ADD and SUB only.

function thumbChecks(l: Lifter, op: AluOp, d: number, n: number | undefined): boolean {
  const stackArithmetic = (op === 'add' || op === 'sub') && n === 13;
  if (l.refusesPc(d, n ?? 0)) return false;
  if (!stackArithmetic && (d === 13 || n === 13)) l.unpredictable('R13 as an operand');
  return true;
}

export function thumbImmediate(op: AluOp) {
  return (l: Lifter, f: { S: number; d: number; n?: number; i: number }): void => {
    if (!thumbChecks(l, op, f.d, f.n)) return;
    alu(l, op, f.S, f.d, first(l, f.n), thumbExpandImmediate(l, f.i));
  };
}

export function thumbRegister(op: AluOp) {
  return (l: Lifter, f: { S: number; d: number; n?: number; m: number; t: number; i: number }): void => {
    if (!thumbChecks(l, op, f.d, f.n) || l.refusesBadReg(f.m)) return;
    if (f.d === 13 && (f.t !== 0 || f.i > 3)) l.unpredictable('SP from a shift other than LSL by 0 to 3');
    alu(l, op, f.S, f.d, first(l, f.n), shiftByImmediate(l, l.reg(f.m), f.t, f.i));
  };
}

export function thumbTestImmediate(op: TestOp) {
  return (l: Lifter, f: { n: number; i: number }): void => {
    if (l.refusesPc(f.n)) return;
    if (f.n === 13 && (op === 'tst' || op === 'teq')) l.unpredictable('R13 as an operand');
    test(l, op, f.n, thumbExpandImmediate(l, f.i));
  };
}

export function thumbTestRegister(op: TestOp) {
  return (l: Lifter, f: { n: number; m: number; t: number; i: number }): void => {
    if (l.refusesPc(f.n) || l.refusesBadReg(f.m)) return;
    if (f.n === 13 && (op === 'tst' || op === 'teq')) l.unpredictable('R13 as an operand');
    test(l, op, f.n, shiftByImmediate(l, l.reg(f.m), f.t, f.i));
  };
}

/** MOV (register) T3: more of SP is permitted without S. */
export function thumbMoveRegister(l: Lifter, f: { S: number; d: number; m: number }): void {
  if (l.refusesPc(f.d, f.m)) return;
  if ((f.S === 1 && (f.d === 13 || f.m === 13)) || (f.d === 13 && f.m === 13)) {
    l.unpredictable('R13 as an operand');
  }
  alu(l, 'mov', f.S, f.d, l.const(0), plain(l.reg(f.m)));
}

/** LSL, LSR, ASR, ROR (immediate) and RRX, of both sets. */
export function shiftImmediate(type: number) {
  return (l: Lifter, f: { S: number; d: number; m: number; i: number }): void => {
    if (l.thumb && l.refusesBadReg(f.d, f.m)) return;
    alu(l, 'mov', f.S, f.d, l.const(0), shiftByImmediate(l, l.reg(f.m), type, f.i));
  };
}

/** LSL, LSR, ASR, ROR (register): R[n] by the bottom byte of R[m]. */
export function shiftRegister(type: number) {
  return (l: Lifter, f: { S: number; d: number; n: number; m: number }): void => {
    if (l.refusesBadReg(f.d, f.n, f.m)) return;
    alu(l, 'mov', f.S, f.d, l.const(0), shiftByRegister(l, l.reg(f.n), type, l.reg(f.m)));
  };
}

// T16: flags outside IT blocks only.

export function narrowImmediate(op: AluOp) {
  return (l: Lifter, f: { d: number; n?: number; i: number }): void =>
    alu(l, op, l.setsFlagsOutsideIt, f.d, l.reg(f.n ?? f.d), plain(l.const(f.i)));
}

export function narrowThreeRegisters(op: AluOp) {
  return (l: Lifter, f: { d: number; n: number; m: number }): void =>
    alu(l, op, l.setsFlagsOutsideIt, f.d, l.reg(f.n), plain(l.reg(f.m)));
}

export function narrowTwoRegisters(op: AluOp) {
  return (l: Lifter, f: { d: number; m: number }): void =>
    alu(l, op, l.setsFlagsOutsideIt, f.d, l.reg(f.d), plain(l.reg(f.m)));
}

export function narrowShiftImmediate(type: number) {
  return (l: Lifter, f: { d: number; m: number; i: number }): void =>
    alu(l, 'mov', l.setsFlagsOutsideIt, f.d, l.const(0), shiftByImmediate(l, l.reg(f.m), type, f.i));
}

export function narrowShiftRegister(type: number) {
  return (l: Lifter, f: { d: number; m: number }): void => {
    const operand = shiftByRegister(l, l.reg(f.d), type, l.reg(f.m));
    alu(l, 'mov', l.setsFlagsOutsideIt, f.d, l.const(0), operand);
  };
}

/** RSB (immediate) T1, the NEG of old. */
export function narrowNegate(l: Lifter, f: { d: number; n: number }): void {
  alu(l, 'rsb', l.setsFlagsOutsideIt, f.d, l.reg(f.n), plain(l.const(0)));
}

export function narrowMoveLow(l: Lifter, f: { d: number; m: number }): void {
  l.needsOutsideIt();
  alu(l, 'mov', 1, f.d, l.const(0), plain(l.reg(f.m)));
}

export function narrowTest(op: TestOp) {
  return (l: Lifter, f: { n: number; m: number }): void => test(l, op, f.n, plain(l.reg(f.m)));
}

export function narrowCompareImmediate(l: Lifter, f: { n: number; i: number }): void {
  test(l, 'cmp', f.n, plain(l.const(f.i)));
}

/** CMP (register) T2, of any registers. */
export function narrowCompareHigh(l: Lifter, f: { n: number; m: number }): void {
  if (l.refusesPc(f.n, f.m)) return;
  if (f.n < 8 && f.m < 8) l.unpredictable('both registers are low');
  test(l, 'cmp', f.n, plain(l.reg(f.m)));
}

/** ADD (register) T2 and MOV (register) T1: never flags, any registers, PC too. */
export function narrowAddHigh(l: Lifter, f: { d: number; m: number }): void {
  if (f.d === 15 && f.m === 15) l.unpredictable('ADD PC, PC');
  alu(l, 'add', 0, f.d, l.reg(f.d), plain(l.reg(f.m)));
}

export function narrowMoveHigh(l: Lifter, f: { d: number; m: number }): void {
  alu(l, 'mov', 0, f.d, l.const(0), plain(l.reg(f.m)));
}

/** ADD and SUB of SP and an immediate in words, without flags. */
export function narrowStackImmediate(op: 'add' | 'sub') {
  return (l: Lifter, f: { d?: number; i: number }): void =>
    alu(l, op, 0, f.d ?? 13, l.reg(13), plain(l.const(f.i * 4)));
}

// Both.

/** ADR of T16 and T32: Align(PC, 4) plus or minus a distance in bytes. */
export function adr(l: Lifter, d: number, distance: number): void {
  if (l.refusesBadReg(d)) return;
  l.setReg(d, l.const(l.pcAligned + distance));
}

/** ADDW and SUBW: a plain 12-bit immediate, no flags. */
export function thumbPlainImmediate(op: 'add' | 'sub') {
  return (l: Lifter, f: { d: number; n: number; i: number }): void => {
    if (!thumbChecks(l, op, f.d, f.n)) return;
    alu(l, op, 0, f.d, l.reg(f.n), plain(l.const(f.i)));
  };
}

/** MOVW. */
export function moveWide(l: Lifter, d: number, imm16: number): void {
  if (l.refusesBadReg(d)) return;
  l.setReg(d, l.const(imm16));
}

export function moveTop(l: Lifter, d: number, imm16: number): void {
  if (l.refusesBadReg(d)) return;
  l.setReg(d, l.b.or(l.b.and(l.reg(d), l.const(0xffff)), l.const(imm16 << 16)));
}
