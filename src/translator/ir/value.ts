import type { VectorFunction } from '../vector/vector-function.ts';
import type { HelperInfo, IrType, OpInfo, OpName } from './ops.ts';

/** One operation in a block, and the value that it gives. */
export interface IrValue {
  /** Position of creation in the block; unique there. */
  readonly id: number;
  readonly op: OpName;
  /** The operation's row. */
  readonly info: OpInfo;
  readonly type: IrType;
  readonly args: readonly IrValue[];
  readonly imm: number;
  readonly imm2: number;
  /** Effects of the operation's row, or of what it calls. */
  readonly effects: number;
  /** What `call` calls, and the VectorFunction of `vector`. */
  readonly helper: HelperInfo | VectorFunction | undefined;
}

/** A value. All are made here: objects that are made in one place look alike to the host's compiler. */
export function irValue(
  id: number,
  info: OpInfo,
  args: readonly IrValue[],
  imm: number,
  imm2: number,
  helper: IrValue['helper'],
): IrValue {
  const effects = helper === undefined ? info.effects : helper.effects;
  return { id, op: info.name, info, type: info.result, args, imm, imm2, effects, helper };
}

/** A translated block before any backend saw it: operations in order, ended by an exit. */
export interface IrBlock {
  readonly ops: readonly IrValue[];
  /** Numbers of all values in it, and of the constants that are their operands, are below this. */
  readonly values: number;
  /** Guest instructions in it: the number of markers. */
  readonly instructions: number;
  /** Virtual address of the first instruction, and bytes of guest code covered from there. */
  readonly pc: number;
  readonly bytes: number;
}

/** The row that a `vector` operation runs; undefined for every other operation. */
export function vectorOf(value: IrValue): VectorFunction | undefined {
  return value.op === 'vector' ? (value.helper as VectorFunction) : undefined;
}

/**
 * Values that nearly all blocks have fewer of. What passes know of values is in tables of this size. Larger tables take the place of these
 * otherwise, and the host's compiler throws all code away that counted on the first ones: the whole lowering.
 */
export const FEW_VALUES = 4096;
