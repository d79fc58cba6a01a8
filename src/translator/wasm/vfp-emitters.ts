import type { FunctionBody } from './function-body.ts';
import { Op } from './opcodes.ts';
import { requireExact, scratch, type VectorEmitter, withFallback } from './vector-operation.ts';
import {
  localsOf,
  MODES,
  pushIsZero,
  pushNotFinite,
  pushOrdinary,
  pushSumIsInexact,
  requireProduct,
} from './vfp-guards.ts';
import { DOUBLE, type Precision, SINGLE } from './vfp-precision.ts';

/*
 * VFP arithmetic on the host's own, where that is the same: rounding to nearest, without flush-to-zero, and no result
 * that is infinite, a NaN, or tiny and inexact. A result that is none of these shows that the operands were finite. What
 * is inexact must be known to have been noted: FPSCR.IXC is sticky, so that after a program's first inexact result the
 * question does not come again.
 */

function load(code: FunctionBody, p: Precision, address: number, local: number): void {
  code.i32(0).load(p.load, address).set(local);
}

function store(code: FunctionBody, p: Precision, address: number, local: number): void {
  code.i32(0).get(local).store(p.store, address);
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
]);
