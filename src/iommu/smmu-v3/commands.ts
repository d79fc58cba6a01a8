/** Words of a command. */
export const COMMAND_WORDS = 4;

/**
 * What is to be done about a command: nothing where it invalidates or prefetches, for nothing is kept; the end of all before it
 * for a CMD_SYNC; or it is none that this SMMU has (CERROR_ILL).
 */
export type CommandEffect = 'none' | 'sync' | 'sync with interrupt' | 'illegal';

/** Bits of the first word. */
const OPCODE_MASK = 0xff;
const SSEC = 1 << 10;
const CS_SHIFT = 12;

/** ComplSignal of a CMD_SYNC (IHI 0070 4.7.3). Events are not there (SMMU_IDR0.SEV 0), so that SIG_SEV is as none. */
const CS = { NONE: 0, IRQ: 1, SEV: 2 } as const;

/** Opcodes (4.1.1). CMD_CFGI_ALL is a CMD_CFGI_STE_RANGE of everything. */
const OPCODE = {
  PREFETCH_CONFIG: 0x01,
  PREFETCH_ADDR: 0x02,
  CFGI_STE: 0x03,
  CFGI_STE_RANGE: 0x04,
  CFGI_CD: 0x05,
  CFGI_CD_ALL: 0x06,
  TLBI_NH_ALL: 0x10,
  TLBI_NH_ASID: 0x11,
  TLBI_NH_VA: 0x12,
  TLBI_NH_VAA: 0x13,
  TLBI_S12_VMALL: 0x28,
  TLBI_S2_IPA: 0x2a,
  TLBI_NSNH_ALL: 0x30,
  SYNC: 0x46,
} as const;

/** Commands that name a stream: one of Secure state is illegal (4.1.6). */
const OF_STREAMS: ReadonlySet<number> = new Set([
  OPCODE.PREFETCH_CONFIG,
  OPCODE.PREFETCH_ADDR,
  OPCODE.CFGI_STE,
  OPCODE.CFGI_STE_RANGE,
  OPCODE.CFGI_CD,
  OPCODE.CFGI_CD_ALL,
]);

const OF_TLBS: ReadonlySet<number> = new Set([
  OPCODE.TLBI_NH_ALL,
  OPCODE.TLBI_NH_ASID,
  OPCODE.TLBI_NH_VA,
  OPCODE.TLBI_NH_VAA,
  OPCODE.TLBI_S12_VMALL,
  OPCODE.TLBI_S2_IPA,
  OPCODE.TLBI_NSNH_ALL,
]);

/**
 * What a command is, by its first word. Those of what is not there are illegal: EL2 and EL3, Secure state, ATS, PRI, stalls.
 * Reserved fields are ignored (4.1.5).
 */
export function effectOfCommand(word0: number): CommandEffect {
  const opcode = word0 & OPCODE_MASK;
  if (OF_STREAMS.has(opcode)) return (word0 & SSEC) === 0 ? 'none' : 'illegal';
  if (OF_TLBS.has(opcode)) return 'none';
  if (opcode !== OPCODE.SYNC) return 'illegal';
  switch ((word0 >>> CS_SHIFT) & 3) {
    case CS.NONE:
    case CS.SEV:
      return 'sync';
    case CS.IRQ:
      return 'sync with interrupt';
    default:
      return 'illegal';
  }
}
