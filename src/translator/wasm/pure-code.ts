import { byOperation } from '../ir/ops.ts';
import type { IrValue } from '../ir/value.ts';
import { PURE_FUNCTION_INDEX, PURE_FUNCTIONS } from '../pure-functions.ts';
import type { FunctionBody } from './function-body.ts';
import { Op } from './opcodes.ts';

/** How the code of an operation gets at its operands. */
export interface PureOperands {
  /** Pushes a value. */
  push(value: IrValue): void;
  /** A local that holds the value. */
  local(value: IrValue): number;
  /** Pushes one word of a 64-bit value. */
  pushHalf(value: IrValue, high: boolean): void;
}

/** Operations that push their operands and are then these instructions. */
const DIRECT = byOperation<readonly number[], undefined>(
  {
    add: [Op.I32Add],
    and: [Op.I32And],
    or: [Op.I32Or],
    xor: [Op.I32Xor],
    mul: [Op.I32Mul],
    clz: [Op.I32Clz],
    sext8: [Op.I32Extend8S],
    sext16: [Op.I32Extend16S],
    eq: [Op.I32Eq],
    ne: [Op.I32Ne],
    ltS: [Op.I32LtS],
    ltU: [Op.I32LtU],
    adc: [Op.I32Add, Op.I32Add],
    add64: [Op.I64Add],
    sub64: [Op.I64Sub],
    f32FromBits: [Op.F32ReinterpretI32],
    f32ToBits: [Op.I32ReinterpretF32],
    f64FromBits: [Op.F64ReinterpretI64],
    f64ToBits: [Op.I64ReinterpretF64],
  },
  undefined,
);

/** Shifts: the instruction for amounts below 32. */
const SHIFTS = byOperation<number, undefined>(
  {
    shl: Op.I32Shl,
    shr: Op.I32ShrU,
    sar: Op.I32ShrS,
  },
  undefined,
);

type Emit = (code: FunctionBody, value: IrValue, operands: PureOperands) => void;

const OTHERS = byOperation<Emit, undefined>(
  {
    andNot(code, { args: [a, b] }, operands) {
      operands.push(a);
      operands.push(b);
      code.i32(-1).op(Op.I32Xor, Op.I32And);
    },
    sub(code, { args: [a, b] }, operands) {
      operands.push(a);
      // V8's baseline compiler has constants in sums only.
      if (b.op === 'const') code.i32(-b.imm | 0).op(Op.I32Add);
      else {
        operands.push(b);
        code.op(Op.I32Sub);
      }
    },
    not(code, { args: [a] }, operands) {
      operands.push(a);
      code.i32(-1).op(Op.I32Xor);
    },
    zext8(code, { args: [a] }, operands) {
      operands.push(a);
      code.i32(0xff).op(Op.I32And);
    },
    zext16(code, { args: [a] }, operands) {
      operands.push(a);
      code.i32(0xffff).op(Op.I32And);
    },
    ror(code, { args: [a, b] }, operands) {
      operands.push(a);
      operands.push(b);
      code.op(Op.I32Rotr);
    },
    rrx(code, { args: [a, carry] }, operands) {
      operands.push(a);
      code.i32(1).op(Op.I32ShrU);
      operands.push(carry);
      code.i32(31).op(Op.I32Shl, Op.I32Or);
    },
    select(code, { args: [condition, a, b] }, operands) {
      operands.push(a);
      operands.push(b);
      operands.push(condition);
      code.op(Op.Select);
    },
    rev(code, { args: [a] }, operands) {
      const x = operands.local(a);
      code.get(x).i32(8).op(Op.I32Rotr).i32(-0xff0100).op(Op.I32And);
      code.get(x).i32(8).op(Op.I32Rotl).i32(0x00ff00ff).op(Op.I32And, Op.I32Or);
    },
    rev16(code, { args: [a] }, operands) {
      const x = operands.local(a);
      code.get(x).i32(8).op(Op.I32ShrU).i32(0x00ff00ff).op(Op.I32And);
      code.get(x).i32(8).op(Op.I32Shl).i32(-0xff0100).op(Op.I32And, Op.I32Or);
    },
    divU(code, { args: [a, b] }, operands) {
      const x = operands.local(a);
      const y = operands.local(b);
      code.get(y);
      code.if('i32');
      code.get(x).get(y).op(Op.I32DivU).else().i32(0).end();
    },
    divS(code, { args: [a, b] }, operands) {
      const x = operands.local(a);
      const y = operands.local(b);
      // INT_MIN / -1 traps in WebAssembly; 0 - x is what Arm gives for every x / -1.
      code.get(y).i32(1).op(Op.I32Add).i32(1).op(Op.I32GtU);
      code.if('i32');
      code.get(x).get(y).op(Op.I32DivS).else().i32(0).get(x).op(Op.I32Sub).i32(0).get(y).op(Op.Select).end();
    },
    pack64(code, { args: [low, high] }, operands) {
      operands.push(low);
      code.op(Op.I64ExtendI32U);
      operands.push(high);
      code.op(Op.I64ExtendI32U).i64(32, 0).op(Op.I64Shl, Op.I64Or);
    },
    mulS64(code, { args: [a, b] }, operands) {
      operands.push(a);
      code.op(Op.I64ExtendI32S);
      operands.push(b);
      code.op(Op.I64ExtendI32S, Op.I64Mul);
    },
    mulU64(code, { args: [a, b] }, operands) {
      operands.push(a);
      code.op(Op.I64ExtendI32U);
      operands.push(b);
      code.op(Op.I64ExtendI32U, Op.I64Mul);
    },
    low64(_code, { args: [a] }, operands) {
      operands.pushHalf(a, false);
    },
    high64(_code, { args: [a] }, operands) {
      operands.pushHalf(a, true);
    },
  },
  undefined,
);

function emitShift(code: FunctionBody, value: IrValue, opcode: number, operands: PureOperands): void {
  const [a, amount] = value.args;
  if (amount.op === 'const' && (amount.imm & 0xff) < 32) {
    operands.push(a);
    code.i32(amount.imm & 0xff).op(opcode);
    return;
  }
  const n = operands.local(amount);
  if (value.op === 'sar') {
    operands.push(a);
    code.get(n).i32(0xff).op(Op.I32And).i32(31).get(n).i32(0xff).op(Op.I32And).i32(32);
    code.op(Op.I32LtU, Op.Select, opcode);
    return;
  }
  operands.push(a);
  code.get(n).op(opcode).i32(0).get(n).i32(0xff).op(Op.I32And).i32(32).op(Op.I32LtU, Op.Select);
}

/**
 * The code of a pure operation: its result is left on the stack.
 * @param calls index of the imported function that runs the interpreter's pure functions.
 * @returns false where the operation is none of these.
 */
export function emitPure(
  code: FunctionBody,
  value: IrValue,
  operands: PureOperands,
  calls: { readonly pure: number },
): boolean {
  const { number } = value.info;
  const direct = DIRECT[number];
  if (direct !== undefined) {
    const { args } = value;
    for (let i = 0; i < args.length; i++) operands.push(args[i]);
    for (let i = 0; i < direct.length; i++) code.op(direct[i]);
    return true;
  }
  const shift = SHIFTS[number];
  if (shift !== undefined) {
    emitShift(code, value, shift, operands);
    return true;
  }
  const other = OTHERS[number];
  if (other !== undefined) {
    other(code, value, operands);
    return true;
  }
  const index = PURE_FUNCTION_INDEX[number];
  if (index < 0) return false;
  code.i32(index);
  for (let i = 0; i < 3; i++) operands.push(value.args[i < value.args.length ? i : 0]);
  code.i32(value.imm).call(calls.pure);
  return true;
}

/** What the import `pure` does. */
export function runPure(index: number, a: number, b: number, c: number, imm: number): number {
  return PURE_FUNCTIONS[index](a, b, c, imm);
}
