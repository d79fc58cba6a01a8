import {
  adr,
  narrowAddHigh,
  narrowCompareHigh,
  narrowCompareImmediate,
  narrowImmediate,
  narrowMoveHigh,
  narrowMoveLow,
  narrowNegate,
  narrowShiftImmediate,
  narrowShiftRegister,
  narrowStackImmediate,
  narrowTest,
  narrowThreeRegisters,
  narrowTwoRegisters,
} from '../../lift/data-processing.ts';
import { extend, reverseSignedHalf, unary } from '../../lift/media.ts';
import { multiply } from '../../lift/multiply.ts';
import { ShiftType } from '../../lift/shift.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.2.1 to A6.2.3 and the data-processing part of A6.2.5. */
export const T16_DATA_PROCESSING: RowList = [
  ordered([
    row('MOV (register) T2', '00000 00000 mmm ddd', narrowMoveLow),
    row('LSL (immediate) T1', '00000 iiiii mmm ddd', narrowShiftImmediate(ShiftType.Lsl)),
  ]),
  row('LSR (immediate) T1', '00001 iiiii mmm ddd', narrowShiftImmediate(ShiftType.Lsr)),
  row('ASR (immediate) T1', '00010 iiiii mmm ddd', narrowShiftImmediate(ShiftType.Asr)),
  row('ADD (register) T1', '0001100 mmm nnn ddd', narrowThreeRegisters('add')),
  row('SUB (register) T1', '0001101 mmm nnn ddd', narrowThreeRegisters('sub')),
  row('ADD (immediate) T1', '0001110 iii nnn ddd', narrowImmediate('add')),
  row('SUB (immediate) T1', '0001111 iii nnn ddd', narrowImmediate('sub')),
  row('MOV (immediate) T1', '00100 ddd iiiiiiii', narrowImmediate('mov')),
  row('CMP (immediate) T1', '00101 nnn iiiiiiii', narrowCompareImmediate),
  row('ADD (immediate) T2', '00110 ddd iiiiiiii', narrowImmediate('add')),
  row('SUB (immediate) T2', '00111 ddd iiiiiiii', narrowImmediate('sub')),

  row('AND (register) T1', '010000 0000 mmm ddd', narrowTwoRegisters('and')),
  row('EOR (register) T1', '010000 0001 mmm ddd', narrowTwoRegisters('eor')),
  row('LSL (register) T1', '010000 0010 mmm ddd', narrowShiftRegister(ShiftType.Lsl)),
  row('LSR (register) T1', '010000 0011 mmm ddd', narrowShiftRegister(ShiftType.Lsr)),
  row('ASR (register) T1', '010000 0100 mmm ddd', narrowShiftRegister(ShiftType.Asr)),
  row('ADC (register) T1', '010000 0101 mmm ddd', narrowTwoRegisters('adc')),
  row('SBC (register) T1', '010000 0110 mmm ddd', narrowTwoRegisters('sbc')),
  row('ROR (register) T1', '010000 0111 mmm ddd', narrowShiftRegister(ShiftType.Ror)),
  row('TST (register) T1', '010000 1000 mmm nnn', narrowTest('tst')),
  row('RSB (immediate) T1', '010000 1001 nnn ddd', narrowNegate),
  row('CMP (register) T1', '010000 1010 mmm nnn', narrowTest('cmp')),
  row('CMN (register) T1', '010000 1011 mmm nnn', narrowTest('cmn')),
  row('ORR (register) T1', '010000 1100 mmm ddd', narrowTwoRegisters('orr')),
  row('MUL T1', '010000 1101 nnn ddd', (l, f) =>
    multiply(l, { d: f.d, n: f.n, m: f.d, S: l.setsFlagsOutsideIt }),
  ),
  row('BIC (register) T1', '010000 1110 mmm ddd', narrowTwoRegisters('bic')),
  row('MVN (register) T1', '010000 1111 mmm ddd', narrowTwoRegisters('mvn')),

  row('ADD (register) T2', '01000100 d mmmm ddd', narrowAddHigh),
  row('CMP (register) T2', '01000101 n mmmm nnn', narrowCompareHigh),
  row('MOV (register) T1', '01000110 d mmmm ddd', narrowMoveHigh),

  row('ADR T1', '10100 ddd iiiiiiii', (l, f) => adr(l, f.d, f.i * 4)),
  row('ADD (SP plus immediate) T1', '10101 ddd iiiiiiii', narrowStackImmediate('add')),
  row('ADD (SP plus immediate) T2', '101100000 iiiiiii', narrowStackImmediate('add')),
  row('SUB (SP minus immediate) T1', '101100001 iiiiiii', narrowStackImmediate('sub')),
  row('SXTH T1', '1011001000 mmm ddd', extend('sext16')),
  row('SXTB T1', '1011001001 mmm ddd', extend('sext8')),
  row('UXTH T1', '1011001010 mmm ddd', extend('zext16')),
  row('UXTB T1', '1011001011 mmm ddd', extend('zext8')),
  row('REV T1', '1011101000 mmm ddd', unary('rev')),
  row('REV16 T1', '1011101001 mmm ddd', unary('rev16')),
  row('REVSH T1', '1011101011 mmm ddd', reverseSignedHalf),
];
