import { MemoryLayout } from '../memory/machine-memory.ts';
import { Effect, OPS } from './ir/ops.ts';
import { type IrValue, vectorOf } from './ir/value.ts';
import { WORDS_OF_TYPE } from './lowering-tables.ts';
import { slotsRead, slotsWritten } from './vector/vector-function.ts';

const STATE = MemoryLayout.state >>> 2;
const TEMPORARIES = MemoryLayout.temporaries >>> 2;
const FOREVER = Number.MAX_SAFE_INTEGER;
/** CallLow and CallHigh: the slow path of any access may write them, which no operation says. */
const PASSING_SLOTS = [28, 29];

/** Where the interpreter keeps each value of a block: word indices in the machine's memory. */
export interface Locations {
  of(value: IrValue): number;
  /** Computed by its users: a condition by the skip after it, an address by the accesses. */
  isFused(value: IrValue): boolean;
}

function effectsOf(value: IrValue): number {
  return value.helper !== undefined ? value.helper.effects : OPS[value.op].effects;
}

/** Facts about a block that the choice of locations rests on, by position of the operation. */
class Uses {
  readonly position = new Map<IrValue, number>();
  readonly lastUse = new Map<IrValue, number>();
  /** For each slot the positions where it is written, ascending. */
  readonly writes = new Map<number, number[]>();
  /** Positions where a helper may write any slot, ascending. */
  readonly clobbers: number[] = [];
  /** Positions where control may leave or join, or state may be seen by others, ascending. */
  readonly boundaries: number[] = [];

  constructor(ops: readonly IrValue[], fused: ReadonlySet<IrValue>) {
    for (const [i, value] of ops.entries()) {
      this.position.set(value, i);
      for (const arg of value.args) this.use(arg, i, fused);
      const effects = effectsOf(value);
      const written = namedWrites(value);
      for (const slot of written) {
        const list = this.writes.get(slot);
        if (list === undefined) this.writes.set(slot, [i]);
        else list.push(i);
      }
      if (written.length === 0 && (effects & Effect.WritesState) !== 0) this.clobbers.push(i);
      if (
        value.op === 'skipIfZero' ||
        value.op === 'label' ||
        value.op === 'call' ||
        (effects & (Effect.MayFault | Effect.MayExit)) !== 0
      ) {
        this.boundaries.push(i);
      }
    }
  }

  /** What its user computes extends the life of its operands to that user; so does a half of a 64-bit value. */
  private use(value: IrValue, at: number, fused: ReadonlySet<IrValue>): void {
    this.lastUse.set(value, at);
    if (fused.has(value) || value.op === 'low64' || value.op === 'high64') {
      for (const arg of value.args) this.use(arg, at, fused);
    }
  }

  /** Position of the next write of the slot after `at`, also by a helper that may write it. */
  nextWrite(slot: number, at: number): number {
    const writes = this.writes.get(slot);
    const write = writes === undefined ? FOREVER : firstAfter(writes, at);
    return Math.min(write, firstAfter(this.clobbers, at));
  }

  boundaryBetween(from: number, to: number): boolean {
    return firstAfter(this.boundaries, from) < to;
  }
}

/** The first of ascending positions behind `at`; FOREVER where there is none. */
function firstAfter(positions: readonly number[], at: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle] > at) high = middle;
    else low = middle + 1;
  }
  return low < positions.length ? positions[low] : FOREVER;
}

const WORDS_SET: { readonly [op: string]: number | undefined } = {
  set: 1,
  setF32: 1,
  set64: 2,
  setF64: 2,
  setV128: 4,
};

/** Slots of which the operation itself says that it writes them. */
function namedWrites(value: IrValue): readonly number[] {
  const vector = vectorOf(value);
  if (vector !== undefined) return slotsWritten(vector, value.imm);
  const words = WORDS_SET[value.op] ?? 0;
  return Array.from({ length: words }, (_unused, word) => value.imm + word);
}

/** Temporaries, given out lowest first and taken back after the last use. */
class TemporaryPool {
  private readonly taken: boolean[] = [];

  take(words: number): number {
    const align = words === 4 ? 4 : words;
    for (let at = 0; ; at += align) {
      let free = true;
      for (let w = 0; w < words; w++) if (this.taken[at + w] === true) free = false;
      if (!free) continue;
      if (at + words > MemoryLayout.temporaryWords)
        throw new Error('a block needs more temporaries than there are');
      for (let w = 0; w < words; w++) this.taken[at + w] = true;
      return TEMPORARIES + at;
    }
  }

  release(location: number, words: number): void {
    for (let w = 0; w < words; w++) this.taken[location - TEMPORARIES + w] = false;
  }
}

/**
 * Chooses a location for every value. A value read from a state slot stays there while the slot is not written; a
 * value that is about to be written to a slot is computed there at once, where nobody can tell the difference.
 */
export function assignLocations(ops: readonly IrValue[]): Locations {
  const where = new Map<IrValue, number>();
  const fused = new Set<IrValue>();
  const useCount = countUses(ops);
  foldAddresses(ops, useCount, fused);
  fuseConditions(ops, useCount, fused);
  const uses = new Uses(ops, fused);
  const pool = new TemporaryPool();
  const releases = new Map<number, [number, number][]>();
  const targets = slotTargets(ops, uses, fused);

  for (const [i, value] of ops.entries()) {
    const words = WORDS_OF_TYPE[value.type];
    if (words !== 0 && !fused.has(value)) {
      const last = uses.lastUse.get(value) ?? i;
      const slot = directSlot(value, uses, i, last) ?? targets.get(value);
      const alias = aliasOf(value, where);
      if (slot !== undefined) {
        where.set(value, STATE + slot);
      } else if (alias !== undefined) {
        where.set(value, alias);
      } else {
        const location = pool.take(words);
        where.set(value, location);
        const list = releases.get(last) ?? [];
        list.push([location, words]);
        releases.set(last, list);
      }
    }
    // An operand that ends here is released only after the result has its place: operations may write word by word.
    for (const [location, n] of releases.get(i) ?? []) pool.release(location, n);
  }
  return {
    of(value) {
      const location = where.get(value);
      if (location === undefined)
        throw new Error(`IR value %${value.id} (${value.op}) is used but not in the block`);
      return location;
    },
    isFused: (value) => fused.has(value),
  };
}

/** The slot itself, when what a `get` of any width gives can be read in place by all its users. */
function directSlot(value: IrValue, uses: Uses, at: number, last: number): number | undefined {
  if (!value.op.startsWith('get')) return undefined;
  for (let word = 0; word < WORDS_OF_TYPE[value.type]; word++) {
    const slot = value.imm + word;
    if (PASSING_SLOTS.includes(slot) || uses.nextWrite(slot, at) < last) return undefined;
  }
  return value.imm;
}

/** Halves of a 64-bit temporary are parts of it; the whole lives as long as they do (see Uses). */
function aliasOf(value: IrValue, where: Map<IrValue, number>): number | undefined {
  if (value.op !== 'low64' && value.op !== 'high64') return undefined;
  const whole = where.get(value.args[0]);
  if (whole === undefined) return undefined;
  return whole + (value.op === 'high64' ? 1 : 0);
}

/**
 * Values that may be computed right in the slot they are set to: between the definition and the `set` nobody reads
 * the slot's old value, no control flow and no fault can show it early, and later users come before it changes again.
 */
function slotTargets(ops: readonly IrValue[], uses: Uses, fused: ReadonlySet<IrValue>): Map<IrValue, number> {
  const targets = new Map<IrValue, number>();
  /** For each slot up to which position what was in it is needed: read values in place, values computed there. */
  const neededUntil = new Map<number, number>();
  const need = (slot: number, until: number): void => {
    if (until > (neededUntil.get(slot) ?? -1)) neededUntil.set(slot, until);
  };
  for (const [at, op] of ops.entries()) {
    if (op.op.startsWith('get')) {
      const until = uses.lastUse.get(op) ?? at;
      for (let word = 0; word < WORDS_OF_TYPE[op.type]; word++) need(op.imm + word, until);
    }
    const vector = vectorOf(op);
    if (vector !== undefined) for (const slot of slotsRead(vector, op.imm)) need(slot, at);
    const words = WORDS_SET[op.op];
    if (words === undefined) continue;
    const value = op.args[0];
    const defined = uses.position.get(value);
    if (defined === undefined || fused.has(value) || targets.has(value)) continue;
    if (value.op.startsWith('get') || value.op === 'low64' || value.op === 'high64') continue;
    const last = uses.lastUse.get(value) ?? at;
    if (uses.boundaryBetween(defined, at)) continue;
    const slots = Array.from({ length: words }, (_unused, word) => op.imm + word);
    const isFree = (slot: number): boolean =>
      uses.nextWrite(slot, defined) === at &&
      uses.nextWrite(slot, at) >= last &&
      (neededUntil.get(slot) ?? -1) <= defined;
    if (!slots.every(isFree)) continue;
    targets.set(value, op.imm);
    for (const slot of slots) need(slot, last);
  }
  return targets;
}

function isAccess(value: IrValue): boolean {
  return value.op.startsWith('load') || value.op.startsWith('store');
}

function countUses(ops: readonly IrValue[]): Map<IrValue, number> {
  const count = new Map<IrValue, number>();
  for (const value of ops) for (const arg of value.args) count.set(arg, (count.get(arg) ?? 0) + 1);
  return count;
}

/** Base plus constant offset is computed by the memory accesses themselves where nobody else wants the sum. */
function foldAddresses(ops: readonly IrValue[], useCount: Map<IrValue, number>, fused: Set<IrValue>): void {
  const accesses = new Map<IrValue, number>();
  for (const value of ops) {
    if (!isAccess(value)) continue;
    const [address, stored] = value.args;
    if (address.op !== 'add' || address.args[1].op !== 'const' || address.args[0].op === 'const') continue;
    if (stored !== address) accesses.set(address, (accesses.get(address) ?? 0) + 1);
  }
  for (const [address, count] of accesses) if (useCount.get(address) === count) fused.add(address);
}

/** A condition that the skip right after it computes itself. */
function fuseConditions(ops: readonly IrValue[], useCount: Map<IrValue, number>, fused: Set<IrValue>): void {
  for (const [i, value] of ops.entries()) {
    if (value.op !== 'cond' || useCount.get(value) !== 1) continue;
    const next = ops[i + 1];
    if (next?.op === 'skipIfZero' && next.args[0] === value) fused.add(value);
  }
}
