import { Bc } from '../interpreter.ts';
import { MemFlag } from '../ir/ops.ts';
import { pushDirtyTablesAfterFence } from './barrier-code.ts';
import { callBase } from './base-functions.ts';
import type { Handlers, InterpreterFrame } from './interpreter-frame.ts';
import { TLB_INDEX_MASK, TlbWord, word } from './lookup-code.ts';
import { Load, Op, Store } from './opcodes.ts';
import { RegionWord, Slot, slotAddress } from './region-abi.ts';

/** Bits of an access' flags that the TLB's fast path does not know: see MemFlag. */
const FLAGS_OF_WORDS = -4;
const FLAGS_OF_DOUBLES = 4;

/**
 * The address of an access in `va`, and of its TLB entry in `entry`; pushes 0 where the entry's tag and the access' flags
 * allow the fast path.
 */
function test(f: InterpreterFrame, size: number, tag: number, flags: number): void {
  const { body, va, entry, tlb } = f;
  f.value(2);
  f.word(3);
  body.op(Op.I32Add).tee(va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And).get(tlb).op(Op.I32Add);
  body
    .tee(entry)
    .load(Load.I32, tag)
    .get(va)
    .i32(size - 4097)
    .op(Op.I32And, Op.I32Xor);
  f.word(4);
  body.i32(flags).op(Op.I32And, Op.I32Or);
}

function pushHost(f: InterpreterFrame): void {
  f.body.get(f.va).get(f.entry).load(Load.I32, TlbWord.Addend).op(Op.I32Add);
}

function slowLoad(f: InterpreterFrame, size: number, offset = 0): void {
  const { body, va } = f;
  f.beforeCall();
  body.get(va);
  if (offset !== 0) body.i32(offset).op(Op.I32Add);
  body.i32(size);
  f.word(4);
  body.call(f.calls.slowLoad).set(f.x);
  f.afterCall(true);
}

/** Does the operation once more where the page of `va` was in the second entry of its place, and is in the first one now. */
function retry(f: InterpreterFrame): void {
  const { body, va, entry, x } = f;
  f.beforeCall();
  body.get(va).get(entry).call(f.calls.second).set(x);
  f.afterCall(false);
  body.get(x).brIf(f.next);
  // Once more, for it must not live across the call.
  setAddress(f);
}

/** Pushes two words as one: the first result of a call, in `x`, and the second in its slot. */
function pushBothResults(f: InterpreterFrame): void {
  const { body } = f;
  body.get(f.x).op(Op.I64ExtendI32U);
  word(body, slotAddress(Slot.CallHigh));
  body.op(Op.I64ExtendI32U).i64(32, 0).op(Op.I64Shl, Op.I64Or);
}

/**
 * Pushes whether an access of eight bytes that is no multiple of eight is one of two words in a page of the TLB, after {@link test} has found its
 * entry.
 */
function testTwoWords(f: InterpreterFrame, tag: number): void {
  const { body, va, entry } = f;
  f.word(4);
  body.i32(MemFlag.AlignedWord).op(Op.I32Eq).get(entry).load(Load.I32, tag);
  body.get(va).i32(4).op(Op.I32Add).i32(-4093).op(Op.I32And, Op.I32Eq, Op.I32And);
}

function load(f: InterpreterFrame, size: number, opcode: number): void {
  const { body, x } = f;
  const isDouble = size === 8;
  const store = isDouble ? Store.I64 : Store.I32;
  const quick = (): void => {
    f.address(1);
    pushHost(f);
    body.load(opcode).store(store);
    f.after(5);
    body.end();
  };
  test(f, size, TlbWord.ReadTag, isDouble ? FLAGS_OF_DOUBLES : FLAGS_OF_WORDS);
  body.op(Op.I32Eqz);
  body.ifHinted(true);
  quick();
  if (isDouble) {
    testTwoWords(f, TlbWord.ReadTag);
    body.if();
    quick();
  }
  retry(f);
  slowLoad(f, size);
  f.address(1);
  if (isDouble) pushBothResults(f);
  else body.get(x);
  body.store(store);
  f.after(5);
}

function slowStore(f: InterpreterFrame, size: number, offset = 0): void {
  const { body, va } = f;
  f.beforeCall();
  body.get(va);
  if (offset !== 0) body.i32(offset).op(Op.I32Add);
  body.i32(size);
  f.address(1);
  body.load(Load.I32, offset);
  if (size === 8) {
    f.address(1);
    body.load(Load.I32, offset + 4);
  } else {
    body.i32(0);
  }
  f.word(4);
  body.call(f.calls.slowStore);
  f.afterCall(true);
}

function store(f: InterpreterFrame, size: number, opcode: number): void {
  const { body } = f;
  const isDouble = size === 8;
  const quick = (): void => {
    pushHost(f);
    if (isDouble) f.wideValue(1);
    else f.value(1);
    body.store(opcode);
    f.after(5);
    body.end();
  };
  test(f, size, TlbWord.WriteTag, isDouble ? FLAGS_OF_DOUBLES : FLAGS_OF_WORDS);
  body.op(Op.I32Eqz);
  body.ifHinted(true);
  quick();
  if (isDouble) {
    testTwoWords(f, TlbWord.WriteTag);
    body.if();
    quick();
  }
  retry(f);
  slowStore(f, size);
  f.after(5);
}

/** For each word of the operation, with its number in `x`. */
function eachWord(f: InterpreterFrame, write: () => void): void {
  const { body, x } = f;
  body.i32(0).set(x);
  const next = body.loop();
  write();
  body.get(x).i32(1).op(Op.I32Add).tee(x);
  f.word(1);
  body.op(Op.I32LtU).brIf(next).end();
}

/** The same where each is a call out, over which `x` does not live: the number is in memory, too. */
function eachWordByCall(f: InterpreterFrame, call: () => void): void {
  const { body, x, va } = f;
  body.i32(0).i32(0).store(Store.I32, RegionWord.NextWord);
  const next = body.loop();
  f.beforeCall();
  word(body, RegionWord.NextWord);
  body.set(x);
  f.value(2);
  f.word(3);
  body.op(Op.I32Add);
  pushBytes(f);
  body.op(Op.I32Add).set(va);
  call();
  f.afterCall(true);
  body.i32(0);
  word(body, RegionWord.NextWord);
  body.i32(1).op(Op.I32Add).tee(x).store(Store.I32, RegionWord.NextWord).get(x);
  f.word(1);
  body.op(Op.I32LtU).brIf(next).end();
}

/** Pushes how many bytes are before word `x`. */
function pushBytes(f: InterpreterFrame): void {
  f.body.get(f.x).i32(2).op(Op.I32Shl);
}

/** Pushes the byte address of the operand for word `x`. */
function pushOperandAddress(f: InterpreterFrame): void {
  f.body.get(f.ip);
  pushBytes(f);
  f.body.op(Op.I32Add).load(Load.I32, 16).i32(2).op(Op.I32Shl);
}

/** Pushes whether the word at `va` is aligned and in the TLB, whose entry's address is then in `entry`. */
function testWord(f: InterpreterFrame, tag: number): void {
  const { body, va, entry, tlb } = f;
  body.get(va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And).get(tlb).op(Op.I32Add);
  body.tee(entry).load(Load.I32, tag).get(va).i32(-4093).op(Op.I32And, Op.I32Eq);
}

/** Words of one instruction: in one page that is in the TLB, or one after the other. */
function accessWords(f: InterpreterFrame, tag: number, quick: () => void, slow: () => void): void {
  const { body, va, entry, tlb, y } = f;
  f.value(2);
  f.word(3);
  body.op(Op.I32Add).tee(va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And).get(tlb).op(Op.I32Add);
  body.tee(entry).load(Load.I32, tag).get(va);
  f.word(1);
  // If the last word is in another page than the first, that one is not in this entry.
  body.i32(2).op(Op.I32Shl, Op.I32Add).i32(4).op(Op.I32Sub).i32(-4093).op(Op.I32And, Op.I32Eq);
  body.ifHinted(true);
  pushHost(f);
  body.set(y);
  eachWord(f, quick);
  body.else();
  retry(f);
  slow();
  body.end();
  f.word(1);
  body.i32(2).op(Op.I32Shl).get(f.ip).op(Op.I32Add).i32(16).op(Op.I32Add).set(f.ip);
  f.goOn();
}

function pushWordOf(f: InterpreterFrame, base: number | undefined): void {
  const { body, y } = f;
  pushBytes(f);
  if (base === undefined) body.get(y).op(Op.I32Add);
}

function loadWords(f: InterpreterFrame): void {
  const { body, z, va } = f;
  const copyFrom = (base: number | undefined): void => {
    pushOperandAddress(f);
    pushWordOf(f, base);
    body.load(Load.I32, base ?? 0).store(Store.I32);
  };
  accessWords(
    f,
    TlbWord.ReadTag,
    () => copyFrom(undefined),
    () => {
      eachWordByCall(f, () => {
        testWord(f, TlbWord.ReadTag);
        body.if();
        pushHost(f);
        body.load(Load.I32).set(z).else();
        body.get(va).i32(4).i32(MemFlag.AlignedWord).call(f.calls.slowLoad).set(z).end();
        word(body, RegionWord.NextWord);
        body.i32(2).op(Op.I32Shl).get(z).store(Store.I32, RegionWord.Words);
      });
      eachWord(f, () => copyFrom(RegionWord.Words));
    },
  );
}

function storeWords(f: InterpreterFrame): void {
  const { body, va } = f;
  accessWords(
    f,
    TlbWord.WriteTag,
    () => {
      pushWordOf(f, undefined);
      pushOperandAddress(f);
      body.load(Load.I32).store(Store.I32);
    },
    () =>
      eachWordByCall(f, () => {
        testWord(f, TlbWord.WriteTag);
        body.if();
        pushHost(f);
        pushOperandAddress(f);
        body.load(Load.I32).store(Store.I32).else();
        body.get(va).i32(4);
        pushOperandAddress(f);
        body.load(Load.I32).i32(0).i32(MemFlag.AlignedWord).call(f.calls.slowStore).end();
      }),
  );
}

/** Address of an access that is two of eight bytes. */
function setAddress(f: InterpreterFrame): void {
  f.value(2);
  f.word(3);
  f.body.op(Op.I32Add).set(f.va);
}

export function addAccesses(f: InterpreterFrame, handlers: Handlers): void {
  const { body, wide, x } = f;
  handlers.set(Bc.Load8, () => load(f, 1, Load.I32U8));
  handlers.set(Bc.Load16, () => load(f, 2, Load.I32U16));
  handlers.set(Bc.Load32, () => load(f, 4, Load.I32));
  handlers.set(Bc.Load64, () => load(f, 8, Load.I64));
  handlers.set(Bc.Store8, () => store(f, 1, Store.I32As8));
  handlers.set(Bc.Store16, () => store(f, 2, Store.I32As16));
  handlers.set(Bc.Store32, () => store(f, 4, Store.I32));
  handlers.set(Bc.Store64, () => store(f, 8, Store.I64));
  handlers.set(Bc.LoadWords, () => loadWords(f));
  handlers.set(Bc.StoreWords, () => storeWords(f));
  handlers.set(Bc.Load128, () => {
    setAddress(f);
    slowLoad(f, 8);
    pushBothResults(f);
    body.set(wide);
    setAddress(f);
    slowLoad(f, 8, 8);
    f.address(1);
    body.get(wide).store(Store.I64);
    f.address(1);
    pushBothResults(f);
    body.store(Store.I64, 8);
    f.after(5);
  });
  handlers.set(Bc.Store128, () => {
    setAddress(f);
    slowStore(f, 8);
    setAddress(f);
    slowStore(f, 8, 8);
    f.after(5);
  });
  handlers.set(Bc.LoadExclusive, () => {
    const { calls, budget } = f;
    f.word(1);
    body.i32(8).op(Op.I32Eq);
    body.if();
    exclusiveLoad(f, calls.loadExclusive64);
    body.set(budget).set(wide);
    afterExclusive(f);
    f.address(2);
    body.get(wide).store(Store.I64);
    f.after(4);
    body.end();
    exclusiveLoad(f, calls.loadExclusive);
    body.set(budget).set(x);
    afterExclusive(f);
    f.address(2);
    body.get(x).store(Store.I32);
    f.after(4);
  });
  handlers.set(Bc.StoreExclusive, () => {
    f.beforeCall();
    f.value(3);
    f.value(4);
    f.address(4);
    body.load(Load.I32, 4).i32(0);
    f.word(1);
    body.i32(8).op(Op.I32Eq, Op.Select);
    f.word(1);
    callBase(body.i32(0).get(f.budget), f.calls.storeExclusive).set(f.budget).set(x);
    afterExclusive(f);
    f.address(2);
    body.get(x).store(Store.I32);
    f.after(5);
  });
  handlers.set(Bc.ClearExclusive, () => {
    body.i32(0).i32(0).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
    f.after(1);
  });
  handlers.set(Bc.Barrier, () => {
    pushDirtyTablesAfterFence(body);
    body.ifHinted(false);
    f.beforeCall();
    callBase(body, f.calls.barrier);
    f.afterCall(false);
    body.end();
    f.after(2);
  });
}

function exclusiveLoad(f: InterpreterFrame, fn: number): void {
  f.beforeCall();
  f.value(3);
  f.word(1);
  callBase(f.body.i32(0).get(f.budget), fn);
}

/** The budget is what the function gave back. */
function afterExclusive(f: InterpreterFrame): void {
  const { body } = f;
  body.i32(0).get(f.budget).store(Store.I32, RegionWord.Budget);
  f.afterCall(true);
}
