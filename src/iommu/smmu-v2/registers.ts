/** Layout of an SMMUv2's registers (Arm IHI 0062D), and what this one's identification registers say. */

/** SMMU_IDR1.PAGESIZE: each space below is a page (8.1.1). */
export const PAGE_SIZE = 0x1000;
/** SMMU_IDR1.NUMPAGENDXB gives as many pages to the global address space as to the context banks. */
export const CONTEXT_BANKS_BASE = 8 * PAGE_SIZE;
/** SMMU_IDR1.NUMCB. */
export const CONTEXT_BANKS = 8;
/** SMMU_IDR0.NUMSMRG. */
export const STREAM_MAPPING_GROUPS = 16;
/** Bytes of the whole (8.1.2). */
export const SMMU_SIZE = 2 * CONTEXT_BANKS_BASE;

/** SMMU_IDR2.IAS and OAS: bits of addresses that leave the SMMU. */
export const OUTPUT_ADDRESS_BITS = 40;

/** SMMU Global Register Space 0, the first page (table 9-1). */
export const GR0 = {
  sCR0: 0x000,
  sCR2: 0x008,
  sACR: 0x010,
  IDR0: 0x020,
  IDR1: 0x024,
  IDR2: 0x028,
  IDR7: 0x03c,
  sGFAR: 0x040,
  sGFAR_HIGH: 0x044,
  sGFSR: 0x048,
  sGFSRRESTORE: 0x04c,
  sGFSYNR0: 0x050,
  sGFSYNR1: 0x054,
  sGFSYNR2: 0x058,
  STLBIALL: 0x060,
  TLBIVMID: 0x064,
  TLBIALLNSNH: 0x068,
  TLBIALLH: 0x06c,
  sTLBGSYNC: 0x070,
  sTLBGSTATUS: 0x074,
  TLBIVAH: 0x078,
  TLBIVALH64: 0x0b0,
  TLBIVMIDS1: 0x0b8,
  TLBIVAH64: 0x0c0,
  /** SMMU_SMR0; the others follow. */
  SMR: 0x800,
  /** SMMU_S2CR0; the others follow. */
  S2CR: 0xc00,
} as const;

/** SMMU Global Register Space 1, the second page (table 10-1): one register for each context bank. */
export const GR1 = { CBAR: 0x000, CBFRSYNRA: 0x400, CBA2R: 0x800 } as const;

/** A translation context bank (tables 16-1 and 17-1). */
export const CB = {
  SCTLR: 0x000,
  ACTLR: 0x004,
  RESUME: 0x008,
  TCR2: 0x010,
  TTBR0: 0x020,
  TTBR0_HIGH: 0x024,
  TTBR1: 0x028,
  TTBR1_HIGH: 0x02c,
  TCR: 0x030,
  CONTEXTIDR: 0x034,
  /** SMMU_CBn_PRRR in the Short-descriptor format. */
  MAIR0: 0x038,
  /** SMMU_CBn_NMRR in the Short-descriptor format. */
  MAIR1: 0x03c,
  FSR: 0x058,
  FSRRESTORE: 0x05c,
  FAR: 0x060,
  FAR_HIGH: 0x064,
  FSYNR0: 0x068,
  FSYNR1: 0x06c,
  /** Stage 2 alone, with the TLBIIPAS2s. */
  IPAFAR: 0x070,
  IPAFAR_HIGH: 0x074,
  TLBIVA: 0x600,
  TLBIVAA: 0x608,
  TLBIASID: 0x610,
  TLBIALL: 0x618,
  TLBIVAL: 0x620,
  TLBIVAAL: 0x628,
  TLBIIPAS2: 0x630,
  TLBIIPAS2L: 0x638,
  TLBSYNC: 0x7f0,
  TLBSTATUS: 0x7f4,
} as const;

/**
 * What software finds (9.6.1): both stages and their nesting (S1TS, S2TS, NTS), stream matching with 16 groups and 15 bits
 * (SMS, NUMSMRG, NUMSIDB), no address translation operations (ATOSNS: Linux would ask them in place of its own tables,
 * whenever it unmaps a page), both AArch32 formats (PTFS 0), coherent walks (CTTW). NUMIRPT is 1 where each context bank has
 * an interrupt of its own (3.6.2).
 */
export const IDR0_VALUE = 0x7c01_5e10;
/** Pages of 4 KiB, eight for each half (NUMPAGENDXB 2), and eight context banks; none is for stage 2 alone. */
export const IDR1_VALUE = 0x2000_0008;
/** AArch64 formats with all granules (PTFSv8), addresses of 49 bits come in (UBS 5), of 40 go out (OAS, IAS 2). */
export const IDR2_VALUE = 0x0000_7522;

/** SMMU_sCR0 (9.6.3). */
export const SCR0 = {
  CLIENTPD: 1 << 0,
  GFRE: 1 << 1,
  GFIE: 1 << 2,
  USFCFG: 1 << 10,
  SMCFCFG: 1 << 21,
  /**
   * Bits that keep what is written. RAZ/WI are those of what is not there: configuration access faults (GCFGFRE, GCFGFIE),
   * extended stream IDs, stalls (STALLD, GSE), VMIDs of 16 bits.
   */
  WRITABLE: 0x0fff_fcc7,
} as const;

/** SMMU_sGFSR (9.6.15): the faults that this SMMU records. */
export const GFSR = {
  ICF: 1 << 0,
  USF: 1 << 1,
  SMCF: 1 << 2,
  UCBF: 1 << 3,
  MULTI: 0x8000_0000,
  WRITABLE: 0x8000_000f,
} as const;

/** SMMU_sGFSYNR0 (9.6.17). */
export const GFSYNR0 = { NESTED: 1 << 0, WNR: 1 << 1, PNU: 1 << 2, IND: 1 << 3, WRITABLE: 0x4f } as const;

/** SMMU_SMRn (9.6.26). */
export const SMR = { VALID: 0x8000_0000, MASK_SHIFT: 16, ID_MASK: 0x7fff, WRITABLE: 0xffff_7fff } as const;

/** SMMU_S2CRn (9.6.25). EXIDVALID is RAZ/WI: there are no extended stream IDs. */
export const S2CR = {
  CBNDX_MASK: 0xff,
  TYPE_SHIFT: 16,
  PRIVCFG_SHIFT: 24,
  INSTCFG_SHIFT: 26,
  WRITABLE: 0x3fff_fbff,
} as const;

/** SMMU_S2CRn.TYPE; the reserved value is taken as Fault. */
export const enum StreamType {
  Translate = 0,
  Bypass = 1,
  Fault = 2,
}

/** SMMU_S2CRn.PRIVCFG and INSTCFG; other values leave the attribute as it comes. */
export const PRIVCFG = { UNPRIVILEGED: 2, PRIVILEGED: 3 } as const;
export const INSTCFG = { INSTRUCTION: 3 } as const;

/**
 * SMMU_CBARn (10.6.1). IRPTNDX is zero where each bank has its own interrupt (3.6.2); HYPC is RAZ/WI: there are no
 * hypervisor contexts.
 */
export const CBAR = { CBNDX_SHIFT: 8, CBNDX_MASK: 0xff, TYPE_SHIFT: 16, WRITABLE: 0x00ff_fbff } as const;
/** SMMU_CBARn.TYPE. */
export const CBAR_TYPE = {
  STAGE_2: 0,
  STAGE_1_WITH_STAGE_2_BYPASS: 1,
  STAGE_1_WITH_STAGE_2_FAULT: 2,
  NESTED: 3,
} as const;

/** SMMU_CBA2Rn (10.6.2). */
export const CBA2R = { VA64: 1 << 0, WRITABLE: 1 } as const;

/** SMMU_CBn_SCTLR (16.5.29). CFCFG is RAZ/WI: faults never stall (3.7.3). */
export const SCTLR = {
  M: 1 << 0,
  AFE: 1 << 2,
  AFFD: 1 << 3,
  E: 1 << 4,
  CFRE: 1 << 5,
  CFIE: 1 << 6,
  HUPCF: 1 << 8,
  WXN: 1 << 9,
  UWXN: 1 << 10,
  /** Stage 2 alone. */
  PTW: 1 << 13,
  WRITABLE: 0x4fdf_f77f,
} as const;

/** SMMU_CBn_TCR (16.5.38). */
export const TCR = { EAE: 0x8000_0000 } as const;

/** SMMU_CBn_TCR2 (16.5.39). */
export const TCR2 = { PASIZE_MASK: 7, SEP_SHIFT: 15, WRITABLE: 0x0003_8077 } as const;
/** Bits of an address by TCR2.PASize; reserved values are taken as 48. */
export const PASIZE_BITS = [32, 36, 40, 42, 44, 48, 48, 48] as const;
/** The sign bit by TCR2.SEP: with a 49-bit upstream bus 0b111 is its last, and the reserved 0b110 is taken as that. */
export const SEP_BIT = [31, 35, 39, 41, 43, 47, 48, 48] as const;

/** SMMU_CBn_FSR (16.5.9): the faults that this SMMU records. Format is read-only. */
export const FSR = {
  TF: 1 << 1,
  AFF: 1 << 2,
  PF: 1 << 3,
  EF: 1 << 4,
  ASF: 1 << 7,
  FORMAT_SHIFT: 9,
  MULTI: 0x8000_0000,
  WRITABLE: 0x8000_009e,
} as const;

/** SMMU_CBn_FSR.Format. */
export const enum TableFormat {
  Short = 0,
  Long = 1,
  AArch64 = 2,
}

/** SMMU_CBn_FSYNR0 (16.5.11, 17.5.6). PLVL is the level, bits 1:0; S1PTWF and S1CBNDX are stage 2's. */
export const FSYNR0 = {
  S1PTWF: 1 << 3,
  WNR: 1 << 4,
  PNU: 1 << 5,
  IND: 1 << 6,
  PTWF: 1 << 10,
  S1CBNDX_SHIFT: 16,
  WRITABLE: 0xff_0c7b,
} as const;
