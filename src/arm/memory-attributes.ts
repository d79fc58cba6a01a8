import { Sctlr, type SystemRegisters } from './system-registers.ts';

/** PRRR.TRn (ARM DDI 0406C B4.1.127). */
const STRONGLY_ORDERED = 0;
const DEVICE = 1;
const NORMAL = 2;

/** Cacheability as NMRR and TEX[1:0] encode it (Table B3-11). */
const NON_CACHEABLE = 0;
const WRITE_BACK = 1;
const WRITE_THROUGH = 2;
const WRITE_BACK_NO_ALLOCATE = 3;

/** PAR.Inner by cacheability; PAR.Outer is the cacheability itself (B4.1.112). */
const PAR_INNER = [0b000, 0b101, 0b110, 0b111] as const;
const PAR_INNER_STRONGLY_ORDERED = 0b001;
const PAR_INNER_DEVICE = 0b011;
const PAR_SH = 1 << 7;
const PAR_NOS = 1 << 10;

/** MAIR attributes of Normal memory that no cache holds (B4.1.104). */
const MAIR_NON_CACHEABLE = 0x44;
const OUTER_SHAREABLE = 0b10;

/** The byte of MAIR0 or MAIR1 that AttrIndx[2:0] of a long descriptor names; PRRR and NMRR are the same registers. */
function mairAttributes(index: number, regs: SystemRegisters): number {
  return ((index < 4 ? regs.PRRR : regs.NMRR) >>> ((index & 3) * 8)) & 0xff;
}

/**
 * Whether the attributes of a descriptor make Device or Strongly-ordered memory.
 * @param long AttrIndx of a long descriptor, by MAIR; otherwise TEX[2:0], C, B: without TEX remap by Table B3-10,
 * with it by PRRR and TEX[0], C, B (B3.8.3).
 */
export function isDeviceMemory(attributes: number, regs: SystemRegisters, long: boolean): boolean {
  if (long) return mairAttributes(attributes, regs) >>> 4 === 0;
  if ((regs.SCTLR & Sctlr.TRE) !== 0) return ((regs.PRRR >>> ((attributes & 7) * 2)) & 3) !== NORMAL;
  // 000 00 Strongly-ordered, 000 01 shareable Device, 010 00 non-shareable Device.
  return attributes === 0b00000 || attributes === 0b00001 || attributes === 0b01000;
}

/** Type, inner and outer cacheability of TEX[2:0], C, B without TEX remap (Table B3-10). */
function withoutRemap(texCb: number): readonly [type: number, inner: number, outer: number] {
  if ((texCb & 0x10) !== 0) return [NORMAL, texCb & 3, (texCb >>> 2) & 3];
  switch (texCb) {
    case 0b00000:
      return [STRONGLY_ORDERED, 0, 0];
    case 0b00001:
    case 0b01000:
      return [DEVICE, 0, 0];
    case 0b00010:
      return [NORMAL, WRITE_THROUGH, WRITE_THROUGH];
    case 0b00011:
      return [NORMAL, WRITE_BACK_NO_ALLOCATE, WRITE_BACK_NO_ALLOCATE];
    case 0b00111:
      return [NORMAL, WRITE_BACK, WRITE_BACK];
    default:
      return [NORMAL, NON_CACHEABLE, NON_CACHEABLE];
  }
}

/** PAR.NOS, SH, Inner and Outer for a page of the Short-descriptor format. */
export function shortParAttributes(texCb: number, shareable: boolean, regs: SystemRegisters): number {
  const remap = (regs.SCTLR & Sctlr.TRE) !== 0;
  const n = texCb & 7;
  const [type, inner, outer] = remap
    ? ([(regs.PRRR >>> (2 * n)) & 3, (regs.NMRR >>> (2 * n)) & 3, (regs.NMRR >>> (2 * n + 16)) & 3] as const)
    : withoutRemap(texCb);
  if (type === STRONGLY_ORDERED) return PAR_SH | (PAR_INNER_STRONGLY_ORDERED << 4);
  let shared = shareable;
  // PRRR.DS0, DS1, NS0, NS1: bits 16 to 19.
  if (remap) shared = ((regs.PRRR >>> ((type === DEVICE ? 16 : 18) + (shareable ? 1 : 0))) & 1) !== 0;
  const sh = shared ? PAR_SH | (remap && ((regs.PRRR >>> (24 + n)) & 1) !== 0 ? PAR_NOS : 0) : 0;
  if (type === DEVICE) return sh | (PAR_INNER_DEVICE << 4);
  return sh | (PAR_INNER[inner] << 4) | (outer << 2);
}

/** PAR.ATTR of the 64-bit format: the byte of MAIR. */
export function longParAttributes(index: number, regs: SystemRegisters): number {
  return mairAttributes(index, regs);
}

/** PAR.SH: everything that no cache holds is Outer Shareable, whatever its descriptor says. */
export function longParShareability(attributes: number, shareability: number): number {
  return attributes >>> 4 === 0 || attributes === MAIR_NON_CACHEABLE ? OUTER_SHAREABLE : shareability;
}
