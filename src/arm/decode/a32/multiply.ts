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

/** ARM DDI 0406C A5.2.5 to A5.2.7 and A5.4.4. */
export const A32_MULTIPLY: RowList = [
  row('MUL A1', 'cccc 0000000 S dddd zzzz mmmm 1001 nnnn', multiply),
  row('MLA A1', 'cccc 0000001 S dddd aaaa mmmm 1001 nnnn', multiplyAccumulate),
  row('UMAAL A1', 'cccc 0000010 0 hhhh llll mmmm 1001 nnnn', multiplyAccumulateAccumulateLong),
  row('MLS A1', 'cccc 0000011 0 dddd aaaa mmmm 1001 nnnn', multiplySubtract),
  row('UMULL A1', 'cccc 0000100 S hhhh llll mmmm 1001 nnnn', multiplyLong('mulU64', false)),
  row('UMLAL A1', 'cccc 0000101 S hhhh llll mmmm 1001 nnnn', multiplyLong('mulU64', true)),
  row('SMULL A1', 'cccc 0000110 S hhhh llll mmmm 1001 nnnn', multiplyLong('mulS64', false)),
  row('SMLAL A1', 'cccc 0000111 S hhhh llll mmmm 1001 nnnn', multiplyLong('mulS64', true)),

  row(
    'SMLABB, SMLABT, SMLATB, SMLATT A1',
    'cccc 00010000 dddd aaaa mmmm 1MN0 nnnn',
    multiplyAccumulateHalves,
  ),
  row('SMLAWB, SMLAWT A1', 'cccc 00010010 dddd aaaa mmmm 1M00 nnnn', multiplyAccumulateWordByHalf),
  row('SMULWB, SMULWT A1', 'cccc 00010010 dddd zzzz mmmm 1M10 nnnn', multiplyWordByHalf),
  row(
    'SMLALBB, SMLALBT, SMLALTB, SMLALTT A1',
    'cccc 00010100 hhhh llll mmmm 1MN0 nnnn',
    multiplyAccumulateLongHalves,
  ),
  row('SMULBB, SMULBT, SMULTB, SMULTT A1', 'cccc 00010110 dddd zzzz mmmm 1MN0 nnnn', multiplyHalves),

  row('QADD A1', 'cccc 00010000 nnnn dddd zzzz 0101 mmmm', saturatingArithmetic('addSat', false)),
  row('QSUB A1', 'cccc 00010010 nnnn dddd zzzz 0101 mmmm', saturatingArithmetic('subSat', false)),
  row('QDADD A1', 'cccc 00010100 nnnn dddd zzzz 0101 mmmm', saturatingArithmetic('addSat', true)),
  row('QDSUB A1', 'cccc 00010110 nnnn dddd zzzz 0101 mmmm', saturatingArithmetic('subSat', true)),

  ordered([
    row('SMUAD A1', 'cccc 01110000 dddd 1111 mmmm 00X1 nnnn', multiplyDual(false)),
    row('SMLAD A1', 'cccc 01110000 dddd aaaa mmmm 00X1 nnnn', multiplyAccumulateDual(false)),
  ]),
  ordered([
    row('SMUSD A1', 'cccc 01110000 dddd 1111 mmmm 01X1 nnnn', multiplyDual(true)),
    row('SMLSD A1', 'cccc 01110000 dddd aaaa mmmm 01X1 nnnn', multiplyAccumulateDual(true)),
  ]),
  row('SDIV A1', 'cccc 01110001 dddd oooo mmmm 0001 nnnn', divide('divS'), 'divide'),
  row('UDIV A1', 'cccc 01110011 dddd oooo mmmm 0001 nnnn', divide('divU'), 'divide'),
  row('SMLALD A1', 'cccc 01110100 hhhh llll mmmm 00X1 nnnn', multiplyAccumulateLongDual(false)),
  row('SMLSLD A1', 'cccc 01110100 hhhh llll mmmm 01X1 nnnn', multiplyAccumulateLongDual(true)),
  ordered([
    row('SMMUL A1', 'cccc 01110101 dddd 1111 mmmm 00R1 nnnn', multiplyMostSignificant('no')),
    row('SMMLA A1', 'cccc 01110101 dddd aaaa mmmm 00R1 nnnn', multiplyMostSignificant('adds')),
  ]),
  row('SMMLS A1', 'cccc 01110101 dddd aaaa mmmm 11R1 nnnn', multiplyMostSignificant('subtracts')),
];
