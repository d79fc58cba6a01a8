import './webassembly-types.ts';
import type { MachineMemory } from '../../memory/machine-memory.ts';
import { MemoryLayout } from '../../memory/machine-memory.ts';
import { CONDITION_TABLE } from '../flags.ts';
import {
  defineExclusives,
  defineFind,
  defineLoads,
  defineStores,
  defineWords,
  handBackWhereEvent,
  noteCall,
  secondEntry,
} from './base-accesses.ts';
import {
  BASE_FUNCTIONS,
  type BaseFunction,
  baseType,
  callBase,
  type Define,
  type HostFunctions,
  type RegionHost,
  returnFromBase,
  writeBaseFunction,
} from './base-functions.ts';
import type { FunctionBody } from './function-body.ts';
import { interpreterCode } from './interpreter-code.ts';
import { emitFindEntry, emitRefill, pushEntryWord, word } from './lookup-code.ts';
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

const SIGN = -0x80000000;
const Z_BIT = 0x40000000;
const V_BIT = 0x10000000;
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
  callBase(code, nzcv).store(Store.I32, slotAddress(Slot.Nzcv));
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
    returnFromBase(code.get(a));
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
  const imported = {
    slowLoad: writer.importFunction('slowLoad', ['i32', 'i32', 'i32'], ['i32']),
    slowStore: writer.importFunction('slowStore', ['i32', 'i32', 'i32', 'i32', 'i32'], []),
    fillTlb: writer.importFunction('fillTlb', ['i32', 'i32'], []),
    loadExclusive: writer.importFunction('loadExclusive', ['i32', 'i32'], ['i32']),
    storeExclusive: writer.importFunction('storeExclusive', ['i32', 'i32', 'i32', 'i32'], ['i32']),
    callHelper: writer.importFunction('callHelper', ['i32', 'i32', 'i32', 'i32'], ['i32']),
    barrier: writer.importFunction('barrier', [], []),
    cross: writer.importFunction('cross', ['i32'], ['i32']),
    vector: writer.importFunction('vector', ['i32', 'i32', 'i32', 'i32', 'i32'], []),
    pure: writer.importFunction('pure', ['i32', 'i32', 'i32', 'i32', 'i32'], ['i32']),
  };
  const second = writer.declare(['i32', 'i32'], ['i32']);
  const functions: HostFunctions = { ...imported, second };
  writer.define(second, secondEntry());
  const regionType = writer.type(REGION_PARAMS, REGION_RESULTS);
  const numbers = {} as { [N in BaseFunction]: number };
  for (const name of Object.keys(BASE_FUNCTIONS) as BaseFunction[]) {
    const { params, results } = baseType(name);
    numbers[name] = writer.declare(params, results);
  }
  const interpret = writer.declare(INTERPRET.params, INTERPRET.results);
  const define: Define = (name, write) => {
    const fn = numbers[name];
    writer.define(fn, writeBaseFunction(name, write));
    writer.export(name, fn);
  };
  defineLoads(define, functions);
  defineStores(define, functions);
  defineFind(define, functions);
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
    fillTlb: host.fillTlb,
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
