import { EVENT_KINDS, RowFlag } from '../trace/page-data.ts';
import type { Trace } from './trace.ts';

/** What a person wants to see. */
export interface Filter {
  /** Undefined: every device. */
  readonly device: number | undefined;
  /** Those that are shown. */
  readonly categories: ReadonlySet<string>;
  /** Words, all of which a row must contain somewhere. */
  readonly text: string;
  /** Nanoseconds. */
  readonly from: number;
  readonly to: number;
}

/** Columns that the events can be sorted by. */
export type SortKey =
  | 'time'
  | 'device'
  | 'category'
  | 'op'
  | 'register'
  | 'address'
  | 'size'
  | 'value'
  | 'physical';

/** `cc` is a register; with a digit it may be a number. */
const DIGITS = /^(?=.*[0-9])[0-9a-f]+$/;
const NUMBER = /^0x[0-9a-f]*$/;

/** The rows that a filter lets through, in the order of time. */
export function filterRows(trace: Trace, filter: Filter): Uint32Array {
  const { device, categories, text, from, to } = filter;
  const kinds = EVENT_KINDS.map(([category]) => (categories.has(category) ? 1 : 0));
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => matcher(trace, word));
  const rows = new Uint32Array(trace.length);
  let count = 0;
  for (let row = trace.rowAt(from); row < trace.length && trace.time[row] <= to; row++) {
    if (kinds[trace.kind[row]] === 0) continue;
    if (device !== undefined && trace.device[row] !== device) continue;
    if (words.length > 0 && !words.every((matches) => matches(row))) continue;
    rows[count++] = row;
  }
  return rows.slice(0, count);
}

/** Whether a row contains a word: in the name of its place, its operation, or its numbers. */
function matcher(trace: Trace, word: string): (row: number) => boolean {
  const places = trace.info.places.map(({ space, name }) => `${space} ${name}`.toLowerCase().includes(word));
  const kinds = EVENT_KINDS.map((kind) => kind.join(' ').includes(word));
  const failed = 'failed'.includes(word);
  const isNumber = NUMBER.test(word);
  const has = (text: string): boolean =>
    isNumber ? text.replace(/^0x0+(?=.)/, '0x').startsWith(word) : text.includes(word);
  const looksAtNumbers = isNumber || DIGITS.test(word);
  return (row) =>
    places[trace.place[row]] ||
    kinds[trace.kind[row]] ||
    (failed && trace.has(row, RowFlag.FAILED)) ||
    (looksAtNumbers &&
      (has(trace.addressText(row)) || has(trace.valueText(row)) || has(trace.physicalText(row))));
}

/** Sorts rows in place; rows that are alike stay in the order of time. */
export function sortRows(trace: Trace, rows: Uint32Array, by: SortKey, ascending: boolean): void {
  const key = keyOf(trace, by);
  const sign = ascending ? 1 : -1;
  rows.sort((a, b) => sign * (key(a) - key(b)) || a - b);
}

function keyOf(trace: Trace, by: SortKey): (row: number) => number {
  switch (by) {
    case 'time':
      return (row) => row;
    case 'device':
      return (row) => trace.device[row];
    case 'category':
      return ranked(
        EVENT_KINDS.map(([category]) => category),
        (row) => trace.kind[row],
      );
    case 'op':
      return ranked(
        EVENT_KINDS.map(([, op]) => op),
        (row) => trace.kind[row],
      );
    case 'register':
      return ranked(
        trace.info.places.map(({ name, space }) => `${name === '' ? '~' : name} ${space}`),
        (row) => trace.place[row],
      );
    case 'value':
      return (row) => trace.valueHigh[row] * 2 ** 32 + trace.valueLow[row];
    default:
      return (row) => trace[by][row];
  }
}

/** Texts compare by their places in the alphabet, found once. */
function ranked(texts: readonly string[], index: (row: number) => number): (row: number) => number {
  const sorted = [...new Set(texts)].sort();
  const ranks = texts.map((text) => sorted.indexOf(text));
  return (row) => ranks[index(row)];
}
