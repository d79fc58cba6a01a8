import './webassembly-types.ts';
import type { MachineMemory } from '../../memory/machine-memory.ts';
import { MemoryLayout } from '../../memory/machine-memory.ts';
import { CONDITION_TABLE } from '../flags.ts';
import { MemFlag } from '../ir/ops.ts';
import { FunctionBody, type ValType } from './function-body.ts';
import { interpreterCode } from './interpreter-code.ts';
import { emitFindEntry, emitRefill, pushEntryWord, TLB_INDEX_MASK, TlbWord, word } from './lookup-code.ts';
import { ModuleWriter } from './module-writer.ts';
import { Load, Op, Store } from './opcodes.ts';
import { runPure } from './pure-code.ts';
import {
  FlagKind,
  HOTTEST,
  JumpEntry,
  REGION_PARAMS,
  REGION_RESULTS,
  RegionResult,
  RegionWord,
  Slot,
  slotAddress,
} from './region-abi.ts';

/** What generated code calls outside of WebAssembly. Numbers as in InterpreterEnvironment. */
export interface RegionHost {
  slowLoad(va: number, size: number, flags: number): number;
  slowStore(va: number, size: number, low: number, high: number, flags: number): void;
  loadExclusive(va: number, size: number): number;
  storeExclusive(va: number, size: number, low: number, high: number): number;
  callHelper(number: number, a: number, b: number, c: number): number;
  /** The rest of a barrier, where the dirty tables word is set. */
  barrier(): void;
  /** As InterpreterEnvironment.vector. */
  vector(number: number, imm: number, d: number, a: number, b: number): void;
  /**
   * A region has ended by Resync, Raise or Fault: takes the exception, and selects the context of now.
   * @returns 0 where the next region may follow, otherwise the RegionResult that the engine gets
   */
  cross(result: number): number;
}

/** Types of the functions that regions import, in one place for both sides. */
export const BASE_FUNCTIONS = {
  /** (va, info, site, budget): value and budget. Info is size | MemFlag << 8. */
  load: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  load64: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64', 'i32'] },
  /** (va, value, info, site, budget): budget. */
  store: { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  store64: { params: ['i32', 'i64', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (va, count, site, budget): budget. Loads words that must be aligned to RegionWord.Words, up to the first that faults. */
  loadWords: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** The same: stores them from there. */
  storeWords: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (va, size, site, budget): value and budget. */
  loadExclusive: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  loadExclusive64: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64', 'i32'] },
  /** (va, low, high, size, site, budget): 0 or 1, and budget. */
  storeExclusive: { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  /** (helper, a, b, c, site, budget): result and budget. */
  callHelper: { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  /** The rest of a barrier, where the dirty tables word is set. */
  barrier: { params: [], results: [] },
  /** (budget, region): the budget with another piece of the reserve, unless the event word is set. */
  refill: { params: ['i32', 'i32'], results: ['i32'] },
  /** (kind, nz, a, b): NZCV. */
  nzcv: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (budget, tlb, pc, T and E): goes on in the region there, or leaves. */
  go: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (budget, tlb, target, E in bit 1): the same; bit 0 of the target selects T32. */
  interwork: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (budget, RegionResult): the end of a region; goes on where the state says if that is the next region's. */
  leave: { params: ['i32', 'i32'], results: ['i32'] },
} as const satisfies {
  readonly [name: string]: { readonly params: readonly ValType[]; readonly results: readonly ValType[] };
};

export type BaseFunction = keyof typeof BASE_FUNCTIONS;

const SIGN = -0x80000000;
const Z_BIT = 0x40000000;
const V_BIT = 0x10000000;
/** TlbFlag.Device; see the TLB arrays. */
const DEVICE = 8;
/** Instructions that are left go to the reserve where the event word is set, so that the next look at the budget sees it. */
function handBackWhereEvent(code: FunctionBody, budget: number): void {
  word(code, MemoryLayout.eventWord);
  code.if();
  code.i32(0);
  word(code, RegionWord.Reserve);
  code.get(budget).op(Op.I32Add).store(Store.I32, RegionWord.Reserve);
  code.i32(0).set(budget);
  code.end();
}

function noteCall(code: FunctionBody, site: number, budget: number): void {
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

/** Pushes whether an access that is not aligned may be done as one: no flags, SCTLR.A clear, no Device memory. */
function unalignedAllowed(code: FunctionBody, info: number, entry: number): void {
  code.get(info).i32(0x600).op(Op.I32And);
  code.get(entry).load(Load.I32, TlbWord.Flags).i32(DEVICE).op(Op.I32And, Op.I32Or);
  word(code, RegionWord.StrictAlignment);
  code.op(Op.I32Or, Op.I32Eqz);
}

/**
 * The same for eight bytes, of which MemFlag.AlignedWord asks for a multiple of 4 only: two words in one page that is in
 * the TLB, so that both are done or none.
 */
function unalignedAllowed64(code: FunctionBody, va: number, info: number, entry: number): void {
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

function pushHost(code: FunctionBody, va: number, entry: number): void {
  code.get(va).get(entry).load(Load.I32, TlbWord.Addend).op(Op.I32Add);
}

type Define = (name: BaseFunction, write: (code: FunctionBody) => void) => void;

interface HostFunctions {
  readonly slowLoad: number;
  readonly slowStore: number;
  readonly loadExclusive: number;
  readonly storeExclusive: number;
  readonly callHelper: number;
  readonly barrier: number;
  readonly cross: number;
  readonly vector: number;
  readonly pure: number;
}

/** MemFlag.Aligned and MemFlag.AlignedWord forbid what is not aligned (the first) or ask for a multiple of 4. */
function defineLoads(define: Define, host: HostFunctions): void {
  const [va, info, site, budget] = [0, 1, 2, 3];
  define('load', (code) => {
    const entry = code.local('i32');
    const slow = code.block();
    testEntry(code, va, entry, TlbWord.ReadTag, () => pushSizeOf(code, info));
    unalignedAllowed(code, info, entry);
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    pushSizeOf(code, info);
    code.i32(2).op(Op.I32Eq);
    code.if();
    pushHost(code, va, entry);
    code.load(Load.I32U16).get(budget).ret();
    code.end();
    pushSizeOf(code, info);
    code.i32(4).op(Op.I32Eq);
    code.if();
    pushHost(code, va, entry);
    code.load(Load.I32).get(budget).ret();
    code.end();
    code.end();
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(info).i32(8).op(Op.I32ShrU).call(host.slowLoad);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('load64', (code) => {
    const entry = code.local('i32');
    const low = code.local('i32');
    const slow = code.block();
    testEntry(code, va, entry, TlbWord.ReadTag, () => pushSizeOf(code, info));
    unalignedAllowed64(code, va, info, entry);
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    pushHost(code, va, entry);
    code.load(Load.I64).get(budget).ret();
    code.end();
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

function defineStores(define: Define, host: HostFunctions): void {
  const [va, value, info, site, budget] = [0, 1, 2, 3, 4];
  define('store', (code) => {
    const entry = code.local('i32');
    const slow = code.block();
    testEntry(code, va, entry, TlbWord.WriteTag, () => pushSizeOf(code, info));
    unalignedAllowed(code, info, entry);
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    pushSizeOf(code, info);
    code.i32(2).op(Op.I32Eq);
    code.if();
    pushHost(code, va, entry);
    code.get(value).store(Store.I32As16).get(budget).ret();
    code.end();
    pushSizeOf(code, info);
    code.i32(4).op(Op.I32Eq);
    code.if();
    pushHost(code, va, entry);
    code.get(value).store(Store.I32).get(budget).ret();
    code.end();
    code.end();
    noteCall(code, site, budget);
    code.get(va);
    pushSizeOf(code, info);
    code.get(value).i32(0).get(info).i32(8).op(Op.I32ShrU).call(host.slowStore);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('store64', (code) => {
    const entry = code.local('i32');
    const slow = code.block();
    testEntry(code, va, entry, TlbWord.WriteTag, () => pushSizeOf(code, info));
    unalignedAllowed64(code, va, info, entry);
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    pushHost(code, va, entry);
    code.get(value).store(Store.I64).get(budget).ret();
    code.end();
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
function defineWords(define: Define, load: number, store: number): void {
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
      code
        .get(va)
        .get(offset)
        .op(Op.I32Add)
        .i32(info)
        .get(site)
        .get(budget)
        .call(load)
        .set(budget)
        .set(value);
      code.get(offset).get(value).store(Store.I32, RegionWord.Words);
    });
  });
  define('storeWords', (code) =>
    eachWord(code, (offset) => {
      code.get(va).get(offset).op(Op.I32Add);
      code.get(offset).load(Load.I32, RegionWord.Words);
      code.i32(info).get(site).get(budget).call(store).set(budget);
    }),
  );
}

/** Arms the monitor for an access that was done here. */
function armMonitor(code: FunctionBody, va: number, size: number): void {
  code.i32(0).i32(1).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
  code.i32(0).get(va).store(Store.I32, slotAddress(Slot.ExclusiveAddress));
  code.i32(0).get(size).store(Store.I32, slotAddress(Slot.ExclusiveSize));
}

/** Words that are aligned and in the TLB are dealt with here, all else by the host. */
function defineExclusives(define: Define, host: HostFunctions): void {
  const [va, size, site, budget] = [0, 1, 2, 3];
  define('loadExclusive', (code) => {
    const entry = code.local('i32');
    code.get(size).i32(4).op(Op.I32Eq);
    testEntry(code, va, entry, TlbWord.ReadTag, () => code.i32(1));
    code.op(Op.I32And).get(va).i32(3).op(Op.I32And, Op.I32Eqz, Op.I32And);
    code.if();
    armMonitor(code, va, size);
    pushHost(code, va, entry);
    code.load(Load.I32).get(budget).ret();
    code.end();
    noteCall(code, site, budget);
    code.get(va).get(size).call(host.loadExclusive);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('loadExclusive64', (code) => {
    const low = code.local('i32');
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
    const slow = code.block();
    word(code, slotAddress(Slot.ExclusiveArmed));
    word(code, slotAddress(Slot.ExclusiveAddress));
    code.get(address).op(Op.I32Eq, Op.I32And);
    word(code, slotAddress(Slot.ExclusiveSize));
    code.i32(4).op(Op.I32Eq, Op.I32And).get(bytes).i32(4).op(Op.I32Eq, Op.I32And);
    code.get(address).i32(3).op(Op.I32And, Op.I32Eqz, Op.I32And);
    testEntry(code, address, entry, TlbWord.WriteTag, () => code.i32(1));
    code.op(Op.I32And, Op.I32Eqz).brIf(slow);
    code.i32(0).i32(0).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
    pushHost(code, address, entry);
    code.get(low).store(Store.I32).i32(0).get(left).ret();
    code.end();
    noteCall(code, at, left);
    code.get(address).get(bytes).get(low).get(high).call(host.storeExclusive);
    handBackWhereEvent(code, left);
    code.get(left);
  });
}

interface Flow {
  readonly regionType: number;
  /** Runs the interpreter: (budget, tlb, word index of code). */
  readonly interpret: number;
  readonly nzcv: number;
}

/** Goes on at `pc` in a region or the interpreter if the jump cache knows code there, or leaves. Parameters are locals. */
function emitGo(
  code: FunctionBody,
  { regionType, interpret, nzcv }: Flow,
  budget: number,
  tlb: number,
  pc: number,
  flags: number,
): void {
  const entry = code.local('i32');
  const tag = code.local('i32');
  const found = code.local('i32');
  const miss = code.block();
  emitFindEntry(code, { pc, flags, entry, tag }, miss);
  pushEntryWord(code, entry, JumpEntry.Region);
  code.tee(found);
  code.ifHinted(true);
  code.get(budget).get(tlb).get(found).returnCallIndirect(regionType, 0);
  code.end();
  pushEntryWord(code, entry, JumpEntry.Code);
  code.tee(found).op(Op.I32Eqz).brIf(miss).i32(0);
  for (const address of [RegionWord.FlagKind, RegionWord.FlagNz, RegionWord.FlagA, RegionWord.FlagB]) {
    word(code, address);
  }
  code.call(nzcv).store(Store.I32, slotAddress(Slot.Nzcv));
  code.i32(0).i32(FlagKind.Raw).store(Store.I32, RegionWord.FlagKind);
  code.get(budget).get(tlb).get(found).returnCall(interpret);
  code.end();
  code.i32(0).get(pc).store(Store.I32, slotAddress(Slot.Pc));
  code.i32(0).get(budget).store(Store.I32, RegionWord.Budget);
  code.i32(RegionResult.Lookup);
}

function defineFlow(define: Define, host: HostFunctions, flow: Flow): void {
  define('callHelper', (code) => {
    const [number, a, b, c, site, budget] = [0, 1, 2, 3, 4, 5];
    noteCall(code, site, budget);
    code.get(number).get(a).get(b).get(c).call(host.callHelper);
    handBackWhereEvent(code, budget);
    code.get(budget);
  });
  define('barrier', (code) => code.call(host.barrier));
  define('refill', (code) => {
    const [budget, region] = [0, 1];
    const heat = code.local('i32');
    emitRefill(code, budget, code.local('i32'));
    code.get(region).i32(2).op(Op.I32Shl).get(region).i32(2).op(Op.I32Shl);
    code.load(Load.I32, MemoryLayout.regionHeat).i32(1).op(Op.I32Add).tee(heat);
    code.store(Store.I32, MemoryLayout.regionHeat);
    code.get(heat).i32(HOTTEST).op(Op.I32Eq);
    code.if();
    code.i32(0).get(region).store(Store.I32, RegionWord.Hottest);
    code.end();
    code.get(budget);
  });
  const [budget, tlb, pc, flags] = [0, 1, 2, 3];
  define('go', (code) => emitGo(code, flow, budget, tlb, pc, flags));
  define('interwork', (code) => {
    const thumb = code.local('i32');
    code.i32(0).get(pc).i32(1).op(Op.I32And).tee(thumb).store(Store.I32, slotAddress(Slot.T));
    code.get(pc).i32(-2).i32(-4).get(thumb).op(Op.Select, Op.I32And).set(pc);
    code.get(flags).get(thumb).op(Op.I32Or).set(flags);
    // Not a call of `go`: this is how functions return.
    emitGo(code, flow, budget, tlb, pc, flags);
  });
  define('leave', (code) => defineLeave(code, host, flow));
}

/** Exceptions and changes of context go on in the next region, where the host lets them. */
function defineLeave(code: FunctionBody, host: HostFunctions, flow: Flow): void {
  const [budget, result] = [0, 1];
  const [tlb, pc, flags] = [code.local('i32'), code.local('i32'), code.local('i32')];
  const { Resync, Fault } = RegionResult;
  code.i32(0).get(budget).store(Store.I32, RegionWord.Budget);
  const back = code.block();
  code
    .get(result)
    .i32(Resync)
    .op(Op.I32Sub)
    .i32(Fault - Resync)
    .op(Op.I32GtU)
    .brIf(back);
  code.get(result).call(host.cross).tee(result).brIf(back);
  code.i32(0).i32(0).store(Store.I32, RegionWord.Interpreting);
  word(code, RegionWord.Budget);
  code.set(budget);
  word(code, RegionWord.Tlb);
  code.set(tlb);
  word(code, slotAddress(Slot.Pc));
  code.set(pc);
  word(code, slotAddress(Slot.T));
  word(code, slotAddress(Slot.E));
  code.i32(1).op(Op.I32Shl, Op.I32Or).set(flags);
  emitGo(code, flow, budget, tlb, pc, flags);
  code.ret();
  code.end();
  code.get(result);
}

/** N and Z of `nz`, C and V as the kind says. */
function defineFlags(define: Define): void {
  define('nzcv', (code) => {
    const [kind, nz, a, b] = [0, 1, 2, 3];
    const cv = code.local('i32');
    code.get(kind).op(Op.I32Eqz);
    code.if();
    code.get(a).ret();
    code.end();
    code.get(kind).i32(FlagKind.Difference).op(Op.I32Eq);
    code.if();
    code.get(a).get(b).op(Op.I32Sub).set(nz).i32(FlagKind.Sub).set(kind);
    code.end();
    code.get(kind).i32(FlagKind.Sum).op(Op.I32Eq);
    code.if();
    code.get(a).get(b).op(Op.I32Add).set(nz).i32(FlagKind.Add).set(kind);
    code.end();
    const done = code.block();
    code.get(a).set(cv);
    code.get(kind).i32(FlagKind.Bits).op(Op.I32Eq).brIf(done);
    code.get(kind).i32(FlagKind.Sub).op(Op.I32Eq);
    code.if();
    code.get(a).get(b).op(Op.I32GeU).i32(29).op(Op.I32Shl);
    code.get(a).get(b).op(Op.I32Xor).get(a).get(a).get(b).op(Op.I32Sub, Op.I32Xor, Op.I32And);
    code.i32(3).op(Op.I32ShrU).i32(V_BIT).op(Op.I32And, Op.I32Or).set(cv).br(done);
    code.end();
    code.get(a).get(b).op(Op.I32Add).get(a).op(Op.I32LtU).i32(29).op(Op.I32Shl);
    code.get(a).get(b).op(Op.I32Xor).i32(-1).op(Op.I32Xor);
    code.get(a).get(a).get(b).op(Op.I32Add, Op.I32Xor, Op.I32And);
    code.i32(3).op(Op.I32ShrU).i32(V_BIT).op(Op.I32And, Op.I32Or).set(cv);
    code.end();
    code.get(nz).i32(SIGN).op(Op.I32And).get(cv).op(Op.I32Or);
    code.i32(Z_BIT).i32(0).get(nz).op(Op.Select);
    // select gives its first operand where the condition is not zero: Z is set where nz is zero.
    code.i32(Z_BIT).op(Op.I32Xor, Op.I32Or);
  });
}

/** What the base module exports besides {@link BASE_FUNCTIONS}: the interpreter (budget, byte address of the TLB array, word index of code). */
export const INTERPRET = { name: 'interpret', params: ['i32', 'i32', 'i32'], results: ['i32'] } as const;

/** A memory of any size is imported by this. */
const LEAST_PAGES = 1;
const MOST_PAGES = 65536;

/** The bytes of the base module. */
function writeBase(): Uint8Array<ArrayBuffer> {
  const writer = new ModuleWriter();
  writer.importMemory('memory', LEAST_PAGES, MOST_PAGES);
  writer.importTable('table', 1);
  const functions: HostFunctions = {
    slowLoad: writer.importFunction('slowLoad', ['i32', 'i32', 'i32'], ['i32']),
    slowStore: writer.importFunction('slowStore', ['i32', 'i32', 'i32', 'i32', 'i32'], []),
    loadExclusive: writer.importFunction('loadExclusive', ['i32', 'i32'], ['i32']),
    storeExclusive: writer.importFunction('storeExclusive', ['i32', 'i32', 'i32', 'i32'], ['i32']),
    callHelper: writer.importFunction('callHelper', ['i32', 'i32', 'i32', 'i32'], ['i32']),
    barrier: writer.importFunction('barrier', [], []),
    cross: writer.importFunction('cross', ['i32'], ['i32']),
    vector: writer.importFunction('vector', ['i32', 'i32', 'i32', 'i32', 'i32'], []),
    pure: writer.importFunction('pure', ['i32', 'i32', 'i32', 'i32', 'i32'], ['i32']),
  };
  const regionType = writer.type(REGION_PARAMS, REGION_RESULTS);
  const numbers = {} as { [N in BaseFunction]: number };
  for (const name of Object.keys(BASE_FUNCTIONS) as BaseFunction[]) {
    const { params, results } = BASE_FUNCTIONS[name];
    numbers[name] = writer.declare(params, results);
  }
  const interpret = writer.declare(INTERPRET.params, INTERPRET.results);
  const define: Define = (name, write) => {
    const fn = numbers[name];
    const code = new FunctionBody(BASE_FUNCTIONS[name].params);
    write(code);
    writer.define(fn, code);
    writer.export(name, fn);
  };
  defineLoads(define, functions);
  defineStores(define, functions);
  defineWords(define, numbers.load, numbers.store);
  defineExclusives(define, functions);
  defineFlow(define, functions, { regionType, interpret, nzcv: numbers.nzcv });
  defineFlags(define);
  writer.define(
    interpret,
    interpreterCode({ ...functions, ...numbers, callHelper: functions.callHelper, regionType }),
  );
  writer.export(INTERPRET.name, interpret);
  return writer.finish();
}

let baseModule: WebAssembly.Module | undefined;

/**
 * Functions that all regions of a machine share, and the interpreter; only this module sees the table of regions. Its machine code
 * serves all machines of the process.
 */
export function instantiateBase(
  memory: MachineMemory,
  table: WebAssembly.Table,
  host: RegionHost,
): WebAssembly.Exports {
  memory.words.set(CONDITION_TABLE, MemoryLayout.conditions >>> 2);
  baseModule ??= new WebAssembly.Module(writeBase());
  const imports = {
    memory: memory.wasm,
    table,
    slowLoad: host.slowLoad,
    slowStore: host.slowStore,
    loadExclusive: host.loadExclusive,
    storeExclusive: host.storeExclusive,
    callHelper: host.callHelper,
    barrier: host.barrier,
    cross: host.cross,
    vector: host.vector,
    pure: runPure,
  };
  return new WebAssembly.Instance(baseModule, { host: imports }).exports;
}
