import { Effect, OPS } from './ir/ops.ts';
import { type IrBlock, type IrValue, vectorOf } from './ir/value.ts';
import { slotsRead } from './vector/vector-function.ts';

/** Whether an operation may show the state of the CPU to someone: a fault, a helper, another path. */
function observesAllState(value: IrValue): boolean {
  const effects = value.op === 'call' ? (value.helper?.effects ?? 0) | Effect.Ordered : OPS[value.op].effects;
  return (effects & (Effect.MayFault | Effect.MayExit | Effect.Ordered)) !== 0;
}

/**
 * Removes a `set` whose slot is set again before anyone can see it: no read of the slot, no instruction that may
 * fault, no join or exit lies between. Flags of one instruction replaced by the next are the common case.
 */
function removeDeadSets(ops: readonly IrValue[]): IrValue[] {
  const kept: IrValue[] = [];
  const overwritten = new Set<number>();
  for (let i = ops.length - 1; i >= 0; i--) {
    const value = ops[i];
    const vector = vectorOf(value);
    if (value.op === 'set') {
      if (overwritten.has(value.imm)) continue;
      overwritten.add(value.imm);
    } else if (value.op === 'get') {
      overwritten.delete(value.imm);
    } else if (vector !== undefined) {
      for (const slot of slotsRead(vector, value.imm)) overwritten.delete(slot);
    } else if (observesAllState(value)) {
      overwritten.clear();
    } else if ((OPS[value.op].effects & (Effect.ReadsState | Effect.WritesState)) !== 0) {
      overwritten.clear();
    }
    kept.push(value);
  }
  return kept.reverse();
}

/** Removes operations without effect whose value nobody uses. */
function removeUnused(ops: readonly IrValue[]): IrValue[] {
  const used = new Set<IrValue>();
  const kept: IrValue[] = [];
  for (let i = ops.length - 1; i >= 0; i--) {
    const value = ops[i];
    const removable = (OPS[value.op].effects & ~Effect.ReadsState) === 0 && value.op !== 'marker';
    if (removable && !used.has(value)) continue;
    for (const arg of value.args) used.add(arg);
    kept.push(value);
  }
  return kept.reverse();
}

const SUMS: ReadonlySet<string> = new Set(['add', 'sub', 'adc']);

/**
 * Puts the flags of a sum before the sum where both come from the same operands: a sum that replaces one of its
 * operands can then be computed in place.
 */
function flagsFirst(ops: readonly IrValue[]): IrValue[] {
  const result = [...ops];
  for (let i = 0; i + 1 < result.length; i++) {
    const sum = result[i];
    const flags = result[i + 1];
    if (!SUMS.has(sum.op) || !flags.op.startsWith('nzcv') || flags.args.includes(sum)) continue;
    result[i] = flags;
    result[i + 1] = sum;
  }
  return result;
}

/** The passes that every backend wants. The result has the same instructions, exits and faults. */
export function optimise(block: IrBlock): IrBlock {
  return { ...block, ops: flagsFirst(removeUnused(removeDeadSets(block.ops))) };
}
