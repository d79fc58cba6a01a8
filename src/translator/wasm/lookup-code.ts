import { MemoryLayout } from '../../memory/machine-memory.ts';
import { JUMP_FOLD } from '../jump-cache.ts';
import type { FunctionBody } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';
import { BUDGET_PIECE, JumpEntry, RegionWord } from './region-abi.ts';

/** Words of an entry of the TLB arrays, as byte offsets; see TlbArrays. */
export const TlbWord = { ReadTag: 0, WriteTag: 4, Addend: 8, Flags: 12 } as const;

/** Of entries of 16 bytes: the bits of va >>> 8 that choose one. */
export const TLB_INDEX_MASK = (MemoryLayout.tlbEntries - 1) << 4;
const JUMP_INDEX_MASK = (MemoryLayout.jumpCacheEntries - 1) << 4;

/** Pushes the word at a constant address. */
export function word(code: FunctionBody, address: number): void {
  code.i32(0).load(Load.I32, address);
}

/** Adds another piece of the reserve to the budget, unless the event word is set. @param take a local */
export function emitRefill(code: FunctionBody, budget: number, take: number): void {
  const done = code.block();
  word(code, MemoryLayout.eventWord);
  code.brIf(done);
  word(code, RegionWord.Reserve);
  code.i32(BUDGET_PIECE);
  word(code, RegionWord.Reserve);
  code.i32(BUDGET_PIECE).op(Op.I32LtS, Op.Select).set(take);
  code.i32(0);
  word(code, RegionWord.Reserve);
  code.get(take).op(Op.I32Sub).store(Store.I32, RegionWord.Reserve);
  code.get(budget).get(take).op(Op.I32Add).set(budget);
  code.end();
}

/** Locals of a look into the jump cache. */
export interface JumpLocals {
  /** What is looked for: an address, and T and E of the CPSR in bits 0 and 1. */
  readonly pc: number;
  readonly flags: number;
  /** Gets the byte offset of the entry in the jump cache. */
  readonly entry: number;
  readonly tag: number;
}

/** Finds the code at an address in the jump cache, or branches to `miss`. */
export function emitFindEntry(code: FunctionBody, { pc, flags, entry, tag }: JumpLocals, miss: number): void {
  code
    .get(pc)
    .i32(3)
    .op(Op.I32Shl)
    .get(pc)
    .i32(JUMP_FOLD - 4)
    .op(Op.I32ShrU, Op.I32Xor);
  word(code, RegionWord.Place);
  code.op(Op.I32Xor).i32(JUMP_INDEX_MASK).op(Op.I32And).tee(entry);
  code
    .load(Load.I32, MemoryLayout.jumpCache + JumpEntry.Pc)
    .get(pc)
    .op(Op.I32Ne)
    .brIfUnlikely(miss);
  const known = code.block();
  code
    .get(entry)
    .load(Load.I32, MemoryLayout.jumpCache + JumpEntry.Tag)
    .tee(tag);
  word(code, RegionWord.Shared);
  code.get(flags).op(Op.I32Or, Op.I32Eq).brIf(known).get(tag);
  word(code, RegionWord.Context);
  code.get(flags).op(Op.I32Or, Op.I32Ne).brIfUnlikely(miss);
  code.end();
}

/** Pushes a word of the entry that was found. */
export function pushEntryWord(code: FunctionBody, entry: number, offset: number): void {
  code.get(entry).load(Load.I32, MemoryLayout.jumpCache + offset);
}
