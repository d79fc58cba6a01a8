import type { FunctionBody } from './function-body.ts';
import { Op } from './opcodes.ts';
import { Fpscr, requireExact, scratch, type VectorEmitter, withFallback } from './vector-operation.ts';
import {
  DOUBLE,
  type Precision,
  pushErrorOfSum,
  pushNotFinite,
  pushOrdinary,
  SINGLE,
} from './vfp-precision.ts';

/*
 * VFP arithmetic on the host's own, where that is the same: rounding to nearest, without flush-to-zero, and no result
 * that is infinite, a NaN, or tiny and inexact. A result that is none of these shows that the operands were finite. What
 * is inexact must be known to have been noted: FPSCR.IXC is sticky, so that after a program's first inexact result the
 * question does not come again.
 */

const MODES = Fpscr.RMODE | Fpscr.FZ;

function load(code: FunctionBody, p: Precision, address: number, local: number): void {
  code.i32(0).load(p.load, address).set(local);
}

function store(code: FunctionBody, p: Precision, address: number, local: number): void {
  code.i32(0).get(local).store(p.store, address);
}

/** The places of operands, results and errors. */
function localsOf(code: FunctionBody, p: Precision) {
  const [x, y, r, c, t] = [0, 1, 2, 3, 4].map((i) => scratch(code, p.type, i)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { x, y, r, c, t };
}

/** VADD and VSUB: a finite sum is exact where it is tiny. */
function sum(p: Precision, subtract: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, y, r, t } = localsOf(code, p);
    withFallback(o, (slow) => {
      load(code, p, o.a, x);
      load(code, p, o.b, y);
      code
        .get(x)
        .get(y)
        .op(subtract ? p.sub : p.add)
        .set(r);
      pushNotFinite(code, p, r);
      code.brIf(slow);
      requireExact(code, slow, MODES, () => pushSumIsInexact(code, p, x, y, r, t, subtract));
      store(code, p, o.d, r);
    });
    return true;
  };
}

function pushSumIsInexact(
  code: FunctionBody,
  p: Precision,
  x: number,
  y: number,
  r: number,
  t: number,
  subtract: boolean,
): void {
  pushErrorOfSum(code, p, x, y, r, t, subtract);
  p.zero(code);
  code.op(p.ne);
}

/** Branches away unless r = x * y is ordinary, or a zero because an operand is. */
function requireProduct(
  code: FunctionBody,
  p: Precision,
  x: number,
  y: number,
  r: number,
  slow: number,
): void {
  const ordinary = code.block();
  pushOrdinary(code, p, r);
  code.brIf(ordinary);
  pushIsZero(code, p, x);
  pushIsZero(code, p, y);
  code.op(Op.I32Or);
  pushIsZero(code, p, r);
  code.op(Op.I32And, Op.I32Eqz).brIf(slow);
  code.end();
}

function pushIsZero(code: FunctionBody, p: Precision, local: number): void {
  code.get(local);
  p.zero(code);
  code.op(p.eq);
}

/** VMUL and VNMUL. */
function product(p: Precision, negate: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, y, r } = localsOf(code, p);
    withFallback(o, (slow) => {
      load(code, p, o.a, x);
      load(code, p, o.b, y);
      code.get(x).get(y).op(p.mul).set(r);
      requireProduct(code, p, x, y, r, slow);
      requireExact(code, slow, MODES, () => p.inexactProduct(code, x, y, r));
      code.i32(0).get(r);
      if (negate) code.op(p.neg);
      code.store(p.store, o.d);
    });
    return true;
  };
}

/** VMLA and kin: the product is rounded, then negated perhaps, then added to d or minus d. */
function multiplyAccumulate(p: Precision, negateProduct: boolean, negateAddend: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, y, r, c, t } = localsOf(code, p);
    const s = scratch(code, p.type, 5);
    withFallback(o, (slow) => {
      load(code, p, o.a, x);
      load(code, p, o.b, y);
      code.i32(0).load(p.load, o.d);
      if (negateAddend) code.op(p.neg);
      code.set(c);
      code.get(x).get(y).op(p.mul).set(r);
      requireProduct(code, p, x, y, r, slow);
      code
        .get(c)
        .get(r)
        .op(negateProduct ? p.sub : p.add)
        .set(s);
      pushNotFinite(code, p, s);
      code.brIf(slow);
      requireExact(code, slow, MODES, () => {
        p.inexactProduct(code, x, y, r);
        code.brIf(slow);
        pushSumIsInexact(code, p, c, r, s, t, negateProduct);
      });
      store(code, p, o.d, s);
    });
    return true;
  };
}

/** VDIV: a quotient of zero is left to the interpreter unless the dividend is. */
function quotient(p: Precision): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, y, r } = localsOf(code, p);
    withFallback(o, (slow) => {
      load(code, p, o.a, x);
      load(code, p, o.b, y);
      code.get(x).get(y).op(p.div).set(r);
      const ordinary = code.block();
      pushOrdinary(code, p, r);
      code.brIf(ordinary);
      pushIsZero(code, p, x);
      pushIsZero(code, p, r);
      code.op(Op.I32And, Op.I32Eqz).brIf(slow);
      code.end();
      requireExact(code, slow, MODES, () => p.inexactQuotient(code, x, y, r, slow));
      store(code, p, o.d, r);
    });
    return true;
  };
}

/** VSQRT: no root is tiny. */
function root(p: Precision): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, r } = localsOf(code, p);
    withFallback(o, (slow) => {
      load(code, p, o.a, x);
      code.get(x).op(p.sqrt).set(r);
      pushNotFinite(code, p, r);
      code.brIf(slow);
      requireExact(code, slow, MODES, () => p.inexactRoot(code, x, r, slow));
      store(code, p, o.d, r);
    });
    return true;
  };
}

/** Bits of a double below those that an f32 has, and the value of these with which it is halfway between two. */
const BELOW_SINGLE = 0x1fffffff;
const HALFWAY = 0x10000000;

/**
 * VFMA and kin of single precision, as a product and a sum of doubles: the product is exact, and the sum rounded to a
 * double rounds to the right f32 unless it lies halfway between two, where the bits that it lost would matter.
 */
function fusedSingle(negateFactor: boolean, negateAddend: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x: product, y: addend, r: sum, t } = localsOf(code, DOUBLE);
    const single = scratch(code, 'f32', 0);
    const push = (address: number, negate: boolean): void => {
      code.i32(0).load(SINGLE.load, address).op(Op.F64PromoteF32);
      if (negate) code.op(Op.F64Neg);
    };
    withFallback(o, (slow) => {
      push(o.a, negateFactor);
      push(o.b, false);
      code.op(Op.F64Mul).set(product);
      push(o.d, negateAddend);
      code.tee(addend).get(product).op(Op.F64Add).tee(sum).op(Op.F32DemoteF64).set(single);
      pushOrdinary(code, SINGLE, single);
      pushIsZero(code, DOUBLE, sum);
      code.op(Op.I32Or, Op.I32Eqz).brIf(slow);
      code.get(sum).op(Op.I64ReinterpretF64, Op.I32WrapI64).i32(BELOW_SINGLE).op(Op.I32And);
      code.i32(HALFWAY).op(Op.I32Eq).brIf(slow);
      requireExact(code, slow, MODES, () => {
        pushSumIsInexact(code, DOUBLE, addend, product, sum, t, false);
        code.get(single).op(Op.F64PromoteF32).get(sum).op(Op.F64Ne, Op.I32Or);
      });
      store(code, SINGLE, o.d, single);
    });
    return true;
  };
}

function arithmetic(suffix: string, p: Precision): readonly (readonly [string, VectorEmitter])[] {
  return [
    [`vadd.${suffix}`, sum(p, false)],
    [`vsub.${suffix}`, sum(p, true)],
    [`vmul.${suffix}`, product(p, false)],
    [`vnmul.${suffix}`, product(p, true)],
    [`vmla.${suffix}`, multiplyAccumulate(p, false, false)],
    [`vmls.${suffix}`, multiplyAccumulate(p, true, false)],
    [`vnmla.${suffix}`, multiplyAccumulate(p, true, true)],
    [`vnmls.${suffix}`, multiplyAccumulate(p, false, true)],
    [`vdiv.${suffix}`, quotient(p)],
    [`vsqrt.${suffix}`, root(p)],
  ];
}

/** Arithmetic of VFP by the names of its rows. */
export const VFP_EMITTERS: ReadonlyMap<string, VectorEmitter> = new Map([
  ...arithmetic('f32', SINGLE),
  ...arithmetic('f64', DOUBLE),
  ['vfma.f32', fusedSingle(false, false)] as const,
  ['vfms.f32', fusedSingle(true, false)] as const,
  ['vfnma.f32', fusedSingle(true, true)] as const,
  ['vfnms.f32', fusedSingle(false, true)] as const,
]);
