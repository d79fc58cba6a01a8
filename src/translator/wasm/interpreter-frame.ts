import { MemoryLayout } from '../../memory/machine-memory.ts';
import { FunctionBody } from './function-body.ts';
import { word } from './lookup-code.ts';
import { Load, Op, Store } from './opcodes.ts';
import { RegionWord, Slot, slotAddress } from './region-abi.ts';

/** What interpreted code calls in the base module, by index. */
export interface InterpreterCalls {
  /** As HostFunctions.second. */
  readonly second: number;
  readonly slowLoad: number;
  readonly slowStore: number;
  readonly callHelper: number;
  readonly pure: number;
  readonly vector: number;
  readonly barrier: number;
  readonly loadExclusive: number;
  readonly loadExclusive64: number;
  readonly storeExclusive: number;
  readonly leave: number;
  /** The type of regions. */
  readonly regionType: number;
}

/** Code of each operation, by its number in interpreter code. */
export type Handlers = Map<number, () => void>;

/**
 * The interpreter's function while it is written: its locals, its labels, and how operations get at their words.
 *
 * What is kept in locals over a call out is stored before and read again after: what lives across a call would live in memory for
 * the whole loop (V8 has no callee-saved registers in WebAssembly).
 */
export class InterpreterFrame {
  /** Parameters: budget, byte address of the TLB array, word index of code. */
  readonly body = new FunctionBody(['i32', 'i32', 'i32']);
  readonly budget = 0;
  readonly tlb = 1;
  readonly start = 2;
  /** Byte address of the code word that runs. */
  readonly ip = this.body.local('i32');
  readonly result = this.body.local('i32');
  /** Where it goes on, and with which T and E. */
  readonly pc = this.body.local('i32');
  readonly flags = this.body.local('i32');
  /** Byte address of the word that links the block to that, or 0. */
  readonly link = this.body.local('i32');
  readonly entry = this.body.local('i32');
  readonly tag = this.body.local('i32');
  readonly va = this.body.local('i32');
  readonly x = this.body.local('i32');
  readonly y = this.body.local('i32');
  readonly z = this.body.local('i32');
  readonly wide = this.body.local('i64');
  readonly calls: InterpreterCalls;
  /** Label of the end, with `result`. */
  gone = 0;
  /** Label of the way to the region in `x`. */
  toRegion = 0;
  /** Label of the end after a fault. */
  faulted = 0;
  /** Label where the code at `pc` and `flags` is looked for. */
  find = 0;
  /** Label where a block begins at `ip`. */
  enterBlock = 0;
  /** Label of the next operation. */
  next = 0;
  /** Writes what follows in a superinstruction, until it is written. */
  rest: (() => void) | undefined;

  constructor(calls: InterpreterCalls) {
    this.calls = calls;
  }

  leave(result: number): void {
    this.body.i32(result).set(this.result).br(this.gone);
  }

  /** Pushes a word of the operation that runs. */
  word(n: number): void {
    this.body.get(this.ip).load(Load.I32, 4 * n);
  }

  /** Pushes the byte address of an operand. */
  address(n: number): void {
    this.word(n);
    this.body.i32(2).op(Op.I32Shl);
  }

  /** Pushes an operand. */
  value(n: number): void {
    this.address(n);
    this.body.load(Load.I32);
  }

  wideValue(n: number): void {
    this.address(n);
    this.body.load(Load.I64);
  }

  /** Goes on behind an operation of so many words. */
  after(words: number): void {
    const { body, ip } = this;
    body
      .get(ip)
      .i32(4 * words)
      .op(Op.I32Add)
      .set(ip);
    this.goOn();
  }

  /** Goes on at `ip`: to the next operation of a superinstruction where this is the first way out of an operation, which is the quick one. */
  goOn(): void {
    const { rest } = this;
    this.rest = undefined;
    if (rest === undefined) this.body.br(this.next);
    else rest();
  }

  setPc(n: number): void {
    this.body.i32(0);
    this.word(n);
    this.body.store(Store.I32, slotAddress(Slot.Pc));
  }

  giveBack(n: number): void {
    this.word(n);
    this.body.get(this.budget).op(Op.I32Add).set(this.budget);
  }

  /** Pushes 1 where the condition (a word) holds for flags (an operand), and else 0. */
  condition(condition: number, flags: number): void {
    const { body } = this;
    this.address(condition);
    body.load(Load.I32, MemoryLayout.conditions);
    this.value(flags);
    body.i32(28).op(Op.I32ShrU, Op.I32ShrU).i32(1).op(Op.I32And);
  }

  /** Stores what a call out must not keep alive. */
  beforeCall(): void {
    const { body, ip, budget } = this;
    body.i32(0).get(ip).i32(2).op(Op.I32ShrU).store(Store.I32, RegionWord.Code);
    body.i32(0).get(budget).store(Store.I32, RegionWord.Budget);
  }

  afterCall(mayFault: boolean): void {
    const { body } = this;
    word(body, RegionWord.Code);
    body.i32(2).op(Op.I32Shl).set(this.ip);
    word(body, RegionWord.Budget);
    body.set(this.budget);
    word(body, RegionWord.Tlb);
    body.set(this.tlb);
    if (!mayFault) return;
    word(body, RegionWord.Fault);
    body.brIfUnlikely(this.faulted);
  }
}
