import { fieldsOf } from '../../../src/arm/decode/decoder.ts';
import type { Row } from '../../../src/arm/decode/row.ts';
import { type IsaFeatures, Lifter } from '../../../src/arm/lift/lifter.ts';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';

const FEATURES: IsaFeatures = { divide: true, swp: true, virtualization: true, fusedMultiplyAdd: true };

export interface LiftedInstruction {
  readonly ops: readonly IrValue[];
  /** Why the manual calls it UNPREDICTABLE; empty when it does not. */
  readonly reasons: readonly string[];
  /** ITSTATE of the instruction after it. */
  readonly nextIt: number;
}

/** One instruction's meaning, without its condition. */
export function liftRow(
  row: Row,
  encoding: number,
  pc: number,
  thumb: boolean,
  bigEndian: boolean,
  it: number,
): LiftedInstruction {
  const builder = new IrBuilder();
  const lifter = new Lifter(builder, thumb, bigEndian, FEATURES);
  lifter.it = it;
  lifter.begin(pc, row.width / 8);
  if ((encoding & row.shouldMask) !== row.shouldValue) lifter.unpredictable('should-be bits');
  row.lift(lifter, fieldsOf(row, encoding));
  return { ops: builder.finish(pc, row.width / 8).ops, reasons: lifter.reasons, nextIt: lifter.nextIt };
}
