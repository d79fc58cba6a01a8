import { MemoryLayout } from '../../memory/machine-memory.ts';
import { slotsRead, slotsWritten } from '../vector/vector-function.ts';
import { Effect, type IrType, MemFlag, OPS, PackedForm, PackedOperation, WaitKind } from './ops.ts';
import { type IrBlock, type IrValue, vectorOf } from './value.ts';

const STATE_WORDS = (MemoryLayout.temporaries - MemoryLayout.state) >>> 2;
const PACKED_OPERATIONS: readonly number[] = [
  PackedOperation.Add16,
  PackedOperation.AddSubX,
  PackedOperation.SubAddX,
  PackedOperation.Sub16,
  PackedOperation.Add8,
  PackedOperation.Sub8,
];
/** State slots of an operation's value: words of its type, on a boundary of as many. */
const SLOT_WORDS: { readonly [op: string]: number } = {
  get: 1,
  set: 1,
  getF32: 1,
  setF32: 1,
  get64: 2,
  set64: 2,
  getF64: 2,
  setF64: 2,
  getV128: 4,
  setV128: 4,
};

/** Constants stand outside the order of operations: backends materialise them at their uses. */
function isConstant(value: IrValue): boolean {
  return value.op === 'const' || value.op === 'const64';
}

function isExit(value: IrValue): boolean {
  return value.info.isExit;
}

function between(n: number, low: number, high: number): boolean {
  return Number.isInteger(n) && n >= low && n <= high;
}

/** Why an operation's `imm` is out of range; undefined where it is not. */
function immediateProblem(value: IrValue): string | undefined {
  const { op, imm } = value;
  const vector = vectorOf(value);
  if (vector !== undefined) {
    const slots = [...slotsRead(vector, imm), ...slotsWritten(vector, imm)];
    return slots.every((slot) => slot < STATE_WORDS) ? undefined : `slots beyond ${STATE_WORDS}`;
  }
  const words = SLOT_WORDS[op];
  if (words !== undefined) {
    const fits = between(imm, 0, STATE_WORDS - words) && imm % words === 0;
    return fits ? undefined : `slot ${imm} is not one of ${words} words`;
  }
  if (op.startsWith('load') || op.startsWith('store')) {
    const elements = op.endsWith('64') ? MemFlag.ElementWords : MemFlag.None;
    const all = MemFlag.Aligned | MemFlag.AlignedWord | MemFlag.Unprivileged | elements;
    return between(imm, 0, all) ? undefined : `${imm} is no set of memory flags`;
  }
  switch (op) {
    case 'cond':
      return between(imm, 0, 14) ? undefined : `${imm} is no condition`;
    case 'satS':
    case 'satSOverflow':
      return between(imm, 1, 32) ? undefined : `${imm} is no signed width`;
    case 'satU':
    case 'satUOverflow':
      return between(imm, 0, 31) ? undefined : `${imm} is no unsigned width`;
    case 'packed':
    case 'packedGe': {
      const form = imm >> 4;
      const forms =
        op === 'packed' ? between(form, 0, 5) : form === PackedForm.Signed || form === PackedForm.Unsigned;
      return forms && PACKED_OPERATIONS.includes(imm & 15) ? undefined : `${imm} is no parallel operation`;
    }
    case 'barrier':
      return between(imm, 0, 1) ? undefined : `${imm} is no kind of barrier`;
    case 'exitWait':
      return between(imm, WaitKind.Wfi, WaitKind.Spin) ? undefined : `${imm} is no kind of wait`;
    case 'exitRaise':
      return between(imm, 1, 0xff) ? undefined : `${imm} is no exception`;
    default:
      return undefined;
  }
}

/** One walk over a block, collecting what is wrong. */
class Verification {
  readonly problems: string[] = [];
  /** For each value the skips around its definition, outermost first. */
  private readonly definedIn = new Map<IrValue, readonly number[]>();
  private readonly open: number[] = [];
  private readonly closed = new Set<number>();
  private markers = 0;
  /** The path from here to the next label, or to the end, has left the block. */
  private left = false;

  run(block: IrBlock): void {
    for (const value of block.ops) this.check(value);
    if (this.open.length > 0) this.problems.push(`labels ${this.open.join(', ')} are missing`);
    if (!this.left) this.problems.push('the block does not end with an exit');
    if (this.markers !== block.instructions) {
      this.problems.push(`${this.markers} markers for ${block.instructions} instructions`);
    }
  }

  private check(value: IrValue): void {
    if (isConstant(value)) this.report(value, 'a constant in the order of operations');
    if (this.left && value.op !== 'label')
      this.report(value, 'nothing comes here: the path has left the block');
    this.checkOperands(value);
    const immediate = immediateProblem(value);
    if (immediate !== undefined) this.report(value, immediate);
    if (value.info !== OPS[value.op]) this.report(value, 'has the row of another operation');
    if (value.type !== OPS[value.op].result) this.report(value, `gives ${OPS[value.op].result}`);
    if ((value.op === 'call' || value.op === 'vector') !== (value.helper !== undefined))
      this.report(value, 'a helper is for calls and vectors');
    this.checkControl(value);
    if (this.definedIn.has(value)) this.report(value, 'twice in the block');
    this.definedIn.set(value, [...this.open]);
  }

  private checkOperands(value: IrValue): void {
    const types: readonly IrType[] =
      value.helper === undefined
        ? OPS[value.op].args
        : new Array<IrType>(Math.min(value.helper.argCount, 4)).fill('i32');
    if (types.length !== value.args.length) {
      this.report(value, `has ${value.args.length} operands, not ${types.length}`);
    }
    value.args.forEach((arg, i) => {
      if (arg.type !== types[i]) this.report(value, `operand ${i} is ${arg.type}, not ${types[i]}`);
      if (isConstant(arg)) return;
      const around = this.definedIn.get(arg);
      if (around === undefined)
        this.report(value, `operand ${i} (%${arg.id} ${arg.op}) is not defined before`);
      else if (!around.every((label, depth) => this.open[depth] === label)) {
        this.report(value, `operand ${i} (%${arg.id} ${arg.op}) is defined where a skip may pass by`);
      }
    });
  }

  private checkControl(value: IrValue): void {
    switch (value.op) {
      case 'marker':
        this.markers++;
        if (this.open.length > 0) this.report(value, 'an instruction begins inside a skip');
        return;
      case 'skipIfZero':
        if (this.open.includes(value.imm) || this.closed.has(value.imm)) {
          this.report(value, `label ${value.imm} is taken`);
        }
        this.open.push(value.imm);
        return;
      case 'label':
        if (this.open.pop() !== value.imm)
          this.report(value, `label ${value.imm} does not close the last skip`);
        this.closed.add(value.imm);
        this.left = false;
        return;
      default:
        if (this.markers === 0 && (value.effects & (Effect.MayFault | Effect.MayExit)) !== 0) {
          this.report(value, 'no marker says which instruction may fault or leave here');
        }
        if (isExit(value)) this.left = true;
    }
  }

  private report(value: IrValue, what: string): void {
    this.problems.push(`%${value.id} ${value.op}: ${what}`);
  }
}

/**
 * What is wrong with a block as IR: operands undefined, of another type, or defined where a skip may pass by;
 * immediates out of range; skips that cross; code after an exit, or no exit; markers missing. Empty when all is well.
 */
export function irProblems(block: IrBlock): readonly string[] {
  const verification = new Verification();
  verification.run(block);
  return verification.problems;
}

/** @throws Error with every problem of the block: a lifter or a pass is wrong. */
export function verifyBlock(block: IrBlock): void {
  const problems = irProblems(block);
  if (problems.length === 0) return;
  throw new Error(
    `the block at 0x${(block.pc >>> 0).toString(16)} is no well-formed IR:\n${problems.join('\n')}`,
  );
}
