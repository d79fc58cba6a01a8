import { fieldsOf } from './decode/decoder.ts';
import { A32_DECODER, isWide, T16_DECODER, T32_DECODER } from './decode/tables.ts';

const CONDITIONS = ['eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le'];

/** An instruction for a person to read. */
export interface Disassembled {
  /** In bytes. */
  readonly size: 2 | 4;
  /** Encoding, the row of the decode tables and the values of its fields by their letters: `e2833001  ADD (immediate) A1  s=0 n=3 d=3 i=1`. */
  readonly text: string;
}

/**
 * Names the instruction at an address.
 * @param fetch16 the halfword of code at an address; -1 where there is none
 */
export function disassemble(
  pc: number,
  thumb: boolean,
  fetch16: (address: number) => number,
): Disassembled | undefined {
  const first = fetch16(pc);
  if (first < 0) return undefined;
  if (thumb && !isWide(first)) return { size: 2, text: describe(first, 2, thumb) };
  const second = fetch16((pc + 2) >>> 0);
  if (second < 0) return undefined;
  const encoding = thumb ? (first << 16) | second : (second << 16) | first;
  return { size: 4, text: describe(encoding >>> 0, 4, thumb) };
}

function describe(encoding: number, size: 2 | 4, thumb: boolean): string {
  const digits = encoding
    .toString(16)
    .padStart(2 * size, '0')
    .padEnd(8);
  const row = (thumb ? (size === 2 ? T16_DECODER : T32_DECODER) : A32_DECODER).decode(encoding);
  if (row === undefined) return `${digits}  UNDEFINED`;
  const fields = Object.entries(fieldsOf(row, encoding)).map(([letter, value]) =>
    // Field c of an A32 encoding is its condition, which is written as one.
    letter === 'c' && !thumb
      ? (CONDITIONS[value] ?? '')
      : `${letter}=${value > 9 ? `0x${value.toString(16)}` : value}`,
  );
  return [`${digits}  ${row.name}`, fields.filter((text) => text !== '').join(' ')]
    .filter(Boolean)
    .join('  ');
}
