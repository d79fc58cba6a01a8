/** Peripheral identification bits 7:0 of the parts of a GICv3 by Arm: its product numbers. */
const PIDR0 = { distributor: 0x92, redistributor: 0x93, its: 0x94 } as const;
/** PIDR4 to 7, 0 to 3, CIDR0 to 3 (IHI 0069 12.1.3); PIDR2.ArchRev is 3. */
const REGISTERS = [0x44, 0x00, 0x00, 0x00, 0, 0xb4, 0x3b, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** @param offset from PIDR4, which is at 0xffd0 of a frame */
export function identification(offset: number, part: keyof typeof PIDR0): number {
  const index = offset >>> 2;
  return index === 4 ? PIDR0[part] : (REGISTERS[index] ?? 0);
}
