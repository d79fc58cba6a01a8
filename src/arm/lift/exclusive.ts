import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import type { AccessSize, Lifter } from './lifter.ts';

const LDEX = { 1: 'ldex8', 2: 'ldex16', 4: 'ldex32' } as const;
const STEX = { 1: 'stex8', 2: 'stex16', 4: 'stex32' } as const;

function inMemoryOrder(l: Lifter, size: AccessSize, value: IrValue): IrValue {
  if (size === 1) return value;
  return size === 2 ? l.ordered16(value) : l.ordered32(value);
}

/** LDREX, LDREXB, LDREXH; `i` counts words. */
export function loadExclusive(size: AccessSize) {
  return (l: Lifter, f: { n: number; t: number; i?: number }): void => {
    if (l.refusesPc(f.n) || l.refusesBadReg(f.t)) return;
    const address = l.b.add(l.reg(f.n), l.const(4 * (f.i ?? 0)));
    l.setReg(f.t, inMemoryOrder(l, size, l.b.ordered(LDEX[size], [address], MemFlag.Aligned)));
  };
}

/** STREX, STREXB, STREXH: R[d] gets 0 when it stored, else 1. */
export function storeExclusive(size: AccessSize) {
  return (l: Lifter, f: { n: number; t: number; d: number; i?: number }): void => {
    if (l.refusesPc(f.n) || l.refusesBadReg(f.d, f.t)) return;
    if (f.d === f.n || f.d === f.t) l.unpredictable('the status register is an operand');
    const address = l.b.add(l.reg(f.n), l.const(4 * (f.i ?? 0)));
    const value = inMemoryOrder(l, size, l.reg(f.t));
    l.setReg(f.d, l.b.ordered(STEX[size], [address, value], MemFlag.Aligned));
  };
}

export function loadExclusiveDual(l: Lifter, f: { n: number; t: number }, t2: number): void {
  if (refusesPair(l, f.t) || l.refusesPc(f.n) || l.refusesBadReg(f.t, t2)) return;
  if (f.t === t2) l.unpredictable('the same register twice');
  const value = l.b.ordered('ldex64', [l.reg(f.n)], MemFlag.Aligned);
  l.setReg(f.t, l.ordered32(l.b.pure('low64', [value])));
  l.setReg(t2, l.ordered32(l.b.pure('high64', [value])));
}

export function storeExclusiveDual(l: Lifter, f: { n: number; t: number; d: number }, t2: number): void {
  if (refusesPair(l, f.t) || l.refusesPc(f.n) || l.refusesBadReg(f.d, f.t, t2)) return;
  if (f.d === f.n || f.d === f.t || f.d === t2) l.unpredictable('the status register is an operand');
  const value = l.b.pure('pack64', [l.ordered32(l.reg(f.t)), l.ordered32(l.reg(t2))]);
  l.setReg(f.d, l.b.ordered('stex64', [l.reg(f.n), value], MemFlag.Aligned));
}

/** A32 pairs start at an even register, and not at R14. */
function refusesPair(l: Lifter, t: number): boolean {
  if (l.thumb || ((t & 1) === 0 && t !== 14)) return false;
  l.refuse('not a register pair');
  return true;
}

/**
 * SWP and SWPB, deprecated, and UNDEFINED unless SCTLR.SW is set. The swap is a load and a store: nothing else runs
 * on this CPU between them, and both access the same bytes, so that the store can fault only where the load did not
 * for want of write permission, with the register still unchanged.
 */
export function swap(size: 1 | 4) {
  return (l: Lifter, f: { n: number; t: number; m: number }): void => {
    if (l.refusesPc(f.n, f.t, f.m)) return;
    if (f.n === f.t || f.n === f.m) l.unpredictable('the base is an operand');
    const address = l.reg(f.n);
    const value = l.load(size, address, MemFlag.Aligned);
    l.store(size, address, l.reg(f.m), MemFlag.Aligned);
    l.setReg(f.t, value);
  };
}
