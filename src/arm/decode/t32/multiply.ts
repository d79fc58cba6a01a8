import {
  divide,
  multiply,
  multiplyAccumulate,
  multiplyAccumulateAccumulateLong,
  multiplyAccumulateDual,
  multiplyAccumulateHalves,
  multiplyAccumulateLongDual,
  multiplyAccumulateLongHalves,
  multiplyAccumulateWordByHalf,
  multiplyDual,
  multiplyHalves,
  multiplyLong,
  multiplyMostSignificant,
  multiplySubtract,
  multiplyWordByHalf,
  saturatingArithmetic,
} from '../../lift/multiply.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.3.16 and A6.3.17, and saturating arithmetic of A6.3.15. None of these sets NZCV. */
export const T32_MULTIPLY: RowList = [
  row('QADD T1', '111110101000 nnnn 1111 dddd 1000 mmmm', saturatingArithmetic('addSat', false)),
  row('QDADD T1', '111110101000 nnnn 1111 dddd 1001 mmmm', saturatingArithmetic('addSat', true)),
  row('QSUB T1', '111110101000 nnnn 1111 dddd 1010 mmmm', saturatingArithmetic('subSat', false)),
  row('QDSUB T1', '111110101000 nnnn 1111 dddd 1011 mmmm', saturatingArithmetic('subSat', true)),

  ordered([
    row('MUL T2', '111110110000 nnnn 1111 dddd 0000 mmmm', (l, f) => multiply(l, { ...f, S: 0 })),
    row('MLA T1', '111110110000 nnnn aaaa dddd 0000 mmmm', (l, f) => multiplyAccumulate(l, { ...f, S: 0 })),
  ]),
  row('MLS T1', '111110110000 nnnn aaaa dddd 0001 mmmm', multiplySubtract),
  ordered([
    row('SMULBB, SMULBT, SMULTB, SMULTT T1', '111110110001 nnnn 1111 dddd 00NM mmmm', multiplyHalves),
    row(
      'SMLABB, SMLABT, SMLATB, SMLATT T1',
      '111110110001 nnnn aaaa dddd 00NM mmmm',
      multiplyAccumulateHalves,
    ),
  ]),
  ordered([
    row('SMUAD T1', '111110110010 nnnn 1111 dddd 000X mmmm', multiplyDual(false)),
    row('SMLAD T1', '111110110010 nnnn aaaa dddd 000X mmmm', multiplyAccumulateDual(false)),
  ]),
  ordered([
    row('SMULWB, SMULWT T1', '111110110011 nnnn 1111 dddd 000M mmmm', multiplyWordByHalf),
    row('SMLAWB, SMLAWT T1', '111110110011 nnnn aaaa dddd 000M mmmm', multiplyAccumulateWordByHalf),
  ]),
  ordered([
    row('SMUSD T1', '111110110100 nnnn 1111 dddd 000X mmmm', multiplyDual(true)),
    row('SMLSD T1', '111110110100 nnnn aaaa dddd 000X mmmm', multiplyAccumulateDual(true)),
  ]),
  ordered([
    row('SMMUL T1', '111110110101 nnnn 1111 dddd 000R mmmm', multiplyMostSignificant('no')),
    row('SMMLA T1', '111110110101 nnnn aaaa dddd 000R mmmm', multiplyMostSignificant('adds')),
  ]),
  row('SMMLS T1', '111110110110 nnnn aaaa dddd 000R mmmm', multiplyMostSignificant('subtracts')),

  row('SMULL T1', '111110111000 nnnn llll hhhh 0000 mmmm', (l, f) =>
    multiplyLong('mulS64', false)(l, { ...f, S: 0 }),
  ),
  row('SDIV T1', '111110111001 nnnn oooo dddd 1111 mmmm', divide('divS'), 'divide'),
  row('UMULL T1', '111110111010 nnnn llll hhhh 0000 mmmm', (l, f) =>
    multiplyLong('mulU64', false)(l, { ...f, S: 0 }),
  ),
  row('UDIV T1', '111110111011 nnnn oooo dddd 1111 mmmm', divide('divU'), 'divide'),
  row('SMLAL T1', '111110111100 nnnn llll hhhh 0000 mmmm', (l, f) =>
    multiplyLong('mulS64', true)(l, { ...f, S: 0 }),
  ),
  row(
    'SMLALBB, SMLALBT, SMLALTB, SMLALTT T1',
    '111110111100 nnnn llll hhhh 10NM mmmm',
    multiplyAccumulateLongHalves,
  ),
  row('SMLALD T1', '111110111100 nnnn llll hhhh 110X mmmm', multiplyAccumulateLongDual(false)),
  row('SMLSLD T1', '111110111101 nnnn llll hhhh 110X mmmm', multiplyAccumulateLongDual(true)),
  row('UMLAL T1', '111110111110 nnnn llll hhhh 0000 mmmm', (l, f) =>
    multiplyLong('mulU64', true)(l, { ...f, S: 0 }),
  ),
  row('UMAAL T1', '111110111110 nnnn llll hhhh 0110 mmmm', multiplyAccumulateAccumulateLong),
];
