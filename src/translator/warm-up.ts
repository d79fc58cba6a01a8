import { MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { Bc, ENTER_COUNTDOWN, Interpreter, type InterpreterEnvironment } from './interpreter.ts';
import { IrBuilder } from './ir/builder.ts';
import { Effect, type HelperInfo, MemFlag, OPS, type OpName } from './ir/ops.ts';
import type { IrValue } from './ir/value.ts';
import { lower } from './lower.ts';
import { PendingFault } from './pending-fault.ts';
import { rowOf } from './vector/family.ts';
import { SAME_LENGTH } from './vector/integer-families.ts';
import { VectorTable } from './vector/table.ts';
import type { VectorFunction } from './vector/vector-function.ts';

/** Rounds before the host's compiler has gathered what it needs; measured, with a margin. */
/** Instructions of a run, and runs of a block until it is hot: more than there will be. */
const BUDGET = 16384;
const NEVER_HOT = 0x7fffffff;
const ROUNDS = 60;
const STATE = MemoryLayout.state >>> 2;
const CODE = MemoryLayout.code >>> 2;
const CODE_END = CODE + 0x10000;
/** A slot for each operand type, far from the ones with a meaning. */
const I32_SLOTS = [0, 1, 2, 3];
const WIDE_SLOT = 32;
const NZCV = 16;

const HELPERS: readonly HelperInfo[] = Array.from({ length: 6 }, (_unused, i) => ({
  name: `helper${i}`,
  argCount: 3,
  effects: i % 2 === 0 ? Effect.MayFault : Effect.None,
}));

const VECTOR_ROWS = [SAME_LENGTH.veor, SAME_LENGTH.vadd].map(
  (family) => rowOf(family, 1, 2) as VectorFunction,
);

/** Operations with a valid `imm` other than 0. */
const IMMEDIATES: { readonly [N in OpName]?: number } = {
  satS: 8,
  satSOverflow: 8,
  satU: 8,
  satUOverflow: 8,
};

function operandsOf(b: IrBuilder, op: OpName): IrValue[] {
  let next = 0;
  return OPS[op].args.map((type) => {
    switch (type) {
      case 'i64':
        return b.emit('get64', [], WIDE_SLOT);
      case 'f32':
        return b.emit('getF32', [], WIDE_SLOT);
      case 'f64':
        return b.emit('getF64', [], WIDE_SLOT);
      case 'v128':
        return b.emit('getV128', [], WIDE_SLOT);
      default:
        return b.get(I32_SLOTS[next++ % I32_SLOTS.length]);
    }
  });
}

/** Three of a kind, so that calls through an environment are compiled for any function, not for the one seen. */
function environmentOf(m: Int32Array, fault: PendingFault, n: number): InterpreterEnvironment {
  // Not one function literal with a captured n: the host's compiler knows a function by its literal.
  const loads = [(va: number) => va, (va: number) => va + 1, (va: number) => va - 1];
  const stores = [() => 0, () => 1, () => 2];
  const helpers = [(a: number) => a, (a: number) => a + 1, (a: number) => a + 2];
  const vectors = new VectorTable(VECTOR_ROWS, m);
  return {
    fault,
    slowLoad: loads[n],
    slowStore: stores[n],
    loadExclusive: loads[n],
    storeExclusive: stores[n],
    barrier: stores[n],
    helpers: HELPERS.map((_unused, i) => helpers[(i + n) % 3]),
    vector: (number, imm, d, a, b) => vectors.run(number, imm, d, a, b),
  };
}

function accessesMemory(op: OpName): boolean {
  return (OPS[op].effects & (Effect.ReadsMemory | Effect.WritesMemory)) !== 0 && op !== 'barrier';
}

function loadRun(b: IrBuilder, base: IrValue, from: number): void {
  const values = [from, from + 4].map((offset) =>
    b.emit('load32', [b.emit('add', [base, b.const(offset)])], MemFlag.AlignedWord),
  );
  for (const value of values) b.set(4, value);
}

function storeRun(b: IrBuilder, base: IrValue, from: number): void {
  for (const offset of [from, from + 4])
    b.emit('store32', [b.emit('add', [base, b.const(offset)]), b.get(1)], MemFlag.AlignedWord);
}

/** One block for each operation that may fault: with the fault flag up, each leaves by its own way out. */
function faultingBlocks(): IrBuilder[] {
  const blocks: IrBuilder[] = [];
  for (const op of Object.keys(OPS) as OpName[]) {
    if (!accessesMemory(op)) continue;
    const b = new IrBuilder();
    b.marker(0, 0);
    const operands = operandsOf(b, op);
    operands[0] = b.const(0x1000);
    b.emit(op, operands);
    blocks.push(b);
  }
  for (const write of [loadRun, storeRun]) {
    const b = new IrBuilder();
    b.marker(0, 0);
    write(b, b.get(0), 0x1000);
    blocks.push(b);
  }
  const call = new IrBuilder();
  call.marker(0, 0);
  call.call(HELPERS[0], call.get(0), call.get(1), call.get(2));
  return [...blocks, call];
}

/** A block that holds every operation that does not leave it. */
function everyOperation(): IrBuilder {
  const b = new IrBuilder();
  b.marker(0, 0);
  for (const op of Object.keys(OPS) as OpName[]) {
    const { result, effects } = OPS[op];
    const control =
      op === 'marker' || op === 'label' || op === 'skipIfZero' || op === 'call' || op === 'vector';
    if (control || op.startsWith('get') || op.startsWith('const') || (effects & Effect.MayExit) !== 0)
      continue;
    const operands = operandsOf(b, op);
    if (accessesMemory(op)) {
      // Once by the fast path, at address 0 which the TLB has, and once by the slow one.
      b.emit(op, [b.const(0), ...operands.slice(1)]);
      operands[0] = b.const(0x1000);
    }
    const slot = op.startsWith('set') ? (result === 'void' && OPS[op].args[0] === 'i32' ? 5 : 64) : 0;
    const value = b.emit(op, operands, IMMEDIATES[op] ?? slot);
    if (result === 'i32') b.emit('set', [value], 4);
    if (result === 'i64') b.emit('set', [b.emit('high64', [value])], 4);
  }
  for (const write of [loadRun, storeRun]) write(b, b.get(0), 0);
  for (const op of ['shl', 'shr', 'sar', 'ror'] as const) b.set(5, b.emit(op, [b.get(0), b.const(3)]));
  for (const row of VECTOR_ROWS) b.vector(row, WIDE_SLOT, WIDE_SLOT, WIDE_SLOT, 0);
  for (const helper of HELPERS) b.set(4, b.call(helper, b.get(0), b.get(1), b.get(2)));
  for (const condition of [b.cond(0, b.get(NZCV)), b.get(0)]) {
    const label = b.newLabel();
    b.skipIfZero(condition, label);
    b.set(6, b.const(1));
    b.label(label);
  }
  return b;
}

/** Values small and large, of both signs: the host's compiler must see that a sum may leave the small integers. */
const OPERANDS = [
  [0, 0, 0, 0],
  [1, 2, 3, 1],
  [0x7fffffff, 0x7fffffff, 1, 1],
  [-0x80000000, -1, 0, 1],
  [0x12345678, 31, 200, 0],
];

/**
 * Runs every interpreter operation some times, once in a process. The host's compiler optimises the interpreter's
 * one big function by what it has seen; an operation first met later throws the optimised code away, a tenth of a
 * second each time.
 */
export function warmUpInterpreter(): void {
  if (warm) return;
  warm = true;
  const memory = new MachineMemory(0x10000);
  const m = memory.words;
  const faults = new PendingFault();
  const interpreters = [0, 1, 2].map((n) => new Interpreter(memory, environmentOf(m, faults, n)));
  const tlb = MemoryLayout.tlb >>> 2;
  m[tlb + 2] = MemoryLayout.ram;
  m.fill(0x400, tlb + 4, tlb + 8);
  let at = CODE;
  const add = (b: IrBuilder): number => {
    const block = b.finish(0, 4);
    const lowered = lower(memory, at, CODE_END, {
      block,
      number: 0,
      flags: 0,
      countdown: NEVER_HOT,
      helperIndex: (helper) =>
        Math.max(HELPERS.indexOf(helper), (VECTOR_ROWS as readonly HelperInfo[]).indexOf(helper)),
    });
    if (lowered === undefined) throw new Error('the warm-up code does not fit its area');
    at = lowered.start + lowered.words;
    return lowered.start;
  };
  const exits = (
    ['exitJump', 'exitJumpTo', 'exitInterwork', 'exitResync', 'exitDynamic', 'exitRaise', 'exitWait'] as const
  ).map((op) => {
    const b = new IrBuilder();
    b.marker(0, 0);
    b.exit(op, OPS[op].args.length === 0 ? [] : [b.get(0)], 0x100);
    return add(b);
  });
  for (const condition of [0, 1]) {
    const b = new IrBuilder();
    b.marker(0, 0);
    const label = b.newLabel();
    b.skipIfZero(b.cond(condition, b.get(NZCV)), label);
    b.exit('exitJump', [], 0x200);
    b.label(label);
    b.exit('exitJump', [], 0x1200);
    exits.push(add(b));
  }
  const [hot, ...left] = [Bc.Enter, Bc.Stale, Bc.Promoted].map((opening) => {
    const b = new IrBuilder();
    b.marker(0, 0);
    b.exit('exitJump', [], 0x100);
    const entry = add(b);
    m[entry] = opening;
    return entry;
  });
  const all = everyOperation();
  all.exit('exitJump', [], 0x200);
  const everything = add(all);
  const faulting = faultingBlocks().map(add);
  for (let round = 0; round < ROUNDS; round++) {
    const interpreter = interpreters[round % interpreters.length];
    interpreter.tlb = tlb;
    interpreter.jumps.remember(0x200, 0, exits[3]);
    const run = (entry: number): void => {
      m.set(OPERANDS[round % OPERANDS.length], STATE);
      m.set(OPERANDS[round % OPERANDS.length], STATE + WIDE_SLOT);
      m[STATE + NZCV] = round % 2 === 0 ? 0 : 0x40000000;
      interpreter.budget = round % 8 === 0 ? 0 : BUDGET;
      interpreter.run(entry);
    };
    for (const entry of [everything, ...exits]) run(entry);
    m[hot + ENTER_COUNTDOWN] = 1;
    run(hot);
    for (const entry of left) run(entry);
    faults.faulted = true;
    for (const entry of faulting) run(entry);
    faults.faulted = false;
  }
}

let warm = false;
