import { type OrderedRows, type Row, type RowList, row } from '../row.ts';
import { NEON_DIFFERENT_LENGTHS } from './different-lengths.ts';
import { NEON_LOAD_STORE } from './load-store.ts';
import { NEON_SAME_LENGTH } from './same-length.ts';
import { NEON_IMMEDIATE } from './shifts.ts';

/** Advanced SIMD in A32, with 1111 in bits 31:28. */
export const A32_NEON: RowList = [
  ...NEON_SAME_LENGTH,
  ...NEON_DIFFERENT_LENGTHS,
  ...NEON_IMMEDIATE,
  ...NEON_LOAD_STORE,
];

/** The T32 encoding of data processing and of loads and stores: the same bits but for the first byte (A7.4, A7.7). */
function thumbPattern(pattern: string): string {
  const bits = pattern.replaceAll(' ', '');
  const rest = bits.slice(8);
  return bits.startsWith('11110100') ? `11111001${rest}` : `111${bits[7]}1111${rest}`;
}

function thumbRow(a32: Row): Row {
  const pattern = thumbPattern(a32.pattern);
  const name = a32.name.replace(/ A(\d)/, ' T$1');
  return row(name, pattern, a32.lift, a32.needs);
}

function isGroup(entry: Row | OrderedRows): entry is OrderedRows {
  return 'ordered' in entry;
}

/** The same in T32. */
export const T32_NEON: RowList = A32_NEON.map((entry) =>
  isGroup(entry) ? { ordered: entry.ordered.map(thumbRow) } : thumbRow(entry),
);
