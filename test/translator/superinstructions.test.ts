import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { IntList } from '../../src/translator/int-list.ts';
import { Bc } from '../../src/translator/interpreter.ts';
import { IrBuilder, type IrLabel } from '../../src/translator/ir/builder.ts';
import { MemFlag, type OpName } from '../../src/translator/ir/ops.ts';
import type { IrBlock, IrValue } from '../../src/translator/ir/value.ts';
import {
  DISPATCH_SHIFT,
  FIRST_SUPERINSTRUCTION,
  numberOperations,
  SUPERINSTRUCTIONS,
} from '../../src/translator/superinstructions.ts';
import { byOracle, DATA, DATA_BYTES, IrMachine } from './ir-machine.ts';

const NZCV = 16;
const NE = 1;
/** Slots that operations read, and those that they write one after the other. */
const SOURCES = [0, 1, 2, 3];
const RESULTS = [4, 5, 6, 7];

/** Writes operations of the IR that are lowered to one operation of interpreter code each. */
class Writer {
  readonly b = new IrBuilder();
  private results = 0;
  private open: IrLabel | undefined;
  private ended = false;

  constructor() {
    this.b.marker(0x1000, 0);
  }

  private source(n: number): IrValue {
    return this.b.get(SOURCES[(n + this.results) % SOURCES.length]!);
  }

  private result(value: IrValue, slot = RESULTS[this.results++ % RESULTS.length]!): void {
    this.b.set(slot, value);
  }

  /** Some are in the last words of a page, or in one that faults. */
  private address(offset: number): IrValue {
    return this.b.emit('add', [this.b.get(SOURCES[0]!), this.b.const(offset)]);
  }

  private words(op: 'load32' | 'store32'): void {
    const values = [8, 12, 16].map((offset) =>
      this.b.emit(
        op,
        op === 'load32' ? [this.address(offset)] : [this.address(offset), this.source(offset / 4)],
        MemFlag.AlignedWord,
      ),
    );
    if (op === 'load32') for (const value of values) this.result(value);
  }

  private condition(): IrValue {
    return this.b.emit('cond', [this.b.get(NZCV)], NE);
  }

  private exit(op: 'exitJump' | 'exitJumpTo', args: readonly IrValue[], pc: number): void {
    this.b.exit(op, args, pc);
    this.ended = true;
  }

  private branch(): void {
    const label = this.b.newLabel();
    this.b.skipIfZero(this.condition(), label);
    this.b.exit('exitJump', [], 0x2000);
    this.b.label(label);
    this.exit('exitJump', [], 0x3000);
  }

  private skip(): void {
    this.open = this.b.newLabel();
    this.b.skipIfZero(this.condition(), this.open);
  }

  private sum(op: OpName): void {
    this.result(this.b.emit(op, [this.source(0), this.source(1)]));
  }

  private shift(op: OpName): void {
    this.result(this.b.emit(op, [this.source(0), this.b.const(7)]));
  }

  private store(): void {
    this.b.emit('store32', [this.address(4 * this.results), this.source(1)], MemFlag.None);
  }

  private readonly writers: ReadonlyMap<Bc, () => void> = new Map([
    [Bc.Mov, () => this.result(this.source(1))],
    [Bc.Add, () => this.sum('add')],
    [Bc.Sub, () => this.sum('sub')],
    [Bc.And, () => this.sum('and')],
    [Bc.Xor, () => this.sum('xor')],
    [Bc.ShlImm, () => this.shift('shl')],
    [Bc.RorImm, () => this.shift('ror')],
    [Bc.NzcvSub, () => this.result(this.b.emit('nzcvSub', [this.source(0), this.source(1)]), NZCV)],
    [Bc.NzcvNz, () => this.result(this.b.emit('nzcvNz', [this.source(0), this.b.get(NZCV)]), NZCV)],
    [Bc.Load32, () => this.result(this.b.emit('load32', [this.address(4 * this.results)], MemFlag.None))],
    [Bc.Store32, () => this.store()],
    [Bc.LoadWords, () => this.words('load32')],
    [Bc.StoreWords, () => this.words('store32')],
    [Bc.SkipUnless, () => this.skip()],
    [Bc.Branch, () => this.branch()],
    [Bc.ExitJump, () => this.exit('exitJump', [], 0x2000)],
    // Where both go is a register; which one is lowered to makes no difference to what is before it.
    [Bc.ExitInterwork, () => this.exit('exitJumpTo', [this.source(1)], 0)],
  ]);

  write(operation: Bc): void {
    const write = this.writers.get(operation);
    if (write === undefined) throw new Error(`this test does not know operation ${operation}`);
    write();
  }

  finish(): IrBlock {
    const { b } = this;
    // What follows is part of no superinstruction.
    if (!this.ended) b.emit('barrier');
    if (this.open !== undefined) {
      this.result(b.const(77));
      b.label(this.open);
    }
    if (!this.ended) b.exit('exitJump', [], 0x4000);
    return b.finish(0x1000, 4);
  }
}

function blockOf(operations: readonly Bc[]): IrBlock {
  const writer = new Writer();
  for (const operation of operations) writer.write(operation);
  return writer.finish();
}

function stateOf(seed: number): { slots: Int32Array; bytes: Uint8Array } {
  let x = (seed + 1) * 0x9e3779b1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x;
  };
  const slots = Int32Array.from({ length: 96 }, () => (seed % 2 === 0 ? next() & 1 : next()));
  slots[SOURCES[0]!] = (DATA + 0xff0 * (seed % 5) + ((seed * 4) & 0x1f)) | 0;
  return { slots, bytes: Uint8Array.from({ length: DATA_BYTES }, next) };
}

const NAMES: readonly string[] = SUPERINSTRUCTIONS.map((operations) => operations.join(' '));

describe('a superinstruction', () => {
  const machine = new IrMachine();
  for (const [i, operations] of SUPERINSTRUCTIONS.entries()) {
    it(`does what its operations (${NAMES[i]}) do one after the other`, () => {
      const block = blockOf(operations);
      // The oracle has no ExitInterwork: real code tries that.
      if (!operations.includes(Bc.ExitInterwork))
        expect(machine.firstNumber(block)).toBe(FIRST_SUPERINSTRUCTION + i);
      for (let seed = 0; seed < 40; seed++) {
        const before = stateOf(seed);
        const same = isDeepStrictEqual(machine.run(block, before, 'as it stands'), byOracle(block, before));
        expect([seed, same]).toEqual([seed, true]);
      }
    });
  }
});

describe('the numbers of a block', () => {
  const numbersOf = (operations: readonly Bc[]): number[] => {
    const code = new IntList();
    const starts = new IntList();
    for (const operation of operations) {
      starts.push(code.length);
      code.push3(operation, 1, 2);
    }
    numberOperations(code, starts);
    return operations.map((operation, i) => {
      expect(code.get(starts.get(i)) & 0xff).toBe(operation);
      return code.get(starts.get(i)) >>> DISPATCH_SHIFT;
    });
  };
  const numberOf = (...operations: readonly Bc[]): number =>
    FIRST_SUPERINSTRUCTION + NAMES.indexOf(operations.join(' '));
  const jumps = (operations: readonly Bc[]): number => {
    const numbers = numbersOf(operations);
    let count = 0;
    for (let i = 0; i < operations.length; count++) {
      i +=
        numbers[i]! < FIRST_SUPERINSTRUCTION
          ? 1
          : SUPERINSTRUCTIONS[numbers[i]! - FIRST_SUPERINSTRUCTION]!.length;
    }
    return count;
  };

  it('are those of the operations where they are in no superinstruction', () => {
    expect(numbersOf([Bc.Barrier, Bc.Mul, Bc.ExitResync])).toEqual([Bc.Barrier, Bc.Mul, Bc.ExitResync]);
  });

  it('make as few jumps as can be, not the longest superinstruction first', () => {
    expect(jumps([Bc.Load32, Bc.Mov, Bc.Mov, Bc.ExitJump])).toBe(2);
    expect(jumps([Bc.Mov, Bc.Load32, Bc.NzcvSub, Bc.Branch])).toBe(2);
    expect(jumps([Bc.Load32, Bc.Load32, Bc.NzcvSub, Bc.Branch])).toBe(2);
  });

  it('tell of every operation what begins there, for code that is entered in its midst', () => {
    const [first, second, third] = numbersOf([Bc.And, Bc.NzcvNz, Bc.Branch]);
    expect([first, second, third]).toEqual([numberOf(Bc.And, Bc.NzcvNz, Bc.Branch), Bc.NzcvNz, Bc.Branch]);
    const tail = numbersOf([Bc.Mov, Bc.Mov, Bc.ExitJump]);
    expect(tail).toEqual([numberOf(Bc.Mov, Bc.Mov, Bc.ExitJump), numberOf(Bc.Mov, Bc.ExitJump), Bc.ExitJump]);
  });
});
