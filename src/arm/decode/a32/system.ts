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
import { preload } from '../../lift/load-store.ts';
import {
  breakpoint,
  changeProcessorState,
  exceptionReturnToLink,
  hypervisorCall,
  moveFromBanked,
  moveFromStatus,
  moveImmediateToStatus,
  moveRegisterToStatus,
  moveToBanked,
  returnFromException,
  secureMonitorCall,
  setEndianness,
  storeReturnState,
  supervisorCall,
  undefinedInstruction,
} from '../../lift/system.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A5.2.11, A5.2.12 (without branches) and the exception-generating rest. */
export const A32_SYSTEM: RowList = [
  row('MRS A1', 'cccc 00010 R 00 oooo dddd zz0z 0000 zzzz', moveFromStatus),
  row(
    'MRS (banked register) A1',
    'cccc 00010 R 00 mmmm dddd zz1M 0000 zzzz',
    moveFromBanked,
    'virtualization',
  ),
  row('MSR (register) A1', 'cccc 00010 R 10 mmmm oooo zz0z 0000 nnnn', moveRegisterToStatus),
  row('MSR (banked register) A1', 'cccc 00010 R 10 mmmm oooo zz1M 0000 nnnn', moveToBanked, 'virtualization'),
  ordered([
    row('NOP A1', 'cccc 00110010 0000 oooo zzzz 00000000', nop),
    row('YIELD A1', 'cccc 00110010 0000 oooo zzzz 00000001', yieldHint),
    row('WFE A1', 'cccc 00110010 0000 oooo zzzz 00000010', waitForEvent),
    row('WFI A1', 'cccc 00110010 0000 oooo zzzz 00000011', waitForInterrupt),
    row('SEV A1', 'cccc 00110010 0000 oooo zzzz 00000100', sendEvent),
    row('DBG A1', 'cccc 00110010 0000 oooo zzzz 1111iiii', nop),
    row('unallocated hint A1', 'cccc 00110010 0000 oooo zzzz iiiiiiii', nop),
    row('MSR (immediate) A1', 'cccc 00110 R 10 mmmm oooo iiiiiiiiiiii', moveImmediateToStatus),
  ]),
  row('BKPT A1', 'cccc 00010010 iiiiiiiiiiii 0111 iiii', breakpoint),
  row('HVC A1', 'cccc 00010100 iiiiiiiiiiii 0111 iiii', hypervisorCall, 'virtualization'),
  row('SMC A1', 'cccc 00010110 zzzz zzzz zzzz 0111 iiii', secureMonitorCall),
  row('ERET A1', 'cccc 00010110 zzzz zzzz zzzz 0110 oooz', exceptionReturnToLink, 'virtualization'),
  row('SVC A1', 'cccc 1111 iiiiiiiiiiiiiiiiiiiiiiii', supervisorCall),
  row('UDF A1', '1110 01111111 iiiiiiiiiiii 1111 iiii', undefinedInstruction),
];

/** ARM DDI 0406C A5.7 with A5.7.1, without branches and coprocessors: condition 1111. */
export const A32_UNCONDITIONAL: RowList = [
  row('CPS A1', '1111 00010000 iiM0 zzzz zzzA IF0 mmmmm', changeProcessorState),
  row('SETEND A1', '1111 00010000 zzz1 zzzz zzEz 0000 zzzz', setEndianness),
  row('unallocated memory hint A1', '1111 0100 U001 nnnn tttt iiiiiiiiiiii', nop),
  row('PLI (immediate, literal) A1', '1111 0100 U101 nnnn oooo iiiiiiiiiiii', preload),
  ordered([
    row('PLD (literal) A1', '1111 0101 Uo01 1111 oooo iiiiiiiiiiii', preload),
    row('PLD, PLDW (immediate) A1', '1111 0101 UR01 nnnn oooo iiiiiiiiiiii', preload),
  ]),
  row('CLREX A1', '1111 01010111 oooo oooo zzzz 0001 oooo', clearExclusive),
  row('DSB A1', '1111 01010111 oooo oooo zzzz 0100 iiii', dataSynchronizationBarrier),
  row('DMB A1', '1111 01010111 oooo oooo zzzz 0101 iiii', dataMemoryBarrier),
  row('ISB A1', '1111 01010111 oooo oooo zzzz 0110 iiii', instructionSynchronizationBarrier),
  row('unallocated memory hint A2', '1111 0110 U001 nnnn tttt iiiii yy0 mmmm', nop),
  row('PLI (register) A1', '1111 0110 U101 nnnn oooo iiiii yy0 mmmm', preload),
  row('PLD, PLDW (register) A1', '1111 0111 UR01 nnnn oooo iiiii yy0 mmmm', preload),
  row('SRS A1', '1111 100PU1W0 oozo zzzz zozo zzz mmmmm', storeReturnState),
  row('RFE A1', '1111 100PU0W1 nnnn zzzz ozoz zzzz zzzz', returnFromException),
];
