import { FaultKind } from '../vmsa/walk.ts';

/** FSR.LPAE: the rest is in the Long-descriptor format. */
const FSR_LPAE = 1 << 9;
/** FSR.ExT; the model has no other kind of external abort than a decode error, so it reads as on QEMU. */
const FSR_EXT = 1 << 12;
/** DFSR.WnR (ARM DDI 0406C B4.1.52). */
export const FSR_WNR = 1 << 11;
/** DFSR.CM: a cache maintenance operation faulted. */
export const FSR_CM = 1 << 13;

/** FS[4:0] of the Short-descriptor format for a fault of the first and of the second level (Table B3-23). */
const SHORT_STATUS: { readonly [K in FaultKind]: readonly [section: number, page: number] } = {
  [FaultKind.None]: [0, 0],
  [FaultKind.Alignment]: [0b00001, 0b00001],
  [FaultKind.Translation]: [0b00101, 0b00111],
  [FaultKind.AccessFlag]: [0b00011, 0b00110],
  [FaultKind.Domain]: [0b01001, 0b01011],
  [FaultKind.Permission]: [0b01101, 0b01111],
  [FaultKind.ExternalOnWalk]: [0b01100, 0b01110],
  [FaultKind.External]: [0b01000, 0b01000],
  // VMSAv7 knows no such fault.
  [FaultKind.AddressSize]: [0, 0],
};

/** STATUS[5:0] of the Long-descriptor format (Table B3-24); where a level belongs to it, it goes into bits 1:0. */
const LONG_STATUS: { readonly [K in FaultKind]: readonly [code: number, hasLevel: boolean] } = {
  [FaultKind.None]: [0, false],
  [FaultKind.Alignment]: [0b100001, false],
  [FaultKind.Translation]: [0b000100, true],
  [FaultKind.AccessFlag]: [0b001000, true],
  // There are no domains in this format.
  [FaultKind.Domain]: [0, false],
  [FaultKind.Permission]: [0b001100, true],
  [FaultKind.ExternalOnWalk]: [0b010100, true],
  [FaultKind.External]: [0b010000, false],
  [FaultKind.AddressSize]: [0, false],
};

function isExternal(fault: FaultKind): boolean {
  return fault === FaultKind.External || fault === FaultKind.ExternalOnWalk;
}

/** FS[4:0] of a fault in the Short-descriptor format. */
function shortStatus(fault: FaultKind, level: number): number {
  return SHORT_STATUS[fault][level === 2 ? 1 : 0];
}

/** STATUS[5:0] of a fault in the Long-descriptor format. */
function longStatus(fault: FaultKind, level: number): number {
  const [code, hasLevel] = LONG_STATUS[fault];
  return hasLevel ? code | level : code;
}

/**
 * DFSR and IFSR, but for the bits that only DFSR has.
 * @param long TTBCR.EAE.
 */
export function faultStatus(fault: FaultKind, level: number, domain: number, long: boolean): number {
  const external = isExternal(fault) ? FSR_EXT : 0;
  if (long) return FSR_LPAE | longStatus(fault, level) | external;
  const status = shortStatus(fault, level);
  return (status & 15) | ((status & 16) << 6) | (domain << 4) | external;
}

/** IFSR of a debug event (Tables B3-23, B3-24). */
export function debugEventStatus(long: boolean): number {
  return long ? FSR_LPAE | 0b100010 : 0b00010;
}

/** PAR of a translation that failed, low word (B4.1.112). */
export function failedTranslation(fault: FaultKind, level: number, long: boolean): number {
  if (long) return PAR_LPAE | (longStatus(fault, level) << 1) | 1;
  // DFSR.FS[3:0], FS[4] and ExT next to each other.
  return (shortStatus(fault, level) << 1) | (isExternal(fault) ? 1 << 6 : 0) | 1;
}

/** PAR.LPAE: PAR has its 64-bit format. */
export const PAR_LPAE = 1 << 11;
