/**
 * The Short-descriptor translation table format (ARM DDI 0406C B3.5): a walk as a pure function of a memory read,
 * shared by the CPU's MMU and by SMMU context banks.
 */
import { FaultKind, Rights, swapWord, type TableRead, type WalkResult, withExecute } from './walk.ts';

/** Registers and options that a walk depends on. */
export interface ShortWalkRegime {
  /** TTBR0, TTBR1 (bits below the table base are ignored), TTBCR.N and its PD0/PD1 bits. */
  readonly ttbr0: number;
  readonly ttbr1: number;
  readonly ttbcr: number;
  /** SCTLR.AFE: AP[0] is the access flag. */
  readonly accessFlagEnable: boolean;
  /** SCTLR.EE: descriptors are big-endian. */
  readonly bigEndianTables: boolean;
  /** PXN and its bit in descriptors exist (implementations with the Large Physical Address Extension). */
  readonly hasPxn: boolean;
}

/** Whether TTBR1 translates `va`: any of its top N bits is set (B3.5.4). */
export function shortUsesTtbr1(va: number, ttbcr: number): boolean {
  const n = ttbcr & 7;
  return n !== 0 && va >>> (32 - n) !== 0;
}

/**
 * Walks the tables for `va`; fills `result`. Checks the access flag, but neither the domain (see
 * {@link domainAccess}) nor permissions, because one walk serves several kinds of access and settings of DACR.
 */
export function walkShort(va: number, regime: ShortWalkRegime, read: TableRead, result: WalkResult): void {
  result.domain = 0;
  result.level = 1;
  const useTtbr1 = shortUsesTtbr1(va, regime.ttbcr);
  const disabled = useTtbr1 ? (regime.ttbcr >>> 5) & 1 : (regime.ttbcr >>> 4) & 1;
  if (disabled === 1) {
    result.fault = FaultKind.Translation;
    return;
  }
  const width = useTtbr1 ? 0 : regime.ttbcr & 7;
  const base = (useTtbr1 ? regime.ttbr1 : regime.ttbr0) >>> 0;
  const tableBase = (base & (-1 << (14 - width))) >>> 0;
  const index = ((va << width) >>> (20 + width)) << 2;
  const raw = read(tableBase + index);
  if (raw === undefined) {
    result.fault = FaultKind.ExternalOnWalk;
    return;
  }
  const first = regime.bigEndianTables ? swapWord(raw) : raw;
  const type = first & 3;
  if (type === 0 || (type === 3 && !regime.hasPxn)) {
    result.fault = FaultKind.Translation;
    return;
  }
  if (type === 1) {
    walkSecondLevel(va, first, regime, read, result);
    return;
  }
  const supersection = ((first >>> 18) & 1) === 1;
  // B3.5.1: the domain field of a supersection is part of its address; supersections are in domain 0.
  result.domain = supersection ? 0 : (first >>> 5) & 15;
  result.attributes = ((first >>> 10) & 0x1c) | ((first >>> 2) & 3);
  result.shareability = (first >>> 15) & 2;
  result.global = ((first >>> 17) & 1) === 0;
  if (supersection) {
    result.leafBits = 24;
    const extended = ((first >>> 20) & 15) + ((first >>> 5) & 15) * 16;
    result.physical = extended * 2 ** 32 + ((first & 0xff000000) >>> 0) + (va & 0xffffff);
  } else {
    result.leafBits = 20;
    result.physical = ((first & 0xfff00000) >>> 0) + (va & 0xfffff);
  }
  const ap = ((first >>> 13) & 4) | ((first >>> 10) & 3);
  finish(regime, result, ap, ((first >>> 4) & 1) === 1, regime.hasPxn && (first & 1) === 1);
}

function walkSecondLevel(
  va: number,
  first: number,
  regime: ShortWalkRegime,
  read: TableRead,
  result: WalkResult,
): void {
  result.domain = (first >>> 5) & 15;
  result.level = 2;
  const raw = read(((first & 0xfffffc00) >>> 0) + ((va >>> 10) & 0x3fc));
  if (raw === undefined) {
    result.fault = FaultKind.ExternalOnWalk;
    return;
  }
  const second = regime.bigEndianTables ? swapWord(raw) : raw;
  if ((second & 3) === 0) {
    result.fault = FaultKind.Translation;
    return;
  }
  const ap = ((second >>> 7) & 4) | ((second >>> 4) & 3);
  result.shareability = (second >>> 9) & 2;
  result.global = ((second >>> 11) & 1) === 0;
  let executeNever: boolean;
  if ((second & 3) === 1) {
    result.leafBits = 16;
    executeNever = ((second >>> 15) & 1) === 1;
    result.attributes = ((second >>> 10) & 0x1c) | ((second >>> 2) & 3);
    result.physical = ((second & 0xffff0000) >>> 0) + (va & 0xffff);
  } else {
    result.leafBits = 12;
    executeNever = (second & 1) === 1;
    result.attributes = ((second >>> 4) & 0x1c) | ((second >>> 2) & 3);
    result.physical = ((second & 0xfffff000) >>> 0) + (va & 0xfff);
  }
  finish(regime, result, ap, executeNever, regime.hasPxn && ((first >>> 2) & 1) === 1);
}

function finish(
  regime: ShortWalkRegime,
  result: WalkResult,
  ap: number,
  executeNever: boolean,
  privilegedExecuteNever: boolean,
): void {
  result.fault = regime.accessFlagEnable && (ap & 1) === 0 ? FaultKind.AccessFlag : FaultKind.None;
  const rights = regime.accessFlagEnable ? RIGHTS_BY_AP21[ap >> 1] : RIGHTS_BY_AP[ap];
  result.rights = withExecute(rights, executeNever, privilegedExecuteNever);
}

const P_RO = Rights.PrivilegedRead;
const P_RW = Rights.PrivilegedRead | Rights.PrivilegedWrite;
const U_RO = Rights.UserRead;
const U_RW = Rights.UserRead | Rights.UserWrite;

/** Table B3-8; 0b100 is reserved and gives no access. */
const RIGHTS_BY_AP: readonly number[] = [
  0,
  P_RW,
  P_RW | U_RO,
  P_RW | U_RW,
  0,
  P_RO,
  P_RO | U_RO,
  P_RO | U_RO,
];
/** AP[2:1] (Table B3-9), with SCTLR.AFE and in the Long-descriptor format. */
export const RIGHTS_BY_AP21: readonly number[] = [P_RW, P_RW | U_RW, P_RO, P_RO | U_RO];

/** What the DACR says of a domain (B3.7.3): 0 No access, 1 Client, 3 Manager; the reserved 2 is taken as No access. */
export function domainAccess(dacr: number, domain: number): 0 | 1 | 3 {
  const access = (dacr >>> (domain * 2)) & 3;
  return access === 2 ? 0 : (access as 0 | 1 | 3);
}
