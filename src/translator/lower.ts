import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { Bc } from './interpreter.ts';
import { Effect, type HelperInfo, OPS } from './ir/ops.ts';
import type { IrBlock, IrValue } from './ir/value.ts';
import { assignLocations, type Locations } from './locations.ts';
import { EXCLUSIVE_SIZE, LOADS, SHIFT_BY_LITERAL, SIMPLE, STORES, WORDS_OF_TYPE } from './lowering-tables.ts';
import { pureFunctionIndex } from './pure-functions.ts';
import { slotOf } from './vector/vector-function.ts';

const STATE = MemoryLayout.state >>> 2;

/** Interpreter code of one block, and where in it each guest instruction begins. */
export interface LoweredBlock {
  /** Word index of the block's code, and how many words it takes with its literals. */
  readonly start: number;
  readonly words: number;
  /** For each marker: word index of the first code word, guest PC, ITSTATE. */
  readonly markers: Int32Array;
}

/** What lowering needs to know about the block besides its operations. */
export interface LowerRequest {
  readonly block: IrBlock;
  readonly number: number;
  /** T in bit 0, E in bit 1, as in the jump cache. */
  readonly flags: number;
  /** How often the block runs before it is hot. */
  readonly countdown: number;
  /** Number of a helper or a vector function in the environment's tables. */
  helperIndex(helper: HelperInfo): number;
}

/** Writes interpreter code into the machine's memory from word index `at` on. */
class Lowering {
  private readonly code: number[] = [];
  private readonly markers: number[] = [];
  private readonly pool: number[] = [];
  private readonly poolIndex = new Map<number, number>();
  /** Code positions whose word is the index of a literal in the pool. */
  private readonly literalUses: [at: number, literal: number][] = [];
  private readonly labels = new Map<number, number>();
  private readonly skips: [at: number, label: number][] = [];
  private readonly at: number;
  private readonly request: LowerRequest;
  private readonly locations: Locations;

  constructor(at: number, request: LowerRequest) {
    this.at = at;
    this.request = request;
    this.locations = assignLocations(request.block.ops);
  }

  run(memory: MachineMemory, end: number): LoweredBlock | undefined {
    const { block } = this.request;
    this.put(Bc.Enter, block.instructions, this.request.number, block.pc, this.request.countdown);
    const { ops } = block;
    for (let i = 0; i < ops.length; ) {
      const taken = this.lowerBranch(ops, i);
      if (taken === 0) this.lower(ops[i]);
      i += Math.max(taken, 1);
    }
    if ((this.at + this.code.length) % 2 === 1) this.code.push(Bc.Enter);
    const base = this.at + this.code.length;
    const total = this.code.length + this.pool.length;
    if (this.at + total > end) return undefined;
    for (const [at, label] of this.skips) this.code[at] = this.at + (this.labels.get(label) as number);
    for (const [at, literal] of this.literalUses) this.code[at] = base + literal;
    memory.words.set(this.code, this.at);
    memory.words.set(this.pool, base);
    return { start: this.at, words: total, markers: Int32Array.from(this.markers) };
  }

  /**
   * A conditional branch: skip, exit, label, exit become one instruction.
   * @returns how many operations it took, 0 where there is no branch.
   */
  private lowerBranch(ops: readonly IrValue[], at: number): number {
    const skip = ops[at];
    if (skip.op !== 'skipIfZero' || !this.locations.isFused(skip.args[0]) || at + 4 !== ops.length) return 0;
    const [taken, label, other] = [ops[at + 1], ops[at + 2], ops[at + 3]];
    if (taken.op !== 'exitJump' || label.op !== 'label' || other.op !== 'exitJump') return 0;
    const [condition] = skip.args;
    this.put(Bc.Branch, condition.imm);
    this.operand(condition.args[0]);
    this.put(this.request.flags);
    for (const exit of [taken, other]) this.put(exit.imm, 0, this.isLinkable(exit.imm));
    return 4;
  }

  /**
   * Blocks of one page may be linked: its mapping can't change between them. Not an instruction that may reach into
   * the next page, whose mapping another context may have changed.
   */
  private isLinkable(pc: number): number {
    return (pc + 2) >>> 12 === this.request.block.pc >>> 12 ? 1 : 0;
  }

  private put(...words: number[]): void {
    for (const word of words) this.code.push(word);
  }

  /** An operand: a literal's or a location's word index. */
  private operand(value: IrValue, word = 0): void {
    if (value.op === 'const') {
      this.literalOperand(value.imm);
    } else if (value.op === 'const64') {
      this.literalOperand(value.imm, value.imm2);
    } else {
      this.code.push(this.locations.of(value) + word);
    }
  }

  /** One word, shared among its users, or the two words of an i64 on an even index. */
  private literalOperand(low: number, high?: number): void {
    let index = high === undefined ? this.poolIndex.get(low) : undefined;
    if (index === undefined) {
      if (high !== undefined && this.pool.length % 2 === 1) this.pool.push(0);
      index = this.pool.length;
      this.pool.push(low);
      if (high === undefined) this.poolIndex.set(low, index);
      else this.pool.push(high);
    }
    this.literalUses.push([this.code.length, index]);
    this.code.push(0);
  }

  private lower(value: IrValue): void {
    if (this.locations.isFused(value)) return;
    const simple = SIMPLE[value.op];
    if (simple !== undefined) {
      this.lowerSimple(value, simple);
      return;
    }
    const load = LOADS[value.op];
    if (load !== undefined) {
      this.put(load, this.locations.of(value));
      this.address(value.args[0], value.imm);
      return;
    }
    const store = STORES[value.op];
    if (store !== undefined) {
      this.put(store);
      this.operand(value.args[1]);
      this.address(value.args[0], value.imm);
      return;
    }
    const pure = pureFunctionIndex(value.op);
    if (pure >= 0) {
      this.put(Bc.Pure, pure, this.locations.of(value));
      for (let i = 0; i < 3; i++) this.operand(value.args[i] ?? value.args[0]);
      this.put(value.imm);
      return;
    }
    this.lowerOther(value);
  }

  private lowerSimple(value: IrValue, opcode: Bc): void {
    const literal = SHIFT_BY_LITERAL[value.op];
    const amount = value.args[1];
    if (
      literal !== undefined &&
      amount.op === 'const' &&
      (amount.imm & 0xff) > 0 &&
      (amount.imm & 0xff) < 32
    ) {
      this.put(literal, this.locations.of(value));
      this.operand(value.args[0]);
      this.put(amount.imm & 0xff);
      return;
    }
    this.put(opcode, this.locations.of(value));
    for (const arg of value.args) this.operand(arg);
  }

  /** Base, offset and flags of a memory access: a constant offset is folded into the access. */
  private address(address: IrValue, flags: number): void {
    if (this.locations.isFused(address)) {
      this.operand(address.args[0]);
      this.put(address.args[1].imm);
    } else if (address.op === 'const') {
      this.literalOperand(0);
      this.put(address.imm);
    } else {
      this.operand(address);
      this.put(0);
    }
    this.put(flags);
  }

  /** Instructions of the block after the current one: given back where an exit leaves early. */
  private notExecuted(): number {
    return this.request.block.instructions - this.markers.length / 3;
  }

  private copy(words: number, dst: number, value: IrValue): void {
    if (words === 1) this.put(Bc.Mov, dst);
    else this.put(Bc.Copy, words, dst);
    this.operand(value);
  }

  private lowerOther(value: IrValue): void {
    const [a, b] = value.args;
    switch (value.op) {
      case 'marker':
        this.markers.push(this.at + this.code.length, value.imm, value.imm2);
        break;
      case 'get':
      case 'get64':
      case 'getF32':
      case 'getF64':
      case 'getV128': {
        const to = this.locations.of(value);
        const words = WORDS_OF_TYPE[value.type];
        if (to === STATE + value.imm) break;
        if (words === 1) this.put(Bc.Mov, to, STATE + value.imm);
        else this.put(Bc.Copy, words, to, STATE + value.imm);
        break;
      }
      case 'set':
        if (a.op === 'const' || this.locations.of(a) !== STATE + value.imm)
          this.copy(1, STATE + value.imm, a);
        break;
      case 'set64':
      case 'setF32':
      case 'setF64':
      case 'setV128':
        if (a.op === 'const' || a.op === 'const64' || this.locations.of(a) !== STATE + value.imm)
          this.copy(WORDS_OF_TYPE[a.type], STATE + value.imm, a);
        break;
      case 'low64':
      case 'high64':
      case 'f32FromBits':
      case 'f32ToBits':
      case 'f64FromBits':
      case 'f64ToBits': {
        const word = value.op === 'high64' ? 1 : 0;
        if (
          a.op !== 'const64' &&
          a.op !== 'const' &&
          this.locations.of(value) === this.locations.of(a) + word
        )
          break;
        const words = WORDS_OF_TYPE[value.type];
        if (a.op === 'const64' && words === 1) {
          this.put(Bc.Mov, this.locations.of(value));
          this.literalOperand(word === 1 ? a.imm2 : a.imm);
        } else if (words === 1) {
          this.put(Bc.Mov, this.locations.of(value));
          this.operand(a, word);
        } else {
          this.copy(words, this.locations.of(value), a);
        }
        break;
      }
      case 'cond':
        this.put(Bc.Cond, this.locations.of(value), value.imm);
        this.operand(a);
        break;
      case 'skipIfZero':
        if (this.locations.isFused(a)) {
          this.put(Bc.SkipUnless, a.imm);
          this.operand(a.args[0]);
        } else {
          this.put(Bc.SkipIfZero);
          this.operand(a);
        }
        this.skips.push([this.code.length, value.imm]);
        this.put(0);
        break;
      case 'label':
        this.labels.set(value.imm, this.code.length);
        break;
      case 'ldex8':
      case 'ldex16':
      case 'ldex32':
      case 'ldex64':
        this.put(Bc.LoadExclusive, EXCLUSIVE_SIZE[value.op] as number, this.locations.of(value));
        this.operand(a);
        break;
      case 'stex8':
      case 'stex16':
      case 'stex32':
      case 'stex64':
        this.put(Bc.StoreExclusive, EXCLUSIVE_SIZE[value.op] as number, this.locations.of(value));
        this.operand(a);
        this.operand(b);
        break;
      case 'clrex':
        this.put(Bc.ClearExclusive);
        break;
      case 'barrier':
        this.put(Bc.Barrier, value.imm);
        break;
      case 'call':
        this.lowerCall(value);
        break;
      case 'exitJump':
        this.put(
          Bc.ExitJump,
          value.imm,
          0,
          this.notExecuted(),
          this.request.flags,
          this.isLinkable(value.imm),
        );
        break;
      case 'exitJumpTo':
        this.put(Bc.ExitJumpTo);
        this.operand(a);
        this.put(this.notExecuted(), this.request.flags);
        break;
      case 'exitInterwork':
        this.put(Bc.ExitInterwork);
        this.operand(a);
        this.put(this.notExecuted(), this.request.flags & 2);
        break;
      case 'exitResync':
        this.put(Bc.ExitResync, value.imm, this.notExecuted());
        break;
      case 'exitDynamic':
        this.put(Bc.ExitDynamic, this.notExecuted());
        break;
      case 'exitRaise':
        this.put(Bc.ExitRaise, value.imm, value.imm2, this.notExecuted());
        break;
      case 'exitWait':
        this.put(Bc.ExitWait, value.imm, value.imm2, this.notExecuted());
        break;
      case 'vector':
        this.put(Bc.Vector, this.request.helperIndex(value.helper as HelperInfo), value.imm2);
        for (let operand = 0; operand < 3; operand++) this.put(STATE + slotOf(value.imm, operand));
        break;
      default:
        throw new Error(`no lowering for IR operation ${value.op} (${OPS[value.op].result})`);
    }
  }

  private lowerCall(value: IrValue): void {
    const helper = value.helper as HelperInfo;
    const mayFault = (helper.effects & Effect.MayFault) !== 0;
    this.put(
      mayFault ? Bc.CallMayFault : Bc.Call,
      this.request.helperIndex(helper),
      this.locations.of(value),
    );
    for (let i = 0; i < 3; i++) {
      const arg = value.args[i];
      if (arg === undefined) this.literalOperand(0);
      else this.operand(arg);
    }
  }
}

/**
 * Turns a block into interpreter code at word index `at`.
 * @returns undefined when it does not fit below word index `end`.
 */
export function lower(
  memory: MachineMemory,
  at: number,
  end: number,
  request: LowerRequest,
): LoweredBlock | undefined {
  return new Lowering(at, request).run(memory, end);
}
