import { MemoryLayout } from '../../memory/machine-memory.ts';
import { JUMP_SET_SHIFT, JUMP_SHIFTS } from '../jump-cache.ts';
import type { FunctionBody } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';
import { BUDGET_PIECE, JumpEntry, RegionWord } from './region-abi.ts';

/** Words of an entry of the TLB arrays, as byte offsets; see TlbArrays. */
export const TlbWord = { ReadTag: 0, WriteTag: 4, Addend: 8, Flags: 12 } as const;

/** Of entries of 16 bytes: the bits of va >>> 8 that choose one. */
export const TLB_INDEX_MASK = (MemoryLayout.tlbEntries - 1) << 4;
const JUMP_BYTES = JumpEntry.Bytes * MemoryLayout.jumpCacheEntries;
const JUMP_SET_MASK = JUMP_BYTES - (1 << JUMP_SET_SHIFT);

/** Pushes the word at a constant address. */
export function word(code: FunctionBody, address: number): void {
  code.i32(0).load(Load.I32, address);
}

/** Pushes what `pageNoted` of the IR says of the address in a local. */
export function pushPageNoted(code: FunctionBody, va: number): void {
  // A shift takes the number of the page's bit modulo 32.
  code.get(va).i32(17).op(Op.I32ShrU).i32(2).op(Op.I32Shl).load(Load.I32, MemoryLayout.notedPages);
  code.get(va).i32(12).op(Op.I32ShrU, Op.I32ShrU).i32(1).op(Op.I32And);
  code.get(va).i32(20).op(Op.I32ShrU).load(Load.I32U8, MemoryLayout.notedMibs).op(Op.I32Or);
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

/** Finds the code at an address in the jump cache, in either of its places, or branches to `miss`. */
export function emitFindEntry(code: FunctionBody, locals: JumpLocals, miss: number): void {
  const { pc, entry } = locals;
  code.get(pc).i32(JUMP_SHIFTS.up).op(Op.I32Shl);
  code.get(pc).i32(JUMP_SHIFTS.down).op(Op.I32ShrU, Op.I32Xor);
  word(code, RegionWord.Place);
  code.op(Op.I32Xor).i32(JUMP_SET_MASK).op(Op.I32And).set(entry);
  const known = code.block();
  const second = code.block();
  testEntry(code, locals, known, second);
  code.br(known);
  code.end();
  code.get(entry).i32(JumpEntry.Bytes).op(Op.I32Add).set(entry);
  testEntry(code, locals, known, miss);
  code.end();
}

/** Branches to `known` or `other`, or goes on where the entry is the context's own. */
function testEntry(
  code: FunctionBody,
  { pc, flags, entry, tag }: JumpLocals,
  known: number,
  other: number,
): void {
  pushEntryWord(code, entry, JumpEntry.Pc);
  code.get(pc).op(Op.I32Ne).brIfUnlikely(other);
  pushEntryWord(code, entry, JumpEntry.Tag);
  code.tee(tag);
  word(code, RegionWord.Shared);
  code.get(flags).op(Op.I32Or, Op.I32Eq).brIf(known).get(tag);
  word(code, RegionWord.Context);
  code.get(flags).op(Op.I32Or, Op.I32Ne).brIfUnlikely(other);
}

/** Pushes a word of the entry that was found. */
export function pushEntryWord(code: FunctionBody, entry: number, offset: number): void {
  code.get(entry).load(Load.I32, MemoryLayout.jumpCache + offset);
}
