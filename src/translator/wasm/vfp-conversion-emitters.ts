import type { FunctionBody } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';
import {
  Fpscr,
  pushFpscr,
  requireExact,
  scratch,
  setFpscr,
  type VectorEmitter,
  type VectorOperation,
  withFallback,
} from './vector-operation.ts';
import { pushOrdinary } from './vfp-guards.ts';
import { DOUBLE, type Precision, SINGLE } from './vfp-precision.ts';

/** Comparisons and conversions of VFP. The layout of conversions' immediates is that of their rows. */

/** N, Z, C, V of less, greater and equal, in nibbles 1 to 3; 0 is for unordered operands, which are not here. */
const ORDERS = 0x6280;

/** Flushed operands, and NaNs, are the interpreter's. */
function comparison(p: Precision, withZero: boolean): VectorEmitter {
  return (o) => {
    const { code } = o;
    const [x, y] = [scratch(code, p.type, 0), scratch(code, p.type, 1)];
    const order = scratch(code, 'i32', 0);
    withFallback(o, (slow) => {
      pushFpscr(code, Fpscr.FZ);
      code.brIf(slow);
      code.i32(0).load(p.load, o.a).set(x);
      if (withZero) p.zero(code);
      else code.i32(0).load(p.load, o.b);
      code.set(y);
      code.get(x).get(y).op(p.le).get(x).get(y).op(p.ge).i32(1).op(Op.I32Shl, Op.I32Or);
      code.tee(order).op(Op.I32Eqz).brIf(slow);
      setFpscr(code, () => {
        pushFpscr(code, ~Fpscr.NZCV);
        code.i32(ORDERS).get(order).i32(2).op(Op.I32Shl, Op.I32ShrU).i32(28).op(Op.I32Shl, Op.I32Or);
      });
    });
    return true;
  };
}

function toDouble(o: VectorOperation): boolean {
  const { code } = o;
  const x = scratch(code, 'f32', 0);
  withFallback(o, (slow) => {
    pushFpscr(code, Fpscr.FZ);
    code.brIf(slow);
    code.i32(0).load(Load.F32, o.a).tee(x).get(x).op(Op.F32Ne).brIf(slow);
    code.i32(0).get(x).op(Op.F64PromoteF32).store(Store.F64, o.d);
  });
  return true;
}

function toSingle(o: VectorOperation): boolean {
  const { code } = o;
  const x = scratch(code, 'f64', 0);
  const r = scratch(code, 'f32', 0);
  withFallback(o, (slow) => {
    code.i32(0).load(Load.F64, o.a).tee(x).op(Op.F32DemoteF64).set(r);
    const ordinary = code.block();
    pushOrdinary(code, SINGLE, r);
    code.brIf(ordinary);
    code.get(x).f64Bits(0, 0).op(Op.F64Ne).brIf(slow);
    code.end();
    requireExact(code, slow, Fpscr.RMODE | Fpscr.FZ, () =>
      code.get(r).op(Op.F64PromoteF32).get(x).op(Op.F64Ne),
    );
    code.i32(0).get(r).store(Store.F32, o.d);
  });
  return true;
}

/** What a fixed-point conversion's immediate says. */
function layoutOf(imm: number) {
  return {
    fractionBits: imm & 0xff,
    bits: (imm >> 8) & 0xff,
    unsigned: ((imm >> 16) & 1) === 1,
    /** FPSCR's, towards zero, to nearest. */
    rounding: imm >> 17,
  };
}

/** Pushes 2 to the power n as a double. */
function pushPowerOfTwo(code: FunctionBody, n: number): void {
  code.f64Bits(0, (1023 + n) << 20);
}

/** Pushes an integer of up to 33 bits as a double. */
function pushDouble(code: FunctionBody, value: number): void {
  const words = new Int32Array(Float64Array.of(value).buffer);
  code.f64Bits(words[0], words[1]);
}

/** To integers: scaled as doubles, which is exact, then rounded to a whole number that must be in range. */
function toFixed(p: Precision): VectorEmitter {
  return (o) => {
    const { code } = o;
    const { fractionBits, bits, unsigned, rounding } = layoutOf(o.imm);
    const [scaled, whole] = [scratch(code, 'f64', 0), scratch(code, 'f64', 1)];
    const low = unsigned ? 0 : -(2 ** (bits - 1));
    const high = unsigned ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
    withFallback(o, (slow) => {
      code.i32(0).load(p.load, o.a);
      if (p === SINGLE) code.op(Op.F64PromoteF32);
      if (fractionBits !== 0) {
        pushPowerOfTwo(code, fractionBits);
        code.op(Op.F64Mul);
      }
      code
        .tee(scaled)
        .op(rounding === 1 ? Op.F64Trunc : Op.F64Nearest)
        .tee(whole);
      pushDouble(code, low);
      code.op(Op.F64Ge).get(whole);
      pushDouble(code, high);
      code.op(Op.F64Le, Op.I32And, Op.I32Eqz).brIf(slow);
      const modes = rounding === 0 ? Fpscr.RMODE | Fpscr.FZ : Fpscr.FZ;
      requireExact(code, slow, modes, () => code.get(whole).get(scaled).op(Op.F64Ne));
      code.i32(0).get(whole);
      code.op(unsigned ? Op.I32TruncF64U : Op.I32TruncF64S).store(Store.I32, o.d);
    });
    return true;
  };
}

/** Pushes the integer operand as a double, over 2^fractionBits: exact. */
function pushFixed({ code, a, imm }: VectorOperation): void {
  const { fractionBits, bits, unsigned } = layoutOf(imm);
  code.i32(0);
  if (bits === 32) code.load(Load.I32, a);
  else code.load(Load.I32U16, a);
  if (bits === 16 && !unsigned) code.op(Op.I32Extend16S);
  code.op(unsigned ? Op.F64ConvertI32U : Op.F64ConvertI32S);
  if (fractionBits === 0) return;
  pushPowerOfTwo(code, -fractionBits);
  code.op(Op.F64Mul);
}

function fixedToDouble(o: VectorOperation): boolean {
  o.code.i32(0);
  pushFixed(o);
  o.code.store(Store.F64, o.d);
  return true;
}

/** No instruction rounds towards zero here. */
function fixedToSingle(o: VectorOperation): boolean {
  const { code } = o;
  const { rounding } = layoutOf(o.imm);
  if (rounding === 1) return false;
  const x = scratch(code, 'f64', 0);
  const r = scratch(code, 'f32', 0);
  withFallback(o, (slow) => {
    pushFixed(o);
    code.tee(x).op(Op.F32DemoteF64).set(r);
    const modes = rounding === 0 ? Fpscr.RMODE : 0;
    requireExact(code, slow, modes, () => code.get(r).op(Op.F64PromoteF32).get(x).op(Op.F64Ne));
    code.i32(0).get(r).store(Store.F32, o.d);
  });
  return true;
}

/** Comparisons and conversions of VFP by the names of their rows; those of half precision are the interpreter's. */
export const VFP_CONVERSION_EMITTERS: ReadonlyMap<string, VectorEmitter> = new Map([
  ['vcmp.f32', comparison(SINGLE, false)],
  ['vcmp.f64', comparison(DOUBLE, false)],
  ['vcmp.f32 #0', comparison(SINGLE, true)],
  ['vcmp.f64 #0', comparison(DOUBLE, true)],
  ['vcvt.f64.f32', toDouble],
  ['vcvt.f32.f64', toSingle],
  ['vcvt.fixed.f32', toFixed(SINGLE)],
  ['vcvt.fixed.f64', toFixed(DOUBLE)],
  ['vcvt.f32.fixed', fixedToSingle],
  ['vcvt.f64.fixed', fixedToDouble],
]);
