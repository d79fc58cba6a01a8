import type { FunctionBody } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';
import { pushOrdinary } from './vfp-guards.ts';

/** What differs between single and double precision. */
export interface Precision {
  readonly type: 'f32' | 'f64';
  readonly load: number;
  readonly store: number;
  readonly add: number;
  readonly sub: number;
  readonly mul: number;
  readonly div: number;
  readonly sqrt: number;
  readonly neg: number;
  readonly eq: number;
  readonly ne: number;
  readonly le: number;
  readonly ge: number;
  readonly zero: (code: FunctionBody) => void;
  /** To an i32: sign and exponent of the number on the stack, which moves away. */
  readonly exponent: (code: FunctionBody) => void;
  /** All ones in the place of the exponent. */
  readonly topExponent: number;
  /** Pushes an i32, not zero where the product x * y = r, not tiny or zero, may be inexact. */
  readonly inexactProduct: (code: FunctionBody, x: number, y: number, r: number) => void;
  /** The same for a quotient x / y = r. */
  readonly inexactQuotient: (code: FunctionBody, x: number, y: number, r: number, slow: number) => void;
  readonly inexactRoot: (code: FunctionBody, x: number, r: number, slow: number) => void;
}

const promoted = (code: FunctionBody, local: number): FunctionBody => code.get(local).op(Op.F64PromoteF32);

/** Products, and products back from quotients and roots, are exact in double precision. */
export const SINGLE: Precision = {
  type: 'f32',
  load: Load.F32,
  store: Store.F32,
  add: Op.F32Add,
  sub: Op.F32Sub,
  mul: Op.F32Mul,
  div: Op.F32Div,
  sqrt: Op.F32Sqrt,
  neg: Op.F32Neg,
  eq: Op.F32Eq,
  ne: Op.F32Ne,
  le: Op.F32Le,
  ge: Op.F32Ge,
  zero: (code) => code.f32Bits(0),
  exponent: (code) => code.op(Op.I32ReinterpretF32).i32(23).op(Op.I32ShrU),
  topExponent: 0xff,
  inexactProduct: (code, x, y, r) => {
    promoted(code, x);
    promoted(code, y).op(Op.F64Mul);
    promoted(code, r).op(Op.F64Ne);
  },
  inexactQuotient: (code, x, y, r) => {
    promoted(code, r);
    promoted(code, y).op(Op.F64Mul);
    promoted(code, x).op(Op.F64Ne);
  },
  inexactRoot: (code, x, r) => {
    promoted(code, r);
    promoted(code, r).op(Op.F64Mul);
    promoted(code, x).op(Op.F64Ne);
  },
};

/** Bits of a double beside its fraction. */
const HEAD = 12;
/**
 * Zeros below the fractions of two factors, heads shifted out, from which on a product has at most 53 bits. (A fraction
 * of zero is that of a power of two: with it every product is exact.)
 */
const ENOUGH_ZEROS = 53 + 2 * HEAD;

function pushZerosBelow(code: FunctionBody, local: number): void {
  code.get(local).op(Op.I64ReinterpretF64).i64(HEAD, 0).op(Op.I64Shl, Op.I64Ctz);
}

/** Whether the product of two doubles may need more than their 53 bits. */
function pushManyBits(code: FunctionBody, x: number, y: number): void {
  pushZerosBelow(code, x);
  pushZerosBelow(code, y);
  code.op(Op.I64Add).i64(ENOUGH_ZEROS, 0).op(Op.I64LtU);
}

/** Whether x * y, of few bits, is another number than r, or one so small that some of them may have been lost. */
function pushNoProduct(code: FunctionBody, x: number, y: number, r: number): void {
  code.get(x).get(y).op(Op.F64Mul).get(r).op(Op.F64Ne);
  pushOrdinary(code, DOUBLE, r);
  code.op(Op.I32Eqz, Op.I32Or);
}

/** Exact only where the fractions are short: integers, say. Everything else is for the interpreter to find out. */
export const DOUBLE: Precision = {
  type: 'f64',
  load: Load.F64,
  store: Store.F64,
  add: Op.F64Add,
  sub: Op.F64Sub,
  mul: Op.F64Mul,
  div: Op.F64Div,
  sqrt: Op.F64Sqrt,
  neg: Op.F64Neg,
  eq: Op.F64Eq,
  ne: Op.F64Ne,
  le: Op.F64Le,
  ge: Op.F64Ge,
  zero: (code) => code.f64Bits(0, 0),
  exponent: (code) => code.op(Op.I64ReinterpretF64).i64(52, 0).op(Op.I64ShrU, Op.I32WrapI64),
  topExponent: 0x7ff,
  inexactProduct: (code, x, y) => pushManyBits(code, x, y),
  inexactQuotient: (code, x, y, r, slow) => {
    pushManyBits(code, r, y);
    code.brIf(slow);
    pushNoProduct(code, r, y, x);
  },
  inexactRoot: (code, x, r, slow) => {
    pushManyBits(code, r, r);
    code.brIf(slow);
    pushNoProduct(code, r, r, x);
  },
};
