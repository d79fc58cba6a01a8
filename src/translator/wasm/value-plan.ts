import { IntList } from '../int-list.ts';
import { byOperation, Effect } from '../ir/ops.ts';
import { FEW_VALUES, type IrBlock, type IrValue, vectorOf } from '../ir/value.ts';
import { slotsWritten } from '../vector/vector-function.ts';
import { Slot } from './region-abi.ts';

const enum Fate {
  Deferred = 1,
  Virtual = 2,
  Alias = 4,
}
/** Above the fate: the position of the last use, plus one. */
const LAST_USE_SHIFT = 3;
const FATES = (1 << LAST_USE_SHIFT) - 1;

/** How the values of a block reach their uses. */
export class ValuePlan {
  /** By the number of the value. */
  private readonly fates: readonly number[];

  constructor(fates: readonly number[]) {
    this.fates = fates;
  }

  /** Numbers of all values of the block, and of their operands, are below this. */
  get values(): number {
    return this.fates.length;
  }

  /** Pure values with one use, computed right where they are used. */
  isDeferred(value: IrValue): boolean {
    return (this.fates[value.id] & Fate.Deferred) !== 0;
  }

  /** Flags that are never computed as a word: whoever wants something of them computes that. */
  isVirtual(value: IrValue): boolean {
    return (this.fates[value.id] & Fate.Virtual) !== 0;
  }

  /** Reads of registers that are the register's local itself: it is not written before their last use. */
  isAlias(value: IrValue): boolean {
    return (this.fates[value.id] & Fate.Alias) !== 0;
  }

  /** Whether an operation is computed where it is used, not where it stands. */
  isSilent(value: IrValue): boolean {
    return (this.fates[value.id] & FATES) !== 0;
  }

  /** Position of the last use; -1 where there is none. */
  lastUse(value: IrValue): number {
    return (this.fates[value.id] >> LAST_USE_SHIFT) - 1;
  }
}

const FLAG_OPS = byOperation(
  { nzcvAdd: true, nzcvSub: true, nzcvLogic: true, nzcvNz: true, nzcvNz64: true },
  false,
);
/** Flags that keep a part of older ones, which are their last operand. */
const KEEPS_FLAGS = byOperation({ nzcvLogic: true, nzcvNz: true, nzcvNz64: true }, false);
const IS_CONSTANT = byOperation({ const: true, const64: true }, false);

export function isFlags(value: IrValue): boolean {
  return FLAG_OPS[value.info.number] || isFlagRead(value);
}

export function isFlagRead(value: IrValue): boolean {
  return value.op === 'get' && value.imm === Slot.Nzcv;
}

export function isRegisterRead(value: IrValue): boolean {
  return value.op === 'get' && value.imm < Slot.Registers;
}

export function isFlagWrite(value: IrValue): boolean {
  return value.op === 'set' && value.imm === Slot.Nzcv;
}

/** No use, no position. */
const NONE = -1;
/** Later than all positions. */
const NEVER = 0x3fffffff;
const SLOTS = Slot.Nzcv + 1;

/** Plans one block after the other with the same tables: a boot plans some ten thousand. */
class Planning {
  private ops: readonly IrValue[] = [];
  // By number of the value.
  private position = new Int32Array(FEW_VALUES);
  private firstUse = new Int32Array(FEW_VALUES);
  private lastOfUses = new Int32Array(FEW_VALUES);
  private useCount = new Int32Array(FEW_VALUES);
  private lastUse = new Int32Array(FEW_VALUES);
  private fate = new Uint8Array(FEW_VALUES);
  /** Positions of users, and the next use of the same value. */
  private readonly useAt = new IntList(256);
  private readonly nextUse = new IntList(256);
  /** Positions at which each register, and the flags, are written; ascending. */
  private readonly writes: readonly IntList[] = Array.from({ length: SLOTS }, () => new IntList());
  /** Positions of skips and labels. */
  private readonly joins = new IntList();
  /** What skips pass over: from the skip to its label. */
  private readonly skippedFrom = new IntList();
  private readonly skippedTo = new IntList();
  private readonly openSkips: number[] = [];

  run({ ops, values }: IrBlock): ValuePlan {
    this.ops = ops;
    this.begin(values);
    for (let at = 0; at < ops.length; at++) this.note(ops[at], at);
    const { fate, lastUse } = this;
    for (let at = 0; at < ops.length; at++) {
      const value = ops[at];
      if (isFlags(value) && this.canBeVirtual(value)) fate[value.id] |= Fate.Virtual;
    }
    for (let at = 0; at < ops.length; at++) {
      const value = ops[at];
      if (this.canBeDeferred(value, at)) fate[value.id] |= Fate.Deferred;
    }
    // From the last operation back: where a value is computed is known before its operands are looked at.
    for (let at = ops.length - 1; at >= 0; at--) {
      const value = ops[at];
      const { args } = value;
      if (args.length === 0) continue;
      const evaluated = this.evaluatedAt(value, at);
      for (let i = 0; i < args.length; i++) {
        const arg = args[i];
        if (!IS_CONSTANT[arg.info.number] && evaluated > lastUse[arg.id]) lastUse[arg.id] = evaluated;
      }
    }
    for (let at = 0; at < ops.length; at++) {
      const value = ops[at];
      if (!isRegisterRead(value)) continue;
      const last = lastUse[value.id];
      if (!this.writtenBetween(value.imm, at, last < 0 ? at : last)) fate[value.id] |= Fate.Alias;
    }
    const fates = new Array<number>(values);
    for (let id = 0; id < values; id++) fates[id] = fate[id] | ((lastUse[id] + 1) << LAST_USE_SHIFT);
    return new ValuePlan(fates);
  }

  private begin(values: number): void {
    if (values > this.position.length) {
      const size = 2 * values;
      this.position = new Int32Array(size);
      this.firstUse = new Int32Array(size);
      this.lastOfUses = new Int32Array(size);
      this.useCount = new Int32Array(size);
      this.lastUse = new Int32Array(size);
      this.fate = new Uint8Array(size);
    }
    for (let id = 0; id < values; id++) {
      this.position[id] = NONE;
      this.firstUse[id] = NONE;
      this.useCount[id] = 0;
      this.lastUse[id] = NONE;
      this.fate[id] = 0;
    }
    this.useAt.length = 0;
    this.nextUse.length = 0;
    for (let slot = 0; slot < SLOTS; slot++) this.writes[slot].length = 0;
    this.joins.length = 0;
    this.skippedFrom.length = 0;
    this.skippedTo.length = 0;
  }

  private evaluatedAt({ id }: IrValue, at: number): number {
    const last = this.lastUse[id] === NONE ? at : this.lastUse[id];
    if ((this.fate[id] & Fate.Deferred) !== 0) return last;
    if ((this.fate[id] & Fate.Virtual) === 0) return at;
    // Once they are written, virtual flags are looked at in the flag locals.
    const commit = this.commitOf(id);
    return commit === NONE ? last : commit;
  }

  /** Position at which a value becomes the flags. */
  private commitOf(id: number): number {
    for (let use = this.firstUse[id]; use !== NONE; use = this.nextUse.get(use)) {
      if (isFlagWrite(this.ops[this.useAt.get(use)])) return this.useAt.get(use);
    }
    return NONE;
  }

  private note(value: IrValue, at: number): void {
    this.position[value.id] = at;
    const { args } = value;
    for (let i = 0; i < args.length; i++) this.noteUse(args[i].id, at);
    switch (value.op) {
      case 'set':
        this.noteWrite(value.imm, at);
        break;
      case 'vector':
        this.noteVector(value, at);
        break;
      case 'call':
        if ((value.effects & Effect.WritesState) === 0) break;
        for (let slot = 0; slot < SLOTS; slot++) this.noteWrite(slot, at);
        break;
      case 'skipIfZero':
        this.openSkips.push(this.skippedFrom.length);
        this.skippedFrom.push(at);
        this.skippedTo.push(NEVER);
        this.joins.push(at);
        break;
      case 'label':
        this.skippedTo.set(this.openSkips.pop() as number, at);
        this.joins.push(at);
    }
  }

  private noteUse(id: number, at: number): void {
    const use = this.useAt.length;
    this.useAt.push(at);
    this.nextUse.push(NONE);
    if (this.firstUse[id] === NONE) this.firstUse[id] = use;
    else this.nextUse.set(this.lastOfUses[id], use);
    this.lastOfUses[id] = use;
    this.useCount[id]++;
  }

  private noteVector(value: IrValue, at: number): void {
    const vector = vectorOf(value);
    if (vector === undefined) return;
    for (const slot of slotsWritten(vector, value.imm)) this.noteWrite(slot, at);
  }

  private noteWrite(slot: number, at: number): void {
    if (slot < SLOTS) this.writes[slot].push(at);
  }

  private writtenBetween(slot: number, after: number, before: number): boolean {
    const positions = this.writes[slot];
    for (let i = 0; i < positions.length; i++) {
      if (positions.get(i) > after) return positions.get(i) < before;
    }
    return false;
  }

  /** Whether what is done at `at` has been done whenever `later` is reached: it is not in code that a skip passes over. */
  private alwaysBefore(at: number, later: number): boolean {
    const { skippedFrom, skippedTo } = this;
    for (let i = 0; i < skippedFrom.length; i++) {
      const end = skippedTo.get(i);
      if (skippedFrom.get(i) < at && at < end && end < later) return false;
    }
    return true;
  }

  /** The flags that were written at `at` are still those of `later`. */
  private areFlagsStill(at: number, later: number): boolean {
    return !this.writtenBetween(Slot.Nzcv, at, later) && this.alwaysBefore(at, later);
  }

  /** Position at which flags are written: of those that are read, where that is; NEVER for those that are not written. */
  private writtenAt(value: IrValue): number {
    if (isFlagRead(value)) return this.position[value.id];
    const commit = this.commitOf(value.id);
    return commit === NONE ? NEVER : commit;
  }

  /**
   * Whether each use finds the flags either in their operands (nothing was written since) or in the flag locals: what
   * they keep of older flags must still be there when they are written, and they must be the last ones written when used.
   */
  private canBeVirtual(value: IrValue): boolean {
    const defined = this.position[value.id];
    const written = this.writtenAt(value);
    const isFree = value.op === 'nzcvSub' || isFlagRead(value);
    for (let use = this.firstUse[value.id]; use !== NONE; use = this.nextUse.get(use)) {
      const at = this.useAt.get(use);
      const user = this.ops[at];
      const isOld = isOldFlagsOf(user, value);
      const asks = user.op === 'cond' || user.op === 'carryOf' || isOld;
      if (!asks && !isFlagWrite(user)) return false;
      if (at > written) {
        if (!this.areFlagsStill(written, at)) return false;
      } else {
        if (this.writtenBetween(Slot.Nzcv, defined, at)) return false;
        if (asks && !isFree) return false;
      }
      // Older flags are looked at where the newer ones are written, which must find them unchanged.
      if (isOld && !this.oldSurvives(user, written)) return false;
    }
    return !KEEPS_FLAGS[value.info.number] || this.keepsCurrent(value, defined);
  }

  private oldSurvives(newer: IrValue, written: number): boolean {
    const commit = this.commitOf(newer.id);
    return commit !== NONE && this.areFlagsStill(written, commit);
  }

  /** Flags that keep older ones are written where these are the current ones. */
  private keepsCurrent(value: IrValue, defined: number): boolean {
    const old = value.args[value.args.length - 1];
    if ((this.fate[old.id] & Fate.Virtual) === 0) return false;
    const commit = this.commitOf(value.id);
    if (commit === NONE) return false;
    const oldWritten = this.writtenAt(old);
    return oldWritten < defined && this.areFlagsStill(oldWritten, commit);
  }

  /** One use, nothing in between that changes an operand, no join of paths in between. */
  private canBeDeferred(value: IrValue, at: number): boolean {
    if (value.info.effects !== Effect.None || value.op === 'marker' || isFlags(value)) return false;
    if (this.useCount[value.id] !== 1) return false;
    const usedAt = this.useAt.get(this.firstUse[value.id]);
    const user = this.ops[usedAt];
    // Flags that are not words may look at their operands more than once.
    if (isFlags(user)) return false;
    const { joins } = this;
    for (let i = 0; i < joins.length; i++) {
      if (joins.get(i) > at && joins.get(i) < usedAt) return false;
    }
    return this.operandsLast(value, at, this.evaluationEnd(user, usedAt));
  }

  /** Where a use really happens: later, when the user itself may be deferred. */
  private evaluationEnd(user: IrValue, at: number): number {
    let end = at;
    for (let next = user; next.info.effects === Effect.None && this.useCount[next.id] === 1; ) {
      const usedAt = this.useAt.get(this.firstUse[next.id]);
      if (usedAt > end) end = usedAt;
      next = this.ops[usedAt];
    }
    return end;
  }

  private operandsLast(value: IrValue, from: number, to: number): boolean {
    const { args } = value;
    for (let i = 0; i < args.length; i++) {
      const arg = args[i];
      if (isRegisterRead(arg)) {
        if (this.writtenBetween(arg.imm, from, to)) return false;
      } else if (isFlags(arg)) {
        if (this.writtenBetween(Slot.Nzcv, from, to)) return false;
      } else if ((this.fate[arg.id] & Fate.Deferred) !== 0 && !this.operandsLast(arg, from, to)) {
        return false;
      }
    }
    return true;
  }
}

/** Whether flags that keep a part of older ones keep it of `value`, and want it for nothing else. */
function isOldFlagsOf(user: IrValue, value: IrValue): boolean {
  const { args } = user;
  return KEEPS_FLAGS[user.info.number] && args.indexOf(value) === args.length - 1;
}

const PLANNING = new Planning();

/** Decides where the values of an optimised block are computed. */
export function planValues(block: IrBlock): ValuePlan {
  return PLANNING.run(block);
}
