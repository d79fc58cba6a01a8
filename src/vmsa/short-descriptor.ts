/**
 * The Short-descriptor translation table format (ARM DDI 0406C B3.5): a walk as a pure function of a memory read,
 * shared by the CPU's MMU and by SMMU context banks.
 */

/** Memory access kinds that the permission check tells apart. */
export const enum AccessKind {
  Read = 0,
  Write = 1,
  Execute = 2,
}

/** Fault status of the short-descriptor format, as in DFSR[10,3:0] (Table B3-23). */
export const enum ShortFault {
  None = 0,
  Alignment = 0b00001,
  TranslationSection = 0b00101,
  TranslationPage = 0b00111,
  AccessFlagSection = 0b00011,
  AccessFlagPage = 0b00110,
  DomainSection = 0b01001,
  DomainPage = 0b01011,
  PermissionSection = 0b01101,
  PermissionPage = 0b01111,
  ExternalOnWalkFirstLevel = 0b01100,
  ExternalOnWalkSecondLevel = 0b01110,
  SynchronousExternal = 0b01000,
}

/** Registers and options that a walk depends on. */
export interface ShortWalkRegime {
  /** TTBR0, TTBR1 (bits below the table base are ignored), TTBCR.N and its PD0/PD1 bits. */
  readonly ttbr0: number;
  readonly ttbr1: number;
  readonly ttbcr: number;
  readonly dacr: number;
  /** SCTLR.AFE: AP[0] is the access flag. */
  readonly accessFlagEnable: boolean;
  /** SCTLR.EE: descriptors are big-endian. */
  readonly bigEndianTables: boolean;
  /** PXN and its bit in descriptors exist (implementations with the Large Physical Address Extension). */
  readonly hasPxn: boolean;
}

/** Reads an aligned word of a table; undefined when nothing answers at the address. */
export type TableRead = (address: number) => number | undefined;

/** What a successful walk found; all fields are overwritten by each walk. */
export class ShortWalkResult {
  fault: ShortFault = ShortFault.None;
  /** Domain of the descriptor, 0 to 15; meaningful for faults that report one. */
  domain = 0;
  /** Physical address of the byte that was translated. */
  physical = 0;
  /** log2 of the leaf's size: 12, 16, 20 or 24. */
  leafBits = 0;
  /** TEX in bits 4:2, C in bit 1, B in bit 0. */
  texCb = 0;
  shareable = false;
  global = true;
  executeNever = false;
  privilegedExecuteNever = false;
  /** AP[2:0]. */
  ap = 0;
  /** The domain is a Manager: permissions are not checked. */
  manager = false;
}

function swap(word: number): number {
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
}

/**
 * Walks the tables for `va`; fills `result`. Checks domain and access flag, not permissions (see
 * {@link shortPermits}), because one walk serves several kinds of access.
 */
export function walkShort(
  va: number,
  regime: ShortWalkRegime,
  read: TableRead,
  result: ShortWalkResult,
): void {
  result.domain = 0;
  const n = regime.ttbcr & 7;
  // B3.5.4: TTBR1 translates addresses with any of the top N bits set.
  const useTtbr1 = n !== 0 && va >>> (32 - n) !== 0;
  const disabled = useTtbr1 ? (regime.ttbcr >>> 5) & 1 : (regime.ttbcr >>> 4) & 1;
  if (disabled === 1) {
    result.fault = ShortFault.TranslationSection;
    return;
  }
  const width = useTtbr1 ? 0 : n;
  const base = (useTtbr1 ? regime.ttbr1 : regime.ttbr0) >>> 0;
  const tableBase = (base & (-1 << (14 - width))) >>> 0;
  const index = ((va << width) >>> (20 + width)) << 2;
  const raw = read(tableBase + index);
  if (raw === undefined) {
    result.fault = ShortFault.ExternalOnWalkFirstLevel;
    return;
  }
  const first = regime.bigEndianTables ? swap(raw) : raw;
  const type = first & 3;
  if (type === 0 || (type === 3 && !regime.hasPxn)) {
    result.fault = ShortFault.TranslationSection;
    return;
  }
  if (type === 1) {
    walkSecondLevel(va, first, regime, read, result);
    return;
  }
  const supersection = ((first >>> 18) & 1) === 1;
  // B3.5.1: the domain field of a supersection is part of its address; supersections are in domain 0.
  result.domain = supersection ? 0 : (first >>> 5) & 15;
  result.texCb = ((first >>> 10) & 0x1c) | ((first >>> 2) & 3);
  result.ap = ((first >>> 13) & 4) | ((first >>> 10) & 3);
  result.executeNever = ((first >>> 4) & 1) === 1;
  result.privilegedExecuteNever = regime.hasPxn && (first & 1) === 1;
  result.shareable = ((first >>> 16) & 1) === 1;
  result.global = ((first >>> 17) & 1) === 0;
  if (supersection) {
    result.leafBits = 24;
    const extended = ((first >>> 20) & 15) + ((first >>> 5) & 15) * 16;
    result.physical = extended * 2 ** 32 + ((first & 0xff000000) >>> 0) + (va & 0xffffff);
  } else {
    result.leafBits = 20;
    result.physical = ((first & 0xfff00000) >>> 0) + (va & 0xfffff);
  }
  finish(regime, result, false);
}

function walkSecondLevel(
  va: number,
  first: number,
  regime: ShortWalkRegime,
  read: TableRead,
  result: ShortWalkResult,
): void {
  result.domain = (first >>> 5) & 15;
  result.privilegedExecuteNever = regime.hasPxn && ((first >>> 2) & 1) === 1;
  const raw = read(((first & 0xfffffc00) >>> 0) + ((va >>> 10) & 0x3fc));
  if (raw === undefined) {
    result.fault = ShortFault.ExternalOnWalkSecondLevel;
    return;
  }
  const second = regime.bigEndianTables ? swap(raw) : raw;
  if ((second & 3) === 0) {
    result.fault = ShortFault.TranslationPage;
    return;
  }
  result.ap = ((second >>> 7) & 4) | ((second >>> 4) & 3);
  result.shareable = ((second >>> 10) & 1) === 1;
  result.global = ((second >>> 11) & 1) === 0;
  if ((second & 3) === 1) {
    result.leafBits = 16;
    result.executeNever = ((second >>> 15) & 1) === 1;
    result.texCb = ((second >>> 10) & 0x1c) | ((second >>> 2) & 3);
    result.physical = ((second & 0xffff0000) >>> 0) + (va & 0xffff);
  } else {
    result.leafBits = 12;
    result.executeNever = (second & 1) === 1;
    result.texCb = ((second >>> 4) & 0x1c) | ((second >>> 2) & 3);
    result.physical = ((second & 0xfffff000) >>> 0) + (va & 0xfff);
  }
  finish(regime, result, true);
}

/** B3.13.3 gives the order of faults: access flag before domain, domain before permission. */
function finish(regime: ShortWalkRegime, result: ShortWalkResult, page: boolean): void {
  if (regime.accessFlagEnable && (result.ap & 1) === 0) {
    result.fault = page ? ShortFault.AccessFlagPage : ShortFault.AccessFlagSection;
    return;
  }
  const access = (regime.dacr >>> (result.domain * 2)) & 3;
  if ((access & 1) === 0) {
    result.fault = page ? ShortFault.DomainPage : ShortFault.DomainSection;
    return;
  }
  result.manager = access === 3;
  result.fault = ShortFault.None;
}

/** Read and write rights by AP[2:0] (Table B3-8) and, with SCTLR.AFE, AP[2:1] (Table B3-9). */
function allowsRead(ap: number, privileged: boolean, accessFlagEnable: boolean): boolean {
  if (privileged) return accessFlagEnable || (ap !== 0 && ap !== 4);
  if (accessFlagEnable) return (ap & 2) !== 0;
  return ap === 2 || ap === 3 || ap === 6 || ap === 7;
}

function allowsWrite(ap: number, privileged: boolean, accessFlagEnable: boolean): boolean {
  if ((ap & 4) !== 0) return false;
  if (privileged) return accessFlagEnable || ap !== 0;
  if (accessFlagEnable) return (ap & 2) !== 0;
  return ap === 3;
}

/** Whether the walked descriptor lets an access through; B3.7. */
export function shortPermits(
  result: ShortWalkResult,
  kind: AccessKind,
  privileged: boolean,
  afe: boolean,
): boolean {
  if (result.manager) return true;
  if (kind === AccessKind.Write) return allowsWrite(result.ap, privileged, afe);
  if (!allowsRead(result.ap, privileged, afe)) return false;
  if (kind === AccessKind.Read) return true;
  if (result.executeNever) return false;
  return !(privileged && result.privilegedExecuteNever);
}
