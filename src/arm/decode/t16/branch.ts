import {
  branch,
  branchExchange,
  branchWhen,
  branchWithLinkExchangeRegister,
  compareAndBranch,
  signExtend,
} from '../../lift/branch.ts';
import { ifThen, nop, sendEvent, waitForEvent, waitForInterrupt, yieldHint } from '../../lift/hint.ts';
import {
  breakpoint,
  changeProcessorStateNarrow,
  setEndianness,
  supervisorCall,
  undefinedInstruction,
} from '../../lift/system.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.2.5 and A6.2.6: branches, hints, IT and what changes state. */
export const T16_BRANCH: RowList = [
  row('BX T1', '010001110 mmmm zzz', branchExchange),
  row('BLX (register) T1', '010001111 mmmm zzz', branchWithLinkExchangeRegister),
  row('CBNZ, CBZ T1', '1011 x0i1 iiiii nnn', compareAndBranch),
  row('SETEND T1', '10110110010 o E zzz', setEndianness),
  row('CPS T1', '10110110011 i z AIF', changeProcessorStateNarrow),
  row('BKPT T1', '10111110 iiiiiiii', breakpoint),
  ordered([
    row('NOP T1', '10111111 0000 0000', nop),
    row('YIELD T1', '10111111 0001 0000', yieldHint),
    row('WFE T1', '10111111 0010 0000', waitForEvent),
    row('WFI T1', '10111111 0011 0000', waitForInterrupt),
    row('SEV T1', '10111111 0100 0000', sendEvent),
    row('unallocated hint T1', '10111111 hhhh 0000', nop),
    row('IT T1', '10111111 cccc mmmm', ifThen),
  ]),
  ordered([
    row('UDF T1', '11011110 iiiiiiii', undefinedInstruction),
    row('SVC T1', '11011111 iiiiiiii', supervisorCall),
    row('B T1', '1101 cccc iiiiiiii', (l, f) => branchWhen(l, f.c, signExtend(f.i, 8) * 2)),
  ]),
  row('B T2', '11100 iiiiiiiiiii', (l, f) => branch(l, signExtend(f.i, 11) * 2)),
];
