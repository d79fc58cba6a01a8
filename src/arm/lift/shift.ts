import type { IrValue } from '../../translator/ir/value.ts';
import type { Lifter } from './lifter.ts';

/** A second operand: its value, and the carry out (0 or 1), undefined where C stays as it is. */
export interface Operand {
  readonly value: IrValue;
  readonly carry: IrValue | undefined;
}

/** The shift types in their encoding; RRX is ROR by an immediate 0. */
export const enum ShiftType {
  Lsl = 0,
  Lsr = 1,
  Asr = 2,
  Ror = 3,
}

const SHIFTS = ['shl', 'shr', 'sar', 'ror'] as const;
const SHIFT_CARRIES = ['shlCarry', 'shrCarry', 'sarCarry', 'rorCarry'] as const;

/** A value that is no shifter's output: C stays. */
export function plain(value: IrValue): Operand {
  return { value, carry: undefined };
}

/** DecodeImmShift and Shift_C (A8.4.3): `value` shifted by a type and an amount as encoded in five bits. */
export function shiftByImmediate(l: Lifter, value: IrValue, type: number, imm5: number): Operand {
  if (imm5 === 0 && type === ShiftType.Lsl) return plain(value);
  if (imm5 === 0 && type === ShiftType.Ror) {
    return { value: l.b.pure('rrx', [value, l.carry]), carry: l.b.and(value, l.const(1)) };
  }
  const amount = l.const(imm5 === 0 ? 32 : imm5);
  return {
    value: l.b.pure(SHIFTS[type], [value, amount]),
    carry: l.b.pure(SHIFT_CARRIES[type], [value, amount, l.const(0)]),
  };
}

/** `value` shifted by the bottom byte of a register. */
export function shiftByRegister(l: Lifter, value: IrValue, type: number, amount: IrValue): Operand {
  return {
    value: l.b.pure(SHIFTS[type], [value, amount]),
    carry: l.b.pure(SHIFT_CARRIES[type], [value, amount, l.carry]),
  };
}

/** ARMExpandImm_C (A5.2.4). */
export function armExpandImmediate(l: Lifter, imm12: number): Operand {
  const amount = (imm12 >> 8) * 2;
  const byte = imm12 & 0xff;
  if (amount === 0) return plain(l.const(byte));
  const value = (byte >>> amount) | (byte << (32 - amount));
  return { value: l.const(value), carry: l.const(value >>> 31) };
}

/** ThumbExpandImm_C (A6.3.2). */
export function thumbExpandImmediate(l: Lifter, imm12: number): Operand {
  const byte = imm12 & 0xff;
  if (imm12 >> 10 !== 0) {
    const unrotated = 0x80 | (imm12 & 0x7f);
    const amount = imm12 >> 7;
    const value = (unrotated >>> amount) | (unrotated << (32 - amount));
    return { value: l.const(value), carry: l.const(value >>> 31) };
  }
  const form = imm12 >> 8;
  if (form !== 0 && byte === 0) l.unpredictable('a modified immediate constant that repeats a zero byte');
  const low = form & 1 ? byte : 0;
  const high = form & 2 ? byte << 8 : 0;
  return plain(l.const(form === 0 ? byte : low | (low << 16) | high | (high << 16)));
}
