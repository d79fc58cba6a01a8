import { MemoryLayout } from '../memory/machine-memory.ts';
import { IntList } from './int-list.ts';
import { byOperation, Effect } from './ir/ops.ts';
import { FEW_VALUES, type IrBlock, type IrValue, vectorOf } from './ir/value.ts';
import { RESULT_WORDS } from './lowering-tables.ts';
import { slotsRead, slotsWritten } from './vector/vector-function.ts';
import { wordRunAt } from './word-runs.ts';

const STATE = MemoryLayout.state >>> 2;
const STATE_SLOTS = (MemoryLayout.temporaries - MemoryLayout.state) >>> 2;
const TEMPORARIES = MemoryLayout.temporaries >>> 2;
const FOREVER = 0x7fffffff;
/** CallLow and CallHigh: the slow path of any access may write them, which no operation says. */
const CALL_LOW = 28;
const CALL_HIGH = 29;

/** Words of the slot that an operation reads, or sets, by OpInfo.number. */
const WORDS_GOT = byOperation({ get: 1, getF32: 1, get64: 2, getF64: 2, getV128: 4 }, 0);
const WORDS_SET = byOperation({ set: 1, setF32: 1, set64: 2, setF64: 2, setV128: 4 }, 0);
const WORDS_OF_RUN = byOperation({ load32: true }, false);
const IS_ACCESS = byOperation(
  {
    load8: true,
    load16: true,
    load32: true,
    load64: true,
    load128: true,
    store8: true,
    store16: true,
    store32: true,
    store64: true,
    store128: true,
  },
  false,
);

/** The first of ascending positions behind `at`; FOREVER where there is none. */
function firstAfter(positions: IntList, at: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions.get(middle) > at) high = middle;
    else low = middle + 1;
  }
  return low < positions.length ? positions.get(low) : FOREVER;
}

/** Temporaries, given out lowest first and taken back after the last use. */
class TemporaryPool {
  private readonly taken: boolean[] = new Array<boolean>(MemoryLayout.temporaryWords).fill(false);
  /** What is taken: location, words, and the position of the last use, one after the other. */
  private readonly open: number[] = [];

  take(words: number, last: number): number {
    const align = words === 4 ? 4 : words;
    for (let at = 0; ; at += align) {
      if (at + words > MemoryLayout.temporaryWords)
        throw new Error('a block needs more temporaries than there are');
      let free = true;
      for (let w = 0; w < words; w++) if (this.taken[at + w]) free = false;
      if (!free) continue;
      for (let w = 0; w < words; w++) this.taken[at + w] = true;
      this.open.push(TEMPORARIES + at, words, last);
      return TEMPORARIES + at;
    }
  }

  /** Takes back what was used last at a position. */
  releaseAt(position: number): void {
    const { open } = this;
    for (let i = open.length - 3; i >= 0; i -= 3) {
      if (open[i + 2] !== position) continue;
      for (let w = 0; w < open[i + 1]; w++) this.taken[open[i] - TEMPORARIES + w] = false;
      const last = open.pop() as number;
      const words = open.pop() as number;
      const location = open.pop() as number;
      if (i === open.length) continue;
      open[i] = location;
      open[i + 1] = words;
      open[i + 2] = last;
    }
  }

  clear(): void {
    while (this.open.length > 0) this.releaseAt(this.open[2]);
  }
}

/**
 * Where the interpreter keeps each value of a block: word indices in the machine's memory. A value read from a state slot
 * stays there while the slot is not written; a value that is about to be written to a slot is computed there at once,
 * where nobody can tell the difference.
 *
 * One object serves block after block, for a boot translates tens of thousands of them: what it knows is in tables by
 * the values' numbers, by slots and by positions of operations.
 */
export class Locations {
  private ops: readonly IrValue[] = [];
  /** Numbers of its values are below this. */
  private values = 0;
  // By number of a value.
  private useCount = new Int32Array(FEW_VALUES);
  /** Where it is defined, as words of a run at its end; -1 outside of the block's order. */
  private position = new Int32Array(FEW_VALUES);
  private lastUse = new Int32Array(FEW_VALUES);
  private fused = new Uint8Array(FEW_VALUES);
  /** The slot that it is computed in, -1 where there is none. */
  private target = new Int32Array(FEW_VALUES);
  /** Its location, -1 where it has none. */
  private where = new Int32Array(FEW_VALUES);
  /** For each slot the positions where it is written, ascending. */
  private readonly writes: readonly IntList[] = Array.from({ length: STATE_SLOTS }, () => new IntList(8));
  /** Slots that are written at all, some of them more than once. */
  private readonly written = new IntList();
  /** For each slot up to which position what was in it is needed: read values in place, values computed there. */
  private readonly neededUntil = new Int32Array(STATE_SLOTS);
  /** Positions where a helper may write any slot, ascending. */
  private readonly clobbers = new IntList();
  /** Positions where control may leave or join, or state may be seen by others, ascending. */
  private readonly boundaries = new IntList();
  private readonly pool = new TemporaryPool();

  /** Word index of a value of the block that was assigned last. */
  of(value: IrValue): number {
    const location = value.id < this.where.length ? this.where[value.id] : -1;
    if (location < 0) throw new Error(`IR value %${value.id} (${value.op}) is used but not in the block`);
    return location;
  }

  /** Computed by its users: a condition by the skip after it, an address by the accesses. */
  isFused(value: IrValue): boolean {
    return this.fused[value.id] === 1;
  }

  /** Chooses a location for every value of a block. */
  assign({ ops, values }: IrBlock): void {
    this.ops = ops;
    this.begin(values);
    this.foldAddresses();
    this.fuseConditions();
    this.findUses();
    this.findTargets();
    const { pool, where } = this;
    for (let i = 0; i < ops.length; i++) {
      const value = ops[i];
      const words = RESULT_WORDS[value.info.number];
      if (words !== 0 && this.fused[value.id] === 0) where[value.id] = this.choose(value, i, words);
      // An operand that ends here is released only after the result has its place: operations may write word by word.
      pool.releaseAt(i);
    }
  }

  private choose(value: IrValue, at: number, words: number): number {
    const last = this.lastUseOf(value, at);
    if (this.isDirect(value, at, last)) return STATE + value.imm;
    const target = this.target[value.id];
    if (target >= 0) return STATE + target;
    const alias = this.aliasOf(value);
    return alias >= 0 ? alias : this.pool.take(words, last);
  }

  private begin(values: number): void {
    const { ops } = this;
    this.values = values;
    if (values > this.where.length) {
      const size = 2 * values;
      this.useCount = new Int32Array(size);
      this.position = new Int32Array(size);
      this.lastUse = new Int32Array(size);
      this.fused = new Uint8Array(size);
      this.target = new Int32Array(size);
      this.where = new Int32Array(size);
    }
    const { useCount, position, lastUse, fused, target, where } = this;
    for (let i = 0; i < values; i++) {
      useCount[i] = 0;
      position[i] = -1;
      lastUse[i] = -1;
      fused[i] = 0;
      target[i] = -1;
      where[i] = -1;
    }
    for (let i = 0; i < ops.length; i++) {
      const { args } = ops[i];
      for (let a = 0; a < args.length; a++) useCount[args[a].id]++;
    }
    const { written } = this;
    for (let i = 0; i < written.length; i++) this.writes[written.get(i)].length = 0;
    written.length = 0;
    this.clobbers.length = 0;
    this.boundaries.length = 0;
    this.pool.clear();
  }

  /** Base plus constant offset is computed by the memory accesses themselves where nobody else wants the sum. */
  private foldAddresses(): void {
    const { ops, useCount, fused, lastUse } = this;
    // For now, lastUse counts the accesses by an address.
    for (const value of ops) {
      if (!IS_ACCESS[value.info.number]) continue;
      const address = value.args[0];
      if (address.op !== 'add' || address.args[1].op !== 'const' || address.args[0].op === 'const') continue;
      if (value.args[1] === address) continue;
      const accesses = Math.max(lastUse[address.id], 0) + 1;
      lastUse[address.id] = accesses;
      if (accesses === useCount[address.id]) fused[address.id] = 1;
    }
  }

  /** A condition that the skip right after it computes itself. */
  private fuseConditions(): void {
    const { ops, useCount, fused } = this;
    for (let i = 0; i + 1 < ops.length; i++) {
      const value = ops[i];
      if (value.op !== 'cond' || useCount[value.id] !== 1) continue;
      const next = ops[i + 1];
      if (next.op === 'skipIfZero' && next.args[0] === value) fused[value.id] = 1;
    }
  }

  private findUses(): void {
    const { ops, position } = this;
    for (let i = 0; i < this.values; i++) this.lastUse[i] = -1;
    let runEnd = -1;
    for (let i = 0; i < ops.length; i++) {
      const value = ops[i];
      if (i > runEnd) runEnd = this.loadsUntil(i);
      position[value.id] = WORDS_OF_RUN[value.info.number] ? Math.max(runEnd, i) : i;
      for (const arg of value.args) this.use(arg, i);
      const { effects } = value;
      const words = WORDS_SET[value.info.number];
      const vector = vectorOf(value);
      if (vector !== undefined) for (const slot of slotsWritten(vector, value.imm)) this.write(slot, i);
      for (let word = 0; word < words; word++) this.write(value.imm + word, i);
      if (words === 0 && vector === undefined && (effects & Effect.WritesState) !== 0) this.clobbers.push(i);
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

  /** The end of the run of loads that begins at a position; before it where there is none. */
  private loadsUntil(at: number): number {
    if (!WORDS_OF_RUN[this.ops[at].info.number]) return -1;
    return wordRunAt(this.ops, at, this.isFolded)?.last ?? -1;
  }

  private readonly isFolded = (value: IrValue): boolean => this.fused[value.id] === 1;

  private write(slot: number, at: number): void {
    this.writes[slot].push(at);
    this.written.push(slot);
  }

  /** What its user computes extends the life of its operands to that user; so does a half of a 64-bit value. */
  private use(value: IrValue, at: number): void {
    this.lastUse[value.id] = at;
    if (this.fused[value.id] === 1 || value.op === 'low64' || value.op === 'high64') {
      for (const arg of value.args) this.use(arg, at);
    }
  }

  private lastUseOf(value: IrValue, at: number): number {
    const last = this.lastUse[value.id];
    return last < 0 ? at : last;
  }

  /** Position of the next write of the slot after `at`, also by a helper that may write it. */
  private nextWrite(slot: number, at: number): number {
    return Math.min(firstAfter(this.writes[slot], at), firstAfter(this.clobbers, at));
  }

  /** Whether what a `get` of any width gives can be read in its slot by all its users. */
  private isDirect(value: IrValue, at: number, last: number): boolean {
    const words = WORDS_GOT[value.info.number];
    for (let word = 0; word < words; word++) {
      const slot = value.imm + word;
      if (slot === CALL_LOW || slot === CALL_HIGH || this.nextWrite(slot, at) < last) return false;
    }
    return words > 0;
  }

  /** Halves of a 64-bit temporary are parts of it; the whole lives as long as they do (see `use`). */
  private aliasOf(value: IrValue): number {
    if (value.op !== 'low64' && value.op !== 'high64') return -1;
    const whole = this.where[value.args[0].id];
    return whole < 0 || value.op === 'low64' ? whole : whole + 1;
  }

  /**
   * Values that may be computed right in the slot they are set to: between the definition and the `set` nobody reads
   * the slot's old value, no control flow and no fault can show it early, and later users come before it changes again.
   */
  private findTargets(): void {
    const { ops, neededUntil } = this;
    neededUntil.fill(-1);
    for (let at = 0; at < ops.length; at++) {
      const op = ops[at];
      const got = WORDS_GOT[op.info.number];
      for (let word = 0; word < got; word++) this.need(op.imm + word, this.lastUseOf(op, at));
      const vector = vectorOf(op);
      if (vector !== undefined) for (const slot of slotsRead(vector, op.imm)) this.need(slot, at);
      const words = WORDS_SET[op.info.number];
      if (words > 0) this.findTarget(op, at, words);
    }
  }

  private need(slot: number, until: number): void {
    if (until > this.neededUntil[slot]) this.neededUntil[slot] = until;
  }

  private findTarget(op: IrValue, at: number, words: number): void {
    const value = op.args[0];
    const defined = this.position[value.id];
    if (defined < 0 || this.fused[value.id] === 1 || this.target[value.id] >= 0) return;
    if (WORDS_GOT[value.info.number] > 0 || value.op === 'low64' || value.op === 'high64') return;
    const last = this.lastUseOf(value, at);
    if (firstAfter(this.boundaries, defined) < at) return;
    for (let word = 0; word < words; word++) {
      const slot = op.imm + word;
      const isFree =
        this.nextWrite(slot, defined) === at &&
        this.nextWrite(slot, at) >= last &&
        this.neededUntil[slot] <= defined;
      if (!isFree) return;
    }
    this.target[value.id] = op.imm;
    for (let word = 0; word < words; word++) this.need(op.imm + word, last);
  }
}
