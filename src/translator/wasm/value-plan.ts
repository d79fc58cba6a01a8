import { Effect } from '../ir/ops.ts';
import type { IrValue } from '../ir/value.ts';
import { vectorOf } from '../ir/value.ts';
import { slotsWritten } from '../vector/vector-function.ts';
import { Slot } from './region-abi.ts';

/** How the values of a block reach their uses. */
export interface ValuePlan {
  /** Pure values with one use, computed right where they are used. */
  readonly deferred: ReadonlySet<IrValue>;
  /** Flags that are never computed as a word: whoever wants something of them computes that. */
  readonly virtual: ReadonlySet<IrValue>;
  /** Reads of registers that are the register's local itself: it is not written before their last use. */
  readonly aliases: ReadonlySet<IrValue>;
  /** Position of the last use; values without one have no entry. */
  readonly lastUse: ReadonlyMap<IrValue, number>;
}

const FLAG_OPS: ReadonlySet<string> = new Set(['nzcvAdd', 'nzcvSub', 'nzcvLogic', 'nzcvNz', 'nzcvNz64']);
/** Flags that keep a part of older ones, which are their last operand. */
const KEEPS_FLAGS: ReadonlySet<string> = new Set(['nzcvLogic', 'nzcvNz', 'nzcvNz64']);

export function isFlags(value: IrValue): boolean {
  return FLAG_OPS.has(value.op) || isFlagRead(value);
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

interface Use {
  readonly user: IrValue;
  readonly at: number;
}

class Planning {
  private readonly ops: readonly IrValue[];
  private readonly position = new Map<IrValue, number>();
  private readonly uses = new Map<IrValue, Use[]>();
  /** Positions at which a register, or the flags, are written; ascending. */
  private readonly writes = new Map<number, number[]>();
  /** Positions of skips and labels. */
  private readonly joins: number[] = [];
  /** What skips pass over: from the skip to its label. */
  private readonly skipped: { readonly from: number; to: number }[] = [];
  private readonly openSkips: { readonly from: number; to: number }[] = [];
  private readonly virtual = new Set<IrValue>();
  private readonly deferred = new Set<IrValue>();
  private readonly aliases = new Set<IrValue>();
  private readonly lastUse = new Map<IrValue, number>();

  constructor(ops: readonly IrValue[]) {
    this.ops = ops;
    for (const [at, value] of ops.entries()) this.note(value, at);
  }

  run(): ValuePlan {
    for (const value of this.ops) if (isFlags(value) && this.canBeVirtual(value)) this.virtual.add(value);
    for (const [at, value] of this.ops.entries()) if (this.canBeDeferred(value, at)) this.deferred.add(value);
    // From the last operation back: where a value is computed is known before its operands are looked at.
    for (let at = this.ops.length - 1; at >= 0; at--) {
      const value = this.ops[at];
      const evaluated = this.evaluatedAt(value, at);
      for (const arg of value.args) {
        if (arg.op === 'const' || arg.op === 'const64') continue;
        if (evaluated > (this.lastUse.get(arg) ?? -1)) this.lastUse.set(arg, evaluated);
      }
    }
    for (const [at, value] of this.ops.entries()) {
      if (!isRegisterRead(value)) continue;
      if (!this.writtenBetween(value.imm, at, this.lastUse.get(value) ?? at)) this.aliases.add(value);
    }
    const { deferred, virtual, aliases, lastUse } = this;
    return { deferred, virtual, aliases, lastUse };
  }

  private evaluatedAt(value: IrValue, at: number): number {
    if (this.deferred.has(value)) return this.lastUse.get(value) ?? at;
    if (!this.virtual.has(value)) return at;
    // Once they are written, virtual flags are looked at in the flag locals.
    return this.commitOf(value) ?? this.lastUse.get(value) ?? at;
  }

  /** Position at which a value becomes the flags. */
  private commitOf(value: IrValue): number | undefined {
    return this.uses.get(value)?.find(({ user }) => isFlagWrite(user))?.at;
  }

  private note(value: IrValue, at: number): void {
    this.position.set(value, at);
    for (const arg of value.args) {
      const uses = this.uses.get(arg);
      if (uses === undefined) this.uses.set(arg, [{ user: value, at }]);
      else uses.push({ user: value, at });
    }
    if (value.op === 'set') this.noteWrite(value.imm, at);
    const vector = vectorOf(value);
    if (vector !== undefined) {
      for (const slot of slotsWritten(vector, value.imm)) if (slot <= Slot.Nzcv) this.noteWrite(slot, at);
    }
    if (value.op === 'call' && ((value.helper?.effects ?? 0) & Effect.WritesState) !== 0) {
      for (let slot = 0; slot <= Slot.Nzcv; slot++) this.noteWrite(slot, at);
    }
    if (value.op === 'skipIfZero') {
      const skip = { from: at, to: Infinity };
      this.skipped.push(skip);
      this.openSkips.push(skip);
    } else if (value.op === 'label') {
      (this.openSkips.pop() as { to: number }).to = at;
    } else {
      return;
    }
    this.joins.push(at);
  }

  private noteWrite(slot: number, at: number): void {
    const positions = this.writes.get(slot);
    if (positions === undefined) this.writes.set(slot, [at]);
    else positions.push(at);
  }

  private writtenBetween(slot: number, after: number, before: number): boolean {
    return this.writes.get(slot)?.some((at) => at > after && at < before) ?? false;
  }

  /** Whether what is done at `at` has been done whenever `later` is reached: it is not in code that a skip passes over. */
  private alwaysBefore(at: number, later: number): boolean {
    return !this.skipped.some(({ from, to }) => from < at && at < to && to < later);
  }

  /** The flags that were written at `at` are still those of `later`. */
  private areFlagsStill(at: number, later: number): boolean {
    return !this.writtenBetween(Slot.Nzcv, at, later) && this.alwaysBefore(at, later);
  }

  /**
   * Whether each use finds the flags either in their operands (nothing was written since) or in the flag locals: what
   * they keep of older flags must still be there when they are written, and they must be the last ones written when used.
   */
  private canBeVirtual(value: IrValue): boolean {
    const defined = this.position.get(value) as number;
    const uses = this.uses.get(value) ?? [];
    const written = isFlagRead(value) ? defined : (this.commitOf(value) ?? Infinity);
    const isSub = value.op === 'nzcvSub';
    for (const { user, at } of uses) {
      const isOld =
        KEEPS_FLAGS.has(user.op) &&
        user.args.at(-1) === value &&
        user.args.indexOf(value) === user.args.length - 1;
      const asks = user.op === 'cond' || user.op === 'carryOf' || isOld;
      if (!asks && !isFlagWrite(user)) return false;
      if (at > written) {
        if (!this.areFlagsStill(written, at)) return false;
      } else {
        if (this.writtenBetween(Slot.Nzcv, defined, at)) return false;
        if (asks && !isSub && !isFlagRead(value)) return false;
      }
      // Older flags are looked at where the newer ones are written, which must find them unchanged.
      if (isOld && !this.oldSurvives(user, written)) return false;
    }
    return !KEEPS_FLAGS.has(value.op) || this.keepsCurrent(value, defined);
  }

  private oldSurvives(newer: IrValue, written: number): boolean {
    const commit = this.commitOf(newer);
    return commit !== undefined && this.areFlagsStill(written, commit);
  }

  /** Flags that keep older ones are written where these are the current ones. */
  private keepsCurrent(value: IrValue, defined: number): boolean {
    const old = value.args.at(-1) as IrValue;
    if (!this.virtual.has(old)) return false;
    const commit = this.commitOf(value);
    if (commit === undefined) return false;
    const oldWritten = isFlagRead(old)
      ? (this.position.get(old) as number)
      : (this.commitOf(old) ?? Infinity);
    return oldWritten < defined && this.areFlagsStill(oldWritten, commit);
  }

  /** One use, nothing in between that changes an operand, no join of paths in between. */
  private canBeDeferred(value: IrValue, at: number): boolean {
    if (value.info.effects !== Effect.None || value.op === 'marker' || isFlags(value)) return false;
    const uses = this.uses.get(value);
    if (uses?.length !== 1) return false;
    const [{ user, at: usedAt }] = uses;
    // Flags that are not words may look at their operands more than once.
    if (isFlags(user)) return false;
    if (this.joins.some((join) => join > at && join < usedAt)) return false;
    return this.operandsLast(value, at, this.evaluationEnd(user, usedAt));
  }

  /** Where a use really happens: later, when the user itself may be deferred. */
  private evaluationEnd(user: IrValue, at: number): number {
    let end = at;
    for (let next: IrValue | undefined = user; next !== undefined; ) {
      const uses: readonly Use[] = this.uses.get(next) ?? [];
      if (next.info.effects !== Effect.None || uses.length !== 1) break;
      end = Math.max(end, uses[0].at);
      next = uses[0].user;
    }
    return end;
  }

  private operandsLast(value: IrValue, from: number, to: number): boolean {
    return value.args.every((arg) => {
      if (isRegisterRead(arg)) return !this.writtenBetween(arg.imm, from, to);
      if (isFlags(arg)) return !this.writtenBetween(Slot.Nzcv, from, to);
      return !this.deferred.has(arg) || this.operandsLast(arg, from, to);
    });
  }
}

/** Decides where the values of a block are computed. @param ops optimised IR. */
export function planValues(ops: readonly IrValue[]): ValuePlan {
  return new Planning(ops).run();
}
