import {
  loadExclusive,
  loadExclusiveDual,
  storeExclusive,
  storeExclusiveDual,
  swap,
} from '../../lift/exclusive.ts';
import { type RowList, row } from '../row.ts';

/** ARM DDI 0406C A5.2.10. */
export const A32_EXCLUSIVE: RowList = [
  row('SWP A1', 'cccc 00010000 nnnn tttt zzzz 1001 mmmm', swap(4), 'swp'),
  row('SWPB A1', 'cccc 00010100 nnnn tttt zzzz 1001 mmmm', swap(1), 'swp'),
  row('STREX A1', 'cccc 00011000 nnnn dddd oooo 1001 tttt', storeExclusive(4)),
  row('LDREX A1', 'cccc 00011001 nnnn tttt oooo 1001 oooo', loadExclusive(4)),
  row('STREXD A1', 'cccc 00011010 nnnn dddd oooo 1001 tttt', (l, f) => storeExclusiveDual(l, f, f.t + 1)),
  row('LDREXD A1', 'cccc 00011011 nnnn tttt oooo 1001 oooo', (l, f) => loadExclusiveDual(l, f, f.t + 1)),
  row('STREXB A1', 'cccc 00011100 nnnn dddd oooo 1001 tttt', storeExclusive(1)),
  row('LDREXB A1', 'cccc 00011101 nnnn tttt oooo 1001 oooo', loadExclusive(1)),
  row('STREXH A1', 'cccc 00011110 nnnn dddd oooo 1001 tttt', storeExclusive(2)),
  row('LDREXH A1', 'cccc 00011111 nnnn tttt oooo 1001 oooo', loadExclusive(2)),
];
