import {
  branch,
  branchExchange,
  branchExchangeJazelle,
  branchWithLink,
  branchWithLinkExchange,
  branchWithLinkExchangeRegister,
  signExtend,
} from '../../lift/branch.ts';
import { type RowList, row } from '../row.ts';

/** Branches of ARM DDI 0406C A5.5 and A5.2.12. */
export const A32_BRANCH: RowList = [
  row('B A1', 'cccc 1010 iiiiiiiiiiiiiiiiiiiiiiii', (l, f) => branch(l, signExtend(f.i, 24) * 4)),
  row('BL A1', 'cccc 1011 iiiiiiiiiiiiiiiiiiiiiiii', (l, f) => branchWithLink(l, signExtend(f.i, 24) * 4)),
  row('BX A1', 'cccc 00010010 oooo oooo oooo 0001 mmmm', branchExchange),
  row('BXJ A1', 'cccc 00010010 oooo oooo oooo 0010 mmmm', branchExchangeJazelle),
  row('BLX (register) A1', 'cccc 00010010 oooo oooo oooo 0011 mmmm', branchWithLinkExchangeRegister),
];

/** Condition 1111. */
export const A32_BRANCH_UNCONDITIONAL: RowList = [
  row('BLX (immediate) A2', '1111 101 H iiiiiiiiiiiiiiiiiiiiiiii', (l, f) =>
    branchWithLinkExchange(l, signExtend(f.i, 24) * 4 + f.H * 2),
  ),
];
