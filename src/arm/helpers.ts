import { Effect, type HelperInfo } from '../translator/ir/ops.ts';

const READ = Effect.ReadsState;
const WRITE = Effect.ReadsState | Effect.WritesState;
const FAULT = Effect.MayFault;

function helper(name: string, argCount: number, effects: number, idleWhereReadable?: number): HelperInfo {
  return idleWhereReadable === undefined
    ? { name, argCount, effects }
    : { name, argCount, effects, idleWhereReadable };
}

/**
 * Operations too rare or too intricate for the IR. The lifter calls them by these rows; the core implements one
 * function for each (`ArmHelperFunctions`). Operands are i32. Where a row may change what blocks depend on, the
 * lifter ends the block after it with exitResync, or exitDynamic where the row sets the PC.
 */
export const ARM_HELPERS = {
  /** MRC: (packed coprocessor operands, see packCop). UNDEFINED where the register is not accessible. */
  copRead: helper('copRead', 1, WRITE | FAULT),
  /** MCR: (packed, value). */
  copWrite: helper('copWrite', 2, WRITE | FAULT),
  /**
   * MCR of data cache maintenance by address: (packed, address), in a privileged mode. Caches are not modelled, and an address
   * without a translation faults.
   */
  dataCacheByAddress: helper('dataCacheByAddress', 2, READ | FAULT, 1),
  /** MRRC: (packed) gives the low word, the high word in CallHigh. */
  copRead64: helper('copRead64', 1, WRITE | FAULT),
  /** MCRR: (packed, low, high). */
  copWrite64: helper('copWrite64', 3, WRITE | FAULT),
  mrsSpsr: helper('mrsSpsr', 0, READ | FAULT),
  /** (value, byte mask 0 to 15): CPSRWriteByInstr without exception return. */
  msrCpsr: helper('msrCpsr', 2, WRITE),
  msrSpsr: helper('msrSpsr', 2, WRITE | FAULT),
  /** MRS/MSR (banked): (R << 5 | SYSm). B9.2.3. */
  mrsBanked: helper('mrsBanked', 1, WRITE | FAULT),
  msrBanked: helper('msrBanked', 2, WRITE | FAULT),
  /** CPS: (imod << 8 | AIF mask in CPSR places 8:6 -> 2:0 as A=4 I=2 F=1, mode). No effect in User mode. */
  cps: helper('cps', 2, WRITE),
  /** SUBS PC, LR and kin, LDM (exception return), ERET: (new PC). CPSR from SPSR, PC slot set. UNDEFINED in User and System is the lifter's UNPREDICTABLE. */
  exceptionReturn: helper('exceptionReturn', 1, WRITE | FAULT),
  /** RFE: (new PC, new CPSR). */
  returnFromException: helper('returnFromException', 2, WRITE | FAULT),
  /** SPSR of the current mode for SRS. */
  /** R13 of another mode: (mode), for SRS. UNDEFINED or UNPREDICTABLE modes fault. */
  readBankedSp: helper('readBankedSp', 1, READ | FAULT),
  writeBankedSp: helper('writeBankedSp', 2, WRITE),
  /** LDM/STM (user registers): (n 0 to 14) and (n, value). */
  readUserRegister: helper('readUserRegister', 1, READ),
  writeUserRegister: helper('writeUserRegister', 2, WRITE),
  /** HVC and SMC: (immediate). PSCI where the board says so, otherwise UNDEFINED. */
  hvc: helper('hvc', 1, WRITE | FAULT),
  smc: helper('smc', 1, WRITE | FAULT),
  /** Sets the event registers of all CPUs, which only waits look at. */
  sev: helper('sev', 0, Effect.None),
  /** (address, 1 for a store): the alignment fault of an @align that does not hold. */
  alignmentFault: helper('alignmentFault', 2, READ | FAULT),
} as const;

export type ArmHelperName = keyof typeof ARM_HELPERS;

/** Implementations, one for each row. A helper that raises returns any value after calling the core's `raise`. */
export type ArmHelperFunctions = {
  readonly [N in ArmHelperName]: (a: number, b: number, c: number) => number;
};

/** Coprocessor number, opc1, CRn, CRm, opc2 in one word: MRC p, opc1, Rt, CRn, CRm, opc2. MRRC has CRn = 0, opc2 = 0. */
export function packCop(coproc: number, opc1: number, crn: number, crm: number, opc2: number): number {
  return (coproc << 16) | (opc1 << 12) | (crn << 8) | (crm << 4) | opc2;
}
