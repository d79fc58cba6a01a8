import {
  moveFromCoprocessor,
  moveFromCoprocessor64,
  moveToCoprocessor,
  moveToCoprocessor64,
  undefinedCoprocessor,
} from '../../lift/coprocessor.ts';
import { T32_NEON_TRANSFER } from '../neon/transfer.ts';
import { ordered, type RowList, row } from '../row.ts';
import { T32_VFP } from '../vfp.ts';

/** ARM DDI 0406C A6.3.18. Of coprocessors 10 and 11, what is not VFP's is UNDEFINED. */
export const T32_COPROCESSOR: RowList = [
  ordered([
    ...T32_VFP,
    ...T32_NEON_TRANSFER,
    row('MCRR T1', '1110 11000100 uuuu tttt pppp qqqq mmmm', moveToCoprocessor64),
    row('MRRC T1', '1110 11000101 uuuu tttt pppp qqqq mmmm', moveFromCoprocessor64),
    row('STC T1', '1110 110PUDW0 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('LDC T1', '1110 110PUDW1 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('CDP T1', '1110 1110 qqqq nnnn dddd pppp eee0 mmmm', undefinedCoprocessor),
    row('MCR T1', '1110 1110 qqq0 nnnn tttt pppp eee1 mmmm', moveToCoprocessor),
    row('MRC T1', '1110 1110 qqq1 nnnn tttt pppp eee1 mmmm', moveFromCoprocessor),
  ]),
  ordered([
    row('MCRR2 T2', '1111 11000100 uuuu tttt pppp qqqq mmmm', undefinedCoprocessor),
    row('MRRC2 T2', '1111 11000101 uuuu tttt pppp qqqq mmmm', undefinedCoprocessor),
    row('STC2 T2', '1111 110PUDW0 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('LDC2 T2', '1111 110PUDW1 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
  ]),
  row('CDP2 T2', '1111 1110 qqqq nnnn dddd pppp eee0 mmmm', undefinedCoprocessor),
  row('MCR2 T2', '1111 1110 qqq0 nnnn tttt pppp eee1 mmmm', undefinedCoprocessor),
  row('MRC2 T2', '1111 1110 qqq1 nnnn tttt pppp eee1 mmmm', undefinedCoprocessor),
];
