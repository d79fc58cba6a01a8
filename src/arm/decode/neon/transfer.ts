import { coreToScalar, duplicateCore, scalarToCore } from '../../lift/neon-move.ts';
import { type Row, row } from '../row.ts';

/**
 * Transfers of ARM DDI 0406C A7.8 that are Advanced SIMD's: elements of 8 and 16 bits, and VDUP. They stand in the space
 * of coprocessor 11, with a condition; those of 32 bits are VFP's.
 */
export const A32_NEON_TRANSFER: readonly Row[] = [
  row('VDUP (ARM core register) A1', 'cccc 1110 1bQ0 dddd tttt 1011 D0e1 zzzz', duplicateCore),
  row('VMOV (core to scalar, 8-bit) A1', 'cccc 1110 01i0 dddd tttt 1011 Dii1 zzzz', coreToScalar(0)),
  row('VMOV (core to scalar, 16-bit) A1', 'cccc 1110 00i0 dddd tttt 1011 Di11 zzzz', coreToScalar(1)),
  row('VMOV (scalar to core, 8-bit) A1', 'cccc 1110 U1i1 dddd tttt 1011 Dii1 zzzz', scalarToCore(0)),
  row('VMOV (scalar to core, 16-bit) A1', 'cccc 1110 U0i1 dddd tttt 1011 Di11 zzzz', scalarToCore(1)),
];

export const T32_NEON_TRANSFER: readonly Row[] = [
  row('VDUP (ARM core register) T1', '1110 1110 1bQ0 dddd tttt 1011 D0e1 zzzz', duplicateCore),
  row('VMOV (core to scalar, 8-bit) T1', '1110 1110 01i0 dddd tttt 1011 Dii1 zzzz', coreToScalar(0)),
  row('VMOV (core to scalar, 16-bit) T1', '1110 1110 00i0 dddd tttt 1011 Di11 zzzz', coreToScalar(1)),
  row('VMOV (scalar to core, 8-bit) T1', '1110 1110 U1i1 dddd tttt 1011 Dii1 zzzz', scalarToCore(0)),
  row('VMOV (scalar to core, 16-bit) T1', '1110 1110 U0i1 dddd tttt 1011 Di11 zzzz', scalarToCore(1)),
];
