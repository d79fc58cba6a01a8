import { A32_BRANCH, A32_BRANCH_UNCONDITIONAL } from './a32/branch.ts';
import { A32_COPROCESSOR, A32_COPROCESSOR_UNCONDITIONAL } from './a32/coprocessor.ts';
import { A32_DATA_PROCESSING } from './a32/data-processing.ts';
import { A32_EXCLUSIVE } from './a32/exclusive.ts';
import { A32_LOAD_STORE } from './a32/load-store.ts';
import { A32_LOAD_STORE_MULTIPLE } from './a32/load-store-multiple.ts';
import { A32_MEDIA } from './a32/media.ts';
import { A32_MULTIPLY } from './a32/multiply.ts';
import { A32_SYSTEM, A32_UNCONDITIONAL } from './a32/system.ts';
import { type Decoder, TableDecoder } from './decoder.ts';
import { A32_NEON, T32_NEON } from './neon/tables.ts';
import { flatten, type Row, type RowList } from './row.ts';
import { T16_BRANCH } from './t16/branch.ts';
import { T16_DATA_PROCESSING } from './t16/data-processing.ts';
import { T16_LOAD_STORE } from './t16/load-store.ts';
import { T32_BRANCH } from './t32/branch.ts';
import { T32_COPROCESSOR } from './t32/coprocessor.ts';
import { T32_DATA_PROCESSING } from './t32/data-processing.ts';
import { T32_LOAD_STORE } from './t32/load-store.ts';
import { T32_LOAD_STORE_DUAL } from './t32/load-store-dual.ts';
import { T32_MEDIA } from './t32/media.ts';
import { T32_MULTIPLY } from './t32/multiply.ts';

/** A32 encodings with a condition in bits 31:28 (field `c`), which is not 1111. */
export const A32_CONDITIONAL_LIST: RowList = [
  ...A32_DATA_PROCESSING,
  ...A32_MULTIPLY,
  ...A32_MEDIA,
  ...A32_EXCLUSIVE,
  ...A32_LOAD_STORE,
  ...A32_LOAD_STORE_MULTIPLE,
  ...A32_BRANCH,
  ...A32_COPROCESSOR,
  ...A32_SYSTEM,
];

/** A32 encodings with 1111 in bits 31:28. */
export const A32_UNCONDITIONAL_LIST: RowList = [
  ...A32_UNCONDITIONAL,
  ...A32_BRANCH_UNCONDITIONAL,
  ...A32_COPROCESSOR_UNCONDITIONAL,
  ...A32_NEON,
];

export const T32_LIST: RowList = [
  ...T32_DATA_PROCESSING,
  ...T32_MULTIPLY,
  ...T32_MEDIA,
  ...T32_LOAD_STORE,
  ...T32_LOAD_STORE_DUAL,
  ...T32_BRANCH,
  ...T32_COPROCESSOR,
  ...T32_NEON,
];

export const T16_LIST: RowList = [...T16_DATA_PROCESSING, ...T16_LOAD_STORE, ...T16_BRANCH];

/** All rows of an instruction set, each encoding of the manual once. */
export const A32_ROWS: readonly Row[] = [
  ...flatten(A32_CONDITIONAL_LIST),
  ...flatten(A32_UNCONDITIONAL_LIST),
];
export const T32_ROWS: readonly Row[] = flatten(T32_LIST);
export const T16_ROWS: readonly Row[] = flatten(T16_LIST);

const A32_SELECTORS = [
  { shift: 20, width: 8 },
  { shift: 4, width: 4 },
];
const conditional = new TableDecoder(A32_CONDITIONAL_LIST, A32_SELECTORS);
const unconditional = new TableDecoder(A32_UNCONDITIONAL_LIST, A32_SELECTORS);

/** Of A32 encodings. */
export const A32_DECODER: Decoder = {
  decode: (encoding) => (encoding >>> 28 === 15 ? unconditional : conditional).decode(encoding),
};

/** Of 32-bit T32 encodings, first halfword on top. */
export const T32_DECODER: Decoder = new TableDecoder(T32_LIST, [
  { shift: 20, width: 9 },
  { shift: 12, width: 4 },
]);

/** Of 16-bit T32 encodings. */
export const T16_DECODER: Decoder = new TableDecoder(T16_LIST, [{ shift: 6, width: 10 }]);

/** Whether a halfword is the first of a 32-bit T32 encoding (ARM DDI 0406C A6.1). */
export function isWide(halfword: number): boolean {
  return halfword >= 0xe800;
}
