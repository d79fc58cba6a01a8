import type { ArmTimer } from '../ports/arm-timer.ts';
import type { CoprocessorRegister } from './coprocessor.ts';
import type { CpuState } from './cpu-state.ts';
import { StateSlot } from './state.ts';
import { WIDE } from './wide.ts';

/** What an implementation has, and the values of its identification registers. */
export interface CpuModel {
  readonly name: string;
  readonly features: CpuFeatures;
  /** Values of read-only identification registers by packed coprocessor operands (packCop). */
  readonly idRegisters: ReadonlyMap<number, number>;
  /** SCTLR after reset. */
  readonly resetSctlr: number;
  /** PMCR's IMP and IDCODE fields. */
  readonly pmcr: number;
  /** DBGDIDR: version of the debug architecture, numbers of breakpoints and watchpoints. */
  readonly dbgdidr: number;
  /** CCSIDR by CSSELR. */
  readonly cacheSizes: readonly number[];
  /** Registers of cp15 that the architecture leaves to implementations. */
  readonly implementationRegisters: readonly CoprocessorRegister[];
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

/** PMCR.N of every model here. */
const EVENT_COUNTERS = 6;
const PMCR_N_SHIFT = 11;
const MAX_DEBUG_REGISTERS = 16;

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
  CSSELR = 0;
  PMCR: number;
  PMCNTENSET = 0;
  PMOVSR = 0;
  PMSELR = 0;
  PMUSERENR = 0;
  PMINTENSET = 0;
  PMCCNTR = 0;
  PMCCFILTR = 0;
  readonly PMXEVTYPER = new Int32Array(EVENT_COUNTERS);
  readonly PMXEVCNTR = new Int32Array(EVENT_COUNTERS);
  /** Instructions that the CPU has executed since its reset, up to the last end of a run. */
  instructionsRetired = WIDE;
  /** Of these, how many the performance counters know of; and cycles that the divided counter has not counted. */
  countedUntil = WIDE;
  cycleFraction = 0;
  DBGDSCR = 0;
  DBGWFAR = 0;
  DBGVCR = 0;
  /** DBGOSLSR.OSLK in its place; the lock is set by a reset (C7.3). */
  DBGOSLK = 1 << 1;
  DBGOSDLR = 0;
  DBGPRCR = 0;
  DBGCLAIM = 0;
  readonly DBGBVR = new Int32Array(MAX_DEBUG_REGISTERS);
  readonly DBGBCR = new Int32Array(MAX_DEBUG_REGISTERS);
  readonly DBGWVR = new Int32Array(MAX_DEBUG_REGISTERS);
  readonly DBGWCR = new Int32Array(MAX_DEBUG_REGISTERS);
  TEECR = 0;
  TEEHBR = 0;
  L2ECTLR = 0;
  readonly timer: ArmTimer | undefined;
  /** No field among the others, which are all saved. */
  readonly #state: CpuState;

  /** @param state has the registers that generated code reads. */
  constructor(model: CpuModel, timer: ArmTimer | undefined, state: CpuState) {
    this.#state = state;
    this.instructionsRetired = 0;
    this.countedUntil = 0;
    this.SCTLR = model.resetSctlr;
    this.PMCR = model.pmcr | (EVENT_COUNTERS << PMCR_N_SHIFT);
    this.timer = timer;
  }

  get DACR(): number {
    return this.#state.slots[StateSlot.DACR];
  }
  set DACR(value: number) {
    this.#state.slots[StateSlot.DACR] = value;
  }

  get TPIDRURW(): number {
    return this.#state.slots[StateSlot.TPIDRURW];
  }
  set TPIDRURW(value: number) {
    this.#state.slots[StateSlot.TPIDRURW] = value;
  }

  get TPIDRURO(): number {
    return this.#state.slots[StateSlot.TPIDRURO];
  }
  set TPIDRURO(value: number) {
    this.#state.slots[StateSlot.TPIDRURO] = value;
  }

  get TPIDRPRW(): number {
    return this.#state.slots[StateSlot.TPIDRPRW];
  }
  set TPIDRPRW(value: number) {
    this.#state.slots[StateSlot.TPIDRPRW] = value;
  }
}
