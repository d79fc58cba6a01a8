import { Effect, OPS, WaitKind } from './ir/ops.ts';
import { type IrBlock, type IrValue, irValue } from './ir/value.ts';

/** Flags of a result that keep C and V: their last operand is the old flags, which they hand on as they are. */
const KEEPS_FLAGS: ReadonlySet<string> = new Set(['nzcvLogic', 'nzcvNz', 'nzcvNz64']);

/** What a loop that only waits may do besides computing: look at memory, and order its looks. */
function isHarmless(value: IrValue): boolean {
  const { op } = value;
  if (op === 'set' || op === 'skipIfZero' || op === 'label' || op === 'barrier' || op.startsWith('exit')) {
    return true;
  }
  if (op === 'ldex8' || op === 'ldex16' || op === 'ldex32' || op === 'ldex64') return true;
  const { effects } = value.info;
  return (effects & (Effect.WritesState | Effect.WritesMemory | Effect.Ordered)) === 0;
}

/** Reads of slots that only hand the old flags on into the same slot: what they carry around a loop stays as it is. */
function flagsHandedOn(ops: readonly IrValue[]): Set<IrValue> {
  const handedOn = new Set<IrValue>();
  const elsewhere = new Set<IrValue>();
  for (const value of ops) {
    value.args.forEach((arg, i) => {
      const last = i === value.args.length - 1;
      const keeps = (KEEPS_FLAGS.has(value.op) && last) || value.op === 'carryOf';
      if (arg.op === 'get') (keeps ? handedOn : elsewhere).add(arg);
    });
  }
  // A carry that goes anywhere but back into the flags is a value like others.
  for (const value of ops) {
    for (const arg of value.args) {
      if (arg.op === 'carryOf' && !KEEPS_FLAGS.has(value.op)) elsewhere.add(arg.args[0]);
    }
  }
  for (const value of elsewhere) handedOn.delete(value);
  return handedOn;
}

/**
 * Whether going around the block again does the same as before while memory stays as it is: it stores nothing, calls
 * nothing, and no slot that it reads before it has written it is one that it writes.
 */
function repeatsItself(block: IrBlock): boolean {
  const { ops } = block;
  if (!ops.every(isHarmless)) return false;
  const invariant = flagsHandedOn(ops);
  const carriedIn = new Set<number>();
  const written = new Set<number>();
  const surely = new Set<number>();
  let depth = 0;
  for (const value of ops) {
    if (value.op === 'skipIfZero') depth++;
    else if (value.op === 'label') depth--;
    else if (value.op === 'get' && !surely.has(value.imm) && !invariant.has(value)) carriedIn.add(value.imm);
    else if (value.op === 'set') {
      written.add(value.imm);
      if (depth === 0) surely.add(value.imm);
    } else if (value.op.startsWith('get') && value.op !== 'get') return false;
  }
  for (const slot of written) if (carriedIn.has(slot)) return false;
  return true;
}

/**
 * Makes a block that waits for memory to change (`1: ldr r3, [r2]; tst r3, #1; bne 1b`) say so each time it goes around,
 * so that the CPU that is waited for can run. A loop that counts or walks never is one: it reads what it wrote.
 */
export function withSpinExits(block: IrBlock): IrBlock {
  const isBack = (value: IrValue): boolean => value.op === 'exitJump' && value.imm === block.pc;
  if (!block.ops.some(isBack) || !repeatsItself(block)) return block;
  const ops = block.ops.map(
    (value): IrValue =>
      isBack(value) ? irValue(value.id, OPS.exitWait, value.args, WaitKind.Spin, block.pc, undefined) : value,
  );
  return { ...block, ops };
}

/** Where the block jumps back to inside of itself, but for its beginning. */
function innerLoops({ ops, pc, bytes }: IrBlock): number[] {
  const isInside = (target: number): boolean => (target - pc) >>> 0 < bytes && target !== pc;
  return ops.filter(({ op, imm }) => op === 'exitJump' && isInside(imm)).map(({ imm }) => imm);
}

/**
 * Lifts a block with spin exits such that a loop that waits is one block in every case: it says so at the end of its first
 * round however it was come to, whatever runs it. A block ends before such a loop, and none is cut in two.
 * @param lift lifts the block at an address, ended before any later address for which the function says so
 * @param endsBefore where other blocks of a region begin
 */
export function liftWithSpinExits(
  lift: (pc: number, endsBefore: ((pc: number) => boolean) | undefined) => IrBlock | undefined,
  pc: number,
  endsBefore: ((pc: number) => boolean) | undefined,
): IrBlock | undefined {
  const isLoop = (block: IrBlock | undefined): boolean =>
    block !== undefined && withSpinExits(block) !== block;
  let wasCut = false;
  const cut =
    endsBefore &&
    ((at: number): boolean => {
      const ends = endsBefore(at);
      wasCut ||= ends;
      return ends;
    });
  let block = lift(pc, cut);
  if (wasCut) {
    const whole = lift(pc, undefined);
    if (isLoop(whole)) block = whole;
  }
  if (block === undefined) return undefined;
  const loop = innerLoops(block).find((at) => isLoop(lift(at, undefined)));
  if (loop !== undefined) block = lift(pc, (at) => (at | 0) === loop || endsBefore?.(at) === true);
  return block && withSpinExits(block);
}
