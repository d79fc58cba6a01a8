import { MemoryLayout } from '../memory/machine-memory.ts';
import { byOperation, Effect } from './ir/ops.ts';
import { type IrBlock, type IrValue, vectorOf } from './ir/value.ts';
import { slotsRead } from './vector/vector-function.ts';

const STATE_SLOTS = (MemoryLayout.temporaries - MemoryLayout.state) >>> 2;
// Tables that are kept from block to block, because a boot optimises tens of thousands of them.
/** For each slot the last stretch of code, by number, in which it is known to be set again. */
const OVERWRITTEN = new Int32Array(STATE_SLOTS);
/** Values that are used, by number, and operations that are left out, by position: nearly all blocks have fewer. */
let USED: Uint8Array = new Uint8Array(4096);
let REMOVED: Uint8Array = new Uint8Array(4096);

/** Whether an operation may show the state of the CPU to someone: a fault, a helper, another path. */
function observesAllState(value: IrValue): boolean {
  const effects = value.op === 'call' ? value.effects | Effect.Ordered : value.info.effects;
  return (effects & (Effect.MayFault | Effect.MayExit | Effect.Ordered)) !== 0;
}

/**
 * Marks a `set` whose slot is set again before anyone can see it: no read of the slot, no instruction that may
 * fault, no join or exit lies between. Flags of one instruction replaced by the next are the common case.
 */
function markDeadSets(ops: readonly IrValue[], removed: Uint8Array): void {
  const overwritten = OVERWRITTEN;
  overwritten.fill(0);
  let stretch = 1;
  for (let i = ops.length - 1; i >= 0; i--) {
    const value = ops[i];
    const vector = vectorOf(value);
    if (value.op === 'set') {
      if (overwritten[value.imm] === stretch) removed[i] = 1;
      else overwritten[value.imm] = stretch;
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
  }
}

/** Marks operations without effect whose value no operation uses that stays. */
function markUnused(ops: readonly IrValue[], values: number, removed: Uint8Array): void {
  const used = cleared(USED, values);
  USED = used;
  for (let i = ops.length - 1; i >= 0; i--) {
    if (removed[i] === 1) continue;
    const value = ops[i];
    const removable = (value.info.effects & ~Effect.ReadsState) === 0 && value.op !== 'marker';
    if (removable && used[value.id] === 0) {
      removed[i] = 1;
      continue;
    }
    const { args } = value;
    for (let a = 0; a < args.length; a++) used[args[a].id] = 1;
  }
}

/** A table of zeros: the given one where it is large enough. */
function cleared(table: Uint8Array, size: number): Uint8Array {
  if (size > table.length) return new Uint8Array(2 * size);
  table.fill(0, 0, size);
  return table;
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
function putFlagsFirst(ops: IrValue[]): void {
  for (let i = 0; i + 1 < ops.length; i++) {
    const sum = ops[i];
    const flags = ops[i + 1];
    if (!IS_SUM[sum.info.number] || !IS_FLAGS[flags.info.number] || flags.args.includes(sum)) continue;
    ops[i] = flags;
    ops[i + 1] = sum;
  }
}

/** The passes that every backend wants. The result has the same instructions, exits and faults. */
export function optimise(block: IrBlock): IrBlock {
  const { ops, values, instructions, pc, bytes } = block;
  const removed = cleared(REMOVED, ops.length);
  REMOVED = removed;
  markDeadSets(ops, removed);
  markUnused(ops, values, removed);
  const kept: IrValue[] = [];
  for (let i = 0; i < ops.length; i++) if (removed[i] === 0) kept.push(ops[i]);
  putFlagsFirst(kept);
  return { ops: kept, values, instructions, pc, bytes };
}
