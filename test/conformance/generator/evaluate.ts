import { StateSlot } from '../../../src/arm/state.ts';
import { foldConstant } from '../../../src/translator/ir/fold.ts';
import { OPS } from '../../../src/translator/ir/ops.ts';
import { type IrValue, irValue } from '../../../src/translator/ir/value.ts';
import { PURE_FUNCTION_OF } from '../../../src/translator/pure-functions.ts';

/** Value of a state slot, or undefined where the generator does not know it. */
export type SlotReader = (slot: number) => number | undefined;

/**
 * What an IR value will be, as far as it follows from registers by plain arithmetic: enough to know the address or
 * branch target of an instruction before it runs. Undefined where memory or a helper has a say.
 */
export function evaluate(value: IrValue, slots: SlotReader): number | undefined {
  if (value.op === 'const') return value.imm;
  if (value.op === 'get') return slots(value.imm);
  if (value.op === 'call' || value.type !== 'i32') return undefined;
  const args: number[] = [];
  for (const arg of value.args) {
    const known = evaluate(arg, slots);
    if (known === undefined) return undefined;
    args.push(known);
  }
  const [a = 0, b = 0, c = 0] = args;
  switch (value.op) {
    case 'adc':
      return (a + b + c) | 0;
    case 'mul':
      return Math.imul(a, b);
    case 'carryOf':
      return (a >>> 29) & 1;
    case 'sext8':
      return (a << 24) >> 24;
    case 'sext16':
      return (a << 16) >> 16;
    case 'zext8':
      return a & 0xff;
    case 'zext16':
      return a & 0xffff;
    default: {
      const pure = PURE_FUNCTION_OF[value.op];
      if (pure !== undefined) return pure(a, b, c, value.imm);
      const folded = foldConstant(value.op, args.map(constant), value.imm);
      return typeof folded === 'number' ? folded : folded?.imm;
    }
  }
}

function constant(imm: number): IrValue {
  return irValue(0, OPS.const, [], imm, 0, undefined);
}

/** The general registers (0 to 14) that a value depends on. */
export function registersIn(value: IrValue, found = new Set<number>()): Set<number> {
  if (value.op === 'get' && value.imm < StateSlot.PC) found.add(value.imm);
  for (const arg of value.args) registersIn(arg, found);
  return found;
}
