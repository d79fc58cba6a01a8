import { MemoryLayout } from '../../memory/machine-memory.ts';
import { MemFlag } from '../ir/ops.ts';
import { callBase } from './base-functions.ts';
import type { FunctionBody, ValType } from './function-body.ts';
import { TLB_INDEX_MASK, TlbWord } from './lookup-code.ts';
import { Load, Op, Store } from './opcodes.ts';
import { FIND_FLAGS_SHIFT, FIND_WRITABLE, RegionWord } from './region-abi.ts';

/** What memory code needs of the region around it. */
export interface MemoryContext {
  readonly code: FunctionBody;
  /** Locals: budget, TLB array, two for addresses. */
  readonly budget: number;
  readonly tlb: number;
  readonly va: number;
  readonly entry: number;
  readonly functions: {
    readonly load: number;
    readonly load64: number;
    readonly store: number;
    readonly store64: number;
    readonly find: number;
    readonly loadWords: number;
    readonly storeWords: number;
  };
  /** Pushes the number of the site of the present instruction. */
  pushSite(): void;
  /** Leaves the region where the call before has raised a fault. */
  leaveOnFault(): void;
  /** Leaves the region before an access, at the site that was just stored. */
  leaveBefore(): void;
  /** Whether accesses that are not in the TLB leave the region, rather than to call a function. */
  readonly callFree: boolean;
}

const LOAD_OF: { readonly [size: number]: number } = {
  1: Load.I32U8,
  2: Load.I32U16,
  4: Load.I32,
  8: Load.I64,
};
const STORE_OF: { readonly [size: number]: number } = {
  1: Store.I32As8,
  2: Store.I32As16,
  4: Store.I32,
  8: Store.I64,
};

/** Eight bytes of which no part is more than a word: at multiples of 4 no setting and no memory type forbids them. */
function isOfWords(size: number, flags: number): boolean {
  return size === 8 && (flags & MemFlag.Aligned) === 0 && flags !== MemFlag.None;
}

/** What an access asks of the TLB. */
interface TlbTest {
  /** What `va` is a multiple of. */
  readonly alignment: number;
  /** From `va` to the last word, which may lie in another page. */
  readonly span: number;
  readonly tag: number;
}

function testOf(size: number, flags: number, tag: number): TlbTest {
  return isOfWords(size, flags) ? { alignment: 4, span: 4, tag } : { alignment: size, span: 0, tag };
}

/** Pushes page and offset in its unit of the access' last word, to be compared with a tag. */
function pushTag({ code, va }: MemoryContext, { alignment, span }: TlbTest): void {
  code.get(va);
  if (span > 0) code.i32(span).op(Op.I32Add);
  code.i32(-4096 | (alignment - 1)).op(Op.I32And);
}

/** Pushes whether the access at `va` is aligned, or at least its words are, and in the TLB. */
function testTlb(m: MemoryContext, test: TlbTest): void {
  const { code } = m;
  code.get(m.va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And).get(m.tlb).op(Op.I32Add);
  code.tee(m.entry).load(Load.I32, test.tag);
  // If the last word is in another page than the first, that one is not in this entry.
  pushTag(m, test);
  code.op(Op.I32Eq);
}

/** Byte offset of a memo from the TLB array. */
function memoOffset(memo: number): number {
  return MemoryLayout.tlbMemos + 16 * (memo + 1);
}

/** Pushes whether the access at `va` is one that the memo knows. */
function testMemo(m: MemoryContext, memo: number, test: TlbTest): void {
  const { code } = m;
  const pushMemo = (): void => {
    code.get(m.tlb).load(Load.I32, memoOffset(memo) + test.tag);
  };
  pushTag(m, { ...test, span: 0 });
  pushMemo();
  if (test.span === 0) {
    code.op(Op.I32Eq);
    return;
  }
  code.op(Op.I32Xor);
  pushTag(m, test);
  pushMemo();
  code.op(Op.I32Xor, Op.I32Or, Op.I32Eqz);
}

/** Copies the TLB entry that was found into the memo. */
function writeMemo(m: MemoryContext, memo: number): void {
  const { code } = m;
  code.get(m.tlb).get(m.entry).simdLoad(0).simdStore(memoOffset(memo));
  code.get(m.tlb).i32(1).store(Store.I32, MemoryLayout.tlbMemos);
}

/** Does `access` with the host's address on the stack where the access is in the memo or the TLB; otherwise `slow`. */
function emitAccess(
  m: MemoryContext,
  memo: number | undefined,
  test: TlbTest,
  type: ValType | undefined,
  access: () => void,
  slow: () => void,
): void {
  const { code } = m;
  if (memo !== undefined) {
    testMemo(m, memo, test);
    code.ifHinted(true, type);
    code
      .get(m.tlb)
      .load(Load.I32, memoOffset(memo) + TlbWord.Addend)
      .get(m.va)
      .op(Op.I32Add);
    access();
    code.else();
  }
  testTlb(m, test);
  code.ifHinted(true, type);
  if (memo !== undefined) writeMemo(m, memo);
  pushHostAddress(m);
  access();
  code.else();
  slow();
  code.end();
  if (memo !== undefined) code.end();
}

function pushHostAddress(m: MemoryContext): void {
  m.code.get(m.va).get(m.entry).load(Load.I32, TlbWord.Addend).op(Op.I32Add);
}

/** Accesses with the rights of user mode are never found here: the entries are those of the present mode. */
function isAlwaysSlow(flags: number): boolean {
  return (flags & MemFlag.Unprivileged) !== 0;
}

function pushInfo(m: MemoryContext, size: number, flags: number): void {
  m.code.i32(size | (flags << 8));
}

function leaveAtSite(m: MemoryContext): void {
  m.code.i32(0);
  m.pushSite();
  m.code.store(Store.I32, RegionWord.Site);
  m.leaveBefore();
}

/** Accesses that one look at the TLB is for: `length` bytes from the first one on. */
export interface Stretch {
  /** What all of them are aligned with if the first byte is a multiple of it: 1, 2 or 4. */
  readonly alignment: number;
  readonly length: number;
  readonly isWritten: boolean;
  /** MemFlag of all. */
  readonly flags: number;
}

/** Pushes where bytes from the address on the stack on are in the machine's memory. Where they are not all in one page of the TLB, it leaves the region. */
export function pushStretch(m: MemoryContext, stretch: Stretch, memo?: number): void {
  const { code } = m;
  const { alignment, length, isWritten, flags } = stretch;
  const span = Math.floor((length - 1) / alignment) * alignment;
  code.set(m.va);
  emitAccess(
    m,
    memo,
    { alignment, span, tag: isWritten ? TlbWord.WriteTag : TlbWord.ReadTag },
    'i32',
    () => {},
    () => {
      if (m.callFree) {
        leaveAtSite(m);
        return;
      }
      code.get(m.va).i32(length | (isWritten ? FIND_WRITABLE : 0) | (flags << FIND_FLAGS_SHIFT));
      callBase(code, m.functions.find).tee(m.entry).op(Op.I32Eqz);
      code.ifHinted(false);
      leaveAtSite(m);
      code.end();
      code.get(m.entry);
    },
  );
}

/** A load or store in a stretch, whose address in the machine's memory is on the stack. */
export function emitLoadHere(m: MemoryContext, size: number, offset: number): void {
  m.code.load(LOAD_OF[size], offset);
}

export function emitStoreHere(m: MemoryContext, size: number, offset: number, pushValue: () => void): void {
  pushValue();
  m.code.store(STORE_OF[size], offset);
}

/** Loads from the address on the stack: an i32, or an i64 of eight bytes. */
export function emitLoad(m: MemoryContext, size: number, flags: number, memo?: number): void {
  const { code } = m;
  const callSlow = (): void => {
    code.get(m.va);
    pushInfo(m, size, flags);
    m.pushSite();
    callBase(code.get(m.budget), size === 8 ? m.functions.load64 : m.functions.load).set(m.budget);
    m.leaveOnFault();
  };
  code.set(m.va);
  if (isAlwaysSlow(flags)) {
    callSlow();
    return;
  }
  emitAccess(
    m,
    memo,
    testOf(size, flags, TlbWord.ReadTag),
    size === 8 ? 'i64' : 'i32',
    () => code.load(LOAD_OF[size]),
    () => (m.callFree ? leaveAtSite(m) : callSlow()),
  );
}

/** Stores the value that `pushValue` pushes at the address on the stack. */
export function emitStore(
  m: MemoryContext,
  size: number,
  flags: number,
  pushValue: () => void,
  memo?: number,
): void {
  const { code } = m;
  const callSlow = (): void => {
    code.get(m.va);
    pushValue();
    pushInfo(m, size, flags);
    m.pushSite();
    callBase(code.get(m.budget), size === 8 ? m.functions.store64 : m.functions.store).set(m.budget);
    m.leaveOnFault();
  };
  code.set(m.va);
  if (isAlwaysSlow(flags)) {
    callSlow();
    return;
  }
  emitAccess(
    m,
    memo,
    testOf(size, flags, TlbWord.WriteTag),
    undefined,
    () => {
      pushValue();
      code.store(STORE_OF[size]);
    },
    () => (m.callFree ? leaveAtSite(m) : callSlow()),
  );
}

function testOfWords(count: number, tag: number): TlbTest {
  return { alignment: 4, span: 4 * (count - 1), tag };
}

/** Where a function finds the words to store, or leaves those that it has loaded. */
function wordAddress(i: number): number {
  return RegionWord.Words + 4 * i;
}

/**
 * Loads `count` words, of one instruction that wants multiples of 4, from the address on the stack on. One look at the TLB is enough for
 * them where they are in one page.
 * @param take takes word `i` from the stack
 */
export function emitLoadWords(
  m: MemoryContext,
  count: number,
  take: (i: number) => void,
  memo?: number,
): void {
  const { code } = m;
  const callSlow = (): void => {
    code.get(m.va).i32(count);
    m.pushSite();
    callBase(code.get(m.budget), m.functions.loadWords).set(m.budget);
    m.leaveOnFault();
    for (let i = 0; i < count; i++) {
      code.i32(0).load(Load.I32, wordAddress(i));
      take(i);
    }
  };
  code.set(m.va);
  emitAccess(
    m,
    memo,
    testOfWords(count, TlbWord.ReadTag),
    undefined,
    () => {
      code.set(m.entry);
      for (let i = 0; i < count; i++) {
        code.get(m.entry).load(Load.I32, 4 * i);
        take(i);
      }
    },
    () => (m.callFree ? leaveAtSite(m) : callSlow()),
  );
}

/** The same for stores. @param pushValue pushes word `i` */
export function emitStoreWords(
  m: MemoryContext,
  count: number,
  pushValue: (i: number) => void,
  memo?: number,
): void {
  const { code } = m;
  const callSlow = (): void => {
    for (let i = 0; i < count; i++) {
      code.i32(0);
      pushValue(i);
      code.store(Store.I32, wordAddress(i));
    }
    code.get(m.va).i32(count);
    m.pushSite();
    callBase(code.get(m.budget), m.functions.storeWords).set(m.budget);
    m.leaveOnFault();
  };
  code.set(m.va);
  emitAccess(
    m,
    memo,
    testOfWords(count, TlbWord.WriteTag),
    undefined,
    () => {
      code.set(m.entry);
      for (let i = 0; i < count; i++) {
        code.get(m.entry);
        pushValue(i);
        code.store(Store.I32, 4 * i);
      }
    },
    () => (m.callFree ? leaveAtSite(m) : callSlow()),
  );
}

/** Pushes whether a byte at the address on the stack can be loaded without a call. */
export function pushReadable(m: MemoryContext): void {
  m.code.set(m.va);
  testTlb(m, testOf(1, MemFlag.None, TlbWord.ReadTag));
}

/** Pushes whether a call has raised a fault. */
export function pushFault(code: FunctionBody): void {
  code.i32(0).load(Load.I32, RegionWord.Fault);
}
