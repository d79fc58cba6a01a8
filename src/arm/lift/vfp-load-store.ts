import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { requireVfp } from './fp-access.ts';
import type { Lifter } from './lifter.ts';
import { registerNumber, registerSlot } from './vfp-registers.ts';

/**
 * Extension register loads and stores (ARM DDI 0406C A7.6). Doublewords are transferred as two words each, so that
 * alignment to words is enough; less is an alignment fault always.
 */

function loadRegister(l: Lifter, double: boolean, slot: number, address: IrValue): void {
  const { b } = l;
  if (!double) {
    b.set(slot, l.load(4, address, MemFlag.AlignedWord));
    return;
  }
  const value = b.load('load64', address, MemFlag.AlignedWord);
  if (!l.bigEndian) {
    b.emit('set64', [value], slot);
    return;
  }
  // The word at the lower address is the high one.
  b.set(slot, l.ordered32(b.pure('high64', [value])));
  b.set(slot + 1, l.ordered32(b.pure('low64', [value])));
}

function storeRegister(l: Lifter, double: boolean, slot: number, address: IrValue): void {
  const { b } = l;
  if (!double) {
    l.store(4, address, b.get(slot), MemFlag.AlignedWord);
    return;
  }
  const value = l.bigEndian
    ? b.pure('pack64', [l.ordered32(b.get(slot + 1)), l.ordered32(b.get(slot))])
    : b.emit('get64', [], slot);
  b.store('store64', address, value, MemFlag.AlignedWord | MemFlag.ElementWords);
}

interface Single {
  readonly U: number;
  readonly D: number;
  readonly n: number;
  readonly d: number;
  readonly i: number;
}

function addressOf(l: Lifter, f: Single): IrValue {
  return l.b.add(l.base(f.n), l.const(f.U === 1 ? 4 * f.i : -4 * f.i));
}

/** VLDR, of literals too. */
export function vfpLoad(double: boolean) {
  return (l: Lifter, f: Single): void => {
    const d = registerNumber(double, f.D, f.d);
    requireVfp(l, ...(double ? [d] : []));
    loadRegister(l, double, registerSlot(double, d), addressOf(l, f));
  };
}

export function vfpStore(double: boolean) {
  return (l: Lifter, f: Single): void => {
    const d = registerNumber(double, f.D, f.d);
    if (l.thumb && l.refusesPc(f.n)) return;
    requireVfp(l, ...(double ? [d] : []));
    storeRegister(l, double, registerSlot(double, d), addressOf(l, f));
  };
}

interface Multiple {
  readonly D: number;
  readonly W?: number;
  readonly n: number;
  readonly d: number;
  /** Words to transfer. An odd number for doublewords is FLDMX and FSTMX, which count one word more. */
  readonly i: number;
}

/** Whether the registers exist, and the base may be one: otherwise UNPREDICTABLE, and dealt with. */
function refusesMultiple(
  l: Lifter,
  f: Multiple,
  double: boolean,
  writeBack: boolean,
  count: number,
): boolean {
  if (f.n === 15 && (writeBack || l.thumb)) return l.refusesPc(15);
  const first = registerNumber(double, f.D, f.d);
  if (count > 0 && count <= (double ? 16 : 32) && first + count <= 32) return false;
  l.refuse('a list of registers that do not exist');
  return true;
}

/**
 * VLDM, VSTM, VPUSH, VPOP, FLDMX, FSTMX. Registers are loaded one by one; the base is written last, so that a data
 * abort leaves it as it was, and the instruction can start again (B1.9.8).
 */
function transferMultiple(
  l: Lifter,
  f: Multiple,
  double: boolean,
  decrements: boolean,
  loads: boolean,
): void {
  const { b } = l;
  const count = double ? f.i >> 1 : f.i;
  const writeBack = decrements || f.W === 1;
  if (refusesMultiple(l, f, double, writeBack, count)) return;
  const first = registerNumber(double, f.D, f.d);
  requireVfp(l, ...(double ? [first + count - 1] : []));
  const base = l.base(f.n);
  const start = decrements ? -4 * f.i : 0;
  for (let i = 0; i < count; i++) {
    const slot = registerSlot(double, first + i);
    const address = b.add(base, l.const(start + (double ? 8 : 4) * i));
    if (loads) loadRegister(l, double, slot, address);
    else storeRegister(l, double, slot, address);
  }
  if (writeBack) l.setReg(f.n, b.add(base, l.const(decrements ? -4 * f.i : 4 * f.i)));
}

export function vfpLoadMultiple(double: boolean, mode: 'IA' | 'DB') {
  return (l: Lifter, f: Multiple): void => transferMultiple(l, f, double, mode === 'DB', true);
}

export function vfpStoreMultiple(double: boolean, mode: 'IA' | 'DB') {
  return (l: Lifter, f: Multiple): void => transferMultiple(l, f, double, mode === 'DB', false);
}
