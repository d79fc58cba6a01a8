import {
  armImmediate,
  armRegister,
  armShiftedByRegister,
  armTestImmediate,
  armTestRegister,
  armTestShiftedByRegister,
  moveTop,
  moveWide,
  shiftImmediate,
  shiftRegister,
} from '../../lift/data-processing.ts';
import { ShiftType } from '../../lift/shift.ts';
import { ordered, type RowList, row } from '../row.ts';

const MOV_REGISTER = shiftImmediate(ShiftType.Lsl);
const RRX = shiftImmediate(ShiftType.Ror);

/** ARM DDI 0406C A5.2.1 to A5.2.3. ADR is ADD or SUB of the PC: in A32 there is nothing special about it. */
export const A32_DATA_PROCESSING: RowList = [
  row('AND (immediate) A1', 'cccc 0010000 S nnnn dddd iiiiiiiiiiii', armImmediate('and')),
  row('EOR (immediate) A1', 'cccc 0010001 S nnnn dddd iiiiiiiiiiii', armImmediate('eor')),
  row('SUB (immediate) A1', 'cccc 0010010 S nnnn dddd iiiiiiiiiiii', armImmediate('sub')),
  row('RSB (immediate) A1', 'cccc 0010011 S nnnn dddd iiiiiiiiiiii', armImmediate('rsb')),
  row('ADD (immediate) A1', 'cccc 0010100 S nnnn dddd iiiiiiiiiiii', armImmediate('add')),
  row('ADC (immediate) A1', 'cccc 0010101 S nnnn dddd iiiiiiiiiiii', armImmediate('adc')),
  row('SBC (immediate) A1', 'cccc 0010110 S nnnn dddd iiiiiiiiiiii', armImmediate('sbc')),
  row('RSC (immediate) A1', 'cccc 0010111 S nnnn dddd iiiiiiiiiiii', armImmediate('rsc')),
  row('TST (immediate) A1', 'cccc 0011000 1 nnnn zzzz iiiiiiiiiiii', armTestImmediate('tst')),
  row('TEQ (immediate) A1', 'cccc 0011001 1 nnnn zzzz iiiiiiiiiiii', armTestImmediate('teq')),
  row('CMP (immediate) A1', 'cccc 0011010 1 nnnn zzzz iiiiiiiiiiii', armTestImmediate('cmp')),
  row('CMN (immediate) A1', 'cccc 0011011 1 nnnn zzzz iiiiiiiiiiii', armTestImmediate('cmn')),
  row('ORR (immediate) A1', 'cccc 0011100 S nnnn dddd iiiiiiiiiiii', armImmediate('orr')),
  row('MOV (immediate) A1', 'cccc 0011101 S zzzz dddd iiiiiiiiiiii', armImmediate('mov')),
  row('BIC (immediate) A1', 'cccc 0011110 S nnnn dddd iiiiiiiiiiii', armImmediate('bic')),
  row('MVN (immediate) A1', 'cccc 0011111 S zzzz dddd iiiiiiiiiiii', armImmediate('mvn')),
  row('MOV (immediate) A2', 'cccc 00110000 iiii dddd iiiiiiiiiiii', (l, f) => moveWide(l, f.d, f.i)),
  row('MOVT A1', 'cccc 00110100 iiii dddd iiiiiiiiiiii', (l, f) => moveTop(l, f.d, f.i)),

  row('AND (register) A1', 'cccc 0000000 S nnnn dddd iiiii tt 0 mmmm', armRegister('and')),
  row('EOR (register) A1', 'cccc 0000001 S nnnn dddd iiiii tt 0 mmmm', armRegister('eor')),
  row('SUB (register) A1', 'cccc 0000010 S nnnn dddd iiiii tt 0 mmmm', armRegister('sub')),
  row('RSB (register) A1', 'cccc 0000011 S nnnn dddd iiiii tt 0 mmmm', armRegister('rsb')),
  row('ADD (register) A1', 'cccc 0000100 S nnnn dddd iiiii tt 0 mmmm', armRegister('add')),
  row('ADC (register) A1', 'cccc 0000101 S nnnn dddd iiiii tt 0 mmmm', armRegister('adc')),
  row('SBC (register) A1', 'cccc 0000110 S nnnn dddd iiiii tt 0 mmmm', armRegister('sbc')),
  row('RSC (register) A1', 'cccc 0000111 S nnnn dddd iiiii tt 0 mmmm', armRegister('rsc')),
  row('TST (register) A1', 'cccc 0001000 1 nnnn zzzz iiiii tt 0 mmmm', armTestRegister('tst')),
  row('TEQ (register) A1', 'cccc 0001001 1 nnnn zzzz iiiii tt 0 mmmm', armTestRegister('teq')),
  row('CMP (register) A1', 'cccc 0001010 1 nnnn zzzz iiiii tt 0 mmmm', armTestRegister('cmp')),
  row('CMN (register) A1', 'cccc 0001011 1 nnnn zzzz iiiii tt 0 mmmm', armTestRegister('cmn')),
  row('ORR (register) A1', 'cccc 0001100 S nnnn dddd iiiii tt 0 mmmm', armRegister('orr')),
  ordered([
    row('MOV (register) A1', 'cccc 0001101 S zzzz dddd 00000 000 mmmm', (l, f) =>
      MOV_REGISTER(l, { S: f.S, d: f.d, i: 0, m: f.m }),
    ),
    row('LSL (immediate) A1', 'cccc 0001101 S zzzz dddd iiiii 000 mmmm', shiftImmediate(ShiftType.Lsl)),
  ]),
  row('LSR (immediate) A1', 'cccc 0001101 S zzzz dddd iiiii 010 mmmm', shiftImmediate(ShiftType.Lsr)),
  row('ASR (immediate) A1', 'cccc 0001101 S zzzz dddd iiiii 100 mmmm', shiftImmediate(ShiftType.Asr)),
  ordered([
    row('RRX A1', 'cccc 0001101 S zzzz dddd 00000 110 mmmm', (l, f) =>
      RRX(l, { S: f.S, d: f.d, i: 0, m: f.m }),
    ),
    row('ROR (immediate) A1', 'cccc 0001101 S zzzz dddd iiiii 110 mmmm', shiftImmediate(ShiftType.Ror)),
  ]),
  row('BIC (register) A1', 'cccc 0001110 S nnnn dddd iiiii tt 0 mmmm', armRegister('bic')),
  row('MVN (register) A1', 'cccc 0001111 S zzzz dddd iiiii tt 0 mmmm', armRegister('mvn')),

  row(
    'AND (register-shifted register) A1',
    'cccc 0000000 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('and'),
  ),
  row(
    'EOR (register-shifted register) A1',
    'cccc 0000001 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('eor'),
  ),
  row(
    'SUB (register-shifted register) A1',
    'cccc 0000010 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('sub'),
  ),
  row(
    'RSB (register-shifted register) A1',
    'cccc 0000011 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('rsb'),
  ),
  row(
    'ADD (register-shifted register) A1',
    'cccc 0000100 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('add'),
  ),
  row(
    'ADC (register-shifted register) A1',
    'cccc 0000101 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('adc'),
  ),
  row(
    'SBC (register-shifted register) A1',
    'cccc 0000110 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('sbc'),
  ),
  row(
    'RSC (register-shifted register) A1',
    'cccc 0000111 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('rsc'),
  ),
  row(
    'TST (register-shifted register) A1',
    'cccc 0001000 1 nnnn zzzz ssss 0tt1 mmmm',
    armTestShiftedByRegister('tst'),
  ),
  row(
    'TEQ (register-shifted register) A1',
    'cccc 0001001 1 nnnn zzzz ssss 0tt1 mmmm',
    armTestShiftedByRegister('teq'),
  ),
  row(
    'CMP (register-shifted register) A1',
    'cccc 0001010 1 nnnn zzzz ssss 0tt1 mmmm',
    armTestShiftedByRegister('cmp'),
  ),
  row(
    'CMN (register-shifted register) A1',
    'cccc 0001011 1 nnnn zzzz ssss 0tt1 mmmm',
    armTestShiftedByRegister('cmn'),
  ),
  row(
    'ORR (register-shifted register) A1',
    'cccc 0001100 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('orr'),
  ),
  row('LSL (register) A1', 'cccc 0001101 S zzzz dddd mmmm 0001 nnnn', shiftRegister(ShiftType.Lsl)),
  row('LSR (register) A1', 'cccc 0001101 S zzzz dddd mmmm 0011 nnnn', shiftRegister(ShiftType.Lsr)),
  row('ASR (register) A1', 'cccc 0001101 S zzzz dddd mmmm 0101 nnnn', shiftRegister(ShiftType.Asr)),
  row('ROR (register) A1', 'cccc 0001101 S zzzz dddd mmmm 0111 nnnn', shiftRegister(ShiftType.Ror)),
  row(
    'BIC (register-shifted register) A1',
    'cccc 0001110 S nnnn dddd ssss 0tt1 mmmm',
    armShiftedByRegister('bic'),
  ),
  row(
    'MVN (register-shifted register) A1',
    'cccc 0001111 S zzzz dddd ssss 0tt1 mmmm',
    armShiftedByRegister('mvn'),
  ),
];
