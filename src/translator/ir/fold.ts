import type { OpName } from './ops.ts';
import type { IrValue } from './value.ts';

function constantOf(value: IrValue | undefined): number | undefined {
  return value !== undefined && value.op === 'const' ? value.imm : undefined;
}

/**
 * What a pure operation is known to give: a number, one of its operands, or undefined where it must be computed.
 * Holds only rules that lifters rely on to be written plainly (immediate shifts, offsets, conditions).
 */
export function foldConstant(
  op: OpName,
  args: readonly IrValue[],
  imm: number,
): number | IrValue | undefined {
  // Here for all rules, so that one that hits late is nothing new to the host's compiler.
  const first = args[0];
  const second = args[1];
  const a = constantOf(first);
  const b = constantOf(second);
  switch (op) {
    case 'add':
      if (a !== undefined && b !== undefined) return (a + b) | 0;
      if (b === 0) return first;
      return a === 0 ? second : undefined;
    case 'sub':
      if (a !== undefined && b !== undefined) return (a - b) | 0;
      return b === 0 ? first : undefined;
    case 'and':
      if (a !== undefined && b !== undefined) return a & b;
      return b === -1 ? first : undefined;
    case 'or':
      if (a !== undefined && b !== undefined) return a | b;
      return b === 0 ? first : undefined;
    case 'xor':
      return a !== undefined && b !== undefined ? a ^ b : undefined;
    case 'andNot':
      if (a !== undefined && b !== undefined) return a & ~b;
      return b === 0 ? first : undefined;
    case 'not':
      return a !== undefined ? ~a : undefined;
    case 'shl':
    case 'shr':
    case 'sar':
    case 'ror':
      return foldShift(op, first, a, b);
    case 'shlCarry':
    case 'shrCarry':
    case 'sarCarry':
    case 'rorCarry':
      return b !== undefined && (b & 0xff) === 0 ? args[2] : undefined;
    case 'select':
      if (a === undefined) return undefined;
      return a !== 0 ? second : args[2];
    case 'cond':
      return imm >= 14 ? 1 : undefined;
    case 'eq':
      return a !== undefined && b !== undefined ? Number(a === b) : undefined;
    case 'ne':
      return a !== undefined && b !== undefined ? Number(a !== b) : undefined;
    default:
      return undefined;
  }
}

function foldShift(
  op: 'shl' | 'shr' | 'sar' | 'ror',
  value: IrValue,
  a: number | undefined,
  b: number | undefined,
): number | IrValue | undefined {
  if (b === undefined) return undefined;
  const amount = b & 0xff;
  if (amount === 0) return value;
  if (a === undefined) return undefined;
  switch (op) {
    case 'shl':
      return amount < 32 ? a << amount : 0;
    case 'shr':
      return amount < 32 ? (a >>> amount) | 0 : 0;
    case 'sar':
      return a >> Math.min(amount, 31);
    case 'ror':
      return (a >>> (amount & 31)) | (a << ((32 - amount) & 31));
  }
}
