/** What all translation table formats have in common: accesses, rights, faults, and what a walk finds. */

/** Memory access kinds that the permission check tells apart. */
export const enum AccessKind {
  Read = 0,
  Write = 1,
  Execute = 2,
}

/**
 * Why a translation or an access failed, whatever the format. Status codes are made from it and the level at which the
 * walk stopped (ARM DDI 0406C B3.13).
 */
export const enum FaultKind {
  None = 0,
  Alignment = 1,
  Translation = 2,
  AccessFlag = 3,
  Domain = 4,
  Permission = 5,
  /** An external abort on a translation table walk. */
  ExternalOnWalk = 6,
  /** A synchronous external abort of the access itself. */
  External = 7,
  /** An address of a table or an output address has more bits than there are; VMSAv7 has no such fault. */
  AddressSize = 8,
}

/** Rights of a leaf as bits: read, write, execute of PL1 in bits 0 to 2, those of PL0 in bits 3 to 5. */
export const enum Rights {
  None = 0,
  PrivilegedRead = 1,
  PrivilegedWrite = 2,
  PrivilegedExecute = 4,
  UserRead = 8,
  UserWrite = 16,
  UserExecute = 32,
  All = 63,
}

/** Whether `rights` let an access through. */
export function permits(rights: number, kind: AccessKind, privileged: boolean): boolean {
  return ((rights >>> (privileged ? kind : kind + 3)) & 1) !== 0;
}

/**
 * Execution needs the right to read (B3.7.2); XN takes it from everybody, PXN from PL1.
 * @param rights reads and writes.
 */
export function withExecute(rights: number, executeNever: boolean, privilegedExecuteNever: boolean): number {
  if (executeNever) return rights;
  let all = rights | ((rights & Rights.UserRead) << 2);
  if (!privilegedExecuteNever) all |= (rights & Rights.PrivilegedRead) << 2;
  return all;
}

/** Reads an aligned little-endian word of a table; undefined when nothing answers at the address. */
export type TableRead = (address: number) => number | undefined;

/** What a walk found; all fields are overwritten by each walk that does not fault. */
export class WalkResult {
  fault: FaultKind = FaultKind.None;
  /**
   * The level at which the walk ended or failed: 1 or 2 in the Short-descriptor format, 1 to 3 in the long one, 0 to 3 in
   * AArch64's.
   */
  level = 0;
  /** Domain of the descriptor, 0 to 15; 0 in formats without domains. Valid for faults of a level below the first, too. */
  domain = 0;
  /** Physical address of the byte that was translated, below 2^40 (AArch64: 2^48). */
  physical = 0;
  /** log2 of the leaf's size: 12, 16, 20, 24 in the Short-descriptor format, 12, 21, 30 in the long one, 12 to 30 in AArch64's. */
  leafBits = 12;
  /** TEX in bits 4:2, C in bit 1, B in bit 0 of a short descriptor; AttrIndx[2:0] of a long one. */
  attributes = 0;
  /** SH[1:0] of a long descriptor; S of a short one in bit 1. */
  shareability = 0;
  global = true;
  /** {@link Rights}, as the descriptors give them: domains and control bits may add or take away some. */
  rights: number = Rights.None;
}

/** A word of a big-endian table as its bytes say it. */
export function swapWord(word: number): number {
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
}
