import {
  branch,
  branchExchangeJazelle,
  branchWhen,
  branchWithLink,
  branchWithLinkExchange,
  signExtend,
} from '../../lift/branch.ts';
import {
  clearExclusive,
  dataMemoryBarrier,
  dataSynchronizationBarrier,
  instructionSynchronizationBarrier,
  nop,
  sendEvent,
  waitForEvent,
  waitForInterrupt,
  yieldHint,
} from '../../lift/hint.ts';
import type { Lifter } from '../../lift/lifter.ts';
import {
  changeProcessorState,
  exceptionReturnSubtract,
  hypervisorCall,
  moveFromBanked,
  moveFromStatus,
  moveRegisterToStatus,
  moveToBanked,
  secureMonitorCall,
  undefinedInstruction,
} from '../../lift/system.ts';
import { ordered, type RowList, row } from '../row.ts';

/** S:I1:I2:imm10:imm11 in halfwords, where I1 is NOT (J1 EOR S). */
function farDistance(f: { S: number; J: number; K: number; i: number }): number {
  const i1 = 1 ^ f.J ^ f.S;
  const i2 = 1 ^ f.K ^ f.S;
  return signExtend((f.S << 23) | (i1 << 22) | (i2 << 21) | f.i, 24) * 2;
}

/** S:J2:J1:imm6:imm11 in halfwords. */
function conditionalDistance(f: { S: number; J: number; K: number; i: number }): number {
  return signExtend((f.S << 19) | (f.K << 18) | (f.J << 17) | f.i, 20) * 2;
}

/** Conditions 111x are what is left of the space of the control instructions: UNDEFINED. */
function conditional(l: Lifter, f: { S: number; c: number; J: number; K: number; i: number }): void {
  if (f.c >= 14) {
    l.undefined();
    return;
  }
  branchWhen(l, f.c, conditionalDistance(f));
}

/** Bit 0 of BLX's halfword count would be half an A32 instruction: UNDEFINED. */
function exchange(l: Lifter, f: { S: number; J: number; K: number; i: number; H: number }): void {
  if (f.H === 1) {
    l.undefined();
    return;
  }
  branchWithLinkExchange(l, farDistance({ ...f, i: f.i << 1 }));
}

/** ARM DDI 0406C A6.3.4. */
export const T32_BRANCH: RowList = [
  ordered([
    row('MSR (register) T1', '11110011100R nnnn 10z0 mmmm zz0z zzzz', moveRegisterToStatus),
    row('MSR (banked register) T1', '11110011100R nnnn 10z0 mmmm zz1M zzzz', moveToBanked, 'virtualization'),
    row('NOP T2', '111100111010 oooo 10z0 z000 00000000', nop),
    row('YIELD T2', '111100111010 oooo 10z0 z000 00000001', yieldHint),
    row('WFE T2', '111100111010 oooo 10z0 z000 00000010', waitForEvent),
    row('WFI T2', '111100111010 oooo 10z0 z000 00000011', waitForInterrupt),
    row('SEV T2', '111100111010 oooo 10z0 z000 00000100', sendEvent),
    row('DBG T1', '111100111010 oooo 10z0 z000 1111iiii', nop),
    row('unallocated hint T2', '111100111010 oooo 10z0 z000 iiiiiiii', nop),
    row('CPS T2', '111100111010 oooo 10z0 z ii M AIF mmmmm', changeProcessorState),
    row('ENTERX, LEAVEX T1', '111100111011 oooo 10z0 oooo 000J oooo', undefinedInstruction),
    row('CLREX T1', '111100111011 oooo 10z0 oooo 0010 oooo', clearExclusive),
    row('DSB T1', '111100111011 oooo 10z0 oooo 0100 iiii', dataSynchronizationBarrier),
    row('DMB T1', '111100111011 oooo 10z0 oooo 0101 iiii', dataMemoryBarrier),
    row('ISB T1', '111100111011 oooo 10z0 oooo 0110 iiii', instructionSynchronizationBarrier),
    row('BXJ T1', '111100111100 mmmm 10z0 oooo zzzz zzzz', branchExchangeJazelle),
    row('SUBS PC, LR T1', '111100111101 oooz 10z0 oooo iiiiiiii', exceptionReturnSubtract),
    row('MRS T1', '11110011111R oooo 10z0 dddd zz0z zzzz', moveFromStatus),
    row(
      'MRS (banked register) T1',
      '11110011111R mmmm 10z0 dddd zz1M zzzz',
      moveFromBanked,
      'virtualization',
    ),
    row('HVC T1', '111101111110 iiii 1000 iiiiiiiiiiii', hypervisorCall, 'virtualization'),
    row('SMC T1', '111101111111 iiii 1000 zzzz zzzz zzzz', secureMonitorCall),
    row('UDF T2', '111101111111 iiii 1010 iiiiiiiiiiii', undefinedInstruction),
    row('B T3', '11110 S cccc iiiiii 10J0K iiiiiiiiiii', conditional),
  ]),
  row('B T4', '11110 S iiiiiiiiii 10J1K iiiiiiiiiii', (l, f) => branch(l, farDistance(f))),
  row('BL T1', '11110 S iiiiiiiiii 11J1K iiiiiiiiiii', (l, f) => branchWithLink(l, farDistance(f))),
  row('BLX (immediate) T2', '11110 S iiiiiiiiii 11J0K iiiiiiiiii H', exchange),
];
