import { slotsRead, slotsWritten, type VectorFunction } from '../vector/vector-function.ts';
import type { FunctionBody } from './function-body.ts';
import { Load, Store } from './opcodes.ts';
import type { Region } from './region.ts';
import { Slot, slotAddress } from './region-abi.ts';

/** Of a register; other slots have none. */
function bitOf(slot: number): number {
  return slot < Slot.Registers ? 1 << slot : 0;
}

/** Which of R0 to R14 a region touches, and the locals that hold them while it runs. */
export class RegisterLocals {
  private readonly code: FunctionBody;
  private readonly locals: readonly (number | undefined)[];
  /** A bit for each. */
  private readonly written: number;

  constructor(code: FunctionBody, { nodes }: Region) {
    this.code = code;
    let used = 0;
    let written = 0;
    for (const { block } of nodes) {
      const { ops } = block;
      for (let i = 0; i < ops.length; i++) {
        const value = ops[i];
        if (value.op === 'get') used |= bitOf(value.imm);
        else if (value.op === 'set') written |= bitOf(value.imm);
        else if (value.op === 'vector') {
          const vector = value.helper as VectorFunction;
          for (const slot of slotsRead(vector, value.imm)) used |= bitOf(slot);
          for (const slot of slotsWritten(vector, value.imm)) written |= bitOf(slot);
        }
      }
    }
    this.locals = Array.from({ length: Slot.Registers }, (_unused, slot) =>
      ((used | written) & bitOf(slot)) !== 0 ? code.local('i32') : undefined,
    );
    this.written = written;
  }

  of(slot: number): number {
    return this.locals[slot] as number;
  }

  /** From the state window: where the region begins, and after a helper that writes state. */
  load(): void {
    for (const [slot, local] of this.locals.entries()) {
      if (local !== undefined) this.code.i32(0).load(Load.I32, slotAddress(slot)).set(local);
    }
  }

  /** To the state window. @param changed a bit for each that may be another than there */
  store(changed = -1): void {
    const stored = this.written & changed;
    for (let slot = 0; slot < Slot.Registers; slot++) if ((stored & bitOf(slot)) !== 0) this.storeOne(slot);
  }

  storeOne(slot: number): void {
    this.code.i32(0).get(this.of(slot)).store(Store.I32, slotAddress(slot));
  }

  loadOne(slot: number): void {
    this.code.i32(0).load(Load.I32, slotAddress(slot)).set(this.of(slot));
  }
}
