import { vectorOf } from '../ir/value.ts';
import { slotsRead, slotsWritten } from '../vector/vector-function.ts';
import type { FunctionBody } from './function-body.ts';
import { Load, Store } from './opcodes.ts';
import type { Region } from './region.ts';
import { Slot, slotAddress } from './region-abi.ts';

/** Which of R0 to R14 a region touches, and the locals that hold them while it runs. */
export class RegisterLocals {
  private readonly code: FunctionBody;
  private readonly locals: readonly (number | undefined)[];
  private readonly written: readonly number[];

  constructor(code: FunctionBody, region: Region) {
    this.code = code;
    const used = new Set<number>();
    const written = new Set<number>();
    for (const { block } of region.nodes) {
      for (const value of block.ops) {
        if (value.op === 'get') used.add(value.imm);
        if (value.op === 'set') written.add(value.imm);
        const vector = vectorOf(value);
        if (vector === undefined) continue;
        for (const slot of slotsRead(vector, value.imm)) used.add(slot);
        for (const slot of slotsWritten(vector, value.imm)) written.add(slot);
      }
    }
    this.locals = Array.from({ length: Slot.Registers }, (_unused, slot) =>
      used.has(slot) || written.has(slot) ? code.local('i32') : undefined,
    );
    this.written = [...written].filter((slot) => slot < Slot.Registers);
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
    for (const slot of this.written) if (((changed >>> slot) & 1) !== 0) this.storeOne(slot);
  }

  storeOne(slot: number): void {
    this.code.i32(0).get(this.of(slot)).store(Store.I32, slotAddress(slot));
  }

  loadOne(slot: number): void {
    this.code.i32(0).load(Load.I32, slotAddress(slot)).set(this.of(slot));
  }
}
