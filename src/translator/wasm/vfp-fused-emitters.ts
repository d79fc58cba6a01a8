import type { FunctionBody } from './function-body.ts';
import { Op } from './opcodes.ts';
import { requireExact, scratch, type VectorEmitter, withFallback } from './vector-operation.ts';
import {
  localsOf,
  MODES,
  pushErrorOfSum,
  pushIsZero,
  pushNotFinite,
  pushOrdinary,
  pushSumIsInexact,
  requireProduct,
} from './vfp-guards.ts';
import { DOUBLE, SINGLE } from './vfp-precision.ts';

/* VFMA and kin: WebAssembly has no instruction that rounds a product and a sum once. */

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
      code.i32(0).get(single).store(SINGLE.store, o.d);
    });
    return true;
  };
}

/** 2^27 + 1: splits 53 bits in halves whose products are exact (Veltkamp). */
const SPLITTER = 134217729;
/** Products from here on have errors that are doubles. */
const SMALL_EXPONENT = 1023 - 900;

/** Pushes a whole number as a double. */
function pushNumber(code: FunctionBody, value: number): void {
  const words = new Int32Array(Float64Array.of(value).buffer);
  code.f64Bits(words[0], words[1]);
}

/** Splits x into high and low. */
function split(code: FunctionBody, x: number, high: number, low: number): void {
  pushNumber(code, SPLITTER);
  code.get(x).op(Op.F64Mul).tee(high).get(high).get(x).op(Op.F64Sub, Op.F64Sub).set(high);
  code.get(x).get(high).op(Op.F64Sub).set(low);
}

/** Pushes what x * y = product lacks to the exact one (Dekker); NaN where halves overflow. */
function pushErrorOfProduct(code: FunctionBody, x: number, y: number, product: number): void {
  const [xh, xl, yh, yl] = [8, 9, 10, 11].map((i) => scratch(code, 'f64', i)) as [
    number,
    number,
    number,
    number,
  ];
  split(code, x, xh, xl);
  split(code, y, yh, yl);
  code.get(xl).get(yl).op(Op.F64Mul);
  code.get(product).get(xh).get(yh).op(Op.F64Mul, Op.F64Sub);
  code.get(xl).get(yh).op(Op.F64Mul, Op.F64Sub);
  code.get(xh).get(yl).op(Op.F64Mul, Op.F64Sub, Op.F64Sub);
}

/** Rounds v, which lacks `lost`, to odd: what is not exact becomes the neighbour whose last bit is set. */
function roundToOdd(code: FunctionBody, v: number, lost: number): void {
  const pushPositive = (local: number): FunctionBody => code.get(local).f64Bits(0, 0).op(Op.F64Gt);
  pushIsZero(code, DOUBLE, lost);
  code.get(v).op(Op.I64ReinterpretF64, Op.I32WrapI64, Op.I32Or).i32(1).op(Op.I32And, Op.I32Eqz);
  code.if();
  code.get(v).op(Op.I64ReinterpretF64).i64(1, 0).i64(-1, -1);
  pushPositive(lost);
  pushPositive(v);
  code.op(Op.I32Eq, Op.Select, Op.I64Add, Op.F64ReinterpretI64).set(v);
  code.end();
}

/**
 * Double precision. Where the product is exact, one sum is all; otherwise as Boldo and Melquiond have it, "Emulation of
 * FMA and correctly rounded sums", IEEE TC 2008: the errors are added up and rounded to odd before they join the sum.
 */
function fusedDouble(negateFactor: boolean, negateAddend: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { x, y, r: product, c: addend, t } = localsOf(code, DOUBLE);
    const [sum, error] = [scratch(code, 'f64', 5), scratch(code, 'f64', 6)];
    const lost = scratch(code, 'f64', 7);
    const load = (address: number, negate: boolean, local: number): void => {
      code.i32(0).load(DOUBLE.load, address);
      if (negate) code.op(Op.F64Neg);
      code.set(local);
    };
    const add = (p: number, q: number, to: number): FunctionBody => code.get(p).get(q).op(Op.F64Add).set(to);
    withFallback(o, (slow) => {
      load(o.a, negateFactor, x);
      load(o.b, false, y);
      load(o.d, negateAddend, addend);
      code.get(x).get(y).op(Op.F64Mul).set(product);
      requireProduct(code, DOUBLE, x, y, product, slow, SMALL_EXPONENT);
      pushErrorOfProduct(code, x, y, product);
      code.set(error);
      pushIsZero(code, DOUBLE, error);
      code.if();
      add(addend, product, sum);
      pushNotFinite(code, DOUBLE, sum);
      code.brIf(slow);
      code.else();
      inexactProduct(slow);
      code.end();
      requireExact(code, slow, MODES, () => {
        pushIsZero(code, DOUBLE, error);
        code.op(Op.I32Eqz);
        pushSumIsInexact(code, DOUBLE, addend, product, sum, t, false);
        code.op(Op.I32Or);
      });
      code.i32(0).get(sum).store(DOUBLE.store, o.d);

      function inexactProduct(away: number): void {
        const [inner, innerError, outer] = [x, y, lost];
        add(addend, error, inner);
        pushErrorOfSum(code, DOUBLE, addend, error, inner, t, false);
        code.set(innerError);
        add(product, inner, outer);
        pushErrorOfSum(code, DOUBLE, product, inner, outer, t, false);
        code.set(inner);
        // From here on `inner` is the outer sum's error, and `product` what both errors come to.
        code.get(outer).set(sum);
        add(inner, innerError, product);
        pushErrorOfSum(code, DOUBLE, inner, innerError, product, t, false);
        code.set(lost);
        roundToOdd(code, product, lost);
        add(sum, product, sum);
        pushOrdinary(code, DOUBLE, sum);
        code.op(Op.I32Eqz).brIf(away);
      }
    });
    return true;
  };
}

/** Fused multiply-add of VFP by the names of its rows. */
export const VFP_FUSED_EMITTERS: ReadonlyMap<string, VectorEmitter> = new Map([
  ['vfma.f32', fusedSingle(false, false)],
  ['vfms.f32', fusedSingle(true, false)],
  ['vfnma.f32', fusedSingle(true, true)],
  ['vfnms.f32', fusedSingle(false, true)],
  ['vfma.f64', fusedDouble(false, false)],
  ['vfms.f64', fusedDouble(true, false)],
  ['vfnma.f64', fusedDouble(true, true)],
  ['vfnms.f64', fusedDouble(false, true)],
]);
