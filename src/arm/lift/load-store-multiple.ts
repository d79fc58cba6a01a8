import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { ARM_HELPERS } from '../helpers.ts';
import type { Lifter } from './lifter.ts';
import { inFiqMode, modeHasSpsr, requirePrivilege } from './privilege.ts';

/** The four ways of walking memory: increment or decrement, after or before. */
export type Walk = 'IA' | 'IB' | 'DA' | 'DB';

function registersIn(list: number): readonly number[] {
  const registers: number[] = [];
  for (let n = 0; n < 16; n++) if ((list >> n) & 1) registers.push(n);
  return registers;
}

/** From the base to the lowest of `count` words, in bytes. */
function lowest(walk: Walk, count: number): number {
  return { IA: 0, IB: 4, DA: 4 - 4 * count, DB: -4 * count }[walk];
}

function writtenBack(l: Lifter, base: IrValue, walk: Walk, count: number): IrValue {
  return l.b.add(base, l.const(walk[0] === 'I' ? 4 * count : -4 * count));
}

/** Word `i` of a transfer of `count` words. */
function wordAddress(l: Lifter, base: IrValue, walk: Walk, count: number, i: number): IrValue {
  return l.b.add(base, l.const(lowest(walk, count) + 4 * i));
}

/** All words of a transfer, loaded before any register changes: a data abort half way leaves them all as they were. */
function loadWords(l: Lifter, base: IrValue, walk: Walk, count: number): readonly IrValue[] {
  return Array.from({ length: count }, (_, i) =>
    l.load(4, wordAddress(l, base, walk, count, i), MemFlag.AlignedWord),
  );
}

function refusesList(l: Lifter, n: number, list: number): boolean {
  if (l.refusesPc(n)) return true;
  if (list !== 0) return false;
  l.refuse('an empty register list');
  return true;
}

function loadMultiple(l: Lifter, walk: Walk, n: number, list: number, writeBack: boolean): void {
  if (refusesList(l, n, list)) return;
  const registers = registersIn(list);
  if (writeBack && (list >> n) & 1) l.unpredictable('write-back to a register loaded');
  const base = l.reg(n);
  const values = loadWords(l, base, walk, registers.length);
  if (writeBack) l.setReg(n, writtenBack(l, base, walk, registers.length));
  registers.forEach((register, i) => {
    if (register === 15) l.loadWritePc(values[i]);
    else l.setReg(register, values[i]);
  });
}

/** The base, where it is in the list, is stored as it was before; that is UNKNOWN unless it is the first. */
function storeMultiple(l: Lifter, walk: Walk, n: number, list: number, writeBack: boolean): void {
  if (refusesList(l, n, list)) return;
  const registers = registersIn(list);
  if (writeBack && (list >> n) & 1 && registers[0] !== n) l.unpredictable('the base stored after write-back');
  const base = l.reg(n);
  registers.forEach((register, i) => {
    l.store(4, wordAddress(l, base, walk, registers.length, i), l.reg(register), MemFlag.AlignedWord);
  });
  if (writeBack) l.setReg(n, writtenBack(l, base, walk, registers.length));
}

export function armLoadMultiple(walk: Walk) {
  return (l: Lifter, f: { W: number; n: number; r: number }): void =>
    loadMultiple(l, walk, f.n, f.r, f.W === 1);
}

export function armStoreMultiple(walk: Walk) {
  return (l: Lifter, f: { W: number; n: number; r: number }): void =>
    storeMultiple(l, walk, f.n, f.r, f.W === 1);
}

// T32 wants two registers at least, and never SP in the list.

function checkThumbList(l: Lifter, list: number): void {
  if ((list & (list - 1)) === 0) l.unpredictable('fewer than two registers');
  if ((list & 0xc000) === 0xc000) l.unpredictable('both LR and PC');
  if (list >> 15 !== 0) l.needsLastInIt();
}

export function thumbLoadMultiple(walk: Walk) {
  return (l: Lifter, f: { W: number; n: number; P: number; M: number; r: number }): void => {
    const list = (f.P << 15) | (f.M << 14) | f.r;
    checkThumbList(l, list);
    loadMultiple(l, walk, f.n, list, f.W === 1);
  };
}

export function thumbStoreMultiple(walk: Walk) {
  return (l: Lifter, f: { W: number; n: number; M: number; r: number }): void => {
    const list = (f.M << 14) | f.r;
    checkThumbList(l, list);
    if (f.W === 1 && (list >> f.n) & 1) l.unpredictable('write-back to a register stored');
    storeMultiple(l, walk, f.n, list, f.W === 1);
  };
}

/** LDM T1 writes back unless the base is loaded. */
export function narrowLoadMultiple(l: Lifter, f: { n: number; r: number }): void {
  loadMultiple(l, 'IA', f.n, f.r, ((f.r >> f.n) & 1) === 0);
}

export function narrowStoreMultiple(l: Lifter, f: { n: number; r: number }): void {
  storeMultiple(l, 'IA', f.n, f.r, true);
}

export function narrowPush(l: Lifter, f: { M: number; r: number }): void {
  storeMultiple(l, 'DB', 13, (f.M << 14) | f.r, true);
}

export function narrowPop(l: Lifter, f: { P: number; r: number }): void {
  if (f.P === 1) l.needsLastInIt();
  loadMultiple(l, 'IA', 13, (f.P << 15) | f.r, true);
}

// The system forms of A32 (B9.3.5, B9.3.6, B9.3.17). They are UNPREDICTABLE in User and System mode: here UNDEFINED,
// but for the user registers of System mode, which are its own.

interface SystemForm {
  readonly P: number;
  readonly U: number;
  readonly n: number;
  readonly r: number;
}

function walkOf(f: SystemForm): Walk {
  return f.U === 1 ? (f.P === 1 ? 'IB' : 'IA') : f.P === 1 ? 'DB' : 'DA';
}

export function loadMultipleExceptionReturn(l: Lifter, f: SystemForm & { W: number }): void {
  if (l.refusesPc(f.n)) return;
  if (f.W === 1 && (f.r >> f.n) & 1) l.unpredictable('write-back to a register loaded');
  l.undefinedUnless(modeHasSpsr(l));
  const registers = registersIn(f.r);
  const count = registers.length + 1;
  const base = l.reg(f.n);
  const values = loadWords(l, base, walkOf(f), count);
  if (f.W === 1) l.setReg(f.n, writtenBack(l, base, walkOf(f), count));
  registers.forEach((register, i) => {
    l.setReg(register, values[i]);
  });
  l.b.call(ARM_HELPERS.exceptionReturn, values[count - 1]);
  l.leaveDynamic();
}

export function loadMultipleUser(l: Lifter, f: SystemForm): void {
  if (refusesList(l, f.n, f.r)) return;
  requirePrivilege(l);
  const registers = registersIn(f.r);
  const values = loadWords(l, l.reg(f.n), walkOf(f), registers.length);
  const fiq = registers.some(isFiqOwn) ? inFiqMode(l) : l.const(0);
  if (registers.some(isFiqOwn)) {
    const skip = l.b.newLabel();
    l.b.skipIfZero(fiq, skip);
    registers.forEach((register, i) => {
      if (isFiqOwn(register)) l.b.call(ARM_HELPERS.writeUserRegister, l.const(register), values[i]);
    });
    l.b.label(skip);
  }
  registers.forEach((register, i) => {
    if (register < 8) l.setReg(register, values[i]);
    else if (isFiqOwn(register)) l.setReg(register, l.b.select(fiq, l.reg(register), values[i]));
    else l.b.call(ARM_HELPERS.writeUserRegister, l.const(register), values[i]);
  });
}

/** R8 to R12: in all modes but FIQ the current ones are those of User mode. */
function isFiqOwn(register: number): boolean {
  return register >= 8 && register < 13;
}

export function storeMultipleUser(l: Lifter, f: SystemForm): void {
  if (refusesList(l, f.n, f.r)) return;
  requirePrivilege(l);
  const registers = registersIn(f.r);
  const base = l.reg(f.n);
  registers.forEach((register, i) => {
    const banked = register >= 8 && register < 15;
    const value = banked ? l.b.call(ARM_HELPERS.readUserRegister, l.const(register)) : l.reg(register);
    l.store(4, wordAddress(l, base, walkOf(f), registers.length, i), value, MemFlag.AlignedWord);
  });
}
