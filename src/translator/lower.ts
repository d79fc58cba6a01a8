import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { IntList } from './int-list.ts';
import { Bc } from './interpreter.ts';
import { Effect, type HelperInfo } from './ir/ops.ts';
import type { IrBlock, IrValue } from './ir/value.ts';
import { LiteralPool } from './literal-pool.ts';
import { Locations } from './locations.ts';
import { EXCLUSIVE_SIZE, LOADS, RESULT_WORDS, SHIFT_BY_LITERAL, SIMPLE, STORES } from './lowering-tables.ts';
import { MARKER_WORDS, markerWord } from './markers.ts';
import { PURE_FUNCTION_INDEX } from './pure-functions.ts';
import { numberOperations } from './superinstructions.ts';
import { slotOf } from './vector/vector-function.ts';
import { wordRunAt } from './word-runs.ts';

const STATE = MemoryLayout.state >>> 2;

/** Interpreter code of one block, and where in it each guest instruction begins. */
export interface LoweredBlock {
  /** Word index of the block's code, and how many words it takes with its literals. */
  readonly start: number;
  readonly words: number;
  /** Word index of its markers (markers.ts), which end where the room for the block ended. */
  readonly markers: number;
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

/** Writes interpreter code into the machine's memory. One object serves block after block: its arrays keep their size. */
class Lowering {
  private readonly locations = new Locations();
  private readonly code = new IntList(1024);
  /** Positions of the operations' opcodes. */
  private readonly starts = new IntList(256);
  /** For each marker: position of its first code word, ITSTATE, guest PC. */
  private readonly markers = new IntList(256);
  private readonly literals = new LiteralPool();
  /** By number of a label. */
  private readonly labels: number[] = [];
  /** Code positions whose word is where a label is, each with its number. */
  private readonly skips = new IntList();
  private request!: LowerRequest;

  run(at: number, request: LowerRequest, memory: MachineMemory, end: number): LoweredBlock | undefined {
    const { code, starts, markers, literals, skips, labels } = this;
    code.length = 0;
    starts.length = 0;
    markers.length = 0;
    literals.clear();
    skips.length = 0;
    this.request = request;
    const { block } = request;
    const { ops } = block;
    this.locations.assign(block);
    this.code.push3(Bc.Enter, block.instructions, request.number);
    this.code.push2(block.pc, request.countdown);
    for (let i = 0; i < ops.length; ) {
      const start = code.length;
      const taken = this.lowerBranch(ops, i) || this.lowerWords(ops, i);
      if (taken === 0) this.lower(ops[i]);
      if (code.length > start) starts.push(start);
      i += Math.max(taken, 1);
    }
    numberOperations(code, starts);
    if ((at + code.length) % 2 === 1) this.code.push(Bc.Enter);
    const base = at + code.length;
    const total = code.length + literals.length;
    const marked = end - (markers.length / 3) * MARKER_WORDS;
    if (at + total > marked) return undefined;
    for (let i = 0; i < skips.length; i += 2) code.set(skips.get(i), at + labels[skips.get(i + 1)]);
    literals.pointTo(code, base);
    const { words } = memory;
    code.copyTo(words, at);
    literals.copyTo(words, base);
    for (let i = 0, to = marked; i < markers.length; i += 3, to += MARKER_WORDS) {
      words[to] = markerWord(markers.get(i), markers.get(i + 1));
      words[to + 1] = markers.get(i + 2);
    }
    return { start: at, words: total, markers: marked };
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
    this.code.push2(Bc.Branch, condition.imm);
    this.operand(condition.args[0]);
    this.code.push(this.request.flags);
    this.code.push3(taken.imm, 0, this.isLinkable(taken.imm));
    this.code.push3(other.imm, 0, this.isLinkable(other.imm));
    return 4;
  }

  /** Whether an operation has no code. A register that is read in its slot has none, but where loads are gathered that is not known yet. */
  private readonly isFolded = (value: IrValue): boolean => this.locations.isFused(value);
  private readonly isSilent = (value: IrValue): boolean =>
    this.locations.isFused(value) || (value.op === 'get' && this.locations.of(value) === STATE + value.imm);

  /** Words of one instruction: loads become one operation, and stores. @returns how many operations it took, 0 where there is no run */
  private lowerWords(ops: readonly IrValue[], at: number): number {
    const first = ops[at];
    if (first.op !== 'load32' && first.op !== 'store32') return 0;
    const run = wordRunAt(ops, at, first.op === 'load32' ? this.isFolded : this.isSilent);
    if (run === undefined) return 0;
    const { accesses, isLoad, last } = run;
    this.code.push2(isLoad ? Bc.LoadWords : Bc.StoreWords, accesses.length);
    this.baseAndOffset(first.args[0]);
    for (const access of accesses) {
      if (isLoad) this.code.push(this.locations.of(access));
      else this.operand(access.args[1]);
    }
    return last + 1 - at;
  }

  /**
   * Blocks of one page may be linked: its mapping can't change between them. Not an instruction that may reach into
   * the next page, whose mapping another context may have changed.
   */
  private isLinkable(pc: number): number {
    return (pc + 2) >>> 12 === this.request.block.pc >>> 12 ? 1 : 0;
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

  private literalOperand(low: number, high?: number): void {
    this.literals.use(this.code.length, low, high);
    this.code.push(0);
  }

  private lower(value: IrValue): void {
    if (this.locations.isFused(value)) return;
    const { number } = value.info;
    const simple = SIMPLE[number];
    if (simple !== undefined) {
      this.lowerSimple(value, simple);
      return;
    }
    const load = LOADS[number];
    if (load !== undefined) {
      this.code.push2(load, this.locations.of(value));
      this.address(value.args[0], value.imm);
      return;
    }
    const store = STORES[number];
    if (store !== undefined) {
      this.code.push(store);
      this.operand(value.args[1]);
      this.address(value.args[0], value.imm);
      return;
    }
    const pure = PURE_FUNCTION_INDEX[number];
    if (pure >= 0) {
      this.code.push3(Bc.Pure, pure, this.locations.of(value));
      for (let i = 0; i < 3; i++) this.operand(value.args[i] ?? value.args[0]);
      this.code.push(value.imm);
      return;
    }
    this.lowerOther(value);
  }

  private lowerSimple(value: IrValue, opcode: Bc): void {
    const literal = SHIFT_BY_LITERAL[value.info.number];
    const amount = value.args[1];
    if (
      literal !== undefined &&
      amount.op === 'const' &&
      (amount.imm & 0xff) > 0 &&
      (amount.imm & 0xff) < 32
    ) {
      this.code.push2(literal, this.locations.of(value));
      this.operand(value.args[0]);
      this.code.push(amount.imm & 0xff);
      return;
    }
    this.code.push2(opcode, this.locations.of(value));
    for (const arg of value.args) this.operand(arg);
  }

  /** Base, offset and flags of a memory access. */
  private address(address: IrValue, flags: number): void {
    this.baseAndOffset(address);
    this.code.push(flags);
  }

  /** A constant offset is folded into the access. */
  private baseAndOffset(address: IrValue): void {
    if (this.locations.isFused(address)) {
      this.operand(address.args[0]);
      this.code.push(address.args[1].imm);
    } else if (address.op === 'const') {
      this.literalOperand(0);
      this.code.push(address.imm);
    } else {
      this.operand(address);
      this.code.push(0);
    }
  }

  /** Instructions of the block after the current one: given back where an exit leaves early. */
  private notExecuted(): number {
    return this.request.block.instructions - this.markers.length / 3;
  }

  private copy(words: number, dst: number, value: IrValue): void {
    if (words === 1) this.code.push2(Bc.Mov, dst);
    else this.code.push3(Bc.Copy, words, dst);
    this.operand(value);
  }

  /** What is in every block; V8 optimises this before it has met the rest. */
  private lowerOther(value: IrValue): void {
    const [a] = value.args;
    switch (value.op) {
      case 'marker':
        this.markers.push3(this.code.length, value.imm2, value.imm);
        break;
      case 'get':
        if (this.locations.of(value) !== STATE + value.imm)
          this.code.push3(Bc.Mov, this.locations.of(value), STATE + value.imm);
        break;
      case 'set':
        if (a.op === 'const' || this.locations.of(a) !== STATE + value.imm)
          this.copy(1, STATE + value.imm, a);
        break;
      case 'cond':
        this.code.push3(Bc.Cond, this.locations.of(value), value.imm);
        this.operand(a);
        break;
      case 'skipIfZero':
        this.lowerSkip(value);
        break;
      case 'label':
        this.labels[value.imm] = this.code.length;
        break;
      case 'exitJump':
        this.code.push3(Bc.ExitJump, value.imm, 0);
        this.code.push3(this.notExecuted(), this.request.flags, this.isLinkable(value.imm));
        break;
      case 'exitInterwork':
        this.code.push(Bc.ExitInterwork);
        this.operand(a);
        this.code.push2(this.notExecuted(), this.request.flags & 2);
        break;
      case 'call':
        this.lowerCall(value);
        break;
      default:
        if (value.info.isExit) this.lowerExit(value);
        else this.lowerRare(value);
    }
  }

  private lowerSkip(value: IrValue): void {
    const [a] = value.args;
    if (this.locations.isFused(a)) {
      this.code.push2(Bc.SkipUnless, a.imm);
      this.operand(a.args[0]);
    } else {
      this.code.push(Bc.SkipIfZero);
      this.operand(a);
    }
    this.skips.push2(this.code.length, value.imm);
    this.code.push(0);
  }

  private lowerExit(value: IrValue): void {
    const { code } = this;
    switch (value.op) {
      case 'exitJumpTo':
        code.push(Bc.ExitJumpTo);
        this.operand(value.args[0]);
        code.push2(this.notExecuted(), this.request.flags);
        break;
      case 'exitResync':
        code.push3(Bc.ExitResync, value.imm, this.notExecuted());
        break;
      case 'exitDynamic':
        code.push2(Bc.ExitDynamic, this.notExecuted());
        break;
      case 'exitRaise':
        code.push3(Bc.ExitRaise, value.imm, value.imm2);
        code.push(this.notExecuted());
        break;
      case 'exitWait':
        code.push3(Bc.ExitWait, value.imm, value.imm2);
        code.push(this.notExecuted());
        break;
      default:
        throw new Error(`no lowering for exit ${value.op}`);
    }
  }

  private lowerRare(value: IrValue): void {
    const [a, b] = value.args;
    const { code } = this;
    switch (value.op) {
      case 'get64':
      case 'getF32':
      case 'getF64':
      case 'getV128': {
        const to = this.locations.of(value);
        const words = RESULT_WORDS[value.info.number];
        if (to === STATE + value.imm) break;
        if (words === 1) code.push(Bc.Mov);
        else code.push2(Bc.Copy, words);
        code.push2(to, STATE + value.imm);
        break;
      }
      case 'set64':
      case 'setF32':
      case 'setF64':
      case 'setV128':
        if (a.op === 'const' || a.op === 'const64' || this.locations.of(a) !== STATE + value.imm)
          this.copy(RESULT_WORDS[a.info.number], STATE + value.imm, a);
        break;
      case 'low64':
      case 'high64':
      case 'f32FromBits':
      case 'f32ToBits':
      case 'f64FromBits':
      case 'f64ToBits':
        this.lowerPart(value);
        break;
      case 'ldex8':
      case 'ldex16':
      case 'ldex32':
      case 'ldex64':
        code.push3(Bc.LoadExclusive, EXCLUSIVE_SIZE[value.info.number] as number, this.locations.of(value));
        this.operand(a);
        break;
      case 'stex8':
      case 'stex16':
      case 'stex32':
      case 'stex64':
        code.push3(Bc.StoreExclusive, EXCLUSIVE_SIZE[value.info.number] as number, this.locations.of(value));
        this.operand(a);
        this.operand(b);
        break;
      case 'clrex':
        code.push(Bc.ClearExclusive);
        break;
      case 'barrier':
        code.push2(Bc.Barrier, value.imm);
        break;
      case 'pageNoted':
        code.push2(Bc.PageNoted, this.locations.of(value));
        this.operand(a);
        break;
      case 'vector':
        code.push3(Bc.Vector, this.request.helperIndex(value.helper as HelperInfo), value.imm2);
        for (let operand = 0; operand < 3; operand++) code.push(STATE + slotOf(value.imm, operand));
        break;
      default:
        throw new Error(`no lowering for IR operation ${value.op} (${value.info.result})`);
    }
  }

  /** A value that is all of another one, or a half, seen as another type. */
  private lowerPart(value: IrValue): void {
    const [a] = value.args;
    const word = value.op === 'high64' ? 1 : 0;
    if (a.op !== 'const64' && a.op !== 'const' && this.locations.of(value) === this.locations.of(a) + word)
      return;
    const words = RESULT_WORDS[value.info.number];
    if (words !== 1) {
      this.copy(words, this.locations.of(value), a);
      return;
    }
    this.code.push2(Bc.Mov, this.locations.of(value));
    if (a.op === 'const64') this.literalOperand(word === 1 ? a.imm2 : a.imm);
    else this.operand(a, word);
  }

  private lowerCall(value: IrValue): void {
    const helper = value.helper as HelperInfo;
    const mayFault = (value.effects & Effect.MayFault) !== 0;
    this.code.push3(
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

const LOWERING = new Lowering();

/**
 * Turns a block into interpreter code from word index `at` on, and markers that end at word index `end`.
 * @returns undefined when there is not so much room between.
 */
export function lower(
  memory: MachineMemory,
  at: number,
  end: number,
  request: LowerRequest,
): LoweredBlock | undefined {
  return LOWERING.run(at, request, memory, end);
}
