import type { VectorFunction } from '../../translator/vector/vector-function.ts';
import { F32_ROWS } from '../fp/f32-rows.ts';
import { F64_ROWS } from '../fp/f64-rows.ts';
import { requireVfpScalar } from './fp-access.ts';
import type { Lifter } from './lifter.ts';
import { registerNumber, registerSlot } from './vfp-registers.ts';

/** VFP data processing (ARM DDI 0406C A7.5). Short vectors do not exist on these CPUs: see FpDenied.Vectors. */

interface Unary {
  readonly s: number;
  readonly D: number;
  readonly d: number;
  readonly M: number;
  readonly m: number;
}

interface Binary extends Unary {
  readonly N: number;
  readonly n: number;
}

type Mnemonic = keyof typeof F32_ROWS & keyof typeof F64_ROWS;

function rowOf(mnemonic: Mnemonic, double: boolean): VectorFunction {
  return double ? F64_ROWS[mnemonic] : F32_ROWS[mnemonic];
}

/** VADD, VMLA and kin, of three registers. */
export function vfpBinary(mnemonic: Mnemonic) {
  return (l: Lifter, f: Binary): void => {
    const double = f.s === 1;
    const d = registerNumber(double, f.D, f.d);
    const n = registerNumber(double, f.N, f.n);
    const m = registerNumber(double, f.M, f.m);
    requireVfpScalar(l, ...(double ? [d, n, m] : []));
    const [slotD, slotN, slotM] = [d, n, m].map((r) => registerSlot(double, r));
    l.b.vector(rowOf(mnemonic, double), slotD, slotN, slotM, 0);
  };
}

export function vfpSquareRoot(l: Lifter, f: Unary): void {
  const double = f.s === 1;
  const d = registerNumber(double, f.D, f.d);
  const m = registerNumber(double, f.M, f.m);
  requireVfpScalar(l, ...(double ? [d, m] : []));
  const slotM = registerSlot(double, m);
  l.b.vector(rowOf('vsqrt', double), registerSlot(double, d), slotM, slotM, 0);
}

/** VMOV, VABS and VNEG of registers: of bits, so that NaNs are as any other number. */
export function vfpSign(change: 'none' | 'clear' | 'invert') {
  return (l: Lifter, f: Unary): void => {
    const { b } = l;
    const double = f.s === 1;
    const d = registerNumber(double, f.D, f.d);
    const m = registerNumber(double, f.M, f.m);
    requireVfpScalar(l, ...(double ? [d, m] : []));
    const to = registerSlot(double, d);
    const from = registerSlot(double, m);
    const top = double ? 1 : 0;
    if (double) b.set(to, b.get(from));
    const word = b.get(from + top);
    if (change === 'clear') b.set(to + top, b.and(word, l.const(0x7fffffff)));
    else b.set(to + top, change === 'invert' ? b.xor(word, l.const(0x80000000)) : word);
  };
}

/** VFPExpandImm (A7.5.1): the word that holds sign, exponent and the top of the fraction. */
function expandImmediate(imm8: number, double: boolean): number {
  const sign = (imm8 >> 7) << 31;
  const repeated = ((imm8 >> 6) & 1) === 1;
  if (double) return sign | (repeated ? 0x3fc00000 : 0x40000000) | ((imm8 & 0x3f) << 16);
  return sign | (repeated ? 0x3e000000 : 0x40000000) | ((imm8 & 0x3f) << 19);
}

/** VMOV (immediate). */
export function vfpImmediate(
  l: Lifter,
  f: { readonly s: number; readonly D: number; readonly d: number; readonly i: number },
): void {
  const double = f.s === 1;
  const d = registerNumber(double, f.D, f.d);
  requireVfpScalar(l, ...(double ? [d] : []));
  const slot = registerSlot(double, d);
  const word = l.const(expandImmediate(f.i, double));
  if (double) l.b.set(slot, l.const(0));
  l.b.set(double ? slot + 1 : slot, word);
}
