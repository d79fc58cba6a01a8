import { MemoryLayout } from '../../memory/machine-memory.ts';
import { MemFlag } from '../ir/ops.ts';
import { callBase, type Define, type HostFunctions, returnFromBase } from './base-functions.ts';
import { FunctionBody } from './function-body.ts';
import { TLB_INDEX_MASK, TlbWord, word } from './lookup-code.ts';
import { Load, Op, Simd, Store } from './opcodes.ts';
import { FIND_FLAGS_SHIFT, FIND_WRITABLE, RegionWord, Slot, slotAddress } from './region-abi.ts';

/** TlbFlag.Device; see the TLB arrays. */
const DEVICE = 8;
/** Instructions that are left go to the reserve where the event word is set, so that the next look at the budget sees it. */
export function handBackWhereEvent(code: FunctionBody, budget: number): void {
  word(code, MemoryLayout.eventWord);
  code.if();
  code.i32(0);
  word(code, RegionWord.Reserve);
  code.get(budget).op(Op.I32Add).store(Store.I32, RegionWord.Reserve);
  code.i32(0).set(budget);
  code.end();
}

export function noteCall(code: FunctionBody, site: number, budget: number): void {
  code.i32(0).get(site).store(Store.I32, RegionWord.Site);
  code.i32(0).get(budget).store(Store.I32, RegionWord.Budget);
}

/** Leaves the entry's address in `entry` and pushes whether an access of `size` bytes at `va` may take the fast path. */
function testEntry(code: FunctionBody, va: number, entry: number, tag: number, pushSize: () => void): void {
  code.get(va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And);
  word(code, RegionWord.Tlb);
  code.op(Op.I32Add).tee(entry).load(Load.I32, tag);
  code.get(va);
  pushSize();
  code.op(Op.I32Add).i32(1).op(Op.I32Sub).i32(-4096).op(Op.I32And, Op.I32Eq);
}

/**
 * Pushes whether an access that is in the TLB may be done as one: with the rights of the present mode; and where it is no multiple of 4, without
 * flags that ask for alignment, SCTLR.A clear, no Device memory.
 */
function allowed(code: FunctionBody, va: number, info: number, entry: number): void {
  code
    .get(info)
    .i32(MemFlag.Unprivileged << 8)
    .op(Op.I32And);
  code
    .get(info)
    .i32((MemFlag.Aligned | MemFlag.AlignedWord) << 8)
    .op(Op.I32And);
  code.get(entry).load(Load.I32, TlbWord.Flags).i32(DEVICE).op(Op.I32And, Op.I32Or);
  word(code, RegionWord.StrictAlignment);
  code.op(Op.I32Or).get(va).i32(3).op(Op.I32And, Op.I32Mul);
  code.op(Op.I32Or, Op.I32Eqz);
}

/**
 * The same for eight bytes, of which MemFlag.AlignedWord asks for a multiple of 4 only: two words in one page that is in
 * the TLB, so that both are done or none.
 */
function allowed64(code: FunctionBody, va: number, info: number, entry: number): void {
  code.get(info).i32(0x500).op(Op.I32And);
  code.get(info).i32(9).op(Op.I32ShrU).i32(1).op(Op.I32And).get(va).i32(3).op(Op.I32And, Op.I32Mul);
  code.get(entry).load(Load.I32, TlbWord.Flags).i32(DEVICE).op(Op.I32And, Op.I32Or, Op.I32Or);
  word(code, RegionWord.StrictAlignment);
  code.op(Op.I32Or, Op.I32Eqz);
}

/** Info without MemFlag.Aligned... leaves size in its low byte. */
function pushSizeOf(code: FunctionBody, info: number): void {
  code.get(info).i32(0xff).op(Op.I32And);
}

/** Where the bytes of a group of accesses are. */
export function defineFind(define: Define, host: HostFunctions): void {
  define('find', (code) => {
    const [va, info] = [0, 1];
    const entry = code.local('i32');
    const flags = code.local('i32');
    const isWrite = code.local('i32');
    code.get(info).i32(FIND_FLAGS_SHIFT).op(Op.I32ShrU).i32(8).op(Op.I32Shl).set(flags);
    code.get(info).i32(FIND_WRITABLE).op(Op.I32And).i32(0).op(Op.I32Ne).set(isWrite);
    const look = (): void => {
      code.get(va).i32(8).op(Op.I32ShrU).i32(TLB_INDEX_MASK).op(Op.I32And);
      word(code, RegionWord.Tlb);
      code.op(Op.I32Add).set(entry);
      code.get(entry).load(Load.I32, TlbWord.WriteTag).get(entry).load(Load.I32, TlbWord.ReadTag);
      code.get(isWrite).op(Op.Select);
      code.get(va);
      code
        .get(info)
        .i32(FIND_WRITABLE - 1)
        .op(Op.I32And);
      code.op(Op.I32Add).i32(1).op(Op.I32Sub).i32(-4096).op(Op.I32And, Op.I32Eq);
      allowed(code, va, flags, entry);
      code.op(Op.I32And);
      code.if();
      pushHost(code, va, entry);
      returnFromBase(code);
      code.end();
    };
    tryBoth(code, host, va, entry, look);
    code.get(va).get(isWrite).call(host.fillTlb);
    look();
    code.i32(0);
  });
}

/** See HostFunctions.second. */
export function secondEntry(): FunctionBody {
  const code = new FunctionBody(['i32', 'i32']);
  const [va, entry] = [0, 1];
  const other = code.local('v128');
  const { tlbSeconds } = MemoryLayout;
  const isPage = (tag: number): void => {
    code
      .get(entry)
      .load(Load.I32, tlbSeconds + tag)
      .get(va)
      .i32(-4096)
      .op(Op.I32And, Op.I32Eq);
  };
  isPage(TlbWord.ReadTag);
  isPage(TlbWord.WriteTag);
  code.op(Op.I32Or);
  code.if();
  code.get(entry).simdLoad(Simd.Load).set(other);
  code.get(entry).get(entry).simdLoad(Simd.Load, tlbSeconds).simdStore();
  code.get(entry).get(other).simdStore(tlbSeconds);
  code.i32(1).ret();
  code.end();
  return code.i32(0);
}

/** Writes an attempt at the fast path, and another one for a page that is in the second entry of its place. */
function tryBoth(
  code: FunctionBody,
  host: HostFunctions,
  va: number,
  entry: number,
  quick: () => void,
): void {
  quick();
  code.get(va).get(entry).call(host.second);
  code.if();
  quick();
  code.end();
}

function pushHost(code: FunctionBody, va: number, entry: number): void {
  code.get(va).get(entry).load(Load.I32, TlbWord.Addend).op(Op.I32Add);
}

/** Writes `access` where the TLB has the page and the access may be done as one; it is to return from the function. */
function ifAllowed(
  code: FunctionBody,
  host: HostFunctions,
  va: number,
  info: number,
  tag: number,
  isAllowed: typeof allowed,
  access: (pushAddress: () => void) => void,
): void {
  const entry = code.local('i32');
  tryBoth(code, host, va, entry, () => {
    const slow = code.block();
    testEntry(code, va, entry, tag, () => pushSizeOf(code, info));
    isAllowed(code, va, info, entry);
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    access(() => pushHost(code, va, entry));
    code.end();
  });
}

/** Writes `access` for each size that `info` may say but eight bytes. */
function ofSize(code: FunctionBody, info: number, access: (bytes: 1 | 2 | 4) => void): void {
  for (const bytes of [1, 2, 4] as const) {
    pushSizeOf(code, info);
    code.i32(bytes).op(Op.I32Eq);
    code.if();
    access(bytes);
    code.end();
  }
}

export function defineLoads(define: Define, host: HostFunctions): void {
  const [va, info, site, budget] = [0, 1, 2, 3];
  define('load', (code) => {
    ifAllowed(code, host, va, info, TlbWord.ReadTag, allowed, (pushAddress) => {
      ofSize(code, info, (bytes) => {
        pushAddress();
        returnFromBase(code.load(LOAD_OF[bytes]).get(budget));
      });
    });
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(info).i32(8).op(Op.I32ShrU).call(host.slowLoad);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('load64', (code) => {
    const low = code.local('i32');
    ifAllowed(code, host, va, info, TlbWord.ReadTag, allowed64, (pushAddress) => {
      pushAddress();
      returnFromBase(code.load(Load.I64).get(budget));
    });
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(info).i32(8).op(Op.I32ShrU).call(host.slowLoad).set(low);
    handBackWhereEvent(code, budget);
    code.get(low).op(Op.I64ExtendI32U);
    word(code, slotAddress(Slot.CallHigh));
    code.op(Op.I64ExtendI32U).i64(32, 0).op(Op.I64Shl, Op.I64Or).get(budget);
  });
}

export function defineStores(define: Define, host: HostFunctions): void {
  const [va, value, info, site, budget] = [0, 1, 2, 3, 4];
  define('store', (code) => {
    ifAllowed(code, host, va, info, TlbWord.WriteTag, allowed, (pushAddress) => {
      ofSize(code, info, (bytes) => {
        pushAddress();
        returnFromBase(code.get(value).store(STORE_OF[bytes]).get(budget));
      });
    });
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(value).i32(0).get(info).i32(8).op(Op.I32ShrU).call(host.slowStore);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('store64', (code) => {
    ifAllowed(code, host, va, info, TlbWord.WriteTag, allowed64, (pushAddress) => {
      pushAddress();
      returnFromBase(code.get(value).store(Store.I64).get(budget));
    });
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(value).op(Op.I32WrapI64).get(value).i64(32, 0).op(Op.I64ShrU, Op.I32WrapI64);
    code.get(info).i32(8).op(Op.I32ShrU).call(host.slowStore);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
}

/** Several words of one instruction, each as an access of its own. */
export function defineWords(define: Define, load: number, store: number): void {
  const [va, count, site, budget] = [0, 1, 2, 3];
  const info = 4 | (MemFlag.AlignedWord << 8);
  const eachWord = (code: FunctionBody, access: (offset: number) => void): void => {
    const offset = code.local('i32');
    const done = code.block();
    const next = code.loop();
    access(offset);
    word(code, RegionWord.Fault);
    code.brIfUnlikely(done);
    code.get(offset).i32(4).op(Op.I32Add).tee(offset);
    code.get(count).i32(2).op(Op.I32Shl, Op.I32LtU).brIf(next);
    code.end();
    code.end();
    code.get(budget);
  };
  define('loadWords', (code) => {
    const value = code.local('i32');
    eachWord(code, (offset) => {
      code.get(va).get(offset).op(Op.I32Add).i32(info).get(site).get(budget);
      callBase(code, load).set(budget).set(value);
      code.get(offset).get(value).store(Store.I32, RegionWord.Words);
    });
  });
  define('storeWords', (code) =>
    eachWord(code, (offset) => {
      code.get(va).get(offset).op(Op.I32Add);
      code.get(offset).load(Load.I32, RegionWord.Words);
      callBase(code.i32(info).get(site).get(budget), store).set(budget);
    }),
  );
}

/** Arms the monitor for an access that was done here. */
function armMonitor(code: FunctionBody, va: number, size: number): void {
  code.i32(0).i32(1).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
  code.i32(0).get(va).store(Store.I32, slotAddress(Slot.ExclusiveAddress));
  code.i32(0).get(size).store(Store.I32, slotAddress(Slot.ExclusiveSize));
}

/** Pushes whether an address is a multiple of a size. */
function testAlignment(code: FunctionBody, va: number, size: number): void {
  code.get(va).get(size).i32(1).op(Op.I32Sub, Op.I32And, Op.I32Eqz);
}

/** Writes `access` for the size that it is of the three. */
function bySize(code: FunctionBody, size: number, access: (bytes: 1 | 2 | 4) => void): void {
  for (const bytes of [4, 2] as const) {
    code.get(size).i32(bytes).op(Op.I32Eq);
    code.if();
    access(bytes);
    code.end();
  }
  access(1);
}

const LOAD_OF = { 1: Load.I32U8, 2: Load.I32U16, 4: Load.I32 } as const;
const STORE_OF = { 1: Store.I32As8, 2: Store.I32As16, 4: Store.I32 } as const;

/** What is aligned and in the TLB is dealt with here, all else by the host. */
export function defineExclusives(define: Define, host: HostFunctions): void {
  const [va, size, site, budget] = [0, 1, 2, 3];
  define('loadExclusive', (code) => {
    const entry = code.local('i32');
    tryBoth(code, host, va, entry, () => {
      testEntry(code, va, entry, TlbWord.ReadTag, () => code.i32(1));
      testAlignment(code, va, size);
      code.op(Op.I32And);
      code.if();
      armMonitor(code, va, size);
      bySize(code, size, (bytes) => {
        pushHost(code, va, entry);
        returnFromBase(code.load(LOAD_OF[bytes]).get(budget));
      });
      code.end();
    });
    noteCall(code, site, budget);
    code.get(va).get(size).call(host.loadExclusive);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('loadExclusive64', (code) => {
    const entry = code.local('i32');
    const low = code.local('i32');
    tryBoth(code, host, va, entry, () => {
      testEntry(code, va, entry, TlbWord.ReadTag, () => code.i32(1));
      testAlignment(code, va, size);
      code.op(Op.I32And);
      code.if();
      armMonitor(code, va, size);
      pushHost(code, va, entry);
      returnFromBase(code.load(Load.I64).get(budget));
      code.end();
    });
    noteCall(code, site, budget);
    code.get(va).get(size).call(host.loadExclusive).set(low);
    handBackWhereEvent(code, budget);
    code.get(low).op(Op.I64ExtendI32U);
    word(code, slotAddress(Slot.CallHigh));
    code.op(Op.I64ExtendI32U).i64(32, 0).op(Op.I64Shl, Op.I64Or).get(budget);
  });
  define('storeExclusive', (code) => {
    const [address, low, high, bytes, at, left] = [0, 1, 2, 3, 4, 5];
    const entry = code.local('i32');
    tryBoth(code, host, address, entry, () => {
      const slow = code.block();
      word(code, slotAddress(Slot.ExclusiveArmed));
      word(code, slotAddress(Slot.ExclusiveAddress));
      code.get(address).op(Op.I32Eq, Op.I32And);
      word(code, slotAddress(Slot.ExclusiveSize));
      code.get(bytes).op(Op.I32Eq, Op.I32And);
      testAlignment(code, address, bytes);
      code.op(Op.I32And);
      testEntry(code, address, entry, TlbWord.WriteTag, () => code.i32(1));
      code.op(Op.I32And, Op.I32Eqz).brIf(slow);
      code.i32(0).i32(0).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
      code.get(bytes).i32(8).op(Op.I32Eq);
      code.if();
      pushHost(code, address, entry);
      code.get(low).op(Op.I64ExtendI32U).get(high).op(Op.I64ExtendI32U).i64(32, 0).op(Op.I64Shl, Op.I64Or);
      returnFromBase(code.store(Store.I64).i32(0).get(left));
      code.end();
      bySize(code, bytes, (n) => {
        pushHost(code, address, entry);
        returnFromBase(code.get(low).store(STORE_OF[n]).i32(0).get(left));
      });
      code.end();
    });
    noteCall(code, at, left);
    code.get(address).get(bytes).get(low).get(high).call(host.storeExclusive);
    handBackWhereEvent(code, left);
    code.get(left);
  });
}
