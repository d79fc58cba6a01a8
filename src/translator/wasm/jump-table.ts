import type { IrValue } from '../ir/value.ts';
import type { BlockSource } from './region.ts';

/** Entries that are read of a table; one for each value of a byte. */
const MAX_ENTRIES = 256;

/** A table of where an exit goes, by what selects its entry. */
interface JumpTable {
  readonly address: number;
  /** Bytes of an entry. */
  readonly size: 1 | 2 | 4;
  /** Where an entry leads. */
  readonly target: (entry: number) => number;
}

/** An operation whose last operand is a constant shift amount: `value` shifted left by it. */
function isShifted(value: IrValue, amount: number): boolean {
  return value.op === 'shl' && value.args[1].op === 'const' && value.args[1].imm === amount;
}

/** The constant in a sum of a constant and a value that is `scaled`. */
function baseOf(sum: IrValue, scaled: (value: IrValue) => boolean): number | undefined {
  if (sum.op !== 'add') return undefined;
  const [a, b] = sum.args;
  if (a.op === 'const' && scaled(b)) return a.imm;
  return b.op === 'const' && scaled(a) ? b.imm : undefined;
}

/** `LDR PC, [table, Rm, LSL #2]`. */
function tableOfAddresses(exit: IrValue, thumb: number): JumpTable | undefined {
  const [value] = exit.args;
  if (value.op !== 'load32') return undefined;
  const address = baseOf(value.args[0], (index) => isShifted(index, 2));
  if (address === undefined) return undefined;
  // An address of the other instruction set, or of none, is no entry: it leads to the table, which ends there.
  const bits = thumb === 1 ? 1 : 3;
  return { address, size: 4, target: (entry) => ((entry & bits) === thumb ? entry & ~bits : address) };
}

/** TBB and TBH with the table behind them. */
function tableOfDistances(exit: IrValue): JumpTable | undefined {
  let [value] = exit.args;
  if (value.op === 'and' && value.args[1].op === 'const') value = value.args[0];
  let load: IrValue | undefined;
  const from = baseOf(value, (distance) => {
    if (isShifted(distance, 1)) load = distance.args[0];
    return load !== undefined;
  });
  if (from === undefined || (load?.op !== 'load8' && load?.op !== 'load16')) return undefined;
  const size = load.op === 'load8' ? 1 : 2;
  const address = baseOf(load.args[0], (index) => size === 1 || isShifted(index, 1));
  return address === undefined ? undefined : { address, size, target: (entry) => (from + 2 * entry) | 0 };
}

function readEntry(source: BlockSource, at: number, size: 1 | 2 | 4): number | undefined {
  const low = source.halfword(at & ~1);
  if (low === undefined || size === 2) return low;
  if (size === 1) return (low >>> (8 * (at & 1))) & 0xff;
  const high = source.halfword((at + 2) | 0);
  return high === undefined ? undefined : low | (high << 16);
}

/**
 * Where an exit may go by a jump table, as compilers make them for `switch`: the table lies before the code of its cases, so it ends
 * where the nearest of them begins. A guess: the table may be shorter, or change.
 * @returns nothing where the exit uses no table
 */
export function tableTargets(exit: IrValue, flags: number, source: BlockSource): readonly number[] {
  const table = exit.op === 'exitInterwork' ? tableOfAddresses(exit, flags & 1) : tableOfDistances(exit);
  if (table === undefined) return [];
  const { address, size } = table;
  const targets = new Set<number>();
  let end = address + size * MAX_ENTRIES;
  for (let at = address; at < end; at += size) {
    const entry = readEntry(source, at, size);
    if (entry === undefined) break;
    const target = table.target(entry);
    if (target > address && target < end) end = target;
    targets.add(target);
  }
  return [...targets].filter((target) => target < address || target >= end);
}
