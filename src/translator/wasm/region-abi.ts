import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { ValType } from './function-body.ts';

/**
 * What region functions, the base module and the engine agree on. A region function takes the budget and the byte
 * address of the first-level TLB array, and gives a RegionResult. While regions run, registers are in the state
 * window only between two of them, and the flags in the words below, lazily.
 */

export const REGION_PARAMS: readonly ValType[] = ['i32', 'i32'];
/** Their numbers as locals. */
export const RegionParam = { Budget: 0, Tlb: 1, Entry: 2 } as const;
/** Of a region with several entries: which of them, too. */
export const ENTERED_PARAMS: readonly ValType[] = [...REGION_PARAMS, 'i32'];
export const REGION_RESULTS: readonly ValType[] = ['i32'];

const BASE = MemoryLayout.regionWords;

/** Byte addresses of the words through which regions and the engine talk. */
export const RegionWord = {
  /** Instructions left when the region was left, or when it called out. */
  Budget: BASE,
  /** Instructions that may run besides: the budget is handed out in pieces, so that the event word is seen. */
  Reserve: BASE + 4,
  /** Nonzero after a call whose access or helper has raised a guest exception. */
  Fault: BASE + 8,
  /** Number of the site (see SiteTable) that called out or raised last. */
  Site: BASE + 12,
  /** Translation context in the tags of the jump cache. */
  Context: BASE + 16,
  /** First-level TLB array, for calls that do not have it. */
  Tlb: BASE + 20,
  /** Nonzero where SCTLR.A asks for alignment. */
  StrictAlignment: BASE + 24,
  RaiseKind: BASE + 28,
  RaiseArgument: BASE + 32,
  /** Lazy flags: a FlagKind, and what it needs. */
  FlagKind: BASE + 36,
  FlagNz: BASE + 40,
  FlagA: BASE + 44,
  FlagB: BASE + 48,
  /** Number of a region that has become worth a better compilation; 0 for none. */
  Hottest: BASE + 52,
  /** As Context, for code that many contexts share. */
  Shared: BASE + 56,
  /** Where in the jump cache the CPU's code is: `placeOfCpu`. */
  Place: BASE + 60,
  /** What LR was at a call through a register that went where no code was at hand, and where it went; 0 for none. */
  CallLink: BASE + 64,
  Callee: BASE + 68,
  /** Nonzero while the interpreter runs, and not a region. */
  Interpreting: BASE + 72,
  /** Instructions that the interpreter has run since the engine was last left; it is to be seen in wrapped arithmetic. */
  Interpreted: BASE + 76,
  /** Number of the block that is interpreted, and the word index of the code that called out or raised last. */
  Block: BASE + 80,
  Code: BASE + 84,
  /** Words of one instruction that a function stores or has loaded. */
  Words: MemoryLayout.wordRun,
  /** Which of them is next. */
  NextWord: BASE + 88,
} as const;

/** How the flags are kept. Bits, Sub and Add have N and Z in `nz`: its sign, and whether it is zero. */
export const FlagKind = {
  /** `a` is the NZCV. */
  Raw: 0,
  /** `a` has C and V in their places. */
  Bits: 1,
  /** C and V of a - b. */
  Sub: 2,
  /** C and V of a + b. */
  Add: 3,
  /** All flags of a - b. */
  Difference: 4,
  /** All flags of a + b. */
  Sum: 5,
} as const;

/** Why a region function came back: the numbers of the interpreter's RunResult, as far as it has them. */
export const RegionResult = {
  Interrupted: 0,
  Lookup: 1,
  Resync: 2,
  Raise: 3,
  Fault: 4,
  Wait: 5,
  /** A block that was interpreted has run as often as its countdown says. */
  Hot: 6,
  /** The access at the site has not been done: the interpreter is to do it, and goes on from there. */
  Slow: 7,
} as const;

/** Pieces of the budget after which a region is worth a better compilation. */
export const HOTTEST = 1024;

/** Calls through registers that leave a call-free region for functions that it has not, after which it wants to have them. */
export const MANY_MISSES = 1024;

/** An entry of the jump cache in the machine's memory: four words. */
export const JumpEntry = {
  Pc: 0,
  /** Context and flags; -1 where the entry is empty. */
  Tag: 4,
  /** Word index of interpreter code. */
  Code: 8,
  /** Index of a region in the table; 0 where there is none. */
  Region: 12,
  Bytes: 16,
} as const;

/** State slots that the backend knows by itself; the rest is the lifter's. */
export const Slot = {
  /** R0 to R14 are kept in locals. */
  Registers: 15,
  Pc: 15,
  Nzcv: 16,
  T: 19,
  E: 21,
  ExclusiveArmed: 24,
  ExclusiveAddress: 25,
  ExclusiveSize: 26,
  CallHigh: 29,
} as const;

/** Byte address of a state slot. */
export function slotAddress(slot: number): number {
  return MemoryLayout.state + 4 * slot;
}

/** Instructions that run between two looks at the event word, at most. */
export const BUDGET_PIECE = 16384;

/** Of the second operand of `find`, whose low bits are the number of bytes: whether they are stored to, and where their MemFlag is. */
export const FIND_WRITABLE = 0x200;
export const FIND_FLAGS_SHIFT = 10;
