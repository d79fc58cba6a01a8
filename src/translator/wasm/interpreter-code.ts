import { MemoryLayout } from '../../memory/machine-memory.ts';
import { Bc, ENTER_COUNTDOWN, ENTER_NUMBER, ENTER_WORDS } from '../interpreter.ts';
import { DISPATCH_SHIFT, FIRST_SUPERINSTRUCTION, SUPERINSTRUCTIONS } from '../superinstructions.ts';
import { jumpToBase } from './base-functions.ts';
import type { FunctionBody } from './function-body.ts';
import { addAccesses } from './interpreter-accesses.ts';
import { addCalls, addExits } from './interpreter-exits.ts';
import { type Handlers, type InterpreterCalls, InterpreterFrame } from './interpreter-frame.ts';
import { addOperations } from './interpreter-operations.ts';
import { emitFindEntry, emitRefill, pushEntryWord, word } from './lookup-code.ts';
import { Load, Op, Store } from './opcodes.ts';
import { JumpEntry, RegionResult, RegionWord, Slot, slotAddress } from './region-abi.ts';

const NZCV = slotAddress(Slot.Nzcv);

/** Adds the instructions that are left to those that were interpreted, or takes them off: what remains is how many have run. */
function count(f: InterpreterFrame, opcode: number): void {
  const { body, budget } = f;
  body.i32(0);
  word(body, RegionWord.Interpreted);
  body.get(budget);
  word(body, RegionWord.Reserve);
  body.op(Op.I32Add, opcode).store(Store.I32, RegionWord.Interpreted);
}

/** The flags to where regions keep them. Their kind is Raw all the while. */
function keepFlags(f: InterpreterFrame): void {
  f.body.i32(0);
  word(f.body, NZCV);
  f.body.store(Store.I32, RegionWord.FlagA);
}

/** What opens a block: Enter, Stale and Promoted, or nothing where the code goes on in the middle of one. */
function openBlock(f: InterpreterFrame): void {
  const { body, x } = f;
  const opened = body.block();
  const notEntered = body.block();
  f.word(0);
  body.tee(x).brIf(notEntered);
  enter(f, true);
  body.br(opened);
  body.end();
  const promoted = body.block();
  body.get(x).i32(Bc.Promoted).op(Op.I32Eq).brIf(promoted);
  body.get(x).i32(Bc.Stale).op(Op.I32Ne).brIf(opened);
  f.setPc(3);
  f.leave(RegionResult.Lookup);
  body.end();
  f.word(3);
  body.set(f.pc);
  word(body, slotAddress(Slot.T));
  word(body, slotAddress(Slot.E));
  body.i32(1).op(Op.I32Shl, Op.I32Or).set(f.flags).i32(0).set(f.link).br(f.find);
  body.end();
}

/** Begins a block. @param counts whether it may become hot */
function enter(f: InterpreterFrame, counts: boolean): void {
  const { body, ip, budget, x } = f;
  word(body, MemoryLayout.eventWord);
  body.get(budget);
  f.word(1);
  body.op(Op.I32LtS, Op.I32Or);
  body.ifHinted(false);
  emitRefill(body, budget, x);
  word(body, MemoryLayout.eventWord);
  body.get(budget);
  f.word(1);
  body.op(Op.I32LtS, Op.I32Or);
  body.if();
  f.setPc(3);
  f.leave(RegionResult.Interrupted);
  body.end();
  body.end();
  body.i32(0);
  f.word(ENTER_NUMBER);
  body.store(Store.I32, RegionWord.Block);
  if (counts) {
    body.get(ip);
    f.word(ENTER_COUNTDOWN);
    body
      .i32(1)
      .op(Op.I32Sub)
      .tee(x)
      .store(Store.I32, 4 * ENTER_COUNTDOWN);
    body.get(x).op(Op.I32Eqz);
    body.ifHinted(false);
    f.setPc(3);
    f.leave(RegionResult.Hot);
    body.end();
  }
  body.get(budget);
  f.word(1);
  body.op(Op.I32Sub).set(budget);
  body
    .get(ip)
    .i32(4 * ENTER_WORDS)
    .op(Op.I32Add)
    .set(ip);
}

/** The code at PC and flags: a region, or code words, to which the word at `link` is made to point. */
function goOn(f: InterpreterFrame): void {
  const { body, pc, flags, entry, tag, link, ip, x } = f;
  const found = body.block();
  const miss = body.block();
  emitFindEntry(body, { pc, flags, entry, tag }, miss);
  pushEntryWord(body, entry, JumpEntry.Region);
  body.tee(x).brIf(f.toRegion);
  pushEntryWord(body, entry, JumpEntry.Code);
  body.tee(x).brIf(found);
  body.end();
  body.i32(0).get(pc).store(Store.I32, slotAddress(Slot.Pc));
  f.leave(RegionResult.Lookup);
  body.end();
  body.get(link);
  body.if();
  body.get(link).get(x).store(Store.I32);
  body.end();
  body.get(x).i32(2).op(Op.I32Shl).set(ip);
  f.word(0);
  body.i32(Bc.Promoted).op(Op.I32Eq);
  body.if();
  enter(f, false);
  body.end();
  body.br(f.enterBlock);
}

/** The operations of a block, one after the other. */
function runBlock(f: InterpreterFrame): void {
  const { body } = f;
  const handlers = allHandlers(f);
  f.next = body.loop();
  const damaged = body.block();
  const sequences = [
    ...Array.from({ length: FIRST_SUPERINSTRUCTION }, (_, opcode) => [opcode]),
    ...SUPERINSTRUCTIONS,
  ];
  const labels = sequences.map(() => body.block()).reverse();
  body
    .get(f.ip)
    .load(Load.I32U8, DISPATCH_SHIFT / 8)
    .brTable(labels, damaged);
  for (const sequence of sequences) {
    body.end();
    writeSequence(f, handlers, sequence);
  }
  body.end();
  // The translation cache is damaged.
  body.op(Op.Unreachable);
  body.end();
}

/** Operations one behind the other, without a jump on the quick ways. */
function writeSequence(f: InterpreterFrame, handlers: Handlers, [opcode, ...others]: readonly Bc[]): void {
  f.rest = others.length === 0 ? undefined : () => writeSequence(f, handlers, others);
  handlers.get(opcode!)?.();
  if (f.rest !== undefined)
    throw new Error(`operation ${opcode} of the interpreter can only be the last one of a superinstruction`);
}

function allHandlers(f: InterpreterFrame): Handlers {
  const handlers: Handlers = new Map();
  for (const opcode of [Bc.Enter, Bc.Stale, Bc.Promoted]) {
    handlers.set(opcode, () => f.body.br(f.enterBlock));
  }
  addOperations(f, handlers);
  addAccesses(f, handlers);
  addCalls(f, handlers);
  addExits(f, handlers);
  if (handlers.size !== FIRST_SUPERINSTRUCTION) {
    throw new Error(`${FIRST_SUPERINSTRUCTION - handlers.size} operations of the interpreter have no code`);
  }
  return handlers;
}

/**
 * The interpreter (translator/interpreter.ts) once more, as WebAssembly: it runs the same code words in the same way, and goes on
 * to regions and back without the host.
 * @returns the function (budget, byte address of the TLB array, word index of interpreter code): RegionResult
 */
export function interpreterCode(calls: InterpreterCalls): FunctionBody {
  const f = new InterpreterFrame(calls);
  const { body, ip, budget, tlb } = f;
  body.get(f.start).i32(2).op(Op.I32Shl).set(ip);
  body.i32(0).i32(1).store(Store.I32, RegionWord.Interpreting);
  count(f, Op.I32Add);
  f.gone = body.block();
  f.toRegion = body.block();
  f.faulted = body.block();
  f.enterBlock = body.loop();
  f.find = body.block();
  openBlock(f);
  runBlock(f);
  body.end();
  goOn(f);
  body.end();
  body.op(Op.Unreachable);
  body.end();
  f.leave(RegionResult.Fault);
  body.end();
  keepFlags(f);
  count(f, Op.I32Sub);
  body.i32(0).i32(0).store(Store.I32, RegionWord.Interpreting);
  body.get(budget).get(tlb).get(f.x).returnCallIndirect(f.calls.regionType, 0);
  body.end();
  keepFlags(f);
  count(f, Op.I32Sub);
  jumpToBase(body.get(budget).get(f.result), f.calls.leave);
  return body;
}
