import {
  moveFromCoprocessor,
  moveFromCoprocessor64,
  moveToCoprocessor,
  moveToCoprocessor64,
  undefinedCoprocessor,
} from '../../lift/coprocessor.ts';
import { A32_NEON_TRANSFER } from '../neon/transfer.ts';
import { ordered, type RowList, row } from '../row.ts';
import { A32_VFP } from '../vfp.ts';

/** ARM DDI 0406C A5.6. Of coprocessors 10 and 11, what is not VFP's is UNDEFINED. */
export const A32_COPROCESSOR: RowList = [
  ordered([
    ...A32_VFP,
    ...A32_NEON_TRANSFER,
    row('MCRR A1', 'cccc 11000100 uuuu tttt pppp qqqq mmmm', moveToCoprocessor64),
    row('MRRC A1', 'cccc 11000101 uuuu tttt pppp qqqq mmmm', moveFromCoprocessor64),
    row('STC A1', 'cccc 110PUDW0 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('LDC A1', 'cccc 110PUDW1 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('CDP A1', 'cccc 1110 qqqq nnnn dddd pppp eee0 mmmm', undefinedCoprocessor),
    row('MCR A1', 'cccc 1110 qqq0 nnnn tttt pppp eee1 mmmm', moveToCoprocessor),
    row('MRC A1', 'cccc 1110 qqq1 nnnn tttt pppp eee1 mmmm', moveFromCoprocessor),
  ]),
];

/** The same with condition 1111. */
export const A32_COPROCESSOR_UNCONDITIONAL: RowList = [
  ordered([
    row('MCRR2 A2', '1111 11000100 uuuu tttt pppp qqqq mmmm', undefinedCoprocessor),
    row('MRRC2 A2', '1111 11000101 uuuu tttt pppp qqqq mmmm', undefinedCoprocessor),
    row('STC2 A2', '1111 110PUDW0 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
    row('LDC2 A2', '1111 110PUDW1 nnnn dddd pppp iiiiiiii', undefinedCoprocessor),
  ]),
  row('CDP2 A2', '1111 1110 qqqq nnnn dddd pppp eee0 mmmm', undefinedCoprocessor),
  row('MCR2 A2', '1111 1110 qqq0 nnnn tttt pppp eee1 mmmm', undefinedCoprocessor),
  row('MRC2 A2', '1111 1110 qqq1 nnnn tttt pppp eee1 mmmm', undefinedCoprocessor),
];
