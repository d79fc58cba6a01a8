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

/** ARM DDI 0406C A5.4 without multiplies and divides, and CLZ of A5.2.12. */
export const A32_MEDIA: RowList = [
  row('CLZ A1', 'cccc 00010110 oooo dddd oooo 0001 mmmm', unary('clz')),

  row(
    'SADD16 A1',
    'cccc 01100001 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Add16),
  ),
  row(
    'SASX A1',
    'cccc 01100001 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.Signed, PackedOperation.AddSubX),
  ),
  row(
    'SSAX A1',
    'cccc 01100001 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.Signed, PackedOperation.SubAddX),
  ),
  row(
    'SSUB16 A1',
    'cccc 01100001 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Sub16),
  ),
  row(
    'SADD8 A1',
    'cccc 01100001 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Add8),
  ),
  row(
    'SSUB8 A1',
    'cccc 01100001 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.Signed, PackedOperation.Sub8),
  ),
  row(
    'QADD16 A1',
    'cccc 01100010 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Add16),
  ),
  row(
    'QASX A1',
    'cccc 01100010 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.AddSubX),
  ),
  row(
    'QSAX A1',
    'cccc 01100010 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.SubAddX),
  ),
  row(
    'QSUB16 A1',
    'cccc 01100010 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Sub16),
  ),
  row(
    'QADD8 A1',
    'cccc 01100010 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Add8),
  ),
  row(
    'QSUB8 A1',
    'cccc 01100010 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.SignedSaturating, PackedOperation.Sub8),
  ),
  row(
    'SHADD16 A1',
    'cccc 01100011 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Add16),
  ),
  row(
    'SHASX A1',
    'cccc 01100011 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.AddSubX),
  ),
  row(
    'SHSAX A1',
    'cccc 01100011 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.SubAddX),
  ),
  row(
    'SHSUB16 A1',
    'cccc 01100011 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Sub16),
  ),
  row(
    'SHADD8 A1',
    'cccc 01100011 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Add8),
  ),
  row(
    'SHSUB8 A1',
    'cccc 01100011 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.SignedHalving, PackedOperation.Sub8),
  ),
  row(
    'UADD16 A1',
    'cccc 01100101 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Add16),
  ),
  row(
    'UASX A1',
    'cccc 01100101 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.AddSubX),
  ),
  row(
    'USAX A1',
    'cccc 01100101 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.SubAddX),
  ),
  row(
    'USUB16 A1',
    'cccc 01100101 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Sub16),
  ),
  row(
    'UADD8 A1',
    'cccc 01100101 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Add8),
  ),
  row(
    'USUB8 A1',
    'cccc 01100101 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.Unsigned, PackedOperation.Sub8),
  ),
  row(
    'UQADD16 A1',
    'cccc 01100110 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Add16),
  ),
  row(
    'UQASX A1',
    'cccc 01100110 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.AddSubX),
  ),
  row(
    'UQSAX A1',
    'cccc 01100110 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.SubAddX),
  ),
  row(
    'UQSUB16 A1',
    'cccc 01100110 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Sub16),
  ),
  row(
    'UQADD8 A1',
    'cccc 01100110 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Add8),
  ),
  row(
    'UQSUB8 A1',
    'cccc 01100110 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.UnsignedSaturating, PackedOperation.Sub8),
  ),
  row(
    'UHADD16 A1',
    'cccc 01100111 nnnn dddd oooo 0001 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Add16),
  ),
  row(
    'UHASX A1',
    'cccc 01100111 nnnn dddd oooo 0011 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.AddSubX),
  ),
  row(
    'UHSAX A1',
    'cccc 01100111 nnnn dddd oooo 0101 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.SubAddX),
  ),
  row(
    'UHSUB16 A1',
    'cccc 01100111 nnnn dddd oooo 0111 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Sub16),
  ),
  row(
    'UHADD8 A1',
    'cccc 01100111 nnnn dddd oooo 1001 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Add8),
  ),
  row(
    'UHSUB8 A1',
    'cccc 01100111 nnnn dddd oooo 1111 mmmm',
    parallel(PackedForm.UnsignedHalving, PackedOperation.Sub8),
  ),

  row('PKHBT, PKHTB A1', 'cccc 01101000 nnnn dddd iiiii t01 mmmm', packHalfword),
  row('SEL A1', 'cccc 01101000 nnnn dddd oooo 1011 mmmm', selectBytes),
  row('SSAT A1', 'cccc 0110101 sssss dddd aaaaa h01 nnnn', saturate(true)),
  row('USAT A1', 'cccc 0110111 sssss dddd aaaaa h01 nnnn', saturate(false)),
  row('SSAT16 A1', 'cccc 01101010 ssss dddd oooo 0011 nnnn', saturateHalves(true)),
  row('USAT16 A1', 'cccc 01101110 ssss dddd oooo 0011 nnnn', saturateHalves(false)),
  ordered([
    row('SXTB16 A1', 'cccc 01101000 1111 dddd rrzz 0111 mmmm', extend('sext8x2')),
    row('SXTAB16 A1', 'cccc 01101000 nnnn dddd rrzz 0111 mmmm', extend('sext8x2')),
  ]),
  ordered([
    row('SXTB A1', 'cccc 01101010 1111 dddd rrzz 0111 mmmm', extend('sext8')),
    row('SXTAB A1', 'cccc 01101010 nnnn dddd rrzz 0111 mmmm', extend('sext8')),
  ]),
  ordered([
    row('SXTH A1', 'cccc 01101011 1111 dddd rrzz 0111 mmmm', extend('sext16')),
    row('SXTAH A1', 'cccc 01101011 nnnn dddd rrzz 0111 mmmm', extend('sext16')),
  ]),
  ordered([
    row('UXTB16 A1', 'cccc 01101100 1111 dddd rrzz 0111 mmmm', extend('zext8x2')),
    row('UXTAB16 A1', 'cccc 01101100 nnnn dddd rrzz 0111 mmmm', extend('zext8x2')),
  ]),
  ordered([
    row('UXTB A1', 'cccc 01101110 1111 dddd rrzz 0111 mmmm', extend('zext8')),
    row('UXTAB A1', 'cccc 01101110 nnnn dddd rrzz 0111 mmmm', extend('zext8')),
  ]),
  ordered([
    row('UXTH A1', 'cccc 01101111 1111 dddd rrzz 0111 mmmm', extend('zext16')),
    row('UXTAH A1', 'cccc 01101111 nnnn dddd rrzz 0111 mmmm', extend('zext16')),
  ]),
  row('REV A1', 'cccc 01101011 oooo dddd oooo 0011 mmmm', unary('rev')),
  row('REV16 A1', 'cccc 01101011 oooo dddd oooo 1011 mmmm', unary('rev16')),
  row('RBIT A1', 'cccc 01101111 oooo dddd oooo 0011 mmmm', unary('rbit')),
  row('REVSH A1', 'cccc 01101111 oooo dddd oooo 1011 mmmm', reverseSignedHalf),
  ordered([
    row('USAD8 A1', 'cccc 01111000 dddd 1111 mmmm 0001 nnnn', sumOfAbsoluteDifferences),
    row('USADA8 A1', 'cccc 01111000 dddd aaaa mmmm 0001 nnnn', sumOfAbsoluteDifferences),
  ]),
  row('SBFX A1', 'cccc 0111101 wwwww dddd iiiii 101 nnnn', extractBits(true)),
  row('UBFX A1', 'cccc 0111111 wwwww dddd iiiii 101 nnnn', extractBits(false)),
  ordered([
    row('BFC A1', 'cccc 0111110 bbbbb dddd iiiii 001 1111', insertBits),
    row('BFI A1', 'cccc 0111110 bbbbb dddd iiiii 001 nnnn', insertBits),
  ]),
];
