import { Bc } from '../interpreter.ts';
import { OPS, type OpName } from '../ir/ops.ts';
import { type IrValue, irValue } from '../ir/value.ts';
import { SHIFT_BY_LITERAL, SIMPLE } from '../lowering-tables.ts';
import type { Handlers, InterpreterFrame } from './interpreter-frame.ts';
import { pushPageNoted } from './lookup-code.ts';
import { Op, Simd, Store } from './opcodes.ts';
import { emitPure, type PureOperands } from './pure-code.ts';

const SIGN = -0x80000000;
const C_AND_V = 0x30000000;
const V_BIT = 0x10000000;

const FLAG_OPERATIONS: ReadonlySet<number> = new Set([
  Bc.NzcvAdd,
  Bc.NzcvSub,
  Bc.NzcvLogic,
  Bc.NzcvNz,
  Bc.NzcvNz64,
  Bc.CarryOf,
]);

const LITERAL_SHIFTS: { readonly [N in OpName]?: number } = {
  shl: Op.I32Shl,
  shr: Op.I32ShrU,
  sar: Op.I32ShrS,
  ror: Op.I32Rotr,
};

/** Where an operation of the IR finds the operands that follow its opcode and destination. */
function operands(f: InterpreterFrame): PureOperands {
  const { body } = f;
  const locals = [f.x, f.y, f.z];
  return {
    push: (value) => {
      if (value.type === 'i64') f.wideValue(2 + value.id);
      else f.value(2 + value.id);
    },
    local: (value) => {
      f.value(2 + value.id);
      body.set(locals[value.id]);
      return locals[value.id];
    },
    pushHalf: () => {
      throw new Error('no operation of the interpreter has halves of words');
    },
  };
}

function simple(f: InterpreterFrame, op: OpName): void {
  const { body } = f;
  const { args, result } = OPS[op];
  const values: IrValue[] = args.map((type, i) =>
    irValue(i, type === 'i64' ? OPS.get64 : OPS.get, [], i, 0, undefined),
  );
  f.address(1);
  if (!emitPure(body, irValue(args.length, OPS[op], values, 0, 0, undefined), operands(f), f.calls)) {
    throw new Error(`no code for ${op}`);
  }
  body.store(result === 'i64' ? Store.I64 : Store.I32);
  f.after(2 + args.length);
}

function shiftByLiteral(f: InterpreterFrame, op: OpName): void {
  const { body } = f;
  f.address(1);
  f.value(2);
  f.word(3);
  body.op(LITERAL_SHIFTS[op] as number).store(Store.I32);
  f.after(4);
}

/** Pushes N and Z of a local. */
function signAndZero(f: InterpreterFrame, result: number): void {
  f.body.get(result).i32(SIGN).op(Op.I32And).get(result).op(Op.I32Eqz).i32(30).op(Op.I32Shl, Op.I32Or);
}

function addFlags(f: InterpreterFrame, handlers: Handlers): void {
  const { body, x, y, z, wide } = f;
  const store = (words: number): void => {
    body.store(Store.I32);
    f.after(words);
  };
  handlers.set(Bc.NzcvAdd, () => {
    f.address(1);
    f.value(2);
    body.tee(x).op(Op.I64ExtendI32U);
    f.value(3);
    body.tee(y).op(Op.I64ExtendI32U, Op.I64Add);
    f.value(4);
    body.op(Op.I64ExtendI32U, Op.I64Add).tee(wide).op(Op.I32WrapI64).set(z);
    signAndZero(f, z);
    body.get(wide).i64(32, 0).op(Op.I64ShrU, Op.I32WrapI64).i32(29).op(Op.I32Shl, Op.I32Or);
    body.get(x).get(y).op(Op.I32Xor).i32(-1).op(Op.I32Xor).get(x).get(z).op(Op.I32Xor, Op.I32And);
    body.i32(3).op(Op.I32ShrU).i32(V_BIT).op(Op.I32And, Op.I32Or);
    store(5);
  });
  handlers.set(Bc.NzcvSub, () => {
    f.address(1);
    f.value(2);
    body.tee(x);
    f.value(3);
    body.tee(y).op(Op.I32Sub).set(z);
    signAndZero(f, z);
    body.get(x).get(y).op(Op.I32GeU).i32(29).op(Op.I32Shl, Op.I32Or);
    body.get(x).get(y).op(Op.I32Xor).get(x).get(z).op(Op.I32Xor, Op.I32And);
    body.i32(3).op(Op.I32ShrU).i32(V_BIT).op(Op.I32And, Op.I32Or);
    store(4);
  });
  handlers.set(Bc.NzcvLogic, () => {
    f.address(1);
    f.value(2);
    body.set(z);
    signAndZero(f, z);
    f.value(3);
    body.i32(29).op(Op.I32Shl, Op.I32Or);
    f.value(4);
    body.i32(V_BIT).op(Op.I32And, Op.I32Or);
    store(5);
  });
  handlers.set(Bc.NzcvNz, () => {
    f.address(1);
    f.value(2);
    body.set(z);
    signAndZero(f, z);
    f.value(3);
    body.i32(C_AND_V).op(Op.I32And, Op.I32Or);
    store(4);
  });
  handlers.set(Bc.NzcvNz64, () => {
    f.address(1);
    f.wideValue(2);
    body.tee(wide).i64(32, 0).op(Op.I64ShrU, Op.I32WrapI64).i32(SIGN).op(Op.I32And);
    body.get(wide).op(Op.I64Eqz).i32(30).op(Op.I32Shl, Op.I32Or);
    f.value(3);
    body.i32(C_AND_V).op(Op.I32And, Op.I32Or);
    store(4);
  });
  handlers.set(Bc.CarryOf, () => {
    f.address(1);
    f.value(2);
    body.i32(29).op(Op.I32ShrU).i32(1).op(Op.I32And);
    store(3);
  });
  handlers.set(Bc.Cond, () => {
    f.address(1);
    f.condition(2, 3);
    store(4);
  });
  handlers.set(Bc.SkipIfZero, () => {
    f.word(2);
    body.i32(2).op(Op.I32Shl);
    body.get(f.ip).i32(12).op(Op.I32Add);
    f.value(1);
    body.op(Op.I32Eqz, Op.Select).set(f.ip).br(f.next);
  });
  handlers.set(Bc.SkipUnless, () => {
    body.get(f.ip).i32(16).op(Op.I32Add);
    f.word(3);
    body.i32(2).op(Op.I32Shl);
    f.condition(1, 2);
    body.op(Op.Select).set(f.ip).br(f.next);
  });
}

/** Operations without an effect but their result: those of the IR have their meaning from where regions have it. */
export function addOperations(f: InterpreterFrame, handlers: Handlers): void {
  const { body } = f;
  for (const op of Object.keys(OPS) as OpName[]) {
    const opcode = SIMPLE[OPS[op].number];
    if (opcode !== undefined && !FLAG_OPERATIONS.has(opcode)) handlers.set(opcode, () => simple(f, op));
    const literal = SHIFT_BY_LITERAL[OPS[op].number];
    if (literal !== undefined) handlers.set(literal, () => shiftByLiteral(f, op));
  }
  addFlags(f, handlers);
  handlers.set(Bc.Mov, () => {
    f.address(1);
    f.value(2);
    body.store(Store.I32);
    f.after(3);
  });
  handlers.set(Bc.PageNoted, () => {
    f.address(1);
    f.value(2);
    body.set(f.va);
    pushPageNoted(body, f.va);
    body.store(Store.I32);
    f.after(3);
  });
  handlers.set(Bc.Copy, () => {
    f.word(1);
    body.i32(4).op(Op.I32Eq);
    body.if();
    f.address(2);
    f.address(3);
    body.simdLoad(Simd.Load).simdStore();
    f.after(4);
    body.end();
    f.address(2);
    f.wideValue(3);
    body.store(Store.I64);
    f.after(4);
  });
}
