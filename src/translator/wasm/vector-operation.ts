import { MemoryLayout } from '../../memory/machine-memory.ts';
import { STICKY_SLOT } from '../vector/vector-function.ts';
import type { FunctionBody, ValType } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';

/** The word that VFP and Advanced SIMD take modes from and set cumulative bits in. */
const FPSCR = MemoryLayout.state + 4 * STICKY_SLOT;

/** Bits of FPSCR (ARM DDI 0406C B4.1.58) that decide whether the host's arithmetic is the guest's. */
export const Fpscr = {
  /** Inexact, cumulative. */
  IXC: 1 << 4,
  RMODE: 3 << 22,
  FZ: 1 << 24,
  NZCV: 15 << 28,
} as const;

/**
 * One vector function while its code is written. Operands are byte addresses of state slots; code for them ends with a
 * store to `d`, after everything was loaded, or with a branch to a slow way that stores nothing before it.
 */
export interface VectorOperation {
  readonly code: FunctionBody;
  readonly d: number;
  readonly a: number;
  readonly b: number;
  readonly imm: number;
  /** Appends a call of the interpreter's function on the same operands. */
  readonly fallback: () => void;
}

/** Appends the code of an operation. @returns false, and appends nothing, where there is no own way for it. */
export type VectorEmitter = (o: VectorOperation) => boolean;

/** Locals that live within one operation: the next one takes the same. */
const scratchLocals = new WeakMap<FunctionBody, Map<string, number>>();

/** The `index`th scratch local of a type. */
export function scratch(code: FunctionBody, type: ValType, index: number): number {
  const locals = scratchLocals.get(code) ?? new Map<string, number>();
  scratchLocals.set(code, locals);
  const key = `${type} ${index}`;
  const local = locals.get(key) ?? code.local(type);
  locals.set(key, local);
  return local;
}

/** Pushes FPSCR, or some of its bits. */
export function pushFpscr(code: FunctionBody, bits = -1): void {
  code.i32(0).load(Load.I32, FPSCR);
  if (bits !== -1) code.i32(bits).op(Op.I32And);
}

/** Sets FPSCR to what `push` pushes. */
export function setFpscr(code: FunctionBody, push: () => void): void {
  code.i32(0);
  push();
  code.store(Store.I32, FPSCR);
}

/** Ors bits into FPSCR. */
export function raise(code: FunctionBody, bits: number): void {
  setFpscr(code, () => {
    pushFpscr(code);
    code.i32(bits).op(Op.I32Or);
  });
}

/** Writes `quickly`, which branches to the label that it is given where its way is not known to be exact. */
export function withFallback({ code, fallback }: VectorOperation, quickly: (slow: number) => void): void {
  const done = code.block();
  const slow = code.block();
  quickly(slow);
  code.br(done);
  code.end();
  fallback();
  code.end();
}

/**
 * Goes on where the modes in `mask` are all zero and the result is exact, or FPSCR says that an inexact one came before:
 * then nothing is left to note. `pushInexact` pushes an i32, not zero where the result may be inexact.
 */
export function requireExact(
  code: FunctionBody,
  slow: number,
  modes: number,
  pushInexact: (slow: number) => void,
): void {
  const status = scratch(code, 'i32', 0);
  const known = code.block();
  pushFpscr(code, modes | Fpscr.IXC);
  code.tee(status).i32(Fpscr.IXC).op(Op.I32Eq).brIf(known);
  code.get(status).brIf(slow);
  pushInexact(slow);
  code.brIf(slow);
  code.end();
}
