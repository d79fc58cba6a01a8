import { MemoryLayout } from '../memory/machine-memory.ts';
import { byOperation, Effect } from './ir/ops.ts';
import { type IrBlock, type IrValue, vectorOf } from './ir/value.ts';
import { slotsRead } from './vector/vector-function.ts';

const STATE_SLOTS = (MemoryLayout.temporaries - MemoryLayout.state) >>> 2;
// Tables that are kept from block to block, because a boot optimises tens of thousands of them.
/** For each slot the last stretch of code, by number, in which it is known to be set again. */
const OVERWRITTEN = new Int32Array(STATE_SLOTS);
/** Values that are used, by number: nearly all blocks have fewer. */
let USED = new Uint8Array(4096);

/** Whether an operation may show the state of the CPU to someone: a fault, a helper, another path. */
function observesAllState(value: IrValue): boolean {
  const effects = value.op === 'call' ? (value.helper?.effects ?? 0) | Effect.Ordered : value.info.effects;
  return (effects & (Effect.MayFault | Effect.MayExit | Effect.Ordered)) !== 0;
}

/**
 * Removes a `set` whose slot is set again before anyone can see it: no read of the slot, no instruction that may
 * fault, no join or exit lies between. Flags of one instruction replaced by the next are the common case.
 */
function removeDeadSets(ops: readonly IrValue[]): IrValue[] {
  const kept: IrValue[] = [];
  const overwritten = OVERWRITTEN;
  overwritten.fill(0);
  let stretch = 1;
  for (let i = ops.length - 1; i >= 0; i--) {
    const value = ops[i];
    const vector = vectorOf(value);
    if (value.op === 'set') {
      if (overwritten[value.imm] === stretch) continue;
      overwritten[value.imm] = stretch;
    } else if (value.op === 'get') {
      overwritten[value.imm] = 0;
    } else if (vector !== undefined) {
      for (const slot of slotsRead(vector, value.imm)) overwritten[slot] = 0;
    } else if (
      observesAllState(value) ||
      (value.info.effects & (Effect.ReadsState | Effect.WritesState)) !== 0
    ) {
      stretch++;
    }
    kept.push(value);
  }
  return kept.reverse();
}

/** Removes operations without effect whose value nobody uses. */
function removeUnused(ops: readonly IrValue[]): IrValue[] {
  let used = USED;
  let values = 0;
  for (const { id, args } of ops) {
    if (id >= values) values = id + 1;
    for (const arg of args) if (arg.id >= values) values = arg.id + 1;
  }
  if (values > used.length) {
    used = new Uint8Array(2 * values);
    USED = used;
  }
  used.fill(0, 0, values);
  const kept: IrValue[] = [];
  for (let i = ops.length - 1; i >= 0; i--) {
    const value = ops[i];
    const removable = (value.info.effects & ~Effect.ReadsState) === 0 && value.op !== 'marker';
    if (removable && used[value.id] === 0) continue;
    for (const arg of value.args) used[arg.id] = 1;
    kept.push(value);
  }
  return kept.reverse();
}

const IS_SUM = byOperation({ add: true, sub: true, adc: true }, false);
const IS_FLAGS = byOperation(
  { nzcvAdd: true, nzcvSub: true, nzcvLogic: true, nzcvNz: true, nzcvNz64: true },
  false,
);

/**
 * Puts the flags of a sum before the sum where both come from the same operands: a sum that replaces one of its
 * operands can then be computed in place.
 */
function flagsFirst(ops: readonly IrValue[]): IrValue[] {
  const result = [...ops];
  for (let i = 0; i + 1 < result.length; i++) {
    const sum = result[i];
    const flags = result[i + 1];
    if (!IS_SUM[sum.info.number] || !IS_FLAGS[flags.info.number] || flags.args.includes(sum)) continue;
    result[i] = flags;
    result[i + 1] = sum;
  }
  return result;
}

/** The passes that every backend wants. The result has the same instructions, exits and faults. */
export function optimise(block: IrBlock): IrBlock {
  return { ...block, ops: flagsFirst(removeUnused(removeDeadSets(block.ops))) };
}
