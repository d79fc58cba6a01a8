import { BY_SCALAR as S, DIFFERENT_LENGTHS as V } from '../../../translator/vector/integer-families.ts';
import { PERMUTATIONS } from '../../../translator/vector/permutation-families.ts';
import { SIMD_FLOAT_SCALAR as F } from '../../fp/simd-families.ts';
import { byScalar, duplicateScalar, extract, longByScalar, lookUp, threeDifferent } from '../../lift/neon.ts';
import { ordered, type Row, type RowList, row } from '../row.ts';
import { NEON_MISCELLANEOUS } from './miscellaneous.ts';

/** Three registers of different lengths (ARM DDI 0406C A7.4.2); size 11 is another group. */
const DIFFERENT_LENGTHS: readonly Row[] = [
  row('VADDL A1', '1111 001U 1dss nnnn dddd 0000 N0m0 mmmm', threeDifferent(V.vaddl, 'long')),
  row('VADDW A1', '1111 001U 1dss nnnn dddd 0001 N0m0 mmmm', threeDifferent(V.vaddw, 'wide')),
  row('VSUBL A1', '1111 001U 1dss nnnn dddd 0010 N0m0 mmmm', threeDifferent(V.vsubl, 'long')),
  row('VSUBW A1', '1111 001U 1dss nnnn dddd 0011 N0m0 mmmm', threeDifferent(V.vsubw, 'wide')),
  row('VADDHN A1', '1111 0010 1dss nnnn dddd 0100 N0m0 mmmm', threeDifferent(V.vaddhn, 'narrow')),
  row('VRADDHN A1', '1111 0011 1dss nnnn dddd 0100 N0m0 mmmm', threeDifferent(V.vraddhn, 'narrow')),
  row('VABAL A2', '1111 001U 1dss nnnn dddd 0101 N0m0 mmmm', threeDifferent(V.vabal, 'long')),
  row('VSUBHN A1', '1111 0010 1dss nnnn dddd 0110 N0m0 mmmm', threeDifferent(V.vsubhn, 'narrow')),
  row('VRSUBHN A1', '1111 0011 1dss nnnn dddd 0110 N0m0 mmmm', threeDifferent(V.vrsubhn, 'narrow')),
  row('VABDL A2', '1111 001U 1dss nnnn dddd 0111 N0m0 mmmm', threeDifferent(V.vabdl, 'long')),
  row('VMLAL A2', '1111 001U 1dss nnnn dddd 1000 N0m0 mmmm', threeDifferent(V.vmlal, 'long')),
  row('VQDMLAL A1', '1111 0010 1dss nnnn dddd 1001 N0m0 mmmm', threeDifferent(V.vqdmlal, 'long')),
  row('VMLSL A2', '1111 001U 1dss nnnn dddd 1010 N0m0 mmmm', threeDifferent(V.vmlsl, 'long')),
  row('VQDMLSL A1', '1111 0010 1dss nnnn dddd 1011 N0m0 mmmm', threeDifferent(V.vqdmlsl, 'long')),
  row('VMULL (integer) A2', '1111 001U 1dss nnnn dddd 1100 N0m0 mmmm', threeDifferent(V.vmull, 'long')),
  row('VQDMULL A1', '1111 0010 1dss nnnn dddd 1101 N0m0 mmmm', threeDifferent(V.vqdmull, 'long')),
  row(
    'VMULL (polynomial) A2',
    '1111 0010 1dss nnnn dddd 1110 N0m0 mmmm',
    threeDifferent(V.vmullPolynomial, 'long'),
  ),
];

/** Two registers and a scalar (A7.4.3). Bit 24 is Q where the result is as long as the operands. */
const SCALARS: readonly Row[] = [
  row('VMLA (by scalar, integer) A1', '1111 001Q 1dss nnnn dddd 0000 N1m0 mmmm', byScalar(S.vmla)),
  row('VMLA (by scalar, F32) A1', '1111 001Q 1d10 nnnn dddd 0001 N1m0 mmmm', byScalar(F.vmla, 2)),
  row('VMLAL (by scalar) A2', '1111 001U 1dss nnnn dddd 0010 N1m0 mmmm', longByScalar(S.vmlal)),
  row('VQDMLAL (by scalar) A2', '1111 0010 1dss nnnn dddd 0011 N1m0 mmmm', longByScalar(S.vqdmlal)),
  row('VMLS (by scalar, integer) A1', '1111 001Q 1dss nnnn dddd 0100 N1m0 mmmm', byScalar(S.vmls)),
  row('VMLS (by scalar, F32) A1', '1111 001Q 1d10 nnnn dddd 0101 N1m0 mmmm', byScalar(F.vmls, 2)),
  row('VMLSL (by scalar) A2', '1111 001U 1dss nnnn dddd 0110 N1m0 mmmm', longByScalar(S.vmlsl)),
  row('VQDMLSL (by scalar) A2', '1111 0010 1dss nnnn dddd 0111 N1m0 mmmm', longByScalar(S.vqdmlsl)),
  row('VMUL (by scalar, integer) A1', '1111 001Q 1dss nnnn dddd 1000 N1m0 mmmm', byScalar(S.vmul)),
  row('VMUL (by scalar, F32) A1', '1111 001Q 1d10 nnnn dddd 1001 N1m0 mmmm', byScalar(F.vmul, 2)),
  row('VMULL (by scalar) A2', '1111 001U 1dss nnnn dddd 1010 N1m0 mmmm', longByScalar(S.vmull)),
  row('VQDMULL (by scalar) A2', '1111 0010 1dss nnnn dddd 1011 N1m0 mmmm', longByScalar(S.vqdmull)),
  row('VQDMULH (by scalar) A2', '1111 001Q 1dss nnnn dddd 1100 N1m0 mmmm', byScalar(S.vqdmulh)),
  row('VQRDMULH (by scalar) A2', '1111 001Q 1dss nnnn dddd 1101 N1m0 mmmm', byScalar(S.vqrdmulh)),
];

/** Bit 23 set, bit 4 clear: what has 11 in bits 21:20 is of the first rows, whatever the later ones say of it. */
export const NEON_DIFFERENT_LENGTHS: RowList = [
  ordered([
    row('VEXT A1', '1111 0010 1d11 nnnn dddd iiii NQm0 mmmm', extract(PERMUTATIONS.vext)),
    ...NEON_MISCELLANEOUS,
    row('VTBL A1', '1111 0011 1d11 nnnn dddd 10ll N0m0 mmmm', lookUp(PERMUTATIONS.vtbl)),
    row('VTBX A1', '1111 0011 1d11 nnnn dddd 10ll N1m0 mmmm', lookUp(PERMUTATIONS.vtbx)),
    row('VDUP (scalar) A1', '1111 0011 1d11 iiii dddd 1100 0Qm0 mmmm', duplicateScalar(PERMUTATIONS.vdup)),
    ...DIFFERENT_LENGTHS,
    ...SCALARS,
  ]),
];
