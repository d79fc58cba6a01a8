import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import type { AccessSize, Lifter } from './lifter.ts';
import { shiftByImmediate } from './shift.ts';

/** What a single load or store moves. */
export interface Transfer {
  readonly load: boolean;
  readonly size: AccessSize;
  readonly signed: boolean;
  readonly unprivileged: boolean;
}

function transfer(load: boolean, size: AccessSize, signed = false, unprivileged = false): Transfer {
  return { load, size, signed, unprivileged };
}

export const LDR = transfer(true, 4);
export const LDRB = transfer(true, 1);
export const LDRH = transfer(true, 2);
export const LDRSB = transfer(true, 1, true);
export const LDRSH = transfer(true, 2, true);
export const STR = transfer(false, 4);
export const STRB = transfer(false, 1);
export const STRH = transfer(false, 2);
export const LDRT = transfer(true, 4, false, true);
export const LDRBT = transfer(true, 1, false, true);
export const LDRHT = transfer(true, 2, false, true);
export const LDRSBT = transfer(true, 1, true, true);
export const LDRSHT = transfer(true, 2, true, true);
export const STRT = transfer(false, 4, false, true);
export const STRBT = transfer(false, 1, false, true);
export const STRHT = transfer(false, 2, false, true);

/** Addressing: offset, pre-indexed or post-indexed, as bits P and W say; U adds. */
export interface Indexing {
  readonly P: number;
  readonly U: number;
  readonly W: number;
}

const OFFSET_UP: Indexing = { P: 1, U: 1, W: 0 };

/** The access of R[t] at `address`; then, as nothing can fault any more, what follows it, then the register. */
function access(l: Lifter, kind: Transfer, t: number, address: IrValue, afterwards: () => void): void {
  const flags = kind.unprivileged ? MemFlag.Unprivileged : MemFlag.None;
  if (!kind.load) {
    l.store(kind.size, address, l.reg(t), flags);
    afterwards();
    return;
  }
  const { size } = kind;
  const value = kind.signed && size !== 4 ? l.loadSigned(size, address, flags) : l.load(size, address, flags);
  afterwards();
  if (t === 15) l.loadWritePc(value);
  else l.setReg(t, value);
}

/** R15 as R[t] is a branch for LDR, the PC for STR and STRT in A32, and UNPREDICTABLE otherwise. */
function refusesTarget(l: Lifter, kind: Transfer, t: number): boolean {
  if (kind.size === 4 && kind.load && !kind.unprivileged) {
    if (t === 15) l.needsLastInIt();
    return false;
  }
  if (kind.size === 4 && !kind.load) return l.thumb && l.refusesPc(t);
  return l.thumb ? l.refusesBadReg(t) : l.refusesPc(t);
}

/** Any single load or store of R[t] at R[n] plus or minus an offset. */
function transferAt(
  l: Lifter,
  kind: Transfer,
  t: number,
  n: number,
  offset: IrValue,
  indexing: Indexing,
): void {
  if (refusesTarget(l, kind, t)) return;
  const { P, U, W } = indexing;
  const writesBack = P === 0 || W === 1;
  if (writesBack) {
    if (l.refusesPc(n)) return;
    if (n === t) l.unpredictable('write-back to the register transferred');
  }
  const base = l.base(n);
  const indexed = U === 1 ? l.b.add(base, offset) : l.b.sub(base, offset);
  access(l, kind, t, P === 1 ? indexed : base, () => {
    if (writesBack) l.setReg(n, indexed);
  });
}

interface Immediate {
  readonly n: number;
  readonly t: number;
  readonly i: number;
}

/** LDR, STR (immediate) and kin with P, U and W. */
export function immediate(kind: Transfer) {
  return (l: Lifter, f: Immediate & Indexing): void => transferAt(l, kind, f.t, f.n, l.const(f.i), f);
}

/** Literals: P and W, where encoded, should be 1 and 0. */
export function literal(kind: Transfer) {
  return (l: Lifter, f: { t: number; i: number; U: number; P?: number; W?: number }): void => {
    if (f.P === 0 || f.W === 1) {
      l.refuse('write-back to the PC');
      return;
    }
    transferAt(l, kind, f.t, 15, l.const(f.i), { P: 1, U: f.U, W: 0 });
  };
}

/** A32 (register) with an immediate shift. */
export function register(kind: Transfer) {
  return (l: Lifter, f: Indexing & { n: number; t: number; m: number; y: number; i: number }): void => {
    if (l.refusesPc(f.m)) return;
    transferAt(l, kind, f.t, f.n, shiftByImmediate(l, l.reg(f.m), f.y, f.i).value, f);
  };
}

/** A32 (register) of the extra loads and stores, without a shift. */
export function plainRegister(kind: Transfer) {
  return (l: Lifter, f: Indexing & { n: number; t: number; m: number }): void =>
    register(kind)(l, { n: f.n, t: f.t, m: f.m, y: 0, i: 0, P: f.P, U: f.U, W: f.W });
}

// A32 unprivileged forms are post-indexed.

export function unprivilegedImmediate(kind: Transfer) {
  return (l: Lifter, f: Immediate & { U: number }): void =>
    transferAt(l, kind, f.t, f.n, l.const(f.i), { P: 0, U: f.U, W: 0 });
}

export function unprivilegedRegister(kind: Transfer) {
  return (l: Lifter, f: { n: number; t: number; m: number; U: number; y: number; i: number }): void =>
    register(kind)(l, { n: f.n, t: f.t, m: f.m, y: f.y, i: f.i, P: 0, U: f.U, W: 0 });
}

export function unprivilegedPlainRegister(kind: Transfer) {
  return (l: Lifter, f: { n: number; t: number; m: number; U: number }): void =>
    unprivilegedRegister(kind)(l, { n: f.n, t: f.t, m: f.m, U: f.U, y: 0, i: 0 });
}

// T32. A store relative to the PC is UNDEFINED.

/** R[n] plus a positive immediate. */
export function thumbOffset(kind: Transfer) {
  return (l: Lifter, f: Immediate): void => {
    if (!kind.load && f.n === 15) {
      l.undefined();
      return;
    }
    transferAt(l, kind, f.t, f.n, l.const(f.i), OFFSET_UP);
  };
}

/** The 8-bit form with P, U and W; neither P nor W is UNDEFINED. */
export function thumbIndexed(kind: Transfer) {
  return (l: Lifter, f: Immediate & Indexing): void => {
    if ((!kind.load && f.n === 15) || (f.P === 0 && f.W === 0)) {
      l.undefined();
      return;
    }
    transferAt(l, kind, f.t, f.n, l.const(f.i), f);
  };
}

export function thumbUnprivileged(kind: Transfer) {
  return (l: Lifter, f: Immediate): void => {
    if (!kind.load && f.n === 15) {
      l.undefined();
      return;
    }
    if (l.refusesBadReg(f.t)) return;
    transferAt(l, kind, f.t, f.n, l.const(f.i), OFFSET_UP);
  };
}

/** R[n] plus R[m] shifted left by `i`. */
export function thumbRegister(kind: Transfer) {
  return (l: Lifter, f: { n: number; t: number; m: number; i: number }): void => {
    if (!kind.load && f.n === 15) {
      l.undefined();
      return;
    }
    if (l.refusesBadReg(f.m)) return;
    transferAt(l, kind, f.t, f.n, shiftByImmediate(l, l.reg(f.m), 0, f.i).value, OFFSET_UP);
  };
}

// T16.

/** R[n] plus an immediate in units of the access size. */
export function narrowImmediate(kind: Transfer) {
  return (l: Lifter, f: { n?: number; t: number; i: number }): void =>
    transferAt(l, kind, f.t, f.n ?? 13, l.const(f.i * kind.size), OFFSET_UP);
}

export function narrowRegister(kind: Transfer) {
  return (l: Lifter, f: { n: number; t: number; m: number }): void =>
    transferAt(l, kind, f.t, f.n, l.reg(f.m), OFFSET_UP);
}

export function narrowLiteral(l: Lifter, f: { t: number; i: number }): void {
  transferAt(l, LDR, f.t, 15, l.const(f.i * 4), OFFSET_UP);
}

// LDRD and STRD: one access of eight bytes, which the alignment flag allows to be two words.

interface Dual extends Indexing {
  readonly n: number;
  readonly t: number;
}

function dualAt(l: Lifter, load: boolean, f: Dual, t2: number, offset: IrValue): void {
  const writesBack = f.P === 0 || f.W === 1;
  if (writesBack && l.refusesPc(f.n)) return;
  if (l.thumb ? l.refusesBadReg(f.t, t2) : l.refusesPc(t2)) return;
  if (f.P === 0 && f.W === 1 && !l.thumb) l.unpredictable('post-indexed with W');
  if (writesBack && (f.n === f.t || f.n === t2)) l.unpredictable('write-back to a register transferred');
  if (!l.thumb && (f.t & 1) === 1) {
    l.refuse('an odd first register');
    return;
  }
  if (load && f.t === t2) l.unpredictable('the same register twice');
  const { b } = l;
  const base = l.base(f.n);
  const indexed = f.U === 1 ? b.add(base, offset) : b.sub(base, offset);
  const address = f.P === 1 ? indexed : base;
  if (load) {
    const value = b.load('load64', address, MemFlag.AlignedWord);
    const low = l.ordered32(b.pure('low64', [value]));
    const high = l.ordered32(b.pure('high64', [value]));
    if (writesBack) l.setReg(f.n, indexed);
    l.setReg(f.t, low);
    l.setReg(t2, high);
  } else {
    const value = b.pure('pack64', [l.ordered32(l.reg(f.t)), l.ordered32(l.reg(t2))]);
    b.store('store64', address, value, MemFlag.AlignedWord);
    if (writesBack) l.setReg(f.n, indexed);
  }
}

export function armDualImmediate(load: boolean) {
  return (l: Lifter, f: Dual & { i: number }): void => dualAt(l, load, f, f.t + 1, l.const(f.i));
}

export function armDualLiteral(
  l: Lifter,
  f: { t: number; i: number; U: number; P: number; W: number },
): void {
  if (f.P === 0 || f.W === 1) {
    l.refuse('write-back to the PC');
    return;
  }
  dualAt(l, true, { n: 15, t: f.t, P: 1, U: f.U, W: 0 }, f.t + 1, l.const(f.i));
}

export function armDualRegister(load: boolean) {
  return (l: Lifter, f: Dual & { m: number }): void => {
    if (l.refusesPc(f.m)) return;
    if (load && (f.m === f.t || f.m === f.t + 1)) l.unpredictable('the index is a register loaded');
    dualAt(l, load, f, f.t + 1, l.reg(f.m));
  };
}

/** T32; with neither P nor W it would be another instruction or UNDEFINED. */
export function thumbDual(load: boolean) {
  return (l: Lifter, f: Dual & { u: number; i: number }): void => {
    if (f.P === 0 && f.W === 0) {
      l.undefined();
      return;
    }
    if (!load && l.refusesPc(f.n)) return;
    dualAt(l, load, f, f.u, l.const(f.i * 4));
  };
}

export function thumbDualLiteral(
  l: Lifter,
  f: { t: number; u: number; i: number; U: number; P: number; W: number },
): void {
  if (f.P === 0 && f.W === 0) {
    l.undefined();
    return;
  }
  if (f.W === 1) {
    l.refuse('write-back to the PC');
    return;
  }
  dualAt(l, true, { n: 15, t: f.t, P: 1, U: f.U, W: 0 }, f.u, l.const(f.i * 4));
}

/** PLD, PLDW and PLI: hints without effect here. The base of PLDW and the index may not be some registers. */
export function preload(l: Lifter, f: { i: number; m?: number }): void {
  if (f.m === 15 || (l.thumb && f.m === 13)) l.unpredictable('the index of a preload');
}
