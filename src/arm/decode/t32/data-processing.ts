import {
  adr,
  moveTop,
  moveWide,
  shiftImmediate,
  shiftRegister,
  thumbImmediate,
  thumbMoveRegister,
  thumbPlainImmediate,
  thumbRegister,
  thumbTestImmediate,
  thumbTestRegister,
} from '../../lift/data-processing.ts';
import { ShiftType } from '../../lift/shift.ts';
import { ordered, type RowList, row } from '../row.ts';

/**
 * ARM DDI 0406C A6.3.1, A6.3.3 (without saturation and bit fields), A6.3.11 and the shifts of A6.3.12. ADD and SUB of
 * SP are rows of their own in the manual (T3, T4) and differ only in what is UNPREDICTABLE.
 */
export const T32_DATA_PROCESSING: RowList = [
  ordered([
    row('TST (immediate) T1', '11110i 0 0000 1 nnnn 0iii 1111 iiiiiiii', thumbTestImmediate('tst')),
    row('AND (immediate) T1', '11110i 0 0000 S nnnn 0iii dddd iiiiiiii', thumbImmediate('and')),
  ]),
  row('BIC (immediate) T1', '11110i 0 0001 S nnnn 0iii dddd iiiiiiii', thumbImmediate('bic')),
  ordered([
    row('MOV (immediate) T2', '11110i 0 0010 S 1111 0iii dddd iiiiiiii', thumbImmediate('mov')),
    row('ORR (immediate) T1', '11110i 0 0010 S nnnn 0iii dddd iiiiiiii', thumbImmediate('orr')),
  ]),
  ordered([
    row('MVN (immediate) T1', '11110i 0 0011 S 1111 0iii dddd iiiiiiii', thumbImmediate('mvn')),
    row('ORN (immediate) T1', '11110i 0 0011 S nnnn 0iii dddd iiiiiiii', thumbImmediate('orn')),
  ]),
  ordered([
    row('TEQ (immediate) T1', '11110i 0 0100 1 nnnn 0iii 1111 iiiiiiii', thumbTestImmediate('teq')),
    row('EOR (immediate) T1', '11110i 0 0100 S nnnn 0iii dddd iiiiiiii', thumbImmediate('eor')),
  ]),
  ordered([
    row('CMN (immediate) T1', '11110i 0 1000 1 nnnn 0iii 1111 iiiiiiii', thumbTestImmediate('cmn')),
    row('ADD (immediate) T3', '11110i 0 1000 S nnnn 0iii dddd iiiiiiii', thumbImmediate('add')),
  ]),
  row('ADC (immediate) T1', '11110i 0 1010 S nnnn 0iii dddd iiiiiiii', thumbImmediate('adc')),
  row('SBC (immediate) T1', '11110i 0 1011 S nnnn 0iii dddd iiiiiiii', thumbImmediate('sbc')),
  ordered([
    row('CMP (immediate) T2', '11110i 0 1101 1 nnnn 0iii 1111 iiiiiiii', thumbTestImmediate('cmp')),
    row('SUB (immediate) T3', '11110i 0 1101 S nnnn 0iii dddd iiiiiiii', thumbImmediate('sub')),
  ]),
  row('RSB (immediate) T2', '11110i 0 1110 S nnnn 0iii dddd iiiiiiii', thumbImmediate('rsb')),

  ordered([
    row('ADR T3', '11110i 10000 0 1111 0iii dddd iiiiiiii', (l, f) => adr(l, f.d, f.i)),
    row('ADD (immediate) T4', '11110i 10000 0 nnnn 0iii dddd iiiiiiii', thumbPlainImmediate('add')),
  ]),
  row('MOV (immediate) T3', '11110i 10010 0 kkkk 0iii dddd iiiiiiii', (l, f) =>
    moveWide(l, f.d, (f.k << 12) | f.i),
  ),
  ordered([
    row('ADR T2', '11110i 10101 0 1111 0iii dddd iiiiiiii', (l, f) => adr(l, f.d, -f.i)),
    row('SUB (immediate) T4', '11110i 10101 0 nnnn 0iii dddd iiiiiiii', thumbPlainImmediate('sub')),
  ]),
  row('MOVT T1', '11110i 10110 0 kkkk 0iii dddd iiiiiiii', (l, f) => moveTop(l, f.d, (f.k << 12) | f.i)),

  ordered([
    row('TST (register) T2', '1110101 0000 1 nnnn ziii 1111 iitt mmmm', thumbTestRegister('tst')),
    row('AND (register) T2', '1110101 0000 S nnnn ziii dddd iitt mmmm', thumbRegister('and')),
  ]),
  row('BIC (register) T2', '1110101 0001 S nnnn ziii dddd iitt mmmm', thumbRegister('bic')),
  ordered([
    row('MOV (register) T3', '1110101 0010 S 1111 z000 dddd 0000 mmmm', thumbMoveRegister),
    row('RRX T1', '1110101 0010 S 1111 z000 dddd 0011 mmmm', (l, f) =>
      shiftImmediate(ShiftType.Ror)(l, { ...f, i: 0 }),
    ),
    row('LSL (immediate) T2', '1110101 0010 S 1111 ziii dddd ii00 mmmm', shiftImmediate(ShiftType.Lsl)),
    row('LSR (immediate) T2', '1110101 0010 S 1111 ziii dddd ii01 mmmm', shiftImmediate(ShiftType.Lsr)),
    row('ASR (immediate) T2', '1110101 0010 S 1111 ziii dddd ii10 mmmm', shiftImmediate(ShiftType.Asr)),
    row('ROR (immediate) T1', '1110101 0010 S 1111 ziii dddd ii11 mmmm', shiftImmediate(ShiftType.Ror)),
    row('ORR (register) T2', '1110101 0010 S nnnn ziii dddd iitt mmmm', thumbRegister('orr')),
  ]),
  ordered([
    row('MVN (register) T2', '1110101 0011 S 1111 ziii dddd iitt mmmm', thumbRegister('mvn')),
    row('ORN (register) T1', '1110101 0011 S nnnn ziii dddd iitt mmmm', thumbRegister('orn')),
  ]),
  ordered([
    row('TEQ (register) T1', '1110101 0100 1 nnnn ziii 1111 iitt mmmm', thumbTestRegister('teq')),
    row('EOR (register) T2', '1110101 0100 S nnnn ziii dddd iitt mmmm', thumbRegister('eor')),
  ]),
  ordered([
    row('CMN (register) T2', '1110101 1000 1 nnnn ziii 1111 iitt mmmm', thumbTestRegister('cmn')),
    row('ADD (register) T3', '1110101 1000 S nnnn ziii dddd iitt mmmm', thumbRegister('add')),
  ]),
  row('ADC (register) T2', '1110101 1010 S nnnn ziii dddd iitt mmmm', thumbRegister('adc')),
  row('SBC (register) T2', '1110101 1011 S nnnn ziii dddd iitt mmmm', thumbRegister('sbc')),
  ordered([
    row('CMP (register) T3', '1110101 1101 1 nnnn ziii 1111 iitt mmmm', thumbTestRegister('cmp')),
    row('SUB (register) T2', '1110101 1101 S nnnn ziii dddd iitt mmmm', thumbRegister('sub')),
  ]),
  row('RSB (register) T1', '1110101 1110 S nnnn ziii dddd iitt mmmm', thumbRegister('rsb')),

  row('LSL (register) T2', '11111010 000 S nnnn 1111 dddd 0000 mmmm', shiftRegister(ShiftType.Lsl)),
  row('LSR (register) T2', '11111010 001 S nnnn 1111 dddd 0000 mmmm', shiftRegister(ShiftType.Lsr)),
  row('ASR (register) T2', '11111010 010 S nnnn 1111 dddd 0000 mmmm', shiftRegister(ShiftType.Asr)),
  row('ROR (register) T2', '11111010 011 S nnnn 1111 dddd 0000 mmmm', shiftRegister(ShiftType.Ror)),
];
