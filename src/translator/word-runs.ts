import { splitAddress } from './ir/address.ts';
import { MemFlag } from './ir/ops.ts';
import type { IrValue } from './ir/value.ts';

/** LDM and STM know 16 registers. */
const MOST_WORDS = 16;

/** Accesses of one instruction to words that follow each other: those of LDM, STM, PUSH and POP. */
export interface WordRun {
  readonly isLoad: boolean;
  /** At least two, by ascending address. */
  readonly accesses: readonly IrValue[];
  /** Position of the last one in its block. */
  readonly last: number;
}

function isWordAccess({ op, imm }: IrValue): boolean {
  return (op === 'load32' || op === 'store32') && imm === MemFlag.AlignedWord;
}

/**
 * The run that begins with the operation at a position; undefined where there is none.
 * @param isSilent whether an operation has no code where it stands: it may be between two accesses
 */
export function wordRunAt(
  ops: readonly IrValue[],
  at: number,
  isSilent: (value: IrValue) => boolean,
): WordRun | undefined {
  const first = ops[at];
  if (!isWordAccess(first)) return undefined;
  const { base, offset } = splitAddress(first.args[0]);
  const accesses = [first];
  let last = at;
  for (let i = at + 1; i < ops.length && accesses.length < MOST_WORDS; i++) {
    const value = ops[i];
    if (isSilent(value)) continue;
    if (value.op !== first.op || !isWordAccess(value)) break;
    const next = splitAddress(value.args[0]);
    if (next.base !== base || next.offset !== ((offset + 4 * accesses.length) | 0)) break;
    accesses.push(value);
    last = i;
  }
  return accesses.length > 1 ? { isLoad: first.op === 'load32', accesses, last } : undefined;
}
