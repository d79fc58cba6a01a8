import { aarch64TablesOf } from '../../vmsa/aarch64.ts';
import { levelBits } from '../../vmsa/descriptor-walk.ts';
import { type LongWalkRegime, longTableOf } from '../../vmsa/long-descriptor.ts';
import type { Stage1Regime, Stage2Regime } from '../../vmsa/regime.ts';
import { type ShortWalkRegime, shortUsesTtbr1 } from '../../vmsa/short-descriptor.ts';

/** The shape of the tables behind one table base register. */
export interface TableShape {
  /** Input address of the first entry of the first table. */
  readonly base: number;
  /** log2 of the bytes that the first table decides in all. */
  readonly inputBits: number;
  readonly firstLevel: number;
  /** log2 of the number of entries of the tables behind the first. */
  readonly entryBits: number;
  /** Bytes of a descriptor. */
  readonly descriptorBytes: 4 | 8;
  /** log2 of the bytes that one descriptor of a level decides. */
  spanBits(level: number): number;
}

/** A stage of translation as ranges of input addresses with tables of one shape each. */
export interface StageShape {
  /** Input addresses of one table base register each, ascending: from the first to before the second. */
  readonly inputs: readonly (readonly [number, number])[];
  shapeAt(address: number): TableShape;
  /** Where the registers alone say that an address has no table, this also holds for the aligned piece of so many bytes around it. */
  readonly grain: number;
}

/** All boundaries that TTBCR can draw between regions are multiples of this (N, T0SZ and T1SZ are 7 at most). */
const REGION_GRAIN = 2 ** 25;
/** No address has more bits that a real device can put out. */
const LARGEST = 2 ** 52;

/** The shape of a stage that has tables; undefined for one that has none. */
export function stageShape(regime: Stage1Regime | Stage2Regime): StageShape | undefined {
  switch (regime.format) {
    case 'flat':
    case 'invalid':
      return undefined;
    case 'short': {
      const shapes = shortShapes(regime);
      const shapeAt = (address: number): TableShape => shapes[shortUsesTtbr1(address, regime.ttbcr) ? 1 : 0];
      return { inputs: regionsOf32Bits(2 ** (32 - (regime.ttbcr & 7))), shapeAt, grain: REGION_GRAIN };
    }
    case 'long': {
      const shapes = longShapes(regime);
      const shapeAt = (address: number): TableShape =>
        shapes[longTableOf(address, regime.ttbcr) === 1 ? 1 : 0];
      const [size0, size1] = [regime.ttbcr & 7, (regime.ttbcr >>> 16) & 7];
      const boundary = 2 ** (32 - size0);
      const upper = size1 === 0 ? boundary : 2 ** 32 - 2 ** (32 - size1);
      return { inputs: regionsOf32Bits(upper), shapeAt, grain: REGION_GRAIN };
    }
    case 'aarch64': {
      const sign = 2 ** regime.signBit;
      const [lower, upper] = [false, true].map((isUpper): TableShape => {
        const { inputBits, level, granuleBits } = aarch64TablesOf(regime, isUpper);
        return descriptorShape(isUpper ? 2 * sign - 2 ** inputBits : 0, inputBits, level, granuleBits);
      });
      return {
        inputs: [
          [0, Math.min(2 ** lower.inputBits, sign)],
          [Math.max(upper.base, sign), 2 * sign],
        ],
        shapeAt: (address) => (address < sign ? lower : upper),
        grain: LARGEST,
      };
    }
    case 'stage2': {
      const { inputBits, level, granuleBits } = regime;
      const shape = descriptorShape(0, inputBits, level, granuleBits);
      return { inputs: [[0, 2 ** inputBits]], shapeAt: () => shape, grain: LARGEST };
    }
  }
}

/** What is before the upper region is the lower one's, which may have a part of it only. */
function regionsOf32Bits(upper: number): readonly (readonly [number, number])[] {
  const all = 2 ** 32;
  return upper < all
    ? [
        [0, upper],
        [upper, all],
      ]
    : [[0, all]];
}

function descriptorShape(
  base: number,
  inputBits: number,
  firstLevel: number,
  granuleBits: number,
): TableShape {
  return {
    base,
    inputBits,
    firstLevel,
    entryBits: granuleBits - 3,
    descriptorBytes: 8,
    spanBits: (level) => levelBits(level, granuleBits),
  };
}

/** Of TTBR0 and TTBR1 (ARM DDI 0406C B3.5.4), whose indices both count from address 0. */
function shortShapes({ ttbcr }: ShortWalkRegime): readonly TableShape[] {
  const spanBits = (level: number): number => (level === 1 ? 20 : 12);
  const common = { base: 0, firstLevel: 1, spanBits, entryBits: 8, descriptorBytes: 4 } as const;
  return [
    { ...common, inputBits: 32 - (ttbcr & 7) },
    { ...common, inputBits: 32 },
  ];
}

/** Of TTBR0 and TTBR1 (B3.6.6), whose regions are at the bottom and at the top. */
function longShapes({ ttbcr }: LongWalkRegime): readonly TableShape[] {
  const spanBits = (level: number): number => 39 - 9 * level;
  const shape = (size: number, base: number): TableShape => ({
    base,
    inputBits: 32 - size,
    firstLevel: size < 2 ? 1 : 2,
    spanBits,
    entryBits: 9,
    descriptorBytes: 8,
  });
  const size1 = (ttbcr >>> 16) & 7;
  // Without T1SZ TTBR1 has what TTBR0 leaves, with an index that counts from address 0.
  return [shape(ttbcr & 7, 0), shape(size1, 2 ** 32 - 2 ** (32 - size1))];
}
