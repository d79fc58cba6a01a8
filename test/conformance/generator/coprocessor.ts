import type { Row } from '../../../src/arm/decode/row.ts';
import type { Random } from '../random.ts';

/** CRn, opc1, CRm, opc2 of a CP15 register. */
type Register = readonly [crn: number, opc1: number, crm: number, opc2: number];

/**
 * Registers for MRC. Not among them: ID_MMFR0, where ours says that there is no long-descriptor format; REVIDR, which
 * QEMU takes for another MIDR; and what belongs to floating point, counters and timers.
 */
const READABLE: readonly Register[] = [
  [0, 0, 0, 0], // MIDR
  [0, 0, 0, 1], // CTR
  [0, 0, 0, 2], // TCMTR
  [0, 0, 0, 3], // TLBTR
  [0, 0, 0, 5], // MPIDR
  [0, 0, 1, 0], // ID_PFR0
  [0, 0, 1, 1], // ID_PFR1
  [0, 0, 1, 2], // ID_DFR0
  [0, 0, 1, 3], // ID_AFR0
  [0, 0, 1, 5], // ID_MMFR1
  [0, 0, 1, 6], // ID_MMFR2
  [0, 0, 1, 7], // ID_MMFR3
  [0, 0, 2, 0], // ID_ISAR0
  [0, 0, 2, 1], // ID_ISAR1
  [0, 0, 2, 2], // ID_ISAR2
  [0, 0, 2, 3], // ID_ISAR3
  [0, 0, 2, 4], // ID_ISAR4
  [0, 0, 2, 5], // ID_ISAR5
  [0, 1, 0, 0], // CCSIDR
  [0, 1, 0, 1], // CLIDR
  [0, 2, 0, 0], // CSSELR
  [1, 0, 0, 0], // SCTLR
  [1, 0, 0, 2], // CPACR
  [2, 0, 0, 0], // TTBR0
  [2, 0, 0, 1], // TTBR1
  [2, 0, 0, 2], // TTBCR
  [3, 0, 0, 0], // DACR
  [5, 0, 0, 0], // DFSR
  [5, 0, 0, 1], // IFSR
  [6, 0, 0, 0], // DFAR
  [6, 0, 0, 2], // IFAR
  [7, 0, 4, 0], // PAR
  [10, 0, 2, 0], // PRRR
  [10, 0, 2, 1], // NMRR
  [12, 0, 0, 0], // VBAR
  [13, 0, 0, 1], // CONTEXTIDR
  [13, 0, 0, 2], // TPIDRURW
  [13, 0, 0, 3], // TPIDRURO
  [13, 0, 0, 4], // TPIDRPRW
];

/** Registers to write any value to without changing what the vector itself runs under. */
const WRITABLE: readonly Register[] = [
  [5, 0, 0, 0], // DFSR
  [5, 0, 0, 1], // IFSR
  [6, 0, 0, 0], // DFAR
  [6, 0, 0, 2], // IFAR
  [10, 0, 2, 0], // PRRR
  [10, 0, 2, 1], // NMRR
  [13, 0, 0, 1], // CONTEXTIDR
  [13, 0, 0, 2], // TPIDRURW
  [13, 0, 0, 3], // TPIDRURO
  [13, 0, 0, 4], // TPIDRPRW
  [7, 0, 5, 0], // ICIALLU
  [7, 0, 8, 0], // ATS1CPR
  [7, 0, 8, 1], // ATS1CPW
  [7, 0, 8, 2], // ATS1CUR
  [7, 0, 8, 3], // ATS1CUW
  [7, 0, 5, 4], // CP15ISB
  [7, 0, 10, 4], // CP15DSB
  [7, 0, 10, 5], // CP15DMB
  [8, 0, 7, 0], // TLBIALL
  [8, 0, 3, 0], // TLBIALLIS
];

/** No coprocessor at all: every access is UNDEFINED. */
const ABSENT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13] as const;

/** Gives MRC and MCR operands that mean something; other rows pass unchanged. */
export function coprocessorOperands(row: Row, encoding: number, random: Random): number {
  const isRead = /^MRC\b/.test(row.name);
  const isWrite = /^MCR\b/.test(row.name);
  const transfersMore = /^(MRRC|MCRR|CDP|LDC|STC)\d?\b/.test(row.name);
  if (!isRead && !isWrite && !transfersMore) return encoding;
  const base = ((encoding & ~0x00000f00) | (random.pick(ABSENT) << 8)) >>> 0;
  if (transfersMore || random.chance(20)) return base;
  const [crn, opc1, crm, opc2] = random.pick(isRead ? READABLE : WRITABLE);
  const cleared = (encoding & ~0x00ef0fef) >>> 0;
  return (cleared | (opc1 << 21) | (crn << 16) | (15 << 8) | (opc2 << 5) | crm) >>> 0;
}

/** VLDR.16 and VSTR.16 of ARMv8.2, which QEMU 7.2 has on a Cortex-A15 too; in ARMv7 nobody is coprocessor 9 (A7.5). */
export function isHalfTransfer(encoding: number): boolean {
  return (encoding & 0x0f200f00) === 0x0d000900;
}
