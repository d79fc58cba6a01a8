import type { FunctionBody } from './function-body.ts';
import { Op } from './opcodes.ts';
import { Fpscr, scratch } from './vector-operation.ts';
import type { Precision } from './vfp-precision.ts';

/* What VFP's emitters ask about numbers in locals. Those that push leave an i32, not zero where it is so. */

/** Modes of FPSCR in which the host's arithmetic differs. */
export const MODES = Fpscr.RMODE | Fpscr.FZ;

/** The places of operands, results and errors. */
export function localsOf(code: FunctionBody, p: Precision) {
  const [x, y, r, c, t] = [0, 1, 2, 3, 4].map((i) => scratch(code, p.type, i)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { x, y, r, c, t };
}

/** Pushes whether a local is an infinity or a NaN. */
export function pushNotFinite(code: FunctionBody, p: Precision, local: number): void {
  code.get(local);
  p.exponent(code);
  code.i32(1).op(Op.I32Add).i32(p.topExponent).op(Op.I32And, Op.I32Eqz);
}

/**
 * Pushes whether a local is finite and at least twice the smallest normal number, so that it was not tiny before it was
 * rounded.
 * @param exponent the smallest, biased, where it is to be larger still.
 */
export function pushOrdinary(code: FunctionBody, p: Precision, local: number, exponent = 2): void {
  code.get(local);
  p.exponent(code);
  code.i32(exponent).op(Op.I32Sub).i32(p.topExponent).op(Op.I32And);
  code.i32(p.topExponent - 1 - exponent).op(Op.I32LeU);
}

/** Pushes what the sum x + y = r, or the difference, lacks to the exact one (2Sum). */
export function pushErrorOfSum(
  code: FunctionBody,
  p: Precision,
  x: number,
  y: number,
  r: number,
  second: number,
  subtract: boolean,
): void {
  code.get(x).get(r);
  code.get(r).get(x).op(p.sub).tee(second).op(p.sub, p.sub);
  code
    .get(y)
    .get(second)
    .op(subtract ? p.add : p.sub);
  code.op(subtract ? p.sub : p.add);
}

/** Whether the sum x + y = r, or the difference, is inexact. */
export function pushSumIsInexact(
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

/** Whether a local is +0 or -0. */
export function pushIsZero(code: FunctionBody, p: Precision, local: number): void {
  code.get(local);
  p.zero(code);
  code.op(p.eq);
}

/** Branches away unless r = x * y is ordinary, or a zero because an operand is. @param exponent as of pushOrdinary. */
export function requireProduct(
  code: FunctionBody,
  p: Precision,
  x: number,
  y: number,
  r: number,
  slow: number,
  exponent?: number,
): void {
  const ordinary = code.block();
  pushOrdinary(code, p, r, exponent);
  code.brIf(ordinary);
  pushIsZero(code, p, x);
  pushIsZero(code, p, y);
  code.op(Op.I32Or);
  pushIsZero(code, p, r);
  code.op(Op.I32And, Op.I32Eqz).brIf(slow);
  code.end();
}
