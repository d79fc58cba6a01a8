import type { ArmTimer } from '../ports/arm-timer.ts';

/** What an implementation has, and the values of its identification registers. */
export interface CpuModel {
  readonly name: string;
  readonly features: CpuFeatures;
  /** Values of read-only identification registers by packed coprocessor operands (packCop). */
  readonly idRegisters: ReadonlyMap<number, number>;
  /** SCTLR after reset. */
  readonly resetSctlr: number;
  /** SCTLR bits that software can change. */
  readonly writableSctlr: number;
}

export interface CpuFeatures {
  /** SDIV and UDIV in A32 and T32. */
  readonly divide: boolean;
  /** The generic timer's cp15 registers. */
  readonly genericTimer: boolean;
  /** The Large Physical Address Extension: long descriptors, and PXN in short ones. */
  readonly lpae: boolean;
  /** MRS and MSR (banked), ERET, HVC: encodings of the Virtualization Extensions that exist without Hyp mode. */
  readonly virtualization: boolean;
  /** SWP and SWPB may be enabled by SCTLR.SW. */
  readonly swp: boolean;
  /** VFMA and kin: VFPv4 and Advanced SIMDv2. */
  readonly fusedMultiplyAdd: boolean;
  /** System registers to a GICv3's CPU interface. */
  readonly gicSystemRegisters: boolean;
}

/** Fields of SCTLR (ARM DDI 0406C B4.1.130). */
export const Sctlr = {
  M: 1 << 0,
  A: 1 << 1,
  C: 1 << 2,
  SW: 1 << 10,
  Z: 1 << 11,
  I: 1 << 12,
  V: 1 << 13,
  UWXN: 1 << 20,
  WXN: 1 << 19,
  EE: 1 << 25,
  TRE: 1 << 28,
  AFE: 1 << 29,
  TE: 1 << 30,
} as const;

/** TTBCR.EAE: Long-descriptor translation tables, and what comes with them (B4.1.153). */
export const TTBCR_EAE = 1 << 31;
/** TTBCR.A1, with EAE: TTBR1 has the ASID. */
export const TTBCR_A1 = 1 << 22;

/** The system control coprocessor's writable state of one CPU: plain numbers, as signed 32-bit words. */
export class SystemRegisters {
  SCTLR: number;
  ACTLR = 0;
  CPACR = 0;
  TTBR0 = 0;
  /** Bits 63:32 of TTBR0, TTBR1 and PAR. */
  TTBR0High = 0;
  TTBR1 = 0;
  TTBR1High = 0;
  TTBCR = 0;
  DACR = 0;
  DFSR = 0;
  IFSR = 0;
  DFAR = 0;
  IFAR = 0;
  ADFSR = 0;
  AIFSR = 0;
  PAR = 0;
  PARHigh = 0;
  PRRR = 0x00098aa4;
  NMRR = 0x44e048e0;
  AMAIR0 = 0;
  AMAIR1 = 0;
  VBAR = 0;
  FCSEIDR = 0;
  CONTEXTIDR = 0;
  TPIDRURW = 0;
  TPIDRURO = 0;
  TPIDRPRW = 0;
  CSSELR = 0;
  PMCR = 0x410f0000;
  PMCNTENSET = 0;
  PMOVSR = 0;
  PMSELR = 0;
  PMUSERENR = 0;
  PMINTENSET = 0;
  PMCCNTR = 0;
  L2ECTLR = 0;
  readonly timer: ArmTimer | undefined;

  constructor(model: CpuModel, timer: ArmTimer | undefined) {
    this.SCTLR = model.resetSctlr;
    this.timer = timer;
  }
}
