/** Layout of an SMMUv3's registers (Arm IHI 0070 chapter 6), and what this one's identification registers say. */

/** Page 0 and page 1, 64 KiB each (6.1). */
export const SMMU_V3_SIZE = 0x2_0000;
export const PAGE_1 = 0x1_0000;

/** Registers of page 0 (6.2.1). Those of the event queue's indexes are in page 1, at the same place. */
export const SMMU = {
  IDR0: 0x00,
  IDR1: 0x04,
  IDR2: 0x08,
  IDR3: 0x0c,
  IDR4: 0x10,
  IDR5: 0x14,
  IIDR: 0x18,
  AIDR: 0x1c,
  CR0: 0x20,
  CR0ACK: 0x24,
  CR1: 0x28,
  CR2: 0x2c,
  STATUSR: 0x40,
  GBPA: 0x44,
  AGBPA: 0x48,
  IRQ_CTRL: 0x50,
  IRQ_CTRLACK: 0x54,
  GERROR: 0x60,
  GERRORN: 0x64,
  GERROR_IRQ_CFG0: 0x68,
  GERROR_IRQ_CFG2: 0x74,
  STRTAB_BASE: 0x80,
  STRTAB_BASE_HIGH: 0x84,
  STRTAB_BASE_CFG: 0x88,
  CMDQ_BASE: 0x90,
  CMDQ_BASE_HIGH: 0x94,
  CMDQ_PROD: 0x98,
  CMDQ_CONS: 0x9c,
  EVENTQ_BASE: 0xa0,
  EVENTQ_BASE_HIGH: 0xa4,
  EVENTQ_PROD: 0xa8,
  EVENTQ_CONS: 0xac,
  EVENTQ_IRQ_CFG0: 0xb0,
  EVENTQ_IRQ_CFG2: 0xbc,
  PRIQ_BASE: 0xc0,
  PRIQ_IRQ_CFG2: 0xdc,
  /** From here on page 0 has nothing but the identification of a component, which reads as zero. */
  END: 0xe0,
  COMPONENT_ID: 0xfd0,
} as const;

/** SMMU_IDR1.SIDSIZE: a PCI requester ID. */
export const STREAM_ID_BITS = 16;
/** SMMU_IDR1.CMDQS and EVENTQS: log2 of the most entries that a queue can have. */
export const QUEUE_BITS = 19;
/** SMMU_IDR5.OAS, and IAS (3.4): bits of addresses that leave the SMMU, and of those between its stages. */
export const OUTPUT_ADDRESS_BITS = 40;

/**
 * What software finds (6.3.1): both stages (S2P, S1P), VMSAv8-32 and VMSAv8-64 (TTF 3), coherent walks (COHACC), ASIDs and VMIDs
 * of 16 bits, tables of either endianness (TTENDIAN 0), faults that never stall (STALL_MODEL 1) and end in an abort
 * (TERM_MODEL), a stream table of two levels (ST_LEVEL 1). There is no MSI, ATS, PRI, ATOS, HTTU, broadcast TLB maintenance,
 * EL2, wait-for-event, and there are no substreams.
 */
export const IDR0_VALUE = 0x0d04_101f;
/** SIDSIZE 16, queues of 2^19 entries; STE.PRIVCFG and INSTCFG are there (ATTR_PERMS_OVR). */
export const IDR1_VALUE = 0x0673_0010;
/** Addresses of 40 bits go out (OAS 2), 48 come in; granules of 4, 16 and 64 KiB. */
export const IDR5_VALUE = 0x0000_0072;
/** SMMUv3.0: later versions must have what is not here (IDR3: HAD, XNX). */
export const AIDR_VALUE = 0;

/** SMMU_CR0 (6.3.9). SMMU_CR0ACK is the same at once. */
export const CR0 = { SMMUEN: 1 << 0, EVENTQEN: 1 << 2, CMDQEN: 1 << 3, WRITABLE: 0xd } as const;
/** SMMU_CR1: attributes of accesses to queues and tables, without effect. */
export const CR1 = { WRITABLE: 0xfff } as const;
/** SMMU_CR2 (6.3.12): whether accesses of streams that the stream table has no place for are recorded. */
export const CR2 = { RECINVSID: 1 << 1, WRITABLE: 0x6 } as const;
/** SMMU_GBPA (6.3.14): what happens to accesses while SMMUEN is 0. */
export const GBPA = {
  ABORT: 1 << 20,
  UPDATE: 0x8000_0000,
  WRITABLE: 0x001f_3f1f,
  /** SHCFG: as it comes. */
  RESET: 0x1000,
} as const;
/** SMMU_IRQ_CTRL (6.3.16). SMMU_IRQ_CTRLACK is the same at once. */
export const IRQ_CTRL = { GERROR_IRQEN: 1 << 0, EVENTQ_IRQEN: 1 << 2, WRITABLE: 0x5 } as const;
/** SMMU_GERROR (6.3.19): an error is active while its bit is not that of SMMU_GERRORN. */
export const GERROR = { CMDQ_ERR: 1 << 0, EVENTQ_ABT_ERR: 1 << 2, WRITABLE: 0x5 } as const;

/** SMMU_STRTAB_BASE_CFG (6.3.25). */
export const STRTAB_BASE_CFG = {
  LOG2SIZE_MASK: 0x3f,
  SPLIT_SHIFT: 6,
  SPLIT_MASK: 0x1f,
  FMT_SHIFT: 16,
  FMT_MASK: 3,
  WRITABLE: 0x3_07ff,
} as const;
/** SMMU_STRTAB_BASE_CFG.FMT; the reserved values are taken as linear. */
export const TWO_LEVELS = 1;

/** SMMU_CMDQ_BASE and SMMU_EVENTQ_BASE: log2 of the entries, capped where it is used. */
export const QUEUE_BASE = { LOG2SIZE_MASK: 0x1f, ADDRESS_MASK: 0xffff_ffe0 } as const;
/** The high words of addresses: hints in bit 62, and bits above the output's are RES0. */
export const BASE_HIGH = { ADDRESS_MASK: 0xff, WRITABLE: 0x4000_00ff } as const;
/** SMMU_CMDQ_CONS.ERR (7.1). */
export const CERROR = { SHIFT: 24, ILL: 1, ABT: 2 } as const;
/** SMMU_EVENTQ_PROD.OVFLG and SMMU_EVENTQ_CONS.OVACKFLG. */
export const OVERFLOW = 0x8000_0000;
/** Indexes of a queue, with the bit above that says how often they wrapped. */
export const INDEX_MASK = 0xf_ffff;
