import {
  vfpCompare,
  vfpCompareZero,
  vfpConvertPrecision,
  vfpFromFixed,
  vfpFromHalf,
  vfpFromInteger,
  vfpToFixed,
  vfpToHalf,
  vfpToInteger,
} from '../lift/vfp-convert.ts';
import { vfpBinary, vfpImmediate, vfpSign, vfpSquareRoot } from '../lift/vfp-data-processing.ts';
import { vfpLoad, vfpLoadMultiple, vfpStore, vfpStoreMultiple } from '../lift/vfp-load-store.ts';
import {
  coresToPair,
  coreToSingle,
  coreToWord,
  moveFromSystem,
  moveToSystem,
  pairToCores,
  singleToCore,
  wordToCore,
} from '../lift/vfp-transfer.ts';
import type { Fields } from './pattern.ts';
import { type Row, row } from './row.ts';

/** An encoding that A32 and T32 share but for its top four bits: a condition, or 1110. */
interface Shared {
  readonly a32: Row;
  readonly t32: Row;
}

/** @param number of the encoding in the manual: 2 where Advanced SIMD has number 1 of the same mnemonic. */
function both<const P extends string>(
  name: string,
  number: 1 | 2,
  pattern: P,
  lift: (lifter: Parameters<Row['lift']>[0], fields: Fields<P>) => void,
  needs?: Row['needs'],
): Shared {
  return {
    a32: row(`${name} A${number}`, `cccc ${pattern}`, lift as Row['lift'], needs),
    t32: row(`${name} T${number}`, `1110 ${pattern}`, lift as Row['lift'], needs),
  };
}

/** ARM DDI 0406C A7.5: data processing. `s` is sz, D and d (and so on) make a register's number. */
const DATA_PROCESSING: readonly Shared[] = [
  both('VMLA (floating-point)', 2, '11100D00 nnnn dddd 101s N0M0 mmmm', vfpBinary('vmla')),
  both('VMLS (floating-point)', 2, '11100D00 nnnn dddd 101s N1M0 mmmm', vfpBinary('vmls')),
  both('VNMLS', 1, '11100D01 nnnn dddd 101s N0M0 mmmm', vfpBinary('vnmls')),
  both('VNMLA', 1, '11100D01 nnnn dddd 101s N1M0 mmmm', vfpBinary('vnmla')),
  both('VMUL (floating-point)', 2, '11100D10 nnnn dddd 101s N0M0 mmmm', vfpBinary('vmul')),
  both('VNMUL', 2, '11100D10 nnnn dddd 101s N1M0 mmmm', vfpBinary('vnmul')),
  both('VADD (floating-point)', 2, '11100D11 nnnn dddd 101s N0M0 mmmm', vfpBinary('vadd')),
  both('VSUB (floating-point)', 2, '11100D11 nnnn dddd 101s N1M0 mmmm', vfpBinary('vsub')),
  both('VDIV', 1, '11101D00 nnnn dddd 101s N0M0 mmmm', vfpBinary('vdiv')),
  both('VFNMS', 1, '11101D01 nnnn dddd 101s N0M0 mmmm', vfpBinary('vfnms'), 'fusedMultiplyAdd'),
  both('VFNMA', 1, '11101D01 nnnn dddd 101s N1M0 mmmm', vfpBinary('vfnma'), 'fusedMultiplyAdd'),
  both('VFMA', 2, '11101D10 nnnn dddd 101s N0M0 mmmm', vfpBinary('vfma'), 'fusedMultiplyAdd'),
  both('VFMS', 2, '11101D10 nnnn dddd 101s N1M0 mmmm', vfpBinary('vfms'), 'fusedMultiplyAdd'),
  both('VMOV (immediate)', 2, '11101D11 iiii dddd 101s z0z0 iiii', vfpImmediate),
  both('VMOV (register)', 2, '11101D11 0000 dddd 101s 01M0 mmmm', vfpSign('none')),
  both('VABS', 2, '11101D11 0000 dddd 101s 11M0 mmmm', vfpSign('clear')),
  both('VNEG', 2, '11101D11 0001 dddd 101s 01M0 mmmm', vfpSign('invert')),
  both('VSQRT', 1, '11101D11 0001 dddd 101s 11M0 mmmm', vfpSquareRoot),
  both('VCVTB, VCVTT (from half)', 1, '11101D11 0010 dddd 101z T1M0 mmmm', vfpFromHalf),
  both('VCVTB, VCVTT (to half)', 1, '11101D11 0011 dddd 101z T1M0 mmmm', vfpToHalf),
  both('VCMP, VCMPE', 1, '11101D11 0100 dddd 101s E1M0 mmmm', vfpCompare),
  both('VCMP, VCMPE (zero)', 2, '11101D11 0101 dddd 101s E1z0 zzzz', vfpCompareZero),
  both('VCVT (double, single)', 1, '11101D11 0111 dddd 101s 11M0 mmmm', vfpConvertPrecision),
  both('VCVT (from integer)', 1, '11101D11 1000 dddd 101s S1M0 mmmm', vfpFromInteger),
  both('VCVT, VCVTR (to unsigned)', 1, '11101D11 1100 dddd 101s S1M0 mmmm', vfpToInteger(true)),
  both('VCVT, VCVTR (to signed)', 1, '11101D11 1101 dddd 101s S1M0 mmmm', vfpToInteger(false)),
  both('VCVT (from fixed-point)', 1, '11101D11 101U dddd 101s x1k0 iiii', vfpFromFixed),
  both('VCVT (to fixed-point)', 1, '11101D11 111U dddd 101s x1k0 iiii', vfpToFixed),
];

/** A7.6: loads and stores. VPUSH and VPOP are VSTMDB and VLDM of SP with write-back; FSTMX and FLDMX are odd counts. */
const LOAD_STORE: readonly Shared[] = [
  both('VSTM', 1, '11001DW0 nnnn dddd 1011 iiiiiiii', vfpStoreMultiple(true, 'IA')),
  both('VSTM', 2, '11001DW0 nnnn dddd 1010 iiiiiiii', vfpStoreMultiple(false, 'IA')),
  both('VSTMDB', 1, '11010D10 nnnn dddd 1011 iiiiiiii', vfpStoreMultiple(true, 'DB')),
  both('VSTMDB', 2, '11010D10 nnnn dddd 1010 iiiiiiii', vfpStoreMultiple(false, 'DB')),
  both('VLDM', 1, '11001DW1 nnnn dddd 1011 iiiiiiii', vfpLoadMultiple(true, 'IA')),
  both('VLDM', 2, '11001DW1 nnnn dddd 1010 iiiiiiii', vfpLoadMultiple(false, 'IA')),
  both('VLDMDB', 1, '11010D11 nnnn dddd 1011 iiiiiiii', vfpLoadMultiple(true, 'DB')),
  both('VLDMDB', 2, '11010D11 nnnn dddd 1010 iiiiiiii', vfpLoadMultiple(false, 'DB')),
  both('VSTR', 1, '1101UD00 nnnn dddd 1011 iiiiiiii', vfpStore(true)),
  both('VSTR', 2, '1101UD00 nnnn dddd 1010 iiiiiiii', vfpStore(false)),
  both('VLDR', 1, '1101UD01 nnnn dddd 1011 iiiiiiii', vfpLoad(true)),
  both('VLDR', 2, '1101UD01 nnnn dddd 1010 iiiiiiii', vfpLoad(false)),
];

/** A7.8 and A7.9: transfers. */
const TRANSFERS: readonly Shared[] = [
  both('VMOV (core to single)', 1, '11100000 nnnn tttt 1010 Nzz1 zzzz', coreToSingle),
  both('VMOV (single to core)', 1, '11100001 nnnn tttt 1010 Nzz1 zzzz', singleToCore),
  both('VMOV (core to word)', 1, '111000x0 dddd tttt 1011 D001 zzzz', coreToWord),
  both('VMOV (word to core)', 1, '111000x1 dddd tttt 1011 D001 zzzz', wordToCore),
  both('VMSR', 1, '11101110 rrrr tttt 1010 zzz1 zzzz', moveToSystem),
  both('VMRS', 1, '11101111 rrrr tttt 1010 zzz1 zzzz', moveFromSystem),
  both('VMOV (two cores to two singles)', 1, '11000100 uuuu tttt 1010 00M1 mmmm', coresToPair(false)),
  both('VMOV (two singles to two cores)', 1, '11000101 uuuu tttt 1010 00M1 mmmm', pairToCores(false)),
  both('VMOV (two cores to doubleword)', 1, '11000100 uuuu tttt 1011 00M1 mmmm', coresToPair(true)),
  both('VMOV (doubleword to two cores)', 1, '11000101 uuuu tttt 1011 00M1 mmmm', pairToCores(true)),
];

const ALL = [...DATA_PROCESSING, ...LOAD_STORE, ...TRANSFERS];

/** VFP in A32: inside the space of coprocessors 10 and 11. */
export const A32_VFP: readonly Row[] = ALL.map((encoding) => encoding.a32);

/** VFP in T32. */
export const T32_VFP: readonly Row[] = ALL.map((encoding) => encoding.t32);
