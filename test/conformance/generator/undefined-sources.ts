import { isWide } from '../../../src/arm/decode/tables.ts';
import { W } from '../layout.ts';
import type { Random } from '../random.ts';
import { SETS } from '../vector-files.ts';
import type { RowOfSet } from './candidate.ts';
import { isHalfTransfer } from './coprocessor.ts';
import { Draft } from './draft.ts';
import type { Source } from './generate.ts';
import { REDRAW } from './shape.ts';

function rowsOf(set: string): readonly RowOfSet[] {
  return SETS.find(({ name }) => name === set)?.rows ?? [];
}

/** Near a row more often than anywhere: what is just beside an instruction is the likeliest to be taken for it. */
function drawEncoding(rows: readonly RowOfSet[], bits: 16 | 32, random: Random): number {
  const word = random.word() >>> (32 - bits);
  if (random.chance(40)) return word;
  const { row } = random.pick(rows);
  const near = ((word & ~row.mask) | row.value) >>> 0;
  return (near ^ (1 << random.below(bits)) ^ (random.chance(30) ? 1 << random.below(bits) : 0)) >>> 0;
}

function undefinedSource(
  name: string,
  set: string,
  bits: 16 | 32,
  isOfSet: (encoding: number) => boolean,
): Source {
  const rows = rowsOf(set);
  const isThumb = set !== 'a32';
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => {
      const draft = new Draft(seed, name, index, () => isThumb);
      const encoding = drawEncoding(rows, bits, draft.random);
      if (!isOfSet(encoding) || rows[0]?.decoder.decode(encoding) !== undefined) return REDRAW;
      if (bits === 32 && isHalfTransfer(encoding)) return 'a load or store of coprocessor 9';
      draft.set(W.R0, draft.random.word());
      return draft.finish(isThumb && bits === 32 ? [encoding >>> 16, encoding & 0xffff] : [encoding]);
    },
  };
}

/** Encodings that no row has: all of them are UNDEFINED, and so they must be for QEMU. */
export const UNDEFINED_SOURCES: readonly Source[] = [
  undefinedSource('no row, A32', 'a32', 32, () => true),
  undefinedSource('no row, T32', 't32', 32, (encoding) => isWide(encoding >>> 16)),
  undefinedSource('no row, T16', 't16', 16, (encoding) => !isWide(encoding)),
];
