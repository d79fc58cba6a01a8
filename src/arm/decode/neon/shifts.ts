import { SHIFTS as V } from '../../../translator/vector/integer-families.ts';
import { SIMD_FLOAT as F } from '../../fp/simd-families.ts';
import { convertFixed, shiftLeft, shiftLeftLong, shiftRight, shiftRightNarrow } from '../../lift/neon.ts';
import {
  bitClearImmediate,
  moveImmediate,
  moveImmediate64,
  moveNotImmediate,
  orImmediate,
} from '../../lift/neon-move.ts';
import { ordered, type RowList, row } from '../row.ts';

/**
 * One register and a modified immediate (ARM DDI 0406C A7.4.6), and two registers and a shift amount (A7.4.4), whose
 * L:imm6 does not begin with 0000: that is the former. c are bits of cmode that a row leaves open.
 */
export const NEON_IMMEDIATE: RowList = [
  ordered([
    row(
      'VMOV (immediate) A1, cmode 11xx',
      '1111 001i 1d00 0jjj dddd 11cc 0Q01 eeee',
      moveImmediate((c) => 12 | c),
    ),
    row('VORR (immediate) A1', '1111 001i 1d00 0jjj dddd ccc1 0Q01 eeee', orImmediate),
    row(
      'VMOV (immediate) A1',
      '1111 001i 1d00 0jjj dddd ccc0 0Q01 eeee',
      moveImmediate((c) => c << 1),
    ),
    row(
      'VMVN (immediate) A1, cmode 110x',
      '1111 001i 1d00 0jjj dddd 110c 0Q11 eeee',
      moveNotImmediate((c) => 12 | c),
    ),
    row('VMOV (immediate) A1, 64-bit', '1111 001i 1d00 0jjj dddd 1110 0Q11 eeee', moveImmediate64),
    row('VBIC (immediate) A1', '1111 001i 1d00 0jjj dddd ccc1 0Q11 eeee', bitClearImmediate),
    row(
      'VMVN (immediate) A1',
      '1111 001i 1d00 0jjj dddd ccc0 0Q11 eeee',
      moveNotImmediate((c) => c << 1),
    ),
    row('VSHR A1', '1111 001U 1dii iiii dddd 0000 LQm1 mmmm', shiftRight(V.vshr)),
    row('VSRA A1', '1111 001U 1dii iiii dddd 0001 LQm1 mmmm', shiftRight(V.vsra)),
    row('VRSHR A1', '1111 001U 1dii iiii dddd 0010 LQm1 mmmm', shiftRight(V.vrshr)),
    row('VRSRA A1', '1111 001U 1dii iiii dddd 0011 LQm1 mmmm', shiftRight(V.vrsra)),
    row('VSRI A1', '1111 0011 1dii iiii dddd 0100 LQm1 mmmm', shiftRight(V.vsri)),
    row('VSHL (immediate) A1', '1111 0010 1dii iiii dddd 0101 LQm1 mmmm', shiftLeft(V.vshl)),
    row('VSLI A1', '1111 0011 1dii iiii dddd 0101 LQm1 mmmm', shiftLeft(V.vsli)),
    row('VQSHLU A1', '1111 0011 1dii iiii dddd 0110 LQm1 mmmm', shiftLeft(V.vqshlu)),
    row('VQSHL (immediate) A1', '1111 001U 1dii iiii dddd 0111 LQm1 mmmm', shiftLeft(V.vqshl)),
    row('VSHRN A1', '1111 0010 1dii iiii dddd 1000 00m1 mmmm', shiftRightNarrow(V.vshrn)),
    row('VRSHRN A1', '1111 0010 1dii iiii dddd 1000 01m1 mmmm', shiftRightNarrow(V.vrshrn)),
    row('VQSHRUN A1', '1111 0011 1dii iiii dddd 1000 00m1 mmmm', shiftRightNarrow(V.vqshrun)),
    row('VQRSHRUN A1', '1111 0011 1dii iiii dddd 1000 01m1 mmmm', shiftRightNarrow(V.vqrshrun)),
    row('VQSHRN A1', '1111 001U 1dii iiii dddd 1001 00m1 mmmm', shiftRightNarrow(V.vqshrn)),
    row('VQRSHRN A1', '1111 001U 1dii iiii dddd 1001 01m1 mmmm', shiftRightNarrow(V.vqrshrn)),
    row('VSHLL A1', '1111 001U 1dii iiii dddd 1010 00m1 mmmm', shiftLeftLong(V.vshll)),
    row(
      'VCVT (F32 from fixed, SIMD) A1',
      '1111 001U 1dii iiii dddd 1110 0Qm1 mmmm',
      convertFixed(F.fromFixed),
    ),
    row('VCVT (fixed from F32, SIMD) A1', '1111 001U 1dii iiii dddd 1111 0Qm1 mmmm', convertFixed(F.toFixed)),
  ]),
];
