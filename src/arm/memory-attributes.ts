import { Sctlr, type SystemRegisters } from './system-registers.ts';

/** PRRR.TRn: 0 Strongly-ordered, 1 Device, 2 Normal. */
const NORMAL = 2;

/**
 * Whether TEX[2:0], C, B of a short descriptor make Device or Strongly-ordered memory.
 * Without TEX remap Table B3-10, with it PRRR by TEX[0], C, B (B3.8.3).
 */
export function isDeviceMemory(texCb: number, regs: SystemRegisters): boolean {
  if ((regs.SCTLR & Sctlr.TRE) !== 0) return ((regs.PRRR >>> ((texCb & 7) * 2)) & 3) !== NORMAL;
  // 000 00 Strongly-ordered, 000 01 shareable Device, 010 00 non-shareable Device.
  return texCb === 0b00000 || texCb === 0b00001 || texCb === 0b01000;
}
