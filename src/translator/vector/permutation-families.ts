import { familyOf } from './family.ts';
import { type Kernel, type LaneShape, laneFunction } from './lanes.ts';
import { deinterleaving, duplicate, extract, interleaving, lookUp, lookUpExtending } from './permutations.ts';
import type { VectorFunction } from './vector-function.ts';

function moved(name: string, kernel: Kernel, more: Partial<LaneShape>): VectorFunction {
  const lanes = more.lanes ?? 8;
  return laneFunction(
    {
      name,
      lanes,
      d: 8,
      a: 8,
      b: 8,
      aLanes: lanes,
      bLanes: lanes,
      dSigned: false,
      signed: false,
      accumulates: false,
      exchanges: false,
      scalar: false,
      sticky: false,
      ...more,
    },
    kernel,
  );
}

/** Moves of elements (ARM DDI 0406C A7.4.5 to A7.4.7, A7.7). */
export const PERMUTATIONS = {
  /** By Q; `imm` bytes. */
  vext: familyOf((q, size) =>
    size === 0 ? moved(q === 1 ? 'vext q' : 'vext', extract, { lanes: 8 << q }) : undefined,
  ),
  /** By Q and size; `imm` is the element of the doubleword register. */
  vdup: familyOf((q, size) => {
    if (size === 3) return undefined;
    const bits = 8 << size;
    const shape = { lanes: (64 << q) / bits, d: bits, a: bits, b: 0, aLanes: 64 / bits, bLanes: 0 };
    return moved(`vdup.${bits}${q === 1 ? ' q' : ''}`, duplicate, shape);
  }),
  /** By the number of table registers less one, as "size"; `imm` is the table's length in bytes. */
  vtbl: familyOf((q, length) =>
    q === 0 ? moved(`vtbl ${length + 1}`, lookUp, { aLanes: 8 * (length + 1) }) : undefined,
  ),
  vtbx: familyOf((q, length) =>
    q === 0
      ? moved(`vtbx ${length + 1}`, lookUpExtending, { aLanes: 8 * (length + 1), accumulates: true })
      : undefined,
  ),
} as const;

const COUNTS = [2, 3, 4];
const SIZES = [0, 1, 2];
const STEPS = [1, 2];

function structureMoves(
  make: (bits: number, count: number, step: number) => VectorFunction,
): readonly VectorFunction[] {
  return COUNTS.flatMap((count) =>
    SIZES.flatMap((size) => STEPS.map((step) => make(8 << size, count, step))),
  );
}

export const DEINTERLEAVING = structureMoves(deinterleaving);
export const INTERLEAVING = structureMoves(interleaving);

/** Place in the two lists: structures of `count` (2 to 4) elements, size field, registers 1 or 2 apart. */
export function structureRow(count: number, size: number, step: number): number {
  return ((count - 2) * SIZES.length + size) * STEPS.length + (step - 1);
}
