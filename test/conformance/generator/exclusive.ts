import type { Row } from '../../../src/arm/decode/row.ts';
import type { Random } from '../random.ts';

/**
 * Code to put before a store exclusive, most of the time: the load exclusive of the same size from the same address,
 * into a register that the store does not use. Units as they lie in memory; empty for other rows.
 */
export function exclusivePrefix(row: Row, encoding: number, thumb: boolean, random: Random): number[] {
  const match = /^STREX([BHD]?)\b/.exec(row.name);
  if (match === null || random.chance(20)) return [];
  const size = match[1] as '' | 'B' | 'H' | 'D';
  const n = (encoding >>> 16) & 15;
  const used = [n, encoding & 15, (encoding & 15) + 1, (encoding >>> 12) & 15, (encoding >>> 8) & 15];
  const free = [0, 2, 4, 6, 8, 10].filter((r) => !used.includes(r) && !used.includes(r + 1));
  const t = random.pick(free);
  if (!thumb) {
    const operation = { '': 0x01900f9f, D: 0x01b00f9f, B: 0x01d00f9f, H: 0x01f00f9f }[size];
    return [(0xe0000000 | operation | (n << 16) | (t << 12)) >>> 0];
  }
  if (size === '') return [0xe850 | n, (t << 12) | 0x0f00 | (encoding & 0xff)];
  const second = { B: 0x0f4f, H: 0x0f5f, D: 0x007f | ((t + 1) << 8) }[size];
  return [0xe8d0 | n, (t << 12) | second];
}
