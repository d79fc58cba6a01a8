import { packSlots, slotsWritten, type VectorFunction } from '../vector/vector-function.ts';
import { foldConstant } from './fold.ts';
import { byOperation, Effect, type HelperInfo, OPS, type OpInfo, type OpName } from './ops.ts';
import { type IrBlock, type IrValue, irValue } from './value.ts';

/** A position that `skipIfZero` skips to. */
export interface IrLabel {
  readonly number: number;
}

const NO_ARGS: readonly IrValue[] = [];
/** Words that the sets without an own method write. */
const WIDE_SETS = byOperation({ setF32: 1, set64: 2, setF64: 2, setV128: 4 }, 0);

/** What is known to be in state slots: few, so that a search is quicker than a Map. */
class KnownSlots {
  private readonly slots: number[];
  private readonly values: IrValue[];

  constructor(slots: number[] = [], values: IrValue[] = []) {
    this.slots = slots;
    this.values = values;
  }

  copy(): KnownSlots {
    return new KnownSlots(this.slots.slice(), this.values.slice());
  }

  get(slot: number): IrValue | undefined {
    const { slots } = this;
    for (let i = 0; i < slots.length; i++) if (slots[i] === slot) return this.values[i];
    return undefined;
  }

  set(slot: number, value: IrValue): void {
    const { slots } = this;
    let i = 0;
    while (i < slots.length && slots[i] !== slot) i++;
    slots[i] = slot;
    this.values[i] = value;
  }

  delete(slot: number): void {
    for (let i = 0; i < this.slots.length; i++) if (this.slots[i] === slot) this.remove(i);
  }

  clear(): void {
    this.slots.length = 0;
    this.values.length = 0;
  }

  /** Only what the other one knows, too. */
  keepCommon(other: KnownSlots | undefined): void {
    for (let i = this.slots.length - 1; i >= 0; i--) {
      if (other?.get(this.slots[i]) !== this.values[i]) this.remove(i);
    }
  }

  private remove(i: number): void {
    const slot = this.slots.pop() as number;
    const value = this.values.pop() as IrValue;
    if (i === this.slots.length) return;
    this.slots[i] = slot;
    this.values[i] = value;
  }
}

/**
 * Appends operations to a block. Folds constants and forwards state slots as it goes, so that a lifter may be
 * written plainly: `get` after `set` of the same slot gives the value back, without an operation, unless a label
 * (a join of two paths) or a helper that writes state lies between.
 */
export class IrBuilder {
  private readonly ops: IrValue[] = [];
  private known = new KnownSlots();
  /** By number of the label. */
  private readonly knownAtSkip: (KnownSlots | undefined)[] = [];
  private readonly constants: IrValue[] = [];
  private nextId = 0;
  private nextLabel = 0;
  private markers = 0;

  /** Number of guest instructions marked so far. */
  get instructions(): number {
    return this.markers;
  }

  /** The general way in: checks nothing that the verifier checks. Prefer the named methods. */
  emit(
    op: OpName,
    args: readonly IrValue[] = NO_ARGS,
    imm = 0,
    imm2 = 0,
    helper?: IrValue['helper'],
  ): IrValue {
    const value = this.append(OPS[op], args, imm, imm2, helper);
    const written = WIDE_SETS[value.info.number];
    for (let w = 0; w < written; w++) this.known.delete(imm + w);
    return value;
  }

  /** For operations that occur in each instruction and write no slot that is known: their row need not be looked up by its name. */
  private append(
    info: OpInfo,
    args: readonly IrValue[],
    imm: number,
    imm2 = 0,
    helper?: IrValue['helper'],
  ): IrValue {
    const value = irValue(this.nextId++, info, args, imm, imm2, helper);
    this.ops.push(value);
    return value;
  }

  /** An i32 constant; -1 and 0xffffffff are the same one. */
  const(n: number): IrValue {
    const imm = n | 0;
    const { constants } = this;
    for (let i = 0; i < constants.length; i++) if (constants[i].imm === imm) return constants[i];
    // A constant is defined where first needed; skipped code must not be the only place that defines it, so
    // constants stand outside the order of operations: every backend materialises them at their uses.
    const value = this.constant(OPS.const, imm, 0);
    constants.push(value);
    return value;
  }

  /** An i64 constant from its two words. */
  const64(low: number, high: number): IrValue {
    return this.constant(OPS.const64, low | 0, high | 0);
  }

  private constant(info: OpInfo, imm: number, imm2: number): IrValue {
    return irValue(this.nextId++, info, NO_ARGS, imm, imm2, undefined);
  }

  /** A pure i32 operation, folded when its operands are constants. */
  pure(op: OpName, args: readonly IrValue[], imm = 0): IrValue {
    const folded = foldConstant(op, args, imm);
    if (folded === undefined) return this.emit(op, args, imm);
    return typeof folded === 'number' ? this.const(folded) : folded;
  }

  get(slot: number): IrValue {
    const value = this.known.get(slot);
    if (value !== undefined) return value;
    const read = this.append(OPS.get, NO_ARGS, slot);
    this.known.set(slot, read);
    return read;
  }

  set(slot: number, value: IrValue): void {
    this.append(OPS.set, [value], slot);
    this.known.set(slot, value);
  }

  add(a: IrValue, b: IrValue): IrValue {
    return this.pure('add', [a, b]);
  }
  sub(a: IrValue, b: IrValue): IrValue {
    return this.pure('sub', [a, b]);
  }
  adc(a: IrValue, b: IrValue, carry: IrValue): IrValue {
    return this.pure('adc', [a, b, carry]);
  }
  and(a: IrValue, b: IrValue): IrValue {
    return this.pure('and', [a, b]);
  }
  or(a: IrValue, b: IrValue): IrValue {
    return this.pure('or', [a, b]);
  }
  xor(a: IrValue, b: IrValue): IrValue {
    return this.pure('xor', [a, b]);
  }
  andNot(a: IrValue, b: IrValue): IrValue {
    return this.pure('andNot', [a, b]);
  }
  not(a: IrValue): IrValue {
    return this.pure('not', [a]);
  }
  mul(a: IrValue, b: IrValue): IrValue {
    return this.pure('mul', [a, b]);
  }
  shl(a: IrValue, amount: IrValue): IrValue {
    return this.pure('shl', [a, amount]);
  }
  shr(a: IrValue, amount: IrValue): IrValue {
    return this.pure('shr', [a, amount]);
  }
  sar(a: IrValue, amount: IrValue): IrValue {
    return this.pure('sar', [a, amount]);
  }
  ror(a: IrValue, amount: IrValue): IrValue {
    return this.pure('ror', [a, amount]);
  }
  select(condition: IrValue, a: IrValue, b: IrValue): IrValue {
    return this.pure('select', [condition, a, b]);
  }
  cond(code: number, nzcv: IrValue): IrValue {
    return this.pure('cond', [nzcv], code);
  }

  load(op: 'load8' | 'load16' | 'load32' | 'load64' | 'load128', address: IrValue, flags = 0): IrValue {
    return this.emit(op, [address], flags);
  }
  store(
    op: 'store8' | 'store16' | 'store32' | 'store64' | 'store128',
    address: IrValue,
    value: IrValue,
    flags = 0,
  ): void {
    this.emit(op, [address, value], flags);
  }

  /** Calls a helper. Afterwards nothing is known about state slots if the helper writes state. */
  call(helper: HelperInfo, ...args: IrValue[]): IrValue {
    const value = this.emit('call', args, 0, 0, helper);
    if ((helper.effects & Effect.WritesState) !== 0) this.known.clear();
    return value;
  }

  /** Runs a vector function on the state slots where its operands begin. */
  vector(f: VectorFunction, d: number, a: number, b: number, imm: number): void {
    const slots = packSlots(d, a, b);
    this.emit('vector', NO_ARGS, slots, imm, f);
    for (const slot of slotsWritten(f, slots)) this.known.delete(slot);
  }

  /** Exclusives, barriers and other ordered operations without an own method. */
  ordered(op: OpName, args: readonly IrValue[] = NO_ARGS, imm = 0, imm2 = 0): IrValue {
    return this.emit(op, args, imm, imm2);
  }

  /** Opens guest instruction at `pc`, executed with ITSTATE `it`. */
  marker(pc: number, it: number): void {
    this.markers++;
    this.append(OPS.marker, NO_ARGS, pc | 0, it);
  }

  newLabel(): IrLabel {
    return { number: this.nextLabel++ };
  }

  skipIfZero(condition: IrValue, label: IrLabel): void {
    this.knownAtSkip[label.number] = this.known.copy();
    this.append(OPS.skipIfZero, [condition], label.number);
  }

  /** Joins the skipping and the falling path, if that has not left: only what both of them know is still known. */
  label(label: IrLabel): void {
    const { ops } = this;
    const left = ops.length > 0 && ops[ops.length - 1].info.isExit;
    this.append(OPS.label, NO_ARGS, label.number);
    const before = this.knownAtSkip[label.number];
    if (left) this.known = before ?? new KnownSlots();
    else this.known.keepCommon(before);
  }

  exit(
    op: 'exitJump' | 'exitJumpTo' | 'exitInterwork' | 'exitResync' | 'exitDynamic' | 'exitRaise' | 'exitWait',
    args: readonly IrValue[] = NO_ARGS,
    imm = 0,
    imm2 = 0,
  ): void {
    this.emit(op, args, imm, imm2);
  }

  finish(pc: number, bytes: number): IrBlock {
    return { ops: this.ops, values: this.nextId, instructions: this.markers, pc, bytes };
  }
}
