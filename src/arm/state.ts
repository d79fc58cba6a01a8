/**
 * Where the registers of the running CPU live: word offsets from the start of the state window in the machine's
 * memory. The window is at a constant address, so that generated code needs no base; a CPU that is not running
 * keeps a copy. Only what generated code touches is here; banked registers and system registers are the core's.
 */
export const enum StateSlot {
  /** R0 to R14 of the current mode at 0 to 14. */
  R0 = 0,
  SP = 13,
  LR = 14,
  /** Address of the next instruction; valid between blocks and after an exit, not inside a block. */
  PC = 15,
  /** N, Z, C, V in bits 31:28, the rest zero. */
  NZCV = 16,
  /** CPSR.Q, 0 or 1. */
  Q = 17,
  /** CPSR.GE, 4 bits. */
  GE = 18,
  /** CPSR.T, 0 or 1. */
  T = 19,
  /** ITSTATE as in the CPSR: condition base and mask in 8 bits, 0 outside an IT block. */
  IT = 20,
  /** CPSR.E, 0 or 1. */
  E = 21,
  /** CPSR bits A, I, F in their places 8:6, mode in 4:0. */
  AIFM = 22,
  /** What stands against floating-point and Advanced SIMD instructions: a set of FpDenied. Derived, not saved. */
  FpDenied = 23,
  /** Exclusive monitor: 1 when armed, then physical address and size. */
  ExclusiveArmed = 24,
  ExclusiveAddress = 25,
  ExclusiveSize = 26,
  /** Event register of WFE and SEV. */
  Event = 27,
  /** An 8-byte value on its way through a slow path, and the second result word of a helper: an aligned pair. */
  CallLow = 28,
  CallHigh = 29,
  /** FPSCR, all of it: N, Z, C, V in 31:28, QC, modes, cumulative exceptions. */
  Fpscr = 30,
  /** FPEXC: EN (bit 30) only. */
  Fpexc = 31,
  /** S0 to S31 / D0 to D31 / Q0 to Q15: 64 words, 16-byte aligned. */
  V0 = 32,
  /** Registers of cp15 that are read often enough for generated code to do it itself. */
  TPIDRURW = 96,
  TPIDRURO = 97,
  TPIDRPRW = 98,
  DACR = 99,
  /** Levels of the interrupt inputs, in the places of the CPSR bits I and F that mask them. Derived. */
  PendingInterrupts = 100,
  /** Eight words on their way between memory and registers, within one instruction: no part of a CPU's state. */
  VectorScratch = 104,
  /** TLB maintenance has moved code: the block must end. Cleared by the engine between blocks; no part of a CPU's state. */
  CodeMoved = 112,
}

/** Slots that are a CPU's state: all before those that live for one instruction or block. */
export const CPU_STATE_SLOTS: number = StateSlot.VectorScratch;

/** Reasons in slot FpDenied for which floating-point instructions are UNDEFINED (B1.11.1). */
export const enum FpDenied {
  /** VFP instructions: CPACR.cp10 and cp11, FPEXC.EN. */
  Vfp = 1,
  /** Advanced SIMD instructions: the same, and CPACR.ASEDIS. */
  Simd = 2,
  /** D16 to D31: CPACR.D32DIS. */
  High = 4,
  /** FPSID, FPEXC, MVFR0, MVFR1: User mode, or CPACR. */
  System = 8,
  /** VFP data processing that would work on short vectors: FPSCR.LEN or STRIDE is not 0. */
  Vectors = 16,
}

/** Exceptions that lifted code raises itself (`exitRaise`). Their meaning is ARM DDI 0406C B1.8. */
export const enum ExceptionKind {
  Undefined = 1,
  /** imm2: the comment field. */
  SupervisorCall = 2,
  /** BKPT: a debug event, taken as a prefetch abort; imm2: the comment field. */
  Breakpoint = 3,
  PrefetchAbort = 4,
  DataAbort = 5,
  Irq = 6,
  Fiq = 7,
}
