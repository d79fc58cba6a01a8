import type { IrValue } from '../../translator/ir/value.ts';
import { ARM_HELPERS, packCop } from '../helpers.ts';
import { StateSlot } from '../state.ts';
import { dataMemoryBarrier, dataSynchronizationBarrier, instructionSynchronizationBarrier } from './hint.ts';
import type { Lifter } from './lifter.ts';
import { leaveForContext, requirePrivilege } from './privilege.ts';

/**
 * Coprocessors other than 14 (debug, trace) and 15 (system control) do not exist: UNDEFINED. So are CDP, LDC and STC
 * of these two, and all of the "2" forms, which this CPU has no use for.
 */
function exists(l: Lifter, coprocessor: number): boolean {
  if (coprocessor >= 14) return true;
  l.undefined();
  return false;
}

interface PlainRegister {
  readonly slot: StateSlot;
  /** User mode may read, may write it. */
  readonly userReads: boolean;
  readonly userWrites: boolean;
  /** Nothing of the context depends on its value: a write does not end the block. */
  readonly keepsContext: boolean;
}

/** Registers of every model that are a word of the state window. Their rows in cp15-system.ts say the same of them. */
const PLAIN_REGISTERS: ReadonlyMap<number, PlainRegister> = new Map([
  [
    packCop(15, 0, 3, 0, 0),
    { slot: StateSlot.DACR, userReads: false, userWrites: false, keepsContext: false },
  ],
  [
    packCop(15, 0, 13, 0, 2),
    { slot: StateSlot.TPIDRURW, userReads: true, userWrites: true, keepsContext: true },
  ],
  [
    packCop(15, 0, 13, 0, 3),
    { slot: StateSlot.TPIDRURO, userReads: true, userWrites: false, keepsContext: true },
  ],
  [
    packCop(15, 0, 13, 0, 4),
    { slot: StateSlot.TPIDRPRW, userReads: false, userWrites: false, keepsContext: true },
  ],
]);

/** CP15ISB, CP15DSB, CP15DMB (B4.2.5), which User mode may write too, as MCR; and what the instructions of the same name do. */
const BARRIERS: ReadonlyMap<number, (l: Lifter) => void> = new Map([
  [packCop(15, 0, 7, 5, 4), instructionSynchronizationBarrier],
  [packCop(15, 0, 7, 10, 4), dataSynchronizationBarrier],
  [packCop(15, 0, 7, 10, 5), dataMemoryBarrier],
]);

/** DCIMVAC, DCCMVAC, DCCMVAU, DCCIMVAC (B4.2.1): Linux does each line of each page that it gives to a process. */
const DATA_CACHE_BY_ADDRESS: ReadonlySet<number> = new Set([
  packCop(15, 0, 7, 6, 1),
  packCop(15, 0, 7, 10, 1),
  packCop(15, 0, 7, 11, 1),
  packCop(15, 0, 7, 14, 1),
]);

/** Of caches by set and way, and of branch predictors (B4.2.1): neither is modelled. A kernel that patches its code does the latter for each word. Their rows in cp15-system.ts say the same. */
export const NOTHING_TO_DO: ReadonlySet<number> = new Set([
  packCop(15, 0, 7, 1, 6), // BPIALLIS
  packCop(15, 0, 7, 5, 6), // BPIALL
  packCop(15, 0, 7, 5, 7), // BPIMVA
  packCop(15, 0, 7, 6, 2), // DCISW
  packCop(15, 0, 7, 10, 2), // DCCSW
  packCop(15, 0, 7, 14, 2), // DCCISW
]);

const TLB_MAINTENANCE = 8;

/** TLBIMVA, TLBIMVAA and kin (B4.2.2): Linux does them for whole ranges of pages that nobody has used. */
export const TLB_BY_ADDRESS: ReadonlySet<number> = new Set([
  ...[3, 5, 6, 7].map((crm) => packCop(15, 0, TLB_MAINTENANCE, crm, 1)),
  ...[3, 7].map((crm) => packCop(15, 0, TLB_MAINTENANCE, crm, 3)),
]);

/**
 * Whether a write leaves everything as it is that blocks depend on: debug and ThumbEE's registers, fault status and addresses, and
 * the data caches.
 */
function keepsContext({ p, q, n, m, e }: Single): boolean {
  if (p === 14) return true;
  if (n === 0 || n === 5 || n === 6) return true;
  if (n !== 7 || q !== 0) return false;
  // With CRm 1 and 5 it is about instruction caches, but for branch predictors, which are not modelled.
  return (m !== 1 && m !== 5) || e >= 6;
}

interface Single {
  /** Coprocessor number, opc1, opc2. */
  readonly p: number;
  readonly q: number;
  readonly e: number;
  /** CRn, CRm and Rt. */
  readonly n: number;
  readonly m: number;
  readonly t: number;
}

/** MCR. It may change anything that blocks depend on, unless it is known not to. */
export function moveToCoprocessor(l: Lifter, f: Single): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t)) return;
  const { b } = l;
  const at = packCop(f.p, f.q, f.n, f.m, f.e);
  const barrier = BARRIERS.get(at);
  if (barrier !== undefined) {
    barrier(l);
    return;
  }
  const plain = PLAIN_REGISTERS.get(at);
  if (plain !== undefined) {
    if (!plain.userWrites) requirePrivilege(l);
    b.set(plain.slot, l.reg(f.t));
    if (!plain.keepsContext) l.resync();
    return;
  }
  if (DATA_CACHE_BY_ADDRESS.has(at)) {
    requirePrivilege(l);
    b.call(ARM_HELPERS.dataCacheByAddress, l.const(at), l.reg(f.t));
    return;
  }
  if (NOTHING_TO_DO.has(at)) {
    requirePrivilege(l);
    return;
  }
  if (TLB_BY_ADDRESS.has(at)) {
    requirePrivilege(l);
    const skip = b.newLabel();
    b.skipIfZero(b.emit('pageNoted', [l.reg(f.t)]), skip);
    b.call(ARM_HELPERS.copWrite, l.const(at), l.reg(f.t));
    leaveIfCodeMoved(l);
    b.label(skip);
    return;
  }
  b.call(ARM_HELPERS.copWrite, l.const(at), l.reg(f.t));
  if (keepsContext(f)) return;
  if (f.p === 15 && f.n === TLB_MAINTENANCE) leaveIfCodeMoved(l);
  else l.resync();
}

function leaveIfCodeMoved(l: Lifter): void {
  const { b } = l;
  const skip = b.newLabel();
  b.skipIfZero(b.get(StateSlot.CodeMoved), skip);
  leaveForContext(l);
  b.label(skip);
}

/** MRC; R15 stands for the condition flags. */
export function moveFromCoprocessor(l: Lifter, f: Single): void {
  if (!exists(l, f.p)) return;
  if (l.thumb && f.t === 13) l.unpredictable('R13 as an operand');
  const value = readCoprocessor(l, packCop(f.p, f.q, f.n, f.m, f.e));
  if (f.t === 15) l.setNzcv(l.b.and(value, l.const(0xf0000000)));
  else l.setReg(f.t, value);
}

function readCoprocessor(l: Lifter, at: number): IrValue {
  const plain = PLAIN_REGISTERS.get(at);
  if (plain === undefined) return l.b.call(ARM_HELPERS.copRead, l.const(at));
  if (!plain.userReads) requirePrivilege(l);
  return l.b.get(plain.slot);
}

interface Double {
  readonly p: number;
  readonly q: number;
  readonly m: number;
  readonly t: number;
  readonly u: number;
}

export function moveToCoprocessor64(l: Lifter, f: Double): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t, f.u)) return;
  l.b.call(ARM_HELPERS.copWrite64, l.const(packCop(f.p, f.q, 0, f.m, 0)), l.reg(f.t), l.reg(f.u));
  l.resync();
}

export function moveFromCoprocessor64(l: Lifter, f: Double): void {
  if (!exists(l, f.p) || l.refusesBadReg(f.t, f.u)) return;
  if (f.t === f.u) l.unpredictable('the same register twice');
  const low = l.b.call(ARM_HELPERS.copRead64, l.const(packCop(f.p, f.q, 0, f.m, 0)));
  const high = l.b.get(StateSlot.CallHigh);
  l.setReg(f.t, low);
  l.setReg(f.u, high);
}

export function undefinedCoprocessor(l: Lifter): void {
  l.undefined();
}
