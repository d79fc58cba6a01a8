import { Effect, OPS } from '../ir/ops.ts';
import { type IrBlock, type IrValue, irValue } from '../ir/value.ts';

/*
 * A host forwards what was stored to a load only where one store holds all of it: a register that is written in words and
 * read as a doubleword or quadword waits until the words have reached the cache, many times the cost of the operation.
 */

/** Of the vector registers; the words for structures come later. Core registers are not in memory. */
const FIRST_SLOT = 32;

/** Whether `set64` of these two are one quadword: the second follows the first. */
export function isQuadword(low: IrValue, high: IrValue | undefined): boolean {
  return (
    high?.op === 'set64' &&
    low.op === 'set64' &&
    low.imm >= FIRST_SLOT &&
    low.imm % 4 === 0 &&
    high.imm === low.imm + 2
  );
}

class Widening {
  readonly result: IrValue[] = [];
  /** Writes that wait for their neighbours, by slot: `set` and `set64`. */
  private readonly pending = new Map<number, IrValue>();
  /** Of the next value: above those of the block. */
  nextId: number;

  constructor({ ops, values }: IrBlock) {
    this.nextId = values;
    for (const value of ops) this.take(value);
    this.flush();
  }

  private take(value: IrValue): void {
    if ((value.op === 'set' || value.op === 'set64') && value.imm >= FIRST_SLOT) {
      if (this.touches(value)) this.flush();
      this.pending.set(value.imm, value);
      this.join(value.imm & ~1);
      return;
    }
    const isRead = value.op === 'get' || value.op === 'get64';
    const { effects, result } = value.info;
    const isPure = effects === Effect.None && result !== 'void';
    const waits = isRead ? !this.touches(value) : isPure;
    if (!waits) this.flush();
    this.result.push(value);
  }

  /** Whether a read or write is about a slot that a waiting write is about. */
  private touches({ op, imm }: IrValue): boolean {
    const end = op === 'get64' || op === 'set64' ? imm + 2 : imm + 1;
    for (const [slot, write] of this.pending) {
      if (slot < end && (write.op === 'set64' ? slot + 2 : slot + 1) > imm) return true;
    }
    return false;
  }

  /** Makes one write of the two words of a doubleword. */
  private join(slot: number): void {
    const [low, high] = [this.pending.get(slot), this.pending.get(slot + 1)];
    if (low?.op !== 'set' || high?.op !== 'set') return;
    const value = this.pack(low.args[0], high.args[0]);
    // Constants are operands only, and in no place.
    if (value.op !== 'const64') this.result.push(value);
    this.pending.delete(slot + 1);
    this.pending.set(slot, irValue(this.nextId++, OPS.set64, [value], low.imm, low.imm2, undefined));
  }

  private pack(low: IrValue, high: IrValue): IrValue {
    if (low.op === 'const' && high.op === 'const') {
      return irValue(this.nextId++, OPS.const64, [], low.imm, high.imm, undefined);
    }
    return irValue(this.nextId++, OPS.pack64, [low, high], 0, 0, undefined);
  }

  private flush(): void {
    const writes = [...this.pending.values()].sort((p, q) => p.imm - q.imm);
    this.result.push(...writes);
    this.pending.clear();
  }
}

/**
 * Joins writes of neighbouring words of vector registers within an instruction, and puts those of the doublewords of a
 * quadword side by side: see {@link isQuadword}.
 */
export function widenWrites(block: IrBlock): IrBlock {
  if (!block.ops.some(({ op, imm }) => (op === 'set' || op === 'set64') && imm >= FIRST_SLOT)) return block;
  const { result, nextId } = new Widening(block);
  return { ...block, ops: result, values: nextId };
}
