/**
 * Where things are, for the recorder's bare-metal harness (firmware/conformance/layout.h) and for the replay alike:
 * one state record, and the physical memory that a vector sees.
 */

/** Words of a state record: what a vector starts from, and what it left behind. */
export const STATE_NAMES = [
  ...['R0', 'R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'R10', 'R11', 'R12', 'SP_usr', 'LR_usr'],
  ...['R8_fiq', 'R9_fiq', 'R10_fiq', 'R11_fiq', 'R12_fiq', 'SP_fiq', 'LR_fiq', 'SPSR_fiq'],
  ...['SP_irq', 'LR_irq', 'SPSR_irq', 'SP_svc', 'LR_svc', 'SPSR_svc'],
  ...['SP_abt', 'LR_abt', 'SPSR_abt', 'SP_und', 'LR_und', 'SPSR_und'],
  ...['CPSR', 'PC', 'SCTLR', 'TTBR0', 'TTBR1', 'TTBCR', 'DACR', 'PRRR', 'NMRR', 'VBAR', 'CONTEXTIDR'],
  ...['TPIDRURW', 'TPIDRURO', 'TPIDRPRW', 'DFSR', 'DFAR', 'IFSR', 'IFAR', 'PAR'],
  // Not a register: an interrupt is pending. Masked or not is up to CPSR.I.
  'INTERRUPT',
  // High halves of the registers that have 64 bits in the long-descriptor format.
  ...['TTBR0_high', 'TTBR1_high', 'PAR_high'],
  ...['CPACR', 'FPEXC', 'FPSCR'],
  ...['D0', 'D0_high', 'D1', 'D1_high', 'D2', 'D2_high', 'D3', 'D3_high', 'D4', 'D4_high', 'D5', 'D5_high'],
  ...[
    'D6',
    'D6_high',
    'D7',
    'D7_high',
    'D8',
    'D8_high',
    'D9',
    'D9_high',
    'D10',
    'D10_high',
    'D11',
    'D11_high',
  ],
  ...['D12', 'D12_high', 'D13', 'D13_high', 'D14', 'D14_high', 'D15', 'D15_high', 'D16', 'D16_high'],
  ...['D17', 'D17_high', 'D18', 'D18_high', 'D19', 'D19_high', 'D20', 'D20_high', 'D21', 'D21_high'],
  ...['D22', 'D22_high', 'D23', 'D23_high', 'D24', 'D24_high', 'D25', 'D25_high', 'D26', 'D26_high'],
  ...['D27', 'D27_high', 'D28', 'D28_high', 'D29', 'D29_high', 'D30', 'D30_high', 'D31', 'D31_high'],
] as const;

export type StateName = (typeof STATE_NAMES)[number];

export const STATE_WORDS = STATE_NAMES.length;

/** Words of D0 to D31 in a state record. */
export const VECTOR_WORDS = 64;

/** Index of each word of a state record. */
export const W = Object.fromEntries(STATE_NAMES.map((name, index) => [name, index])) as Readonly<
  Record<StateName, number>
>;

export const Mode = { usr: 0x10, fiq: 0x11, irq: 0x12, svc: 0x13, abt: 0x17, und: 0x1b, sys: 0x1f } as const;
export const MODES: readonly number[] = Object.values(Mode);

/** Word of the state record that holds general register `n` of a mode. */
export function registerWord(mode: number, n: number): number {
  if (mode === Mode.fiq && n >= 8 && n <= 12) return W.R8_fiq + n - 8;
  if (n < 13) return W.R0 + n;
  const sp = {
    [Mode.usr]: W.SP_usr,
    [Mode.sys]: W.SP_usr,
    [Mode.fiq]: W.SP_fiq,
    [Mode.irq]: W.SP_irq,
    [Mode.svc]: W.SP_svc,
    [Mode.abt]: W.SP_abt,
    [Mode.und]: W.SP_und,
  }[mode];
  if (sp === undefined) throw new RangeError(`mode ${mode} is none`);
  return sp + n - 13;
}

export const CPSR = { E: 1 << 9, A: 1 << 8, I: 1 << 7, F: 1 << 6, T: 1 << 5 } as const;
export const SCTLR = {
  M: 1,
  A: 1 << 1,
  C: 1 << 2,
  SW: 1 << 10,
  Z: 1 << 11,
  I: 1 << 12,
  V: 1 << 13,
  EE: 1 << 25,
  TRE: 1 << 28,
  AFE: 1 << 29,
  TE: 1 << 30,
  /** Reset value of a Cortex-A15 with everything off. */
  base: 0x00c50078,
} as const;

export const TTBCR_EAE = 0x80000000;

/** RAM of the recording board, and of the replay. */
export const RAM_BASE = 0x40000000;
/** What the replay needs of it: everything up to the end of the code pages. */
export const REPLAY_BYTES = 0x00500000;

/** Exception vectors of the harness: Arm ones, then Thumb ones (for SCTLR.TE); the switch page follows. */
export const VECTORS_ARM = 0x40100000;
export const VECTORS_THUMB = 0x40101000;
export const HIGH_VECTORS = 0xffff0000;

/** Translation tables, little and big endian: table A and its alternative B, level 1 and 2. */
export const TABLES = 0x40200000;

/** Long-descriptor tables, little endian. */
export const LONG_TABLES = 0x40240000;
export const LONG_TABLE_BYTES = 0xc000;

/** Data pages: 4, physical here; virtual at DATA_VA and again at DATA_ALIAS_VA, the pages in another order. */
export const DATA_PA = 0x40300000;
export const DATA_VA = 0x80000000;
export const DATA_ALIAS_VA = 0x10000000;
export const DATA_BYTES = 0x4000;
export const DATA_PAGE_ORDER = [2, 0, 3, 1] as const;

/** Code pages: 4, read only, at the same virtual address; all of it is the stop word. */
export const CODE = 0x40400000;
export const CODE_BYTES = 0x4000;

/** UDF as one A32 instruction; as T32 a UDF and a branch back to it. */
export const STOP_WORD = 0xe7fddefe;
export const STOP_HALFWORD = 0xdefe;

/** Virtual space whose tables MMU vectors write: megabytes that fall on data and code by supersections too. */
export const MMU_DATA_VA = 0x90300000;
export const MMU_CODE_VA = 0x90400000;

/** Only for the recorder. */
export const HARNESS_BASE = 0x40100000;
export const HARNESS_ENTRY = 0x40104000;
export const CONTROL_BASE = 0x40500000;
export const MASTER_BASE = 0x40580000;
export const VECTORS_BASE = 0x40600000;
export const RESULTS_BASE = 0x43000000;
export const RECORDER_RAM_BYTES = 192 * 1024 * 1024;
