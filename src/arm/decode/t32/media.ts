import { PackedForm, PackedOperation } from '../../../translator/ir/ops.ts';
import {
  extend,
  extractBits,
  insertBits,
  packHalfword,
  parallel,
  reverseSignedHalf,
  saturate,
  saturateHalves,
  selectBytes,
  sumOfAbsoluteDifferences,
  unary,
} from '../../lift/media.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.3.12 to A6.3.15, and the bit fields and saturation of A6.3.3. */
export const T32_MEDIA: RowList = [
  ordered([
    row('SXTH T2', '111110100000 1111 1111 dddd 1zrr mmmm', extend('sext16')),
    row('SXTAH T1', '111110100000 nnnn 1111 dddd 1zrr mmmm', extend('sext16')),
  ]),
  ordered([
    row('UXTH T2', '111110100001 1111 1111 dddd 1zrr mmmm', extend('zext16')),
    row('UXTAH T1', '111110100001 nnnn 1111 dddd 1zrr mmmm', extend('zext16')),
  ]),
  ordered([
    row('SXTB16 T1', '111110100010 1111 1111 dddd 1zrr mmmm', extend('sext8x2')),
    row('SXTAB16 T1', '111110100010 nnnn 1111 dddd 1zrr mmmm', extend('sext8x2')),
  ]),
  ordered([
    row('UXTB16 T1', '111110100011 1111 1111 dddd 1zrr mmmm', extend('zext8x2')),
    row('UXTAB16 T1', '111110100011 nnnn 1111 dddd 1zrr mmmm', extend('zext8x2')),
  ]),
  ordered([
    row('SXTB T2', '111110100100 1111 1111 dddd 1zrr mmmm', extend('sext8')),
    row('SXTAB T1', '111110100100 nnnn 1111 dddd 1zrr mmmm', extend('sext8')),
  ]),
  ordered([
    row('UXTB T2', '111110100101 1111 1111 dddd 1zrr mmmm', extend('zext8')),
    row('UXTAB T1', '111110100101 nnnn 1111 dddd 1zrr mmmm', extend('zext8')),
  ]),

  row(
    'SADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Add16),
  ),
  row(
    'SASX T1',
    '11111010 1010 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.AddSubX),
  ),
  row(
    'SSAX T1',
    '11111010 1110 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.SubAddX),
  ),
  row(
    'SSUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Sub16),
  ),
  row(
    'SADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Add8),
  ),
  row(
    'SSUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0000 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Sub8),
  ),
  row(
    'QADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Add16),
  ),
  row(
    'QASX T1',
    '11111010 1010 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.AddSubX),
  ),
  row(
    'QSAX T1',
    '11111010 1110 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.SubAddX),
  ),
  row(
    'QSUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Sub16),
  ),
  row(
    'QADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Add8),
  ),
  row(
    'QSUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Sub8),
  ),
  row(
    'SHADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Add16),
  ),
  row(
    'SHASX T1',
    '11111010 1010 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.AddSubX),
  ),
  row(
    'SHSAX T1',
    '11111010 1110 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.SubAddX),
  ),
  row(
    'SHSUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Sub16),
  ),
  row(
    'SHADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Add8),
  ),
  row(
    'SHSUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0010 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Sub8),
  ),
  row(
    'UADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Add16),
  ),
  row(
    'UASX T1',
    '11111010 1010 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.AddSubX),
  ),
  row(
    'USAX T1',
    '11111010 1110 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.SubAddX),
  ),
  row(
    'USUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Sub16),
  ),
  row(
    'UADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Add8),
  ),
  row(
    'USUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0100 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Sub8),
  ),
  row(
    'UQADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Add16),
  ),
  row(
    'UQASX T1',
    '11111010 1010 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.AddSubX),
  ),
  row(
    'UQSAX T1',
    '11111010 1110 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.SubAddX),
  ),
  row(
    'UQSUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Sub16),
  ),
  row(
    'UQADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Add8),
  ),
  row(
    'UQSUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Sub8),
  ),
  row(
    'UHADD16 T1',
    '11111010 1001 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Add16),
  ),
  row(
    'UHASX T1',
    '11111010 1010 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.AddSubX),
  ),
  row(
    'UHSAX T1',
    '11111010 1110 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.SubAddX),
  ),
  row(
    'UHSUB16 T1',
    '11111010 1101 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Sub16),
  ),
  row(
    'UHADD8 T1',
    '11111010 1000 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Add8),
  ),
  row(
    'UHSUB8 T1',
    '11111010 1100 nnnn 1111 dddd 0110 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Sub8),
  ),

  row('PKHBT, PKHTB T1', '1110101 01100 nnnn z iii dddd ii t0 mmmm', packHalfword),
  row('REV T2', '111110101001 nnnn 1111 dddd 1000 mmmm', unary('rev')),
  row('REV16 T2', '111110101001 nnnn 1111 dddd 1001 mmmm', unary('rev16')),
  row('RBIT T1', '111110101001 nnnn 1111 dddd 1010 mmmm', unary('rbit')),
  row('REVSH T2', '111110101001 nnnn 1111 dddd 1011 mmmm', reverseSignedHalf),
  row('SEL T1', '111110101010 nnnn 1111 dddd 1000 mmmm', selectBytes),
  row('CLZ T1', '111110101011 nnnn 1111 dddd 1000 mmmm', unary('clz')),
  ordered([
    row('USAD8 T1', '111110110111 nnnn 1111 dddd 0000 mmmm', sumOfAbsoluteDifferences),
    row('USADA8 T1', '111110110111 nnnn aaaa dddd 0000 mmmm', sumOfAbsoluteDifferences),
  ]),

  ordered([
    row('SSAT16 T1', '11110z110010 nnnn 0000 dddd 00zz ssss', saturateHalves(true)),
    row('SSAT T1', '11110z1100h0 nnnn 0 aaa dddd aaz sssss', saturate(true)),
  ]),
  ordered([
    row('USAT16 T1', '11110z111010 nnnn 0000 dddd 00zz ssss', saturateHalves(false)),
    row('USAT T1', '11110z1110h0 nnnn 0 aaa dddd aaz sssss', saturate(false)),
  ]),
  row('SBFX T1', '11110z110100 nnnn 0 iii dddd iiz wwwww', extractBits(true)),
  row('UBFX T1', '11110z111100 nnnn 0 iii dddd iiz wwwww', extractBits(false)),
  ordered([
    row('BFC T1', '11110z110110 1111 0 iii dddd iiz bbbbb', insertBits),
    row('BFI T1', '11110z110110 nnnn 0 iii dddd iiz bbbbb', insertBits),
  ]),
];
