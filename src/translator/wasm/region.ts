import type { IrBlock, IrValue } from '../ir/value.ts';

/** CPSR.T in the flags of a region; CPSR.E is bit 1. */
const T_FLAG = 1;

/** One block of a region, and where its exits go as far as they stay inside. */
export interface RegionNode {
  /** Optimised. Copies of an inlined function's node share it. */
  readonly block: IrBlock;
  /** By `exitTarget` of an exit. An exit whose target is missing leaves the region. */
  readonly targets: ReadonlyMap<number, number>;
  /**
   * Where the block's dynamic exits (`exitJumpTo`, `exitInterwork` without `exitTarget`) are expected to go, in the instruction
   * set of the region: the return from an inlined call. To be compared when it runs.
   */
  readonly expected: { readonly pc: number; readonly node: number } | undefined;
  /**
   * Where else its dynamic exits seem to go, by address: the cases of a `switch` by a jump table. To be compared when it runs, too.
   * Empty nearly always.
   */
  readonly choices: ReadonlyMap<number, number>;
  /**
   * Where it ends with a call of an address in a register, and more of these addresses might be among `choices`: what LR is then.
   * Undefined nearly always.
   */
  readonly calleesWanted: number | undefined;
}

/** How many functions are inlined where a call goes to an address in a register. */
export const MOST_CALLEES = 3;

/** Guest code at virtual addresses: `bytes` from `pc` on. */
export interface CodeRange {
  readonly pc: number;
  readonly bytes: number;
}

/** Guest code that is compiled as one function. Every node can be reached from one of its entries. */
export interface Region {
  readonly pc: number;
  /** CPSR.T in bit 0, CPSR.E in bit 1. */
  readonly flags: number;
  readonly nodes: readonly RegionNode[];
  /** The nodes that it is entered at: 0, which is at `pc`, and others that regions of their own began at before; ascending. */
  readonly entries: readonly number[];
  /** Instructions of all nodes; those of an inlined function count for each copy. */
  readonly instructions: number;
  /** The code that it was made from: ascending as signed numbers, neither overlapping nor touching. */
  readonly ranges: readonly CodeRange[];
  /** Virtual addresses of the 4 KiB pages that `ranges` touch, ascending as signed numbers. */
  readonly pages: readonly number[];
}

/** Where the code of a region comes from. All in one instruction set and byte order; addresses are signed 32-bit numbers. */
export interface BlockSource {
  /**
   * The IR of the block at `pc`, with ITSTATE 0, not optimised, ended before any later address for which `endsBefore` says so.
   * Undefined where nothing can be fetched.
   */
  block(pc: number, endsBefore: (pc: number) => boolean): IrBlock | undefined;
  /** Whether the region may hold the code at `pc`. Not asked for its entry. */
  mayFollow(pc: number): boolean;
  /** Whether the region is to be entered at `pc`, too, because another one begins there that it can take the place of. */
  isEntered(pc: number): boolean;
  /** The halfword at an even address in the code or right behind it; undefined where it cannot be read. For jump tables. */
  halfword(address: number): number | undefined;
  /**
   * Addresses in the region's instruction set to which a call through a register has been seen to go, {@link MOST_CALLEES} at
   * most. @param link what LR is after that call
   */
  callees(link: number): readonly number[];
}

/** Amounts of code. */
export interface RegionSize {
  readonly nodes: number;
  /** Operations of IR before it is optimised; about a quarter goes. */
  readonly operations: number;
  /** Guest instructions. */
  readonly instructions: number;
}

/** How large a region may become. */
export interface RegionLimits extends RegionSize {
  /** How large a function that is inlined may be, together with those that it calls. */
  readonly inlined: RegionSize;
  /** How many calls deep functions are inlined; 0: none is. */
  readonly depth: number;
}

/** About 10 KB of WebAssembly: what the host's optimiser compiles in a few milliseconds. */
export const DEFAULT_REGION_LIMITS: RegionLimits = {
  nodes: 96,
  operations: 2000,
  instructions: 600,
  inlined: { nodes: 8, operations: 250, instructions: 48 },
  depth: 2,
};

/**
 * For what has run much. V8's optimiser takes some ten milliseconds for as much as this, once; a loop that calls functions of some
 * size is one function with it, and runs 1.2 times as fast.
 */
export const IMPROVED_REGION_LIMITS: RegionLimits = {
  nodes: 192,
  operations: 4000,
  instructions: 1200,
  inlined: { nodes: 24, operations: 750, instructions: 144 },
  depth: 3,
};

/**
 * Where an exit is known to go when it is compiled, if that needs no change of the instruction set: what its node's `targets`
 * are looked up by.
 */
export function exitTarget(exit: IrValue, flags: number): number | undefined {
  if (exit.op === 'exitJump') return exit.imm;
  if (exit.op !== 'exitJumpTo' && exit.op !== 'exitInterwork') return undefined;
  const [address] = exit.args;
  if (address.op !== 'const') return undefined;
  if (exit.op === 'exitJumpTo') return address.imm;
  const thumb = flags & T_FLAG;
  if ((address.imm & 1) !== thumb) return undefined;
  return address.imm & (thumb === 1 ? ~1 : ~3);
}
